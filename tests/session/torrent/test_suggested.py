from __future__ import annotations

import pytest
from evtorrent.session.alerts import PieceFinishedAlert
from evtorrent.session.torrent.picker_modes import PickMode
from support.world import CHOKE, HAVE_ALL, UNCHOKE, Wire, World, answer, bitfield, numbers, torrent_of

SUGGEST, ALLOWED_FAST = 13, 17


def downloading(pieces=30, **settings):
    world = World()
    node = world.node(initial_picker_threshold=0, **settings)
    info, content = torrent_of(pieces)
    torrent = node.add(info)
    world.pump()
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_ALL)
    wire.heard()
    return node, torrent, wire, info, content


def asked(wire):
    """Pieces that were asked for, in order."""
    return list(dict.fromkeys(message[1] for message in wire.heard("request")))


def test_suggested_pieces_are_asked_for_first_the_latest_of_all():
    _node, _torrent, wire, *_ = downloading()
    wire.say(*(numbers(SUGGEST, piece) for piece in (21, 12, 25)), UNCHOKE)
    assert asked(wire)[:3] == [25, 12, 21]


def test_the_rest_is_asked_for_as_ever():
    node, torrent, wire, info, content = downloading(pieces=6)
    wire.say(numbers(SUGGEST, 4), UNCHOKE)
    while answer(wire, content, info.piece_length):
        pass
    assert torrent.is_seed
    finished = [alert.piece_index for alert in node.alerts(PieceFinishedAlert)]
    assert finished[0] == 4
    assert sorted(finished) == list(range(6))


@pytest.mark.parametrize(("most", "expected"), [(2, {12, 25}), (1, {25}), (0, set())])
def test_so_many_are_remembered(most, expected):
    _node, torrent, wire, *_ = downloading(max_suggest_pieces=most)
    (link,) = torrent.swarm.links
    wire.say(*(numbers(SUGGEST, piece) for piece in (21, 12, 25)))
    assert set(link.requester.suggested) == expected
    wire.say(*(numbers(SUGGEST, piece) for piece in range(30)))
    assert len(link.requester.suggested) == most


def test_advice_on_what_we_have_is_forgotten():
    _node, torrent, wire, info, content = downloading()
    (link,) = torrent.swarm.links
    wire.say(numbers(SUGGEST, 9), UNCHOKE)
    while not torrent.has_piece(9):
        assert answer(wire, content, info.piece_length)
    assert not link.requester.suggested
    wire.say(numbers(SUGGEST, 9))
    assert not link.requester.suggested


def test_a_peer_that_chokes_us_means_what_it_allows():
    _node, _torrent, wire, *_ = downloading()
    wire.say(CHOKE, numbers(SUGGEST, 9), numbers(SUGGEST, 8), numbers(ALLOWED_FAST, 9))
    assert asked(wire) == [9]
    wire.say(UNCHOKE)
    assert asked(wire)[0] == 8


def test_advice_is_no_reason_to_ask_twice():
    world = World()
    node = world.node(initial_picker_threshold=0)
    info, _content = torrent_of(1, piece_blocks_each=4)
    torrent = node.add(info)
    world.pump()
    first = Wire(world, info.info_hashes.best(), host="10.9.9.1").call(node).say(HAVE_ALL, UNCHOKE)
    assert asked(first) == [0]
    second = Wire(world, info.info_hashes.best(), host="10.9.9.2", peer_id=b"-XX0000-210987654321").call(node)
    link = next(link for link in torrent.swarm.links if link.address[0] == "10.9.9.2")
    link.pick_mode = PickMode(0)
    second.say(HAVE_ALL, numbers(SUGGEST, 0), UNCHOKE)
    assert asked(second) == []


def test_nothing_suggested_is_asked_for_while_the_disk_is_behind():
    _node, torrent, wire, *_ = downloading()
    torrent.download.is_held = True
    wire.say(numbers(SUGGEST, 9), UNCHOKE)
    assert asked(wire) == []
    torrent.hold(False)
    wire.world.pump()
    assert asked(wire)[0] == 9


def test_a_peer_without_the_piece_may_suggest_it_all_the_same():
    world = World()
    node = world.node(initial_picker_threshold=0)
    info, _content = torrent_of(10)
    node.add(info)
    world.pump()
    wire = Wire(world, info.info_hashes.best()).call(node).say(bitfield(0b11, 10))
    wire.say(numbers(SUGGEST, 9), UNCHOKE)
    assert set(asked(wire)) == {0, 1}
