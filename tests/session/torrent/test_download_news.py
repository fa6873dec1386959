from __future__ import annotations

import pytest
from evtorrent.session.alerts import FileErrorAlert, HashFailedAlert, PeerBanAlert, PieceFinishedAlert
from evtorrent.session.disk.errors import StorageError
from support.world import HAVE_ALL, UNCHOKE, Wire, World, answer, torrent_of


@pytest.fixture
def stage():
    world = World()
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info)
    world.pump()
    wire = Wire(world, info.info_hashes.best(), host="10.9.9.1").call(node).say(HAVE_ALL, UNCHOKE)
    return world, node, torrent, wire, content


def counted(node, name):
    return node.core.counters.values[name]


def test_a_good_piece_is_counted_and_told(stage):
    _world, node, torrent, wire, content = stage
    answer(wire, content, torrent.info.piece_length)
    assert counted(node, "ses.num_piece_passed") == counted(node, "ses.num_have_pieces") == 4
    assert sorted(alert.piece_index for alert in node.alerts(PieceFinishedAlert)) == [0, 1, 2, 3]
    assert torrent.is_seed


def test_a_bad_piece_of_one_peer_bans_it(stage):
    _world, node, torrent, wire, content = stage
    answer(wire, content, torrent.info.piece_length, spoil=lambda piece: piece == 0)
    assert counted(node, "ses.num_piece_failed") == len(node.alerts(HashFailedAlert)) == 1
    assert [alert.endpoint[0] for alert in node.alerts(PeerBanAlert)] == ["10.9.9.1"]
    assert wire.is_closed
    assert not torrent.swarm.links


def test_a_bad_piece_of_nobody_is_told_and_bans_nobody(stage):
    _world, node, torrent, wire, _content = stage
    torrent.news.on_piece_failed(2, [])
    assert [alert.piece_index for alert in node.alerts(HashFailedAlert)] == [2]
    assert not wire.is_closed


def test_who_is_to_blame_may_be_gone_with_all_the_others(stage):
    _world, node, torrent, _wire, _content = stage
    torrent.stop()
    torrent.news.on_culprit(("10.9.9.1", 7))
    torrent.news.on_piece_failed(1, [])
    assert not node.alerts(PeerBanAlert)
    assert counted(node, "ses.num_piece_failed") == 1


def test_what_came_from_somebody_else_is_cancelled(stage):
    world, _node, torrent, wire, _content = stage
    (link,) = torrent.swarm.links
    key = next(iter(link.requester.on_order))
    torrent.news.on_redundant(link, key)
    assert key not in link.requester.on_order
    world.pump()
    assert wire.heard("cancel")
    wire.hang_up()
    torrent.news.on_redundant(link, key)  # It left meanwhile: nothing to cancel.
    assert link.closed


def test_a_disk_that_fails_stops_the_torrent(stage):
    _world, node, torrent, _wire, _content = stage
    torrent.news.on_disk_error(StorageError("write", "/disk/x", OSError(28, "full")))
    assert torrent.error.value == 28
    assert len(node.alerts(FileErrorAlert)) == 1
