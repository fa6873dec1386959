"""The session's counters: why connections ended, and what is only known when somebody asks.

Events are counted where they happen (`Counters.values`).  Bytes come from the meters, which are brought up to date once a
tick; gauges are counted anew for each snapshot, so that nothing has to keep them right.
"""

from __future__ import annotations

import errno
import ssl
from math import inf
from typing import TYPE_CHECKING

from ...protocols.errors import EvtorrentError, RemoteProtocolError, TransportError
from ...protocols.mse import Method
from ...protocols.peer.wire_counts import WireCounts
from ...protocols.types import BLOCK_SIZE
from ...protocols.utp.connection import State
from ..close_reason import CloseReason
from ..flags import SocketType, TorrentFlags
from ..stats import MESSAGES, MESSAGES_SENT, SIZES, UTP_COUNTS
from ..torrent.link_end import LinkEnded, PeerHungUp
from ..torrent.peer_link import ReadBlock
from ..torrent.phase import Phase

if TYPE_CHECKING:
    from ..torrent.peer_link import PeerLink
    from ..torrent.torrent import Torrent
    from .core import Core
    from .datagrams import Datagrams

__all__ = ["count_end", "session_counters"]

_NO_LIMIT = 2**31 - 1
"""What libtorrent shows for a number of slots without limit."""


def session_counters(core: Core) -> dict[str, int]:
    """Every counter and gauge by its dotted name."""
    values = core.counters.snapshot()
    values["net.sent_bytes"] = core.meters.up.total
    values["net.sent_payload_bytes"] = core.meters.payload_up.total
    values["net.recv_bytes"] = core.meters.down.total
    values["net.recv_payload_bytes"] = core.meters.payload_down.total
    _count_wire(values, core.receive_buffer.counts)
    values["net.on_udp_counter"] = core.datagrams.num_wakeups + core.relaying.num_wakeups
    _count_disk(values, core)
    _count_waiting(values, core)
    values |= core.dht.statistics()
    _count_utp(values, core.datagrams)
    slots = core.choking.num_slots
    values["ses.num_unchoke_slots"] = _NO_LIMIT if slots == inf else int(slots)
    for torrent in dict.fromkeys(core.torrents.values()):
        values[_gauge_of(torrent)] += 1
        values["ses.non_filter_torrents"] += not torrent.flags & TorrentFlags.apply_ip_filter
        if torrent.download is not None:
            values["net.recv_failed_bytes"] += torrent.download.num_failed_bytes
            values["net.recv_redundant_bytes"] += torrent.download.num_waste_bytes
            values["disk.disk_blocks_in_use"] += torrent.download.picker.num_blocks_here()
            values["peer.num_peers_end_game"] += torrent.download.picker.num_peers_in_end_game()
        if torrent.swarm is not None:
            for link in torrent.swarm.links:
                _count_link(values, link, takes_slot=not core.classes.ignores_slots(link))
    for link in core.lobby.links:
        _count_link(values, link, takes_slot=True)
    return values


def _gauge_of(torrent: Torrent) -> str:
    if torrent.error:
        return "ses.num_error_torrents"
    if torrent.swarm is None:
        if torrent.flags & TorrentFlags.auto_managed and not torrent.is_session_paused:
            return (
                "ses.num_queued_seeding_torrents"
                if torrent.is_finished
                else "ses.num_queued_download_torrents"
            )
        return "ses.num_stopped_torrents"
    if torrent.phase is Phase.RESUMING or torrent.phase is Phase.CHECKING:
        return "ses.num_checking_torrents"
    if torrent.is_seed:
        return "ses.num_seeding_torrents"
    return "ses.num_upload_only_torrents" if torrent.is_finished else "ses.num_downloading_torrents"


def _count_wire(values: dict[str, int], counts: WireCounts) -> None:
    for name, kind in MESSAGES.items():
        values[f"ses.num_incoming_{name}"] = counts.received[kind]
        values[f"ses.num_outgoing_{name}"] = counts.sent[kind]
    for name, kind in MESSAGES_SENT.items():
        values[f"ses.num_outgoing_{name}"] = counts.sent[kind]
    values["ses.num_incoming_extended"] -= counts.handshakes_in
    values["ses.num_outgoing_extended"] -= counts.handshakes_out
    values["ses.num_incoming_ext_handshake"] = counts.handshakes_in
    values["ses.num_outgoing_ext_handshake"] = counts.handshakes_out
    values["net.on_read_counter"] = sum(counts.reads)
    values["net.on_write_counter"] = sum(counts.writes)
    for name, sizes in (("recv", counts.reads), ("send", counts.writes)):
        for power, count in enumerate(sizes):
            values[f"sock_bufs.socket_{name}_size{max(power, SIZES[0])}"] += count


def _count_disk(values: dict[str, int], core: Core) -> None:
    disk, counts = core.disk, core.disk.counts
    values["disk.queued_write_bytes"] = disk.queued_bytes
    values["disk.disk_blocks_in_use"] = -(-disk.queued_bytes // BLOCK_SIZE)
    values["disk.num_jobs"] = disk.num_jobs
    values["disk.blocked_disk_jobs"] = disk.num_jobs - (counts.jobs_started - counts.jobs_done)
    values["disk.num_read_jobs"] = counts.reads_running
    values["disk.num_write_jobs"] = counts.writes_running
    values["disk.num_blocks_written"] = counts.blocks_written
    values["disk.num_blocks_read"] = counts.blocks_read
    values["disk.num_blocks_hashed"] = counts.blocks_hashed
    values["disk.num_write_ops"] = counts.write_ops
    values["disk.num_read_ops"] = counts.read_ops
    values["disk.file_pool_size"] = disk.files.num_open
    values["disk.file_pool_misses"] = disk.files.num_misses
    values["net.on_disk_counter"] = counts.jobs_done


def _count_waiting(values: dict[str, int], core: Core) -> None:
    for name, limiter in (("up", core.quotas.up), ("down", core.quotas.down)):
        values[f"net.limiter_{name}_queue"] = limiter.num_waiting
        values[f"net.limiter_{name}_bytes"] = limiter.num_bytes_waiting
    values["tracker.num_queued_tracker_announces"] = core.tracker_client.num_queued


def _count_utp(values: dict[str, int], datagrams: Datagrams) -> None:
    counts = datagrams.counts
    for metric, field in UTP_COUNTS.items():
        values[f"utp.utp_{metric}"] = getattr(counts, field)
    for connection in datagrams.connections:
        is_ending = connection.state is State.CONNECTED and connection.has_sent_end
        values["utp.num_utp_fin_sent" if is_ending else _UTP_GAUGES[connection.state]] += 1


_UTP_GAUGES = {
    State.ACCEPTED: "utp.num_utp_idle",
    State.CONNECTING: "utp.num_utp_syn_sent",
    State.CONNECTED: "utp.num_utp_connected",
    State.CLOSED: "utp.num_utp_deleted",
}


def _count_link(values: dict[str, int], link: PeerLink, *, takes_slot: bool) -> None:
    connection, requester, uploader = link.connection, link.requester, link.uploader
    values[_PEERS_OVER[link.socket_type]] += 1
    values["peer.num_peers_up_unchoked_all"] += not connection.am_choking
    values["peer.num_peers_up_unchoked_optimistic"] += link.optimistic
    values["peer.num_peers_down_disk"] += bool(link.transport.read_suspended & ReadBlock.DISK)
    if requester is not None:
        values["peer.num_peers_down_requests"] += bool(requester.on_order)
    if uploader is not None:
        values["peer.num_peers_up_requests"] += uploader.has_work
        values["peer.num_peers_up_disk"] += uploader.is_reading
    values["peer.num_peers_connected" if link.is_connected else "peer.num_peers_half_open"] += 1
    values["peer.num_peers_up_interested"] += connection.peer_interested
    values["peer.num_peers_down_interested"] += connection.am_interested
    values["peer.num_peers_up_unchoked"] += takes_slot and not connection.am_choking
    values["peer.num_peers_down_unchoked"] += not connection.peer_choking


def count_end(values: dict[str, int], link: PeerLink, error: EvtorrentError) -> None:
    """A connection ended with `error`."""
    values["peer.disconnected_peers"] += 1
    if isinstance(error, PeerHungUp):
        values["peer.eof_peers"] += 1
    elif isinstance(error, LinkEnded):
        name = _REASONS.get(error.reason)
        if name is not None:
            values[name] += 1
    elif isinstance(error, TransportError):
        # Until every handshake below was done, nothing was sent or received for the peer.
        is_connected = link.is_connected and error.operation in ("recv", "send")
        name = _name_of_cause(error.cause, is_connected=is_connected)
        if name is not None:
            values[name] += 1
    if isinstance(error, TransportError | RemoteProtocolError):
        values["peer.error_peers"] += 1
        values["peer.error_outgoing_peers" if link.outgoing else "peer.error_incoming_peers"] += 1
        is_utp = link.socket_type in (SocketType.utp, SocketType.utp_ssl)
        values["peer.error_utp_peers" if is_utp else "peer.error_tcp_peers"] += 1
        method = link.transport.query("mse_method")
        values["peer.error_encrypted_peers"] += method is not None
        values["peer.error_rc4_peers"] += method is Method.RC4


def _name_of_cause(cause: BaseException | str | None, *, is_connected: bool) -> str | None:
    if isinstance(cause, MemoryError):
        return "peer.no_memory_peers"
    if isinstance(cause, EOFError):
        return "peer.eof_peers"
    if not isinstance(cause, OSError) or isinstance(cause, ssl.SSLError):  # TLS has numbers of its own
        return None
    if isinstance(cause, TimeoutError):
        return "peer.transport_timeout_peers" if is_connected else "peer.connect_timeouts"
    return _CAUSES.get(cause.errno or _ERRNO_OF.get(type(cause), 0))


_CAUSES = {
    errno.ECONNRESET: "peer.connreset_peers",
    errno.EPIPE: "peer.broken_pipe_peers",
    errno.ECONNREFUSED: "peer.connrefused_peers",
    errno.ECONNABORTED: "peer.connaborted_peers",
    errno.ENOTCONN: "peer.notconnected_peers",
    errno.EPERM: "peer.perm_peers",
    errno.ENOBUFS: "peer.buffer_peers",
    errno.EHOSTUNREACH: "peer.unreachable_peers",
    errno.ENETUNREACH: "peer.unreachable_peers",
    errno.EADDRINUSE: "peer.addrinuse_peers",
    errno.EADDRNOTAVAIL: "peer.addrinuse_peers",
    errno.EACCES: "peer.no_access_peers",
    errno.EINVAL: "peer.invalid_arg_peers",
    errno.ENOMEM: "peer.no_memory_peers",
}
"""What the system said → what it counts as."""
_ERRNO_OF: dict[type[BaseException], int] = {
    ConnectionResetError: errno.ECONNRESET,
    BrokenPipeError: errno.EPIPE,
    ConnectionRefusedError: errno.ECONNREFUSED,
    ConnectionAbortedError: errno.ECONNABORTED,
}
"""Exceptions that came without a number."""


_PEERS_OVER = {
    SocketType.tcp: "peer.num_tcp_peers",
    SocketType.socks5: "peer.num_socks5_peers",
    SocketType.http: "peer.num_http_proxy_peers",
    SocketType.utp: "peer.num_utp_peers",
    SocketType.i2p: "peer.num_i2p_peers",
    SocketType.tcp_ssl: "peer.num_ssl_peers",
    SocketType.socks5_ssl: "peer.num_ssl_socks5_peers",
    SocketType.http_ssl: "peer.num_ssl_http_proxy_peers",
    SocketType.utp_ssl: "peer.num_ssl_utp_peers",
}
"""What a connection runs over → what it counts as."""
_REASONS = {
    CloseReason.timed_out_handshake: "peer.connect_timeouts",
    CloseReason.timed_out_activity: "peer.timeout_peers",
    CloseReason.timed_out_interest: "peer.timeout_peers",
    CloseReason.upload_to_upload: "peer.uninteresting_peers",
    CloseReason.self_connection: "peer.uninteresting_peers",
    CloseReason.too_many_connections: "peer.too_many_peers",
}
"""Our reason to end a connection → what it counts as."""
