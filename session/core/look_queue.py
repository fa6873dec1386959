"""Torrents that do not run wait here to be looked at (`torrent/first_look.py`): not while many are being added, which goes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocols.engine.ports import Timer
from ..torrent.first_look import begin

if TYPE_CHECKING:
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["BATCH", "PATIENCE", "QUIET", "LookQueue"]

QUIET = 0.05
"""Seconds without another one after which it begins."""
PATIENCE = 5.0
"""Seconds after which it begins in any case."""
BATCH = 32
"""Looks begun before others get their turn."""

_SLACK = 0.001
"""Seconds that are not worth another timer."""


class LookQueue:
    """The session's."""

    __slots__ = ("_core", "_first_at", "_last_at", "_timer", "_waiting")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: dict[Torrent, None] = {}
        self._first_at = self._last_at = 0.0
        self._timer: Timer | None = None

    def submit(self, torrent: Torrent) -> None:
        """Look at it soon, if it does not run by then."""
        self._last_at = self._core.base.time()
        self._waiting[torrent] = None
        if self._timer is None:
            self._first_at = self._last_at
            self._timer = self._core.base.call_later(QUIET, self._run)

    def close(self) -> None:
        """Look at nothing more."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        base, self._timer = self._core.base, None
        quiet_at = min(self._last_at + QUIET, self._first_at + PATIENCE)
        if base.time() < quiet_at - _SLACK:
            self._timer = base.call_at(quiet_at, self._run)
            return
        for torrent in list(self._waiting)[:BATCH]:
            del self._waiting[torrent]
            begin(torrent, self._core)
        if self._waiting:
            self._timer = base.call_soon(self._run)
