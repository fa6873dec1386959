from __future__ import annotations

import errno

import pytest
from evtorrent.session import DeadlineFlags
from evtorrent.session.alerts import ReadPieceAlert
from support.world import HAVE_ALL, UNCHOKE, Wire, World, answer, bitfield, torrent_of

ALERT = DeadlineFlags.alert_when_available
PIECES = 40


@pytest.fixture
def world() -> World:
    return World()


def leech(world, **settings):
    """(node, torrent, info, content) of somebody who has nothing yet."""
    node = world.node(**settings)
    info, content = torrent_of(PIECES, piece_blocks_each=4)
    torrent = node.add(info)
    world.pump()
    node.forget_alerts()
    return node, torrent, info, content


def seed_wire(world, node, info, host="10.9.9.1", peer_id=b"-XX0000-123456789012"):
    wire = Wire(world, info.info_hashes.best(), host=host, peer_id=peer_id).call(node)
    return wire.say(HAVE_ALL, UNCHOKE)


def asked(wire):
    return [message[1] for message in wire.heard("request")]


def test_urgent_pieces_are_asked_for_first_and_the_rest_is_taken_back(world):
    node, torrent, info, _content = leech(world)
    wire = seed_wire(world, node, info)
    before = wire.heard("request")
    assert before
    others = [message for message in before if message[1] not in (30, 31)]
    torrent.handle.set_piece_deadline(31, 900)
    torrent.handle.set_piece_deadline(30, 500)
    world.pump()
    said = wire.heard("request", "cancel")
    cancelled = {message[1:] for message in said if message[0] == "cancel"}
    assert cancelled == {message[1:] for message in others}
    requested = [message[1] for message in said if message[0] == "request"]
    assert set(requested[:4]) == {30}
    assert 31 in requested
    world.check()


def test_a_met_deadline_gives_the_piece(world):
    node, torrent, info, content = leech(world)
    wire = seed_wire(world, node, info)
    torrent.handle.set_piece_deadline(17, 500, ALERT)
    assert torrent.handle.get_piece_priorities()[17] == 7
    for _ in range(10):
        world.advance(0.5)
        answer(wire, content, info.piece_length)
        if node.alerts(ReadPieceAlert):
            break
    (alert,) = node.alerts(ReadPieceAlert)
    assert (alert.piece, bytes(alert.buffer)) == (
        17,
        content[17 * info.piece_length : 18 * info.piece_length],
    )
    assert not alert.error
    assert len(torrent.deadlines.pieces) == 0


def test_afterwards_the_rest_is_fetched_as_before(world):
    node, torrent, info, content = leech(world)
    wire = seed_wire(world, node, info)
    torrent.handle.set_piece_deadline(17, 500)
    for _ in range(100):
        world.advance(0.5)
        answer(wire, content, info.piece_length)
        if torrent.is_seed:
            break
    assert torrent.is_seed
    world.check()


def test_what_is_here_is_read_at_once(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.seed(info, content)
    torrent.handle.set_piece_deadline(2, 100)
    torrent.handle.set_piece_deadline(1, 100, ALERT)
    world.pump()
    assert [alert.piece for alert in node.alerts(ReadPieceAlert)] == [1]
    assert len(torrent.deadlines.pieces) == 0


def test_what_cannot_come_is_said(world):
    node, torrent, _info, _content = leech(world)
    torrent.handle.set_piece_deadline(1000, 100, ALERT)
    torrent.handle.set_piece_deadline(1000, 100)
    (alert,) = node.alerts(ReadPieceAlert)
    assert (alert.piece, alert.error.value) == (1000, errno.ECANCELED)


def test_taken_back(world):
    node, torrent, _info, _content = leech(world)
    handle = torrent.handle
    handle.set_piece_deadline(3, 100, ALERT)
    handle.set_piece_deadline(4, 100)
    handle.set_piece_deadline(5, 100, ALERT)
    handle.reset_piece_deadline(3)
    handle.reset_piece_deadline(3)
    assert [alert.piece for alert in node.alerts(ReadPieceAlert)] == [3]
    handle.clear_piece_deadlines()
    assert [alert.piece for alert in node.alerts(ReadPieceAlert)] == [3, 5]
    assert {alert.error.value for alert in node.alerts(ReadPieceAlert)} == {errno.ECANCELED}
    assert handle.get_piece_priorities()[3:6] == [1, 1, 1]
    world.pump()
    world.check()


def test_not_wanted_any_more_is_not_urgent(world):
    node, torrent, _info, _content = leech(world)
    torrent.handle.set_piece_deadline(3, 100, ALERT)
    torrent.handle.piece_priority(3, 0)
    assert [alert.error.value for alert in node.alerts(ReadPieceAlert)] == [errno.ECANCELED]
    assert len(torrent.deadlines.pieces) == 0


def test_an_unwanted_piece_becomes_wanted(world):
    node, torrent, info, _content = leech(world)
    torrent.handle.prioritize_files([0])
    wire = Wire(world, info.info_hashes.best()).call(node).say(bitfield(1 << 9, PIECES), UNCHOKE)
    assert not asked(wire)
    torrent.handle.set_piece_deadline(9, 100)
    world.advance(1.0)
    assert set(asked(wire)) == {9}


def test_removing_the_torrent_says_so(world):
    node, torrent, _info, _content = leech(world)
    torrent.handle.set_piece_deadline(3, 100, ALERT)
    node.session.remove_torrent(torrent.handle)
    assert [alert.error.value for alert in node.alerts(ReadPieceAlert)] == [errno.ECANCELED]


def test_a_deadline_survives_a_check_and_is_met_by_it(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info, content, start=False)
    torrent.handle.set_piece_deadline(2, 100, ALERT)
    torrent.handle.resume()
    world.pump()
    assert torrent.is_seed
    assert [alert.piece for alert in node.alerts(ReadPieceAlert)] == [2]
    assert len(torrent.deadlines.pieces) == 0


def test_snubbed_and_choking_peers_are_not_asked(world):
    node, torrent, info, _content = leech(world)
    choking = Wire(world, info.info_hashes.best(), host="10.9.9.2", peer_id=b"-XX0000-2" + b"2" * 11)
    choking.call(node).say(HAVE_ALL)
    good = seed_wire(world, node, info)
    torrent.handle.set_piece_deadline(8, 100)
    world.advance(0.5)
    assert 8 in asked(good)
    assert asked(choking) == []


def test_other_pieces_come_one_block_at_a_time_meanwhile(world):
    node, torrent, info, _content = leech(world)
    half = Wire(world, info.info_hashes.best()).call(node)
    half.say(bitfield(0b1111, PIECES), UNCHOKE)
    half.heard()
    torrent.handle.set_piece_deadline(30, 60_000)
    world.advance(1.0)
    assert len([message for message in half.heard("request") if message[1] < 4]) == 1
