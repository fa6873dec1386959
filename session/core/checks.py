"""Full checks wait for each other: `active_checking` of them run at a time, each on all of the disk pool's workers."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from ...protocols.bits import Bitfield

__all__ = ["CheckQueue", "Checkable"]

_AT_A_TIME = 1
"""libtorrent's default of `active_checking`."""


class Checkable(Protocol):
    """A torrent's startup."""

    def run_check(self, wanted: Bitfield | None) -> None: ...


class CheckQueue:
    """Who may check now."""

    __slots__ = ("_running", "_waiting")

    def __init__(self) -> None:
        self._running: set[Checkable] = set()
        self._waiting: deque[tuple[Checkable, Bitfield | None]] = deque()

    def submit(self, check: Checkable, wanted: Bitfield | None) -> None:
        """Run `check` when its turn comes, perhaps at once."""
        self._waiting.append((check, wanted))
        self._next()

    def done(self, check: Checkable) -> None:
        """A check ended, however."""
        self._running.discard(check)
        self._next()

    def _next(self) -> None:
        while self._waiting and len(self._running) < _AT_A_TIME:
            check, wanted = self._waiting.popleft()
            self._running.add(check)
            check.run_check(wanted)
