"""Deadlines in order, on one timer of the loop.

libuv counts milliseconds and would fire deadlines of one millisecond in the order of arming, and up to a millisecond
early.  Here they are exact: earlier first, equal ones in the order of arming, none before its time.  A cancelled entry
stays in the heap until it surfaces or until half of the heap is dead.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections.abc import Callable, Iterator
from itertools import count

from ..statistics import Gauge

__all__ = ["COMPACT_ABOVE", "Deadline", "TimerQueue"]

COMPACT_ABOVE = 64
"""Dead entries below which the heap is never rebuilt."""
LONGEST_SLEEP = 24 * 3600.0
"""Seconds after which the loop's timer is armed anew; longer ones overflow on some systems."""


class Deadline:
    """Something with at most one moment at which `expire` is to be called."""

    __slots__ = ("_ticket", "when")

    def __init__(self) -> None:
        self._ticket = 0  # of the heap entry that counts; 0: not armed
        self.when = 0.0
        """The last deadline, on `time.monotonic`."""

    @property
    def is_armed(self) -> bool:
        """Waiting for its moment."""
        return self._ticket != 0

    def expire(self) -> None:
        """The moment has come; it is no longer armed."""
        raise NotImplementedError


class TimerQueue:
    """All deadlines of one loop.  `on_due` is called when some may have come; it calls `expire_due`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_due: Callable[[], object]) -> None:
        self._loop = loop
        self._on_due = on_due
        self._heap: list[tuple[float, int, Deadline]] = []
        self._tickets = count(1)
        self.gauge = Gauge()
        """Armed deadlines."""
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_when = math.inf

    def arm(self, deadline: Deadline, when: float) -> None:
        """Set or move a deadline."""
        if deadline._ticket == 0:
            gauge = self.gauge  # `Gauge.add`, without the call
            gauge.value += 1
            if gauge.value > gauge.maximum:
                gauge.maximum = gauge.value
        deadline.when = when
        deadline._ticket = ticket = next(self._tickets)
        heapq.heappush(self._heap, (when, ticket, deadline))
        if when < self._alarm_when:
            self._set_alarm(when)
        if len(self._heap) > 2 * self.gauge.value + COMPACT_ABOVE:
            self._compact()

    def disarm(self, deadline: Deadline) -> None:
        """The moment will not come.  Repeatable."""
        if deadline._ticket:
            deadline._ticket = 0
            self.gauge.value -= 1

    def expire_due(self) -> None:
        """Expire every deadline up to now, the clock read once, and arm the loop for the next."""
        now = time.monotonic()
        while self._heap and self._heap[0][0] <= now:
            _, ticket, deadline = heapq.heappop(self._heap)
            if deadline._ticket == ticket:
                deadline._ticket = 0
                self.gauge.value -= 1
                deadline.expire()
        self._drop_alarm()
        self.ensure_alarm()

    def ensure_alarm(self) -> None:
        """Arm the loop for the earliest deadline unless it is."""
        when = self.next_when()
        if when is not None and when < self._alarm_when:
            self._set_alarm(when)

    def clear(self) -> None:
        """Disarm everything."""
        for _, _, deadline in self._heap:
            deadline._ticket = 0
        self._heap.clear()
        self.gauge.value = 0
        self._drop_alarm()

    def move(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait on another loop from now on."""
        self._drop_alarm()
        self._loop = loop
        self.ensure_alarm()

    def next_when(self) -> float | None:
        """The earliest deadline, None when nothing is armed."""
        heap = self._heap
        while heap and heap[0][2]._ticket != heap[0][1]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def __iter__(self) -> Iterator[Deadline]:
        """What is armed, in no order."""
        return iter([deadline for _, ticket, deadline in self._heap if deadline._ticket == ticket])

    def __len__(self) -> int:
        return self.gauge.value

    def _compact(self) -> None:
        self._heap = [entry for entry in self._heap if entry[2]._ticket == entry[1]]
        heapq.heapify(self._heap)

    def _set_alarm(self, when: float) -> None:
        self._drop_alarm()
        delay = min(max(0.0, when - time.monotonic()), LONGEST_SLEEP)
        # uvloop rounds to the nearest millisecond; rounding up saves waking twice.
        self._alarm = self._loop.call_later(math.ceil(delay * 1000) / 1000, self._on_alarm)
        self._alarm_when = when

    def _drop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._alarm_when = math.inf

    def _on_alarm(self) -> None:
        self._alarm = None
        self._alarm_when = math.inf
        self._on_due()
