"""Counters and gauges of the session, with libtorrent's dotted names.

Only those this version keeps are listed: a metric that exists is true.  They are plain integers in one dictionary, counted
with a single `values[name] += n` where something happens; what is known elsewhere (bytes, gauges) is filled in when
somebody asks, by `core/counting.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from ..protocols.peer.messages import MessageId

if TYPE_CHECKING:
    from .session import Session

__all__ = [
    "MESSAGES",
    "MESSAGES_SENT",
    "SIZES",
    "Counters",
    "MetricType",
    "StatsMetric",
    "find_metric_idx",
    "prometheus_text",
    "session_stats_metrics",
]

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class MetricType(IntEnum):
    """How a value moves."""

    counter = 0
    """Only up."""
    gauge = 1
    """Up and down."""


class StatsMetric(NamedTuple):
    """One metric."""

    name: str
    value_index: int
    """Place in `session_stats_metrics()` and in the values of a `SessionStatsAlert`."""
    type: MetricType


MESSAGES = {
    "choke": MessageId.CHOKE,
    "unchoke": MessageId.UNCHOKE,
    "interested": MessageId.INTERESTED,
    "not_interested": MessageId.NOT_INTERESTED,
    "have": MessageId.HAVE,
    "bitfield": MessageId.BITFIELD,
    "request": MessageId.REQUEST,
    "piece": MessageId.PIECE,
    "cancel": MessageId.CANCEL,
    "suggest": MessageId.SUGGEST,
    "have_all": MessageId.HAVE_ALL,
    "have_none": MessageId.HAVE_NONE,
    "reject": MessageId.REJECT,
    "allowed_fast": MessageId.ALLOWED_FAST,
    "extended": MessageId.EXTENDED,
}
"""Messages of the peer wire that are counted, by libtorrent's names.  The handshake of BEP 10 is not an "extended" one."""
MESSAGES_SENT = {
    "hash_request": MessageId.HASH_REQUEST,
    "hashes": MessageId.HASHES,
    "hash_reject": MessageId.HASH_REJECT,
}
"""Those that are counted as they leave only."""
SIZES = range(3, 21)
"""Reads and writes are counted by powers of two of their bytes; the first and the last take what is below and above, too."""

UTP_COUNTS = {
    "packet_loss": "lost_packets",
    "timeout": "timeouts",
    "packets_in": "packets_in",
    "packets_out": "packets_out",
    "fast_retransmit": "fast_resent_packets",
    "packet_resend": "resent_packets",
    "samples_above_target": "samples_above_target",
    "samples_below_target": "samples_below_target",
    "payload_pkts_in": "payload_packets_in",
    "payload_pkts_out": "payload_packets_out",
    "invalid_pkts_in": "invalid_packets_in",
    "redundant_pkts_in": "redundant_packets_in",
}
"""libtorrent's names for what happened on uTP, and those of `UtpCounts`."""

_COUNTERS = (
    # Connections
    "peer.connection_attempts",
    "peer.incoming_connections",
    "peer.disconnected_peers",
    "peer.error_peers",
    "peer.eof_peers",
    "peer.connreset_peers",
    "peer.connrefused_peers",
    "peer.connect_timeouts",
    "peer.timeout_peers",
    "peer.uninteresting_peers",
    "peer.too_many_peers",
    "peer.error_incoming_peers",
    "peer.error_outgoing_peers",
    "peer.num_banned_peers",
    "peer.banned_for_hash_failure",
    "peer.boost_connection_attempts",
    "peer.missed_connection_attempts",
    "peer.no_peer_connection_attempts",
    "peer.broken_pipe_peers",
    "peer.connaborted_peers",
    "peer.notconnected_peers",
    "peer.perm_peers",
    "peer.buffer_peers",
    "peer.unreachable_peers",
    "peer.addrinuse_peers",
    "peer.no_access_peers",
    "peer.invalid_arg_peers",
    "peer.no_memory_peers",
    "peer.transport_timeout_peers",
    "peer.error_tcp_peers",
    "peer.error_utp_peers",
    "peer.error_encrypted_peers",
    "peer.error_rc4_peers",
    # Requests of peers
    "peer.piece_requests",
    "peer.max_piece_requests",
    "peer.invalid_piece_requests",
    "peer.choked_piece_requests",
    "peer.cancelled_piece_requests",
    "peer.piece_rejects",
    # Pieces
    "ses.num_piece_passed",
    "ses.num_piece_failed",
    "ses.num_total_pieces_added",
    # Extensions
    "ses.num_incoming_metadata",
    "ses.num_outgoing_metadata",
    "ses.num_incoming_pex",
    "ses.num_outgoing_pex",
    "net.on_lsd_peer_counter",
    "ses.num_have_pieces",
    # Blocks that came and were not needed, bytes
    "ses.waste_piece_timed_out",
    "ses.waste_piece_cancelled",
    "ses.waste_piece_unknown",
    "ses.waste_piece_seed",
    "ses.waste_piece_end_game",
    # Asking the picker, by what led to it
    "picker.reject_piece_picks",
    "picker.unchoke_piece_picks",
    "picker.incoming_redundant_piece_picks",
    "picker.incoming_piece_picks",
    "picker.snubbed_piece_picks",
    "picker.interesting_piece_picks",
    "picker.hash_fail_piece_picks",
    # Messages
    *(f"ses.num_incoming_{name}" for name in MESSAGES),
    *(f"ses.num_outgoing_{name}" for name in (*MESSAGES, *MESSAGES_SENT)),
    "ses.num_incoming_ext_handshake",
    "ses.num_outgoing_ext_handshake",
    # What woke the loop
    "net.on_read_counter",
    "net.on_write_counter",
    "net.on_tick_counter",
    "net.on_accept_counter",
    "net.on_disk_counter",
    "net.on_udp_counter",
    "net.on_lsd_counter",
    *(f"sock_bufs.socket_recv_size{power}" for power in SIZES),
    *(f"sock_bufs.socket_send_size{power}" for power in SIZES),
    *(f"utp.utp_{name}" for name in UTP_COUNTS),
    # Disk
    "disk.num_blocks_written",
    "disk.num_blocks_read",
    "disk.num_blocks_hashed",
    "disk.num_write_ops",
    "disk.num_read_ops",
    "disk.file_pool_misses",
    # DHT
    "ses.num_incoming_dht_port",
    "ses.num_outgoing_dht_port",
    "dht.dht_messages_in",
    "dht.dht_messages_in_dropped",
    "dht.dht_messages_out",
    "dht.dht_messages_out_dropped",
    "dht.dht_bytes_in",
    "dht.dht_bytes_out",
    "dht.dht_ping_in",
    "dht.dht_ping_out",
    "dht.dht_find_node_in",
    "dht.dht_find_node_out",
    "dht.dht_get_peers_in",
    "dht.dht_get_peers_out",
    "dht.dht_announce_peer_in",
    "dht.dht_announce_peer_out",
    "dht.dht_get_in",
    "dht.dht_get_out",
    "dht.dht_put_in",
    "dht.dht_put_out",
    "dht.dht_sample_infohashes_in",
    "dht.dht_sample_infohashes_out",
    "dht.dht_invalid_announce",
    "dht.dht_invalid_get_peers",
    "dht.dht_invalid_find_node",
    "dht.dht_invalid_put",
    "dht.dht_invalid_get",
    "dht.dht_invalid_sample_infohashes",
    # Bytes
    "net.sent_bytes",
    "net.sent_payload_bytes",
    "net.recv_bytes",
    "net.recv_payload_bytes",
    "net.recv_failed_bytes",
    "net.recv_redundant_bytes",
)

_GAUGES = (
    "peer.num_peers_connected",
    "peer.num_peers_half_open",
    "peer.num_tcp_peers",
    "peer.num_socks5_peers",
    "peer.num_http_proxy_peers",
    "peer.num_utp_peers",
    "peer.num_i2p_peers",
    "peer.num_ssl_peers",
    "peer.num_ssl_socks5_peers",
    "peer.num_ssl_http_proxy_peers",
    "peer.num_ssl_utp_peers",
    "peer.num_peers_up_unchoked_all",
    "peer.num_peers_up_unchoked_optimistic",
    "peer.num_peers_up_requests",
    "peer.num_peers_down_requests",
    "peer.num_peers_up_disk",
    "peer.num_peers_down_disk",
    "peer.num_peers_end_game",
    "peer.num_peers_up_interested",
    "peer.num_peers_down_interested",
    "peer.num_peers_up_unchoked",
    "peer.num_peers_down_unchoked",
    "ses.num_checking_torrents",
    "ses.num_stopped_torrents",
    "ses.num_queued_download_torrents",
    "ses.num_queued_seeding_torrents",
    "ses.num_downloading_torrents",
    "ses.num_seeding_torrents",
    "ses.num_upload_only_torrents",
    "ses.num_error_torrents",
    "ses.num_unchoke_slots",
    "net.has_incoming_connections",
    "disk.queued_write_bytes",
    "disk.num_jobs",
    "disk.num_read_jobs",
    "disk.num_write_jobs",
    "disk.blocked_disk_jobs",
    "disk.disk_blocks_in_use",
    "disk.file_pool_size",
    "ses.non_filter_torrents",
    "net.limiter_up_queue",
    "net.limiter_down_queue",
    "net.limiter_up_bytes",
    "net.limiter_down_bytes",
    "tracker.num_queued_tracker_announces",
    "dht.dht_nodes",
    "dht.dht_node_cache",
    "dht.dht_torrents",
    "dht.dht_peers",
    "dht.dht_immutable_data",
    "dht.dht_mutable_data",
    "dht.dht_allocated_observers",
    "utp.num_utp_idle",
    "utp.num_utp_syn_sent",
    "utp.num_utp_connected",
    "utp.num_utp_fin_sent",
    "utp.num_utp_deleted",
)

_METRICS = tuple(
    StatsMetric(name, index, MetricType.counter if index < len(_COUNTERS) else MetricType.gauge)
    for index, name in enumerate((*_COUNTERS, *_GAUGES))
)
_BY_NAME = {metric.name: metric for metric in _METRICS}


def session_stats_metrics() -> list[StatsMetric]:
    """Every metric there is, in the order of the values."""
    return list(_METRICS)


def find_metric_idx(name: str) -> int:
    """`value_index` of a metric; -1 when there is none of that name."""
    metric = _BY_NAME.get(name)
    return -1 if metric is None else metric.value_index


def prometheus_text(session: Session, labels: Mapping[str, str] | None = None) -> str:
    """Every metric in Prometheus' text format (version 0.0.4), with `labels` on each.  ValueError for a wrong label name.

    `net.recv_bytes` is `evtorrent_net_recv_bytes_total`; gauges have no "_total".
    """
    pairs = [f'{_label_name(name)}="{_escaped(value)}"' for name, value in (labels or {}).items()]
    suffix = "{" + ",".join(pairs) + "}" if pairs else ""
    values = session.session_stats()
    lines = []
    for metric in _METRICS:
        name = "evtorrent_" + metric.name.replace(".", "_")
        if metric.type is MetricType.counter:
            name += "_total"
        lines += [f"# TYPE {name} {metric.type.name}", f"{name}{suffix} {values[metric.name]}"]
    return "\n".join([*lines, ""])


def _label_name(name: str) -> str:
    if not _LABEL.fullmatch(name) or name.startswith("__"):
        raise ValueError(f"no name of a label: {name!r}")
    return name


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Counters:
    """The values.  Loop thread only, but for `snapshot`."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values = dict.fromkeys(_BY_NAME, 0)
        """Name → value.  `values[name] += n` is how to count; no name may be added."""

    def add(self, name: str, amount: int = 1) -> None:
        """Move a value.  KeyError for an unknown name."""
        self.values[name] += amount

    def set_value(self, name: str, value: int) -> None:
        """Set a gauge.  KeyError for an unknown name."""
        if name not in self.values:
            raise KeyError(name)
        self.values[name] = value

    def __getitem__(self, name: str) -> int:
        return self.values[name]

    def snapshot(self) -> dict[str, int]:
        """An independent copy, in the order of `session_stats_metrics()`."""
        return self.values.copy()
