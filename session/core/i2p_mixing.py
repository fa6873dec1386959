"""Who belongs to which network: torrents on I2P and everything else are kept apart, unless `allow_i2p_mixed` says otherwise.

A torrent on I2P has the flag `i2p_torrent`; one that comes with a tracker on I2P gets it.  It then has peers on I2P and no others, asks
trackers there and no others, and is announced nowhere else.  Other torrents have no peers on I2P: who finds us on both networks
would know that the destination and the address are one and the same.  (libtorrent lets peers on I2P join any torrent.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocols.sam import is_i2p_host
from ...protocols.tracker.i2p_urls import is_i2p_url
from ..close_reason import CloseReason
from ..flags import TorrentFlags
from ..torrent.link_end import LinkEnded

if TYPE_CHECKING:
    from ..torrent.standing import TorrentStanding
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["I2P_PATIENCE", "I2pMixing", "is_i2p_torrent"]

I2P_PATIENCE = 4
"""How many times as long as elsewhere a connection on I2P and its handshakes may take (as in libtorrent)."""


def is_i2p_torrent(torrent: TorrentStanding) -> bool:
    """It is one of I2P."""
    return bool(torrent.flags & TorrentFlags.i2p_torrent)


class I2pMixing:
    """What the torrents of a session may have to do with which network."""

    __slots__ = ("_core",)

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def is_allowed(self) -> bool:
        """The program does not mind (`allow_i2p_mixed`)."""
        return self._core.settings.get_bool("allow_i2p_mixed")

    def is_apart(self, torrent: TorrentStanding) -> bool:
        """Nobody outside I2P may hear of it."""
        return is_i2p_torrent(torrent) and not self.is_allowed

    def admits(self, torrent: Torrent, host: str) -> bool:
        """It may be connected with a peer at `host`.  Peers of SSL torrents are not on I2P, where no certificate is asked for."""
        is_there = is_i2p_host(host)
        if is_there and torrent.tls is not None:
            return False
        return self.is_allowed or is_there == is_i2p_torrent(torrent)

    def may_ask(self, torrent: Torrent, url: str) -> bool:
        """It may be announced to the tracker at `url`."""
        return is_i2p_url(url) or not self.is_apart(torrent)

    def handshake_timeout(self, host: str) -> int:
        """Seconds a peer at `host` may take for a handshake."""
        timeout = self._core.tuning.handshake_timeout
        return timeout * I2P_PATIENCE if is_i2p_host(host) else timeout

    def changed(self, torrent: Torrent) -> None:
        """Other rules hold for it: who does not belong goes."""
        core = self._core
        for link in list(torrent.swarm.links) if torrent.swarm is not None else []:
            if not self.admits(torrent, link.address[0]):
                link.close(
                    LinkEnded(CloseReason.blocked, "the torrent and the peer are on different networks")
                )
        if torrent.peers is not None:
            torrent.peers.forget_if(lambda peer: not self.admits(torrent, peer.address[0]))
        if torrent.web is not None and self.is_apart(torrent):
            torrent.web.stop()
        if self.is_apart(torrent):
            core.dht.announcer.forget(torrent)
        else:
            torrent.announce_in_dht()
        torrent.lsd_changed()
        if torrent.tracking is not None:
            torrent.tracking.settings_changed()
            torrent.tracking.listening_changed()

    def settings_changed(self) -> None:
        """`allow_i2p_mixed` is another."""
        for torrent in dict.fromkeys(self._core.torrents.values()):
            self.changed(torrent)
