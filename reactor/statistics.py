"""What a reactor holds, in numbers: now, and the most there ever was at once (libevent's counts and maxima)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Gauge", "ReactorStatistics"]


class Gauge:
    """A count and its maximum."""

    __slots__ = ("maximum", "value")

    def __init__(self) -> None:
        self.value = 0
        self.maximum = 0

    def add(self, change: int) -> None:
        """Count."""
        self.value += change
        if self.value > self.maximum:
            self.maximum = self.value

    def reset_maximum(self) -> None:
        """Start again from what there is."""
        self.maximum = self.value


@dataclass(frozen=True, slots=True)
class ReactorStatistics:
    """A snapshot.  An event with a descriptor and a timeout counts as a watch and as a timer."""

    num_watches: int
    """Watches, and events on descriptors, that ask for something."""
    num_timers: int
    """Armed deadlines, of events and of calls."""
    num_signals: int
    """Events that wait for a signal."""
    num_passive: int
    """Added events without a descriptor, waiting to be activated."""
    num_active: int
    """Events and calls that are due and have not run; calls other threads posted included once the loop has them."""
    num_jobs: int
    """Jobs on worker threads whose result has not been told: they keep the loop, and are no events."""
    num_hooks: int
    """Hooks around the poll."""
    max_watches: int
    """Most watches at once since the start or the last reset; the same for those below."""
    max_timers: int
    """Most armed deadlines."""
    max_signals: int
    """Most events waiting for signals."""
    max_passive: int
    """Most passive events."""
    max_active: int
    """Most that was due at once."""
    max_jobs: int
    """Most jobs under way."""

    @property
    def num_added(self) -> int:
        """Everything waited for."""
        return self.num_watches + self.num_timers + self.num_signals + self.num_passive
