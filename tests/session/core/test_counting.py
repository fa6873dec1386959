from __future__ import annotations

import errno
import ssl

import pytest
from evtorrent.protocols.errors import RemoteProtocolError, TransportBroken
from evtorrent.protocols.mse import Method
from evtorrent.reactor.sim import Link, SimWorld
from evtorrent.session import PeerSource, SocketType, TorrentFlags
from evtorrent.session.close_reason import CloseReason
from evtorrent.session.core.counting import _PEERS_OVER, count_end
from evtorrent.session.stats import Counters, session_stats_metrics
from evtorrent.session.torrent.link_end import LinkEnded, PeerHungUp
from evtorrent.session.torrent.peer_link import ReadBlock, socket_type_of
from support.sim_swarm import SimContent, SimPeer
from support.world import (
    BLOCK,
    CHOKE,
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

TRAFFIC = ("ses.num_incoming_", "ses.num_outgoing_", "sock_bufs.", "net.", "picker.")


@pytest.fixture
def world():
    return World()


def changed(before, after):
    """What moved, but for the traffic itself."""
    return {
        name: after[name] - before[name]
        for name in after
        if after[name] != before[name] and not name.startswith(TRAFFIC)
    }


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
    # Both heard that the other one has everything.
    assert theirs["peer.uninteresting_peers"] == ours["peer.uninteresting_peers"] == 1
    assert theirs["peer.eof_peers"] + ours["peer.eof_peers"] == 0
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
    gauges = {
        name: count
        for name, count in counts.items()
        if name.startswith("ses.") and name.endswith("_torrents")
    }
    assert gauges == {
        "ses.num_checking_torrents": 1,
        "ses.num_stopped_torrents": 1,
        "ses.num_queued_download_torrents": 0,
        "ses.num_queued_seeding_torrents": 0,
        "ses.num_downloading_torrents": 1,
        "ses.num_seeding_torrents": 1,
        "ses.num_upload_only_torrents": 1,
        "ses.num_error_torrents": 1,
        "ses.non_filter_torrents": 0,
    }
    node.add(infos[6][0], start=False, flags=TorrentFlags(0))
    assert node.core.statistics()["ses.non_filter_torrents"] == 1


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
        "peer.num_peers_up_unchoked_all": 1,
        "peer.num_peers_down_unchoked": 1,
        "peer.num_peers_down_requests": 1,
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
    assert not any(
        count for name, count in after.items() if name.startswith("ses.") and name.endswith("_torrents")
    )


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


class Known:
    """A transport of which some facts are known."""

    def __init__(self, **facts):
        self.facts = facts

    def query(self, name):
        return self.facts.get(name)


class Ended:
    def __init__(self, outgoing=False, *, is_connected=False, socket_type=SocketType.tcp, method=None):
        self.outgoing = outgoing
        self.transport = Known(mse_method=method)
        self.is_connected = is_connected
        self.socket_type = socket_type


ERRORS = ["error_peers", "error_incoming_peers", "error_tcp_peers"]


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
        (RemoteProtocolError("nonsense"), ERRORS),
        (
            TransportBroken("recv", ConnectionResetError(104, "reset")),
            ["connreset_peers", *ERRORS],
        ),
        (
            TransportBroken("send", BrokenPipeError(32, "pipe")),
            ["broken_pipe_peers", *ERRORS],
        ),
        (
            TransportBroken("connect", ConnectionRefusedError(111, "refused")),
            ["connrefused_peers", *ERRORS],
        ),
        (
            TransportBroken("connect", TimeoutError("timed out")),
            ["connect_timeouts", *ERRORS],
        ),
        (TransportBroken("resolve", "no address"), ERRORS),
        (TransportBroken("send", BrokenPipeError()), ["broken_pipe_peers", *ERRORS]),
        (TransportBroken("recv", OSError(errno.ECONNABORTED, "x")), ["connaborted_peers", *ERRORS]),
        (TransportBroken("recv", OSError(errno.ENOTCONN, "x")), ["notconnected_peers", *ERRORS]),
        (TransportBroken("connect", OSError(errno.EPERM, "x")), ["perm_peers", *ERRORS]),
        (TransportBroken("handshake", ssl.SSLError(1, "x")), ERRORS),
        (TransportBroken("connect", OSError(errno.EACCES, "x")), ["no_access_peers", *ERRORS]),
        (TransportBroken("send", OSError(errno.ENOBUFS, "x")), ["buffer_peers", *ERRORS]),
        (TransportBroken("connect", OSError(errno.EHOSTUNREACH, "x")), ["unreachable_peers", *ERRORS]),
        (TransportBroken("connect", OSError(errno.ENETUNREACH, "x")), ["unreachable_peers", *ERRORS]),
        (TransportBroken("connect", OSError(errno.EADDRINUSE, "x")), ["addrinuse_peers", *ERRORS]),
        (TransportBroken("connect", OSError(errno.EINVAL, "x")), ["invalid_arg_peers", *ERRORS]),
        (TransportBroken("connect", OSError(errno.ENOMEM, "x")), ["no_memory_peers", *ERRORS]),
        (TransportBroken("recv", MemoryError()), ["no_memory_peers", *ERRORS]),
        (TransportBroken("recv", OSError(errno.EIO, "x")), ERRORS),
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


def test_errors_by_transport_and_of_established_connections():
    values = Counters().values
    late = TransportBroken("recv", TimeoutError(errno.ETIMEDOUT, "timed out"))
    count_end(values, Ended(is_connected=True, socket_type=SocketType.utp), late)
    assert values["peer.transport_timeout_peers"] == values["peer.error_utp_peers"] == 1
    assert values["peer.error_tcp_peers"] == values["peer.connect_timeouts"] == 0


@pytest.mark.parametrize(
    ("method", "names"), [(Method.PLAINTEXT, {"encrypted"}), (Method.RC4, {"encrypted", "rc4"})]
)
def test_errors_of_encrypted_connections(method, names):
    values = Counters().values
    count_end(values, Ended(method=method), LinkEnded(CloseReason.timed_out_activity))
    assert not values["peer.error_encrypted_peers"]
    count_end(values, Ended(method=method), RemoteProtocolError("nonsense"))
    for name in ("encrypted", "rc4"):
        assert values[f"peer.error_{name}_peers"] == (name in names)


@pytest.mark.parametrize(
    ("chain", "is_ssl", "kind"),
    [
        ("tcp", False, SocketType.tcp),
        ("tcp+mse", False, SocketType.tcp),
        ("tcp+tls", True, SocketType.tcp_ssl),
        ("socks5+tcp+mse", False, SocketType.socks5),
        ("socks4+tcp", False, SocketType.socks5),
        ("socks5+tcp+tls", True, SocketType.socks5_ssl),
        ("http_connect+tcp", False, SocketType.http),
        ("http_connect+tcp+tls", True, SocketType.http_ssl),
    ],
)
def test_what_leads_through_a_proxy_is_called_by_it(chain, is_ssl, kind):
    assert socket_type_of(Known(chain=chain, tls_context=object() if is_ssl else None)) is kind
    names = set(Counters().snapshot())
    assert _PEERS_OVER[kind] in names


MESSAGE_NAMES = (
    "choke",
    "unchoke",
    "interested",
    "not_interested",
    "have",
    "bitfield",
    "request",
    "piece",
    "cancel",
)


def test_messages_are_counted_at_both_ends(world):
    a, b = world.node(), world.node()
    info, content = torrent_of(8, tail=5000)
    a.seed(info, content)
    torrent = b.add(info)
    world.pump()
    torrent.connect_peer(a.address, PeerSource.tracker)
    world.advance(1)
    theirs, ours = a.core.statistics(), b.core.statistics()
    for name in (
        *MESSAGE_NAMES,
        "have_all",
        "have_none",
        "reject",
        "allowed_fast",
        "suggest",
        "ext_handshake",
    ):
        if name not in ("have", "not_interested"):  # The connection ends while these are under way.
            assert ours[f"ses.num_incoming_{name}"] == theirs[f"ses.num_outgoing_{name}"], name
            assert theirs[f"ses.num_incoming_{name}"] == ours[f"ses.num_outgoing_{name}"], name
    assert ours["ses.num_incoming_piece"] == theirs["ses.num_incoming_request"] == 17
    assert ours["ses.num_incoming_have_all"] == ours["ses.num_outgoing_have_none"] == 1
    assert ours["ses.num_incoming_unchoke"] == ours["ses.num_outgoing_interested"] == 1
    assert ours["ses.num_incoming_ext_handshake"] == 1
    assert ours["ses.num_incoming_extended"] == 0
    assert ours["ses.num_have_pieces"] == theirs["ses.num_have_pieces"] == 9
    assert ours["picker.incoming_piece_picks"] > 0


def test_reads_and_writes_are_counted_by_size(world):
    node = world.node(send_buffer_low_watermark=2 * BLOCK)
    info, content = torrent_of(4)
    node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node)
    before = node.core.statistics()
    wire.say(INTERESTED)
    wire.say(request(0, 0), request(0, BLOCK))
    after = node.core.statistics()
    assert after["sock_bufs.socket_recv_size3"] - before["sock_bufs.socket_recv_size3"] == 1, "5 bytes"
    assert after["sock_bufs.socket_recv_size5"] - before["sock_bufs.socket_recv_size5"] == 1, "34 bytes"
    assert after["net.on_read_counter"] - before["net.on_read_counter"] == 2
    assert after["sock_bufs.socket_send_size15"] - before["sock_bufs.socket_send_size15"] == 1, "two blocks"
    assert after["net.on_write_counter"] - before["net.on_write_counter"] == 2


def test_what_wakes_the_loop(world):
    node = world.node()
    before = node.core.statistics()
    world.advance(2)
    info, content = torrent_of(4)
    node.seed(info, content)
    Wire(world, info.info_hashes.best()).call(node)
    after = node.core.statistics()
    assert after["net.on_tick_counter"] - before["net.on_tick_counter"] >= 2
    assert after["net.on_accept_counter"] - before["net.on_accept_counter"] == 1
    assert after["net.on_disk_counter"] > before["net.on_disk_counter"]


def test_what_came_in_vain(world):
    node = world.node(request_timeout=2, piece_timeout=60)
    info, content = torrent_of(4)
    node.add(info)
    world.pump()
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_ALL, UNCHOKE)
    _, piece, begin, length = wire.heard("request")[0]
    wire.say(CHOKE, block(0, 5, bytes(7)))
    world.advance(5)
    assert (piece, begin, length) in {message[1:] for message in wire.heard("cancel")}
    start = piece * info.piece_length + begin
    wire.say(block(piece, begin, content[start : start + length]))
    counts = node.core.statistics()
    assert counts["ses.waste_piece_unknown"] == 7
    assert counts["ses.waste_piece_timed_out"] == length
    assert counts["net.recv_redundant_bytes"] == 7 + length


def test_blocks_withdrawn_and_blocks_nobody_needs(world):
    node = world.node()
    info, content = torrent_of(40)
    torrent = node.add(info)
    world.pump()
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_ALL, UNCHOKE)
    before = wire.heard("request")
    torrent.handle.set_piece_deadline(30, 60_000)
    world.pump()
    _, piece, begin, length = next(message for message in before if message[1] != 30)
    again = {message[1:] for message in wire.heard("request")}
    assert (piece, begin, length) not in again
    start = piece * info.piece_length + begin
    wire.say(block(piece, begin, content[start : start + length]))
    assert node.core.statistics()["ses.waste_piece_cancelled"] == length


def test_blocks_for_a_seed(world):
    node = world.node(close_redundant_connections=False)
    info, content = torrent_of(2)
    torrent = node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_ALL, UNCHOKE)
    wire.say(block(0, 0, content[:BLOCK]))
    assert node.core.statistics()["ses.waste_piece_seed"] == BLOCK
    assert torrent.is_seed


def test_the_disk(world):
    node = world.node()
    info, content = torrent_of(2)
    torrent = node.add(info)
    world.pump()
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_ALL, UNCHOKE)
    node.platform.holds_disk = True
    first = wire.heard("request")[0]
    start = first[1] * info.piece_length + first[2]
    wire.say(block(first[1], first[2], content[start : start + BLOCK]))
    assert node.core.statistics()["disk.disk_blocks_in_use"] == 1
    for _, piece, begin, length in [message for message in wire_requests(info) if message != first]:
        at = piece * info.piece_length + begin
        wire.say(block(piece, begin, content[at : at + length]))
    counts = node.core.statistics()
    assert counts["disk.num_write_jobs"] > 0
    assert counts["disk.disk_blocks_in_use"] == 4
    torrent.handle.flush_cache()
    counts = node.core.statistics()
    assert counts["disk.blocked_disk_jobs"] == 1
    assert counts["disk.num_jobs"] == counts["disk.num_write_jobs"] + 1
    node.platform.holds_disk = False
    world.pump()
    counts = node.core.statistics()
    assert counts["disk.num_blocks_written"] == counts["disk.num_blocks_hashed"] == 4
    assert counts["disk.num_write_ops"] > 0
    torrent.handle.read_piece(1)
    world.pump()
    counts = node.core.statistics()
    assert (counts["disk.num_read_ops"], counts["disk.num_blocks_read"]) == (1, 2)
    gauges = ("num_jobs", "num_read_jobs", "num_write_jobs", "blocked_disk_jobs", "disk_blocks_in_use")
    assert not any(counts[f"disk.{name}"] for name in gauges)


def wire_requests(info):
    return [("request", piece, begin, BLOCK) for piece in range(2) for begin in (0, BLOCK)]


def test_who_waits_for_what(world):
    node = world.node()
    info, content = torrent_of(8)
    torrent = node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node).say(INTERESTED)
    node.platform.holds_disk = True
    node.backend.is_cold = True
    wire.say(request(0, 0))
    counts = node.core.statistics()
    assert counts["peer.num_peers_up_requests"] == counts["peer.num_peers_up_disk"] == 1
    node.session.apply_settings({"upload_rate_limit": 1000})
    node.platform.holds_disk = False
    node.backend.is_cold = False
    world.pump()
    counts = node.core.statistics()
    assert counts["peer.num_peers_up_disk"] == 0
    assert counts["net.limiter_up_queue"] == 1
    assert 0 < counts["net.limiter_up_bytes"] <= BLOCK + 13
    assert counts["net.limiter_down_queue"] == counts["net.limiter_down_bytes"] == 0
    (link,) = torrent.swarm.links
    link.transport.suspend_reading(ReadBlock.DISK)
    link.optimistic = True
    counts = node.core.statistics()
    assert counts["peer.num_peers_down_disk"] == counts["peer.num_peers_up_unchoked_optimistic"] == 1


def test_attempts_to_connect(world):
    node = world.node()
    info, _content = torrent_of(4)
    torrent = node.add(info)
    world.pump()
    world.advance(2)
    counts = node.core.statistics()
    assert counts["peer.no_peer_connection_attempts"] == 0  # Without any peer there is nothing to try.
    assert counts["peer.missed_connection_attempts"] == 0
    torrent.peers_found([("1.1.1.3", 6881)], PeerSource.tracker)
    world.pump()
    world.advance(2)
    counts = node.core.statistics()
    assert counts["peer.no_peer_connection_attempts"] > 0
    assert counts["peer.boost_connection_attempts"] == 1
    torrent.handle.set_max_connections(1)
    world.black_holes |= {"1.1.1.1", "1.1.1.2"}
    torrent.peers_found([("1.1.1.1", 6881), ("1.1.1.2", 6881)], PeerSource.tracker)
    counts = node.core.statistics()
    assert counts["peer.boost_connection_attempts"] == 2
    assert counts["peer.missed_connection_attempts"] > 0


def test_end_game(world):
    node = world.node()
    info, content = torrent_of(1)
    node.add(info)
    world.pump()
    best = info.info_hashes.best()
    one = Wire(world, best).call(node).say(HAVE_ALL, UNCHOKE)
    two = (
        Wire(world, best, host="10.9.9.2", peer_id=b"-XX0000-abcdefghijkl").call(node).say(HAVE_ALL, UNCHOKE)
    )
    assert node.core.statistics()["peer.num_peers_end_game"] == 2
    assert set(one.heard("request")) == set(two.heard("request"))
    one.say(block(0, 0, content[:BLOCK]))
    two.say(block(0, 0, content[:BLOCK]))
    counts = node.core.statistics()
    assert counts["ses.waste_piece_end_game"] == BLOCK
    assert counts["picker.incoming_redundant_piece_picks"] == 1


def test_a_bad_piece_is_asked_for_again(world):
    node = world.node()
    info, content = torrent_of(1)
    node.add(info)
    world.pump()
    best = info.info_hashes.best()
    one = Wire(world, best).call(node).say(HAVE_ALL, UNCHOKE)
    two = (
        Wire(world, best, host="10.9.9.2", peer_id=b"-XX0000-abcdefghijkl").call(node).say(HAVE_ALL, UNCHOKE)
    )
    one.say(block(0, 0, bytes(BLOCK)))
    before = node.core.statistics()["picker.hash_fail_piece_picks"]
    two.say(block(0, BLOCK, content[BLOCK:]))
    counts = node.core.statistics()
    assert counts["ses.num_piece_failed"] == 1
    assert counts["picker.hash_fail_piece_picks"] > before == 0


def test_what_the_picker_is_asked_for(world):
    node = world.node(piece_timeout=5, request_timeout=600)
    info, content = torrent_of(40)
    node.add(info)
    world.pump()
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_ALL)

    def picks(*messages):
        before = node.core.statistics()
        wire.say(*messages)
        after = node.core.statistics()
        return {
            name.removeprefix("picker."): after[name] - before[name]
            for name in after
            if name.startswith("picker.") and after[name] != before[name]
        }

    assert picks(UNCHOKE) == {"unchoke_piece_picks": 1}
    asked = wire.heard("request")

    def answered(message):
        _, piece, begin, length = message
        start = piece * info.piece_length + begin
        return block(piece, begin, content[start : start + length])

    assert picks(answered(asked[0])) == {"incoming_piece_picks": 1}
    assert picks(numbers(16, *asked[1][1:])) == {"reject_piece_picks": 1}
    rejects = [numbers(16, *message[1:]) for message in asked[2:6]]
    wire.say(*rejects)
    before = node.core.statistics()
    world.advance(8)
    wire.say(*[numbers(16, *message[1:]) for message in wire.heard("request")])
    world.advance(2)
    after = node.core.statistics()
    assert after["picker.snubbed_piece_picks"] > before["picker.snubbed_piece_picks"]


def test_utp_is_counted():
    """By libtorrent's names; what happened on a socket that is gone counts on."""
    with SimWorld(1) as world:
        content = SimContent(60_000, 16_384)
        seed, leech = (
            SimPeer(
                world.host(name, link=Link(delay=0.01)),
                content,
                is_seed=name == "seed",
                enable_outgoing_utp=True,
                close_redundant_connections=False,
            )
            for name in ("seed", "leech")
        )
        for peer in (seed, leech):
            peer.start()
        world.run_for(0.5)
        leech.handle.connect_peer(seed.address)
        counts = leech.session._core.statistics()
        assert counts["utp.num_utp_syn_sent"] == 0
        world.run_for(0.015)
        assert leech.session._core.statistics()["utp.num_utp_syn_sent"] == 1
        assert world.run_until(lambda: seed.session._core.statistics()["utp.num_utp_idle"], timeout=0.1)
        assert world.run_until(lambda: leech.is_complete, timeout=30, every=0.1)
        ours, theirs = (peer.session._core.statistics() for peer in (leech, seed))
        assert ours["utp.num_utp_connected"] == theirs["utp.num_utp_connected"] == 1
        assert ours["peer.num_utp_peers"] == 1
        assert ours["utp.utp_payload_pkts_in"] >= 60_000 // 1452
        assert theirs["utp.utp_payload_pkts_out"] >= ours["utp.utp_payload_pkts_in"]
        assert 0 <= theirs["utp.utp_packets_out"] - ours["utp.utp_packets_in"] <= 2
        assert ours["utp.utp_invalid_pkts_in"] == 0
        seed.session.apply_settings({"listen_interfaces": ""})
        later = seed.session._core.statistics()
        assert later["utp.utp_packets_out"] >= theirs["utp.utp_packets_out"]
        assert later["utp.num_utp_connected"] == 0
        leech.session.close()


def test_a_utp_connection_that_ends():
    with SimWorld(1) as world:
        one, two = (
            SimPeer(world.host(name, link=Link(delay=0.01)), SimContent(20_000, 16_384)) for name in "ab"
        )
        datagrams = one.session._core.datagrams
        transport = datagrams.dial(two.address)
        world.run_for(0.1)
        assert one.session._core.statistics()["utp.num_utp_connected"] == 1
        transport.close()
        assert world.run_until(
            lambda: one.session._core.statistics()["utp.num_utp_fin_sent"] == 1, timeout=1.0
        )
        transport = datagrams.dial(("10.9.9.9", 1))
        transport.close()
        assert one.session._core.statistics()["utp.num_utp_deleted"] == 1
        world.run_for(10.0)
        assert datagrams.num_connections == 0
