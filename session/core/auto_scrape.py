"""Torrents that wait in the queue ask their trackers how large the swarm is, one at a time (libtorrent `auto_scrape_interval`).

Without that nobody would know which of them is needed most: who is paused does not announce.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..flags import TorrentFlags

if TYPE_CHECKING:
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["AutoScrape"]


class AutoScrape:
    """The session's.  Each torrent's turn comes every `auto_scrape_interval` seconds, but nobody's within
    `auto_scrape_min_interval` of another's."""

    __slots__ = ("_core", "_due_at", "_turn")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._due_at: float | None = None
        self._turn = 0

    def settings_changed(self) -> None:
        """The intervals are others now; the wait under way begins anew."""
        self._due_at = None

    def tick(self, now: float) -> None:
        """Ask for the next one if it is time."""
        if self._due_at is None:
            self._due_at = now + self._pause(len(self._waiting()))
        if now < self._due_at:
            return
        waiting = self._waiting()
        self._due_at = now + self._pause(len(waiting))
        if waiting:
            self._turn %= len(waiting)
            waiting[self._turn].need_tracking().scrape(-1)
            self._turn += 1

    def _pause(self, count: int) -> float:
        settings = self._core.settings
        share = settings.get_int("auto_scrape_interval") / max(1, count)
        return max(share, settings.get_int("auto_scrape_min_interval"))

    def _waiting(self) -> list[Torrent]:
        if self._core.is_paused:
            return []
        return [torrent for torrent in dict.fromkeys(self._core.torrents.values()) if _waits(torrent)]


def _waits(torrent: Torrent) -> bool:
    wanted = TorrentFlags.auto_managed | TorrentFlags.paused
    has_trackers = bool(torrent.tracking.trackers.entries() if torrent.tracking else torrent.params.trackers)
    return torrent.flags & wanted == wanted and has_trackers and not torrent.error and not torrent.removed
