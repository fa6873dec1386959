"""Who goes when a newcomer finds all places taken (BEP 40, as libtorrent).

If many of the torrent's places are attempts that have not got through, the one that waits longest goes.  Else the peer with
the lowest canonical priority goes, if the newcomer's is higher: so a swarm in which everybody is full arranges itself, and
nobody can be crowded out from one network.  Without knowing our own address there are no priorities, and nobody goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..close_reason import CloseReason
from ..torrent.link_end import LinkEnded

if TYPE_CHECKING:
    from ..torrent.peer_link import PeerLink
    from ..torrent.torrent import Torrent

__all__ = ["make_room", "whom_to_evict"]


def make_room(torrent: Torrent, newcomer: PeerLink, limit: int) -> bool:
    """End one of the torrent's `limit` connections for `newcomer`, which is none of them yet.  False when all are better."""
    leaver = whom_to_evict(torrent, newcomer, limit)
    if leaver is None:
        return False
    leaver.close(LinkEnded(CloseReason.too_many_connections))
    return True


def whom_to_evict(torrent: Torrent, newcomer: PeerLink, limit: int) -> PeerLink | None:
    """The connection that is worth less than `newcomer`; None when there is none."""
    swarm = torrent.swarm
    if swarm is None:
        return None
    attempts = [link for link in swarm.links if not link.is_connected]
    if len(attempts) * 10 > limit:
        return min(attempts, key=lambda link: link.connected_at)
    rank = swarm.peers.rank_of(newcomer.address)
    known = [link for link in swarm.links if link.peer is not None]
    if rank is None or not known:
        return None
    lowest = min(known, key=_rank_of)
    return lowest if _rank_of(lowest) < rank else None


def _rank_of(link: PeerLink) -> int:
    assert link.peer is not None
    return int(link.peer.rank)
