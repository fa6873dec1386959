"""Where a torrent may look for peers: the one place that knows of private torrents (BEP 27) and of the disabling flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..close_reason import CloseReason
from ..flags import PeerSource, TorrentFlags
from .link_end import LinkEnded

if TYPE_CHECKING:
    from .torrent import Torrent

__all__ = ["forget_public_peers", "may_discover"]

_PUBLIC = PeerSource.dht | PeerSource.pex | PeerSource.lsd
_DISABLED_BY = {
    PeerSource.dht: TorrentFlags.disable_dht,
    PeerSource.pex: TorrentFlags.disable_pex,
    PeerSource.lsd: TorrentFlags.disable_lsd,
}


def may_discover(torrent: Torrent, source: PeerSource) -> bool:
    """The torrent may be announced to, and take peers from, `source`: `PeerSource.dht`, `pex` or `lsd`.

    A magnet link is not known to be private until its metadata came.  An SSL torrent is not announced on the local network:
    one port is told there for all torrents, and its peers listen at another.  One on I2P that is kept apart is announced nowhere
    else, nor are clear peers exchanged (`ut_pex`).
    """
    if torrent.is_apart:
        return False
    if torrent.tls is not None and source is PeerSource.lsd:
        return False
    return not _is_private(torrent) and not torrent.flags & _DISABLED_BY[source]


def forget_public_peers(torrent: Torrent) -> None:
    """If the metadata that just came says it is private: peers only known from public sources are left.

    BEP 27: a client "MUST ONLY initiate connections to peers returned from the private tracker".
    """
    if not _is_private(torrent) or torrent.swarm is None:
        return
    for link in list(torrent.swarm.links):
        if link.outgoing and _is_public(link.source):
            link.close(LinkEnded(CloseReason.none, "the torrent is private"))
    torrent.swarm.peers.forget_if(lambda peer: _is_public(peer.source))


def _is_private(torrent: Torrent) -> bool:
    return torrent.info is not None and torrent.info.is_private


def _is_public(source: int) -> bool:
    return bool(source) and not source & ~_PUBLIC
