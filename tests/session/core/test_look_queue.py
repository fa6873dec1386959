from __future__ import annotations

import pytest
from evtorrent.session.core.look_queue import BATCH, PATIENCE, QUIET
from evtorrent.session.torrent.phase import Phase
from support.world import World, torrent_of


@pytest.fixture
def world():
    return World()


def add(node, name):
    return node.add(torrent_of(1, name=name)[0], start=False)


def test_adding_goes_first(world):
    node = world.node()
    torrents = []
    for number in range(5):
        torrents.append(add(node, f"t{number}"))
        world.advance(QUIET / 2)
        assert {torrent.phase for torrent in torrents} == {Phase.NEW}
    world.advance(QUIET)
    assert {torrent.phase for torrent in torrents} == {Phase.LOOKED}


def test_but_not_for_ever(world):
    node = world.node()
    first = add(node, "first")
    start, number = world.now, 0
    while first.phase is Phase.NEW:
        assert world.now < start + PATIENCE + QUIET
        number += 1
        add(node, f"t{number}")
        world.advance(QUIET * 0.9)
    assert world.now >= start + PATIENCE - QUIET


def test_many_take_turns_with_everybody_else(world):
    node = world.node()
    torrents = [add(node, f"t{number}") for number in range(BATCH * 2 + 1)]
    world.advance(QUIET * 2)
    assert all(torrent.phase is Phase.LOOKED for torrent in torrents)


def test_what_was_started_meanwhile_is_left_alone(world):
    node = world.node()
    torrent = add(node, "t")
    torrent.resume()
    world.advance(QUIET * 2)
    assert torrent.phase is Phase.ACTIVE


def test_nothing_is_looked_at_once_the_session_closes(world):
    node = world.node()
    torrent = add(node, "t")
    node.core.close()
    world.advance(QUIET * 2)
    assert torrent.phase is Phase.NEW
