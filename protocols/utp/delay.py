"""One-way delay from two clocks that do not agree (LEDBAT, RFC 6817; BEP 29).

Each packet says how long the other direction's last one was under way, by both clocks: the true delay plus an offset that
nobody knows.  The smallest such value of the last minutes is taken for an empty path; what is above it is queueing.  Values
are microseconds modulo 2³² and are compared around the base, so neither the wrap nor the sign of the offset matters.

Clocks drift.  A base that only forgets would follow slowly and read the drift of a fast clock as delay; therefore, when the
base of the *other* direction falls, which drifts the other way, ours is moved up by as much (libutp does the same).
"""

from __future__ import annotations

from collections import deque

__all__ = ["BaseDelay", "CurrentDelay"]

BUCKETS = 13
"""Minutes the base remembers."""
BUCKET_SECONDS = 60.0
CURRENT_SAMPLES = 4
"""Samples whose least is the current delay: one late packet is no queue."""

_WRAP = 1 << 32
_HALF = 1 << 31


class BaseDelay:
    """The least difference seen in the last minutes."""

    __slots__ = ("_buckets", "_ends", "base")

    def __init__(self) -> None:
        self.base: int | None = None
        """Microseconds modulo 2³²; None before the first sample."""
        self._buckets: deque[int] = deque(maxlen=BUCKETS)
        self._ends = 0.0

    def add(self, difference: int, now: float) -> int:
        """Take a sample (µs modulo 2³²); gives how far above the base it is, µs."""
        base = self.base
        if base is None:
            self.base = difference
            self._buckets.append(difference)
            self._ends = now + BUCKET_SECONDS
            return 0
        above = _signed(difference - base)
        if now >= self._ends:
            self._buckets.append(difference)
            self._ends = now + BUCKET_SECONDS
            self._recompute()
        elif _signed(difference - self._buckets[-1]) < 0:
            self._buckets[-1] = difference
            if above < 0:
                self.base = difference
        return max(0, _signed(difference - self.base))  # type: ignore[operator]

    def shift(self, microseconds: int) -> None:
        """The other direction's base fell by so much: our clock gains on theirs, and all we remember is that much too high."""
        if self.base is not None:
            self.base = (self.base + microseconds) % _WRAP
            for index, value in enumerate(self._buckets):
                self._buckets[index] = (value + microseconds) % _WRAP

    def _recompute(self) -> None:
        reference = self._buckets[0]
        self.base = min(self._buckets, key=lambda value: _signed(value - reference))


class CurrentDelay:
    """The least of the last few delays."""

    __slots__ = ("_samples", "least")

    def __init__(self) -> None:
        self._samples: deque[int] = deque(maxlen=CURRENT_SAMPLES)
        self.least = 0
        """Microseconds."""

    def add(self, microseconds: int) -> int:
        """Take a delay; gives the filtered one."""
        self._samples.append(microseconds)
        self.least = min(self._samples)
        return self.least


def _signed(difference: int) -> int:
    return (difference + _HALF) % _WRAP - _HALF
