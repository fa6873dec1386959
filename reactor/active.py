"""Callbacks that are due, by priority (libevent's active queues).

Lower numbers are more urgent.  One pass takes what was due when it began, so a callback that makes itself due again
waits for the next poll and cannot starve descriptors.  A `DispatchLimit` cuts passes shorter.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from .statistics import Gauge

__all__ = ["ActiveItem", "ActiveQueues", "DispatchLimit"]


class ActiveItem(Protocol):
    """Something that is due: an event or a call."""

    def fire(self) -> None:
        """Run it, unless it was withdrawn meanwhile."""
        ...

    def drop(self) -> None:
        """The reactor closes: it will not run."""
        ...


@dataclass(frozen=True, slots=True)
class DispatchLimit:
    """How much of what is due runs before the next poll (libevent `event_config_set_max_dispatch_interval`)."""

    max_callbacks: int | None
    """Callbacks of one pass."""
    max_interval: float | None
    """Seconds after which no further callback of the pass starts."""
    min_priority: int
    """Priorities more urgent than this are never cut."""


class ActiveQueues:
    """`priorities` queues in order of activation."""

    def __init__(self, priorities: int) -> None:
        self.gauge = Gauge()
        """Items due."""
        self.limit: DispatchLimit | None = None
        self.was_cut = False
        """The last pass left something because of the limit."""
        self._queues: list[deque[ActiveItem]] = [deque() for _ in range(priorities)]

    @property
    def priorities(self) -> int:
        """The number of queues."""
        return len(self._queues)

    def resize(self, priorities: int) -> None:
        """Change the number of queues.  Only while nothing is due."""
        assert not self
        self._queues = [deque() for _ in range(priorities)]

    def push(self, item: ActiveItem, priority: int) -> None:
        """Make an item due; one less urgent than there are queues goes to the last."""
        try:
            self._queues[priority].append(item)
        except IndexError:  # made before `resize`
            self._queues[-1].append(item)
        gauge = self.gauge  # `Gauge.add`, without the call: this is where every callback passes
        gauge.value += 1
        if gauge.value > gauge.maximum:
            gauge.maximum = gauge.value

    def clear(self) -> None:
        """Drop everything."""
        while self:
            self.gauge.value -= 1
            self._queues[self.most_urgent()].popleft().drop()

    def most_urgent(self) -> int:
        """The smallest priority that has something due; IndexError when nothing is."""
        for priority, queue in enumerate(self._queues):
            if queue:
                return priority
        raise IndexError("nothing is due")

    def run(
        self, lowest: int, should_stop: Callable[[], bool], report: Callable[[str, BaseException], object]
    ) -> None:
        """Run what is due now at priority `lowest` or more urgent, most urgent first.

        A more urgent item that becomes due meanwhile goes first.  What `should_stop` or the limit cuts off stays due.
        """
        queues = self._queues[: lowest + 1]
        budget = due = sum(map(len, queues))
        until = None
        self.was_cut = False
        if self.limit is not None and lowest >= self.limit.min_priority:
            budget, until = self._bounds(self.limit, due)
        while budget > 0 and not should_stop():
            for queue in queues:
                if queue:
                    break
            else:
                return
            budget -= 1
            self.gauge.value -= 1
            try:
                queue.popleft().fire()
            except Exception as exc:  # the border of the loop: one callback's failure is its own
                report("exception in a callback of the reactor", exc)
            if until is not None and time.monotonic() >= until:
                break
        self.was_cut = self.limit is not None and any(queues)

    def _bounds(self, limit: DispatchLimit, due: int) -> tuple[int, float | None]:
        budget = due if limit.max_callbacks is None else min(due, limit.max_callbacks)
        return budget, None if limit.max_interval is None else time.monotonic() + limit.max_interval

    def __iter__(self) -> Iterator[ActiveItem]:
        for queue in self._queues:
            yield from tuple(queue)

    def __bool__(self) -> bool:
        return self.gauge.value > 0

    def __len__(self) -> int:
        return self.gauge.value
