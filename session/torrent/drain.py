"""A graceful pause under way: nothing new is asked for or served, and blocks on order may still come.

Peers that owe nothing are let go at once, the others when their last block came, or after `request_timeout` seconds.  Then the
torrent stops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..close_reason import CloseReason
from .link_end import LinkEnded

if TYPE_CHECKING:
    from ..core.core import Core
    from .peer_link import PeerLink
    from .torrent import Torrent

__all__ = ["Drain"]


class Drain:
    """The end of one torrent's transfers, unless it is cancelled."""

    __slots__ = ("_core", "_deadline", "_torrent")

    def __init__(self, torrent: Torrent, core: Core) -> None:
        self._torrent = torrent
        self._core = core
        self._deadline = 0.0

    def begin(self, now: float) -> None:
        """No more requests in either direction; who owes nothing goes."""
        torrent = self._torrent
        assert torrent.swarm is not None
        self._deadline = now + self._core.tuning.request_timeout
        if torrent.download is not None:
            torrent.download.is_draining = True
        for link in list(torrent.swarm.links):
            if link.peer_id is not None:
                self._core.choking.retire(link, now)
            self.let_go(link)

    def cancel(self) -> None:
        """The torrent goes on after all."""
        torrent = self._torrent
        if torrent.download is not None:
            torrent.download.is_draining = False

    def let_go(self, link: PeerLink) -> None:
        """End a link that owes nothing."""
        if link.requester is None or not link.requester.on_order:
            link.close(LinkEnded(CloseReason.none, "the torrent is being paused"))

    def tick(self, now: float) -> bool:
        """Let go who can be let go; True when the torrent can stop."""
        swarm = self._torrent.swarm
        if swarm is None or now >= self._deadline:
            return True
        for link in list(swarm.links):
            self.let_go(link)
        web = self._torrent.web
        return not swarm.links and (web is None or not web.links)
