"""Round-trip time and the retransmission timeout that follows from it (RFC 6298 with BEP 29's weights)."""

from __future__ import annotations

__all__ = ["MAX_TIMEOUT", "RoundTrip"]

MAX_TIMEOUT = 60.0
"""Seconds the timeout is doubled up to."""
FIRST_TIMEOUT = 1.0


class RoundTrip:
    """An estimate, fed with samples of packets that were sent once."""

    __slots__ = ("_backoff", "_least", "smoothed", "variance")

    def __init__(self, least_timeout: float) -> None:
        self.smoothed = 0.0
        """Seconds; 0 before the first sample."""
        self.variance = 0.0
        self._least = least_timeout
        self._backoff = 1

    def add(self, sample: float) -> None:
        """A packet's round trip, seconds."""
        if not self.smoothed:
            self.smoothed, self.variance = sample, sample / 2
        else:
            self.variance += (abs(self.smoothed - sample) - self.variance) / 4
            self.smoothed += (sample - self.smoothed) / 8
        self._backoff = 1

    @property
    def timeout(self) -> float:
        """Seconds after which what was sent is taken for lost."""
        if not self.smoothed:
            return min(MAX_TIMEOUT, max(FIRST_TIMEOUT, self._least) * self._backoff)
        return min(MAX_TIMEOUT, max(self._least, self.smoothed + 4 * self.variance) * self._backoff)

    def back_off(self) -> None:
        """A timeout passed: wait twice as long for the next."""
        self._backoff = min(self._backoff * 2, 1 << 10)

    def progress(self) -> None:
        """Something new was acknowledged: the path is alive."""
        self._backoff = 1
