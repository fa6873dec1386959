"""How much may be sent: answers stop when `upload_rate_limit` is used up, our own queries only use it.

Three seconds' worth may be saved up.  One quota serves all nodes of a process (libtorrent's `has_quota`).
"""

from __future__ import annotations

from typing import Final

__all__ = ["BURST", "UploadQuota"]

BURST: Final = 3.0
"""Seconds of the rate that may be saved up."""


class UploadQuota:
    """A bucket of bytes that fills at `rate` a second."""

    __slots__ = ("_bytes", "_filled_at", "rate")

    def __init__(self, rate: int) -> None:
        self.rate = rate
        """Bytes a second; 0 is never available."""
        self._bytes = rate * BURST
        self._filled_at: float | None = None

    def is_available(self, *, now: float) -> bool:
        """An answer may be sent."""
        if self._filled_at is not None:
            gained = (now - self._filled_at) * self.rate
            self._bytes = min(self._bytes + gained, self.rate * BURST)
        self._filled_at = now
        return self._bytes > 0

    def spend(self, count: int) -> None:
        """`count` bytes left; the balance may go below zero, so that one answer is never cut."""
        self._bytes -= count
