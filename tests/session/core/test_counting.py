from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError, TransportBroken
from evtorrent.session import PeerSource, TorrentFlags
from evtorrent.session.close_reason import CloseReason
from evtorrent.session.core.counting import count_end
from evtorrent.session.stats import Counters, session_stats_metrics
from evtorrent.session.torrent.link_end import LinkEnded, PeerHungUp
from support.world import (
    BLOCK,
    HAVE_ALL,
    INTERESTED,
    UNCHOKE,
    Wire,
    World,
    answer,
    block,
    numbers,
    request,
    torrent_of,
)


@pytest.fixture
def world():
    return World()


def changed(before, after):
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def test_every_metric_is_in_every_snapshot(world):
    assert list(world.node().core.statistics()) == [metric.name for metric in session_stats_metrics()]


def test_a_whole_download(world):
    a, b = world.node(), world.node()
    info, content = torrent_of(8, tail=5000)
    a.seed(info, content)
    torrent = b.add(info)
    world.pump()
    torrent.connect_peer(a.address, PeerSource.tracker)
    world.advance(1)
    theirs, ours = a.core.statistics(), b.core.statistics()
    assert ours["net.recv_payload_bytes"] == theirs["net.sent_payload_bytes"] == len(content)
    assert ours["net.recv_bytes"] == theirs["net.sent_bytes"] > len(content) + 17 * 13
    assert theirs["net.recv_bytes"] == ours["net.sent_bytes"]
    assert ours["ses.num_piece_passed"] == ours["ses.num_total_pieces_added"] == 9
    assert theirs["peer.piece_requests"] == 17
    assert theirs["peer.incoming_connections"] == ours["peer.connection_attempts"] == 1
    assert theirs["net.has_incoming_connections"] == 1
    assert ours["net.has_incoming_connections"] == 0
    assert ours["ses.num_seeding_torrents"] == 1
    assert theirs["peer.disconnected_peers"] == ours["peer.disconnected_peers"] == 1
    assert theirs["peer.uninteresting_peers"] + ours["peer.uninteresting_peers"] == 1
    assert theirs["peer.eof_peers"] + ours["peer.eof_peers"] == 1
    world.check()


def test_gauges_of_torrents(world):
    node = world.node()
    infos = [torrent_of(2, name=name) for name in "abcdefg"]
    node.seed(*infos[0])
    node.add(infos[1][0])
    node.add(infos[2][0], start=False)
    world.pump()
    node.add(infos[3][0], file_priorities=[0])
    world.pump()
    failing = node.add(infos[4][0])
    world.pump()
    failing.set_error(LinkEnded(CloseReason.none, "it failed"))
    node.platform.holds_disk = True
    node.add(infos[5][0])
    counts = node.core.statistics()
    gauges = {name: count for name, count in counts.items() if name.endswith("_torrents")}
    assert gauges == {
        "ses.num_checking_torrents": 1,
        "ses.num_stopped_torrents": 1,
        "ses.num_queued_download_torrents": 0,
        "ses.num_queued_seeding_torrents": 0,
        "ses.num_downloading_torrents": 1,
        "ses.num_seeding_torrents": 1,
        "ses.num_upload_only_torrents": 1,
        "ses.num_error_torrents": 1,
    }


def test_gauges_of_peers(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info, content, pieces=[0], flags=TorrentFlags(0))
    world.pump()
    best = info.info_hashes.best()
    Wire(world, best).call(node).say(HAVE_ALL, UNCHOKE, INTERESTED)
    Wire(world, best, host="10.9.9.2", peer_id=b"-XX0000-abcdefghijkl").call(node)
    Wire(world, best, host="10.9.9.3").call(node, handshake=False)
    world.black_holes.add("10.9.9.4")
    torrent.connect_peer(("10.9.9.4", 6881), PeerSource.tracker)
    counts = node.core.statistics()
    gauges = {name: count for name, count in counts.items() if name.startswith("peer.num_") and count}
    assert gauges == {
        "peer.num_tcp_peers": 4,
        "peer.num_peers_connected": 3,
        "peer.num_peers_half_open": 1,
        "peer.num_peers_up_interested": 1,
        "peer.num_peers_down_interested": 1,
        "peer.num_peers_up_unchoked": 1,
        "peer.num_peers_down_unchoked": 1,
    }


def test_requests_that_are_not_served(world):
    node = world.node(max_allowed_in_request_queue=4, allowed_fast_set_size=0)
    info, content = torrent_of(4)
    node.add(info, content, pieces=[0, 1, 2])
    world.pump()
    wire = Wire(world, info.info_hashes.best()).call(node)
    before = node.core.statistics()
    wire.say(request(0, 0))
    assert changed(before, node.core.statistics()) == {
        "peer.piece_requests": 1,
        "peer.choked_piece_requests": 1,
        "peer.piece_rejects": 1,
    }
    wire.say(INTERESTED)
    before = node.core.statistics()
    wire.say(request(3, 0))
    assert changed(before, node.core.statistics()) == {
        "peer.piece_requests": 1,
        "peer.invalid_piece_requests": 1,
        "peer.piece_rejects": 1,
    }
    before = node.core.statistics()
    wire.say(*[request(piece, begin) for piece in (0, 1, 2) for begin in (0, BLOCK)])
    assert changed(before, node.core.statistics()) == {
        "peer.piece_requests": 6,
        "peer.max_piece_requests": 2,
        "peer.piece_rejects": 2,
    }


def test_a_cancelled_request(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node).say(INTERESTED)
    node.platform.holds_disk = True
    node.backend.is_cold = True
    wire.say(*[request(piece, 0) for piece in range(4)], request(3, BLOCK))
    wire.say(numbers(8, 3, BLOCK, BLOCK))
    counts = node.core.statistics()
    assert counts["peer.cancelled_piece_requests"] == counts["peer.piece_rejects"] == 1
    wire.say(numbers(8, 0, 0, BLOCK))
    assert node.core.statistics()["peer.cancelled_piece_requests"] == 1
    assert torrent.is_seed


def test_bad_and_needless_bytes_outlive_a_recheck_and_the_torrent(world):
    node = world.node()
    info, content = torrent_of(2)
    torrent = node.add(info)
    world.pump()
    wire = Wire(world, info.info_hashes.best()).call(node)
    wire.say(HAVE_ALL, block(1, 0, bytes(100))).say(UNCHOKE)
    assert answer(wire, content, info.piece_length, spoil=lambda piece: piece == 0)
    counts = node.core.statistics()
    assert counts["net.recv_failed_bytes"] == 2 * BLOCK
    assert counts["net.recv_redundant_bytes"] == 100
    assert counts["ses.num_piece_failed"] == 1
    assert counts["peer.num_banned_peers"] == counts["peer.banned_for_hash_failure"] == 1
    torrent.recheck()
    world.pump()
    assert node.core.statistics()["net.recv_failed_bytes"] == 2 * BLOCK
    node.session.remove_torrent(torrent.handle)
    world.pump()
    after = node.core.statistics()
    assert after["net.recv_failed_bytes"] == 2 * BLOCK
    assert after["net.recv_redundant_bytes"] == 100
    assert not any(count for name, count in after.items() if name.endswith("_torrents"))


def test_bytes_of_a_torrent_that_stops_are_not_lost(world):
    a, b = world.node(), world.node()
    info, content = torrent_of(8)
    a.seed(info, content)
    torrent = b.add(info)
    world.pump()
    torrent.connect_peer(a.address, PeerSource.tracker)
    world.pump()
    torrent.pause()
    assert b.core.statistics()["net.recv_payload_bytes"] == len(content)
    assert torrent.meters.down.rate == 0


def test_what_is_queued_for_the_disk(world):
    node = world.node()
    info, content = torrent_of(2)
    node.add(info)
    world.pump()
    node.platform.holds_disk = True
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_ALL, UNCHOKE)
    answer(wire, content, info.piece_length)
    assert node.core.statistics()["disk.queued_write_bytes"] == len(content)
    node.platform.holds_disk = False
    world.pump()
    assert node.core.statistics()["disk.queued_write_bytes"] == 0


class Ended:
    def __init__(self, outgoing):
        self.outgoing = outgoing


@pytest.mark.parametrize(
    ("error", "names"),
    [
        (PeerHungUp(), ["eof_peers"]),
        (LinkEnded(CloseReason.none), []),
        (LinkEnded(CloseReason.timed_out_handshake), ["connect_timeouts"]),
        (LinkEnded(CloseReason.timed_out_activity), ["timeout_peers"]),
        (LinkEnded(CloseReason.timed_out_interest), ["timeout_peers"]),
        (LinkEnded(CloseReason.too_many_connections), ["too_many_peers"]),
        (LinkEnded(CloseReason.self_connection), ["uninteresting_peers"]),
        (RemoteProtocolError("nonsense"), ["error_peers", "error_incoming_peers"]),
        (
            TransportBroken("recv", ConnectionResetError(104, "reset")),
            ["connreset_peers", "error_peers", "error_incoming_peers"],
        ),
        (
            TransportBroken("send", BrokenPipeError(32, "pipe")),
            ["connreset_peers", "error_peers", "error_incoming_peers"],
        ),
        (
            TransportBroken("connect", ConnectionRefusedError(111, "refused")),
            ["connrefused_peers", "error_peers", "error_incoming_peers"],
        ),
        (
            TransportBroken("connect", TimeoutError("timed out")),
            ["connect_timeouts", "error_peers", "error_incoming_peers"],
        ),
        (TransportBroken("resolve", "no address"), ["error_peers", "error_incoming_peers"]),
    ],
    ids=str,
)
def test_why_a_connection_ended(error, names):
    values = Counters().values
    count_end(values, Ended(outgoing=False), error)
    expected = {"peer.disconnected_peers", *(f"peer.{name}" for name in names)}
    assert {name for name, count in values.items() if count} == expected


def test_errors_of_outgoing_connections_count_apart():
    values = Counters().values
    count_end(values, Ended(outgoing=True), RemoteProtocolError("nonsense"))
    assert values["peer.error_outgoing_peers"] == 1
    assert values["peer.error_incoming_peers"] == 0
