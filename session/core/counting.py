"""The session's counters: why connections ended, and what is only known when somebody asks.

Events are counted where they happen (`Counters.values`).  Bytes come from the meters, which are brought up to date once a
tick; gauges are counted anew for each snapshot, so that nothing has to keep them right.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from ...protocols.errors import EvtorrentError, RemoteProtocolError, TransportError
from ..close_reason import CloseReason
from ..flags import TorrentFlags
from ..torrent.link_end import LinkEnded, PeerHungUp
from ..torrent.phase import Phase

if TYPE_CHECKING:
    from ..torrent.peer_link import PeerLink
    from ..torrent.torrent import Torrent
    from .core import Core

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
    values["disk.queued_write_bytes"] = core.disk.queued_bytes
    slots = core.choking.num_slots
    values["ses.num_unchoke_slots"] = _NO_LIMIT if slots == inf else int(slots)
    for torrent in dict.fromkeys(core.torrents.values()):
        values[_gauge_of(torrent)] += 1
        if torrent.download is not None:
            values["net.recv_failed_bytes"] += torrent.download.num_failed_bytes
            values["net.recv_redundant_bytes"] += torrent.download.num_waste_bytes
        if torrent.swarm is not None:
            for link in torrent.swarm.links:
                _count_link(values, link)
    for link in core.lobby.links:
        _count_link(values, link)
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


def _count_link(values: dict[str, int], link: PeerLink) -> None:
    connection = link.connection
    values["peer.num_tcp_peers"] += 1
    values["peer.num_peers_connected" if link.is_connected else "peer.num_peers_half_open"] += 1
    values["peer.num_peers_up_interested"] += connection.peer_interested
    values["peer.num_peers_down_interested"] += connection.am_interested
    values["peer.num_peers_up_unchoked"] += not connection.am_choking
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
        if isinstance(error.cause, ConnectionResetError | BrokenPipeError):
            values["peer.connreset_peers"] += 1
        elif isinstance(error.cause, ConnectionRefusedError):
            values["peer.connrefused_peers"] += 1
        elif isinstance(error.cause, TimeoutError):
            values["peer.connect_timeouts"] += 1
        elif isinstance(error.cause, EOFError):
            values["peer.eof_peers"] += 1
    if isinstance(error, TransportError | RemoteProtocolError):
        values["peer.error_peers"] += 1
        values["peer.error_outgoing_peers" if link.outgoing else "peer.error_incoming_peers"] += 1


_REASONS = {
    CloseReason.timed_out_handshake: "peer.connect_timeouts",
    CloseReason.timed_out_activity: "peer.timeout_peers",
    CloseReason.timed_out_interest: "peer.timeout_peers",
    CloseReason.upload_to_upload: "peer.uninteresting_peers",
    CloseReason.self_connection: "peer.uninteresting_peers",
    CloseReason.too_many_connections: "peer.too_many_peers",
}
"""Our reason to end a connection → what it counts as."""
