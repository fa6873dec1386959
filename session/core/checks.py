"""Full checks wait for each other: `active_checking` of them run at a time, each on all of the disk pool's workers."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from ...protocols.bits import Bitfield

__all__ = ["CheckQueue", "Checkable"]


class Checkable(Protocol):
    """A torrent's startup."""

    def run_check(self, wanted: Bitfield | None) -> None: ...


class CheckQueue:
    """Who may check now."""

    __slots__ = ("_is_choosing", "_limit", "_running", "_waiting")

    def __init__(self, limit: int = 1) -> None:
        """`limit` of them at a time; below 0 is no limit."""
        self._limit = limit
        self._running: set[Checkable] = set()
        self._waiting: OrderedDict[Checkable, Bitfield | None] = OrderedDict()
        self._is_choosing = False

    def set_limit(self, limit: int) -> None:
        """Other checks may begin; those that run go on."""
        self._limit = limit
        self._next()

    def submit(self, check: Checkable, wanted: Bitfield | None) -> None:
        """Run `check` when its turn comes, perhaps at once."""
        self._waiting[check] = wanted
        self._next()

    def withdraw(self, check: Checkable) -> None:
        """A check is not wanted any more, whether it waits or runs; nothing of it stays here."""
        self._waiting.pop(check, None)
        self.done(check)

    def done(self, check: Checkable) -> None:
        """A check ended, however."""
        self._running.discard(check)
        self._next()

    def _next(self) -> None:
        if (
            self._is_choosing
        ):  # A check that ends inside `run_check`: the loop below goes on with the next one.
            return
        self._is_choosing = True
        try:
            while self._waiting and (self._limit < 0 or len(self._running) < self._limit):
                check, wanted = self._waiting.popitem(last=False)
                self._running.add(check)
                check.run_check(wanted)
        finally:
            self._is_choosing = False
