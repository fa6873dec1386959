from __future__ import annotations

from typing import Any

import pytest
from evtorrent.session.alerts import TorrentPausedAlert
from evtorrent.session.plugins import TorrentPlugin
from support.world import HAVE_ALL, UNCHOKE, Node, Wire, World, answer, bitfield, torrent_of


@pytest.fixture
def world() -> World:
    return World()


def leech(world: World) -> tuple[Node, Any, bytes]:
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info)
    world.pump()
    world.advance(2)
    return node, torrent, content


def test_a_torrent_at_rest_is_not_ticked_until_a_peer_comes(world: World) -> None:
    node, torrent, _ = leech(world)
    assert torrent in node.core.active
    assert torrent not in node.core.lively
    wire = Wire(world, torrent.info_hashes.best()).call(node)
    assert torrent in node.core.lively
    world.advance(2)
    assert torrent in node.core.lively
    wire.hang_up()
    world.advance(30)
    assert torrent not in node.core.lively


def test_rates_come_to_nothing_before_it_rests(world: World) -> None:
    node, torrent, content = leech(world)
    wire = Wire(world, torrent.info_hashes.best()).call(node).say(bitfield(0b1111, 4), UNCHOKE)
    answer(wire, content, torrent.info.piece_length)
    world.advance(1)
    assert torrent.handle.status().download_payload_rate > 0
    wire.hang_up()
    world.advance(60)
    assert torrent not in node.core.lively
    assert torrent.handle.status().download_payload_rate == 0


def test_its_run_time_goes_on_all_the_same(world: World) -> None:
    _, torrent, _ = leech(world)
    before = torrent.handle.status().active_duration
    world.advance(100)
    assert torrent.handle.status().active_duration - before == pytest.approx(100, abs=1)


def test_when_payload_last_moved_is_noted(world: World) -> None:
    node, torrent, content = leech(world)
    assert torrent.handle.status().last_download == 0
    wire = Wire(world, torrent.info_hashes.best()).call(node).say(bitfield(0b1111, 4), UNCHOKE)
    answer(wire, content, torrent.info.piece_length)
    world.advance(1)
    status = torrent.handle.status()
    now = node.core.wall_time()
    assert status.last_download == pytest.approx(now, abs=1)
    assert status.last_seen_complete == pytest.approx(now, abs=1)
    assert status.last_upload == 0
    assert torrent.handle.get_resume_params().last_download == status.last_download


def test_rates_that_change_are_worth_posting(world: World) -> None:
    node, torrent, content = leech(world)
    wire = Wire(world, torrent.info_hashes.best()).call(node)
    answer(wire.say(HAVE_ALL, UNCHOKE), content, torrent.info.piece_length)
    torrent.status_changed = False
    node.core.dirty.clear()
    world.advance(1)
    assert torrent in node.core.dirty


def test_a_graceful_pause_ends_here(world: World) -> None:
    node, torrent, content = leech(world)
    wire = Wire(world, torrent.info_hashes.best()).call(node).say(HAVE_ALL, UNCHOKE)
    torrent.pause(graceful=True)
    assert torrent.drain is not None
    assert not node.alerts(TorrentPausedAlert)
    answer(wire, content, torrent.info.piece_length)
    world.advance(2)
    assert len(node.alerts(TorrentPausedAlert)) == 1
    assert torrent.drain is None


def test_plug_ins_hear_of_every_tick_also_at_rest(world: World) -> None:
    node, torrent, _content = leech(world)
    heard = []

    class Watcher(TorrentPlugin):
        def __init__(self, handle, userdata):
            pass

        def tick(self):
            heard.append(node.core.base.time())

    world.advance(3)
    torrent.handle.add_extension(Watcher)
    world.advance(5)
    assert len(heard) >= 4
