"""Callbacks that are due, by priority (libevent's active queues).

Lower numbers are more urgent.  One pass takes what was due when it began, so a callback that makes itself due again
waits for the next poll and cannot starve descriptors.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

__all__ = ["ActiveItem", "ActiveQueues"]


class ActiveItem(Protocol):
    """Something that is due: an event or a call."""

    def fire(self) -> None:
        """Run it, unless it was withdrawn meanwhile."""
        ...


class ActiveQueues:
    """`priorities` queues in order of activation."""

    def __init__(self, priorities: int) -> None:
        self._queues: list[deque[ActiveItem]] = [deque() for _ in range(priorities)]

    def push(self, item: ActiveItem, priority: int) -> None:
        """Make an item due."""
        self._queues[priority].append(item)

    def clear(self) -> None:
        """Forget everything."""
        for queue in self._queues:
            queue.clear()

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

        A more urgent item that becomes due meanwhile goes first.  What `should_stop` cuts off stays due.
        """
        queues = self._queues[: lowest + 1]
        budget = sum(map(len, queues))
        while budget > 0 and not should_stop():
            for queue in queues:
                if queue:
                    break
            else:
                return
            budget -= 1
            try:
                queue.popleft().fire()
            except Exception as exc:  # the border of the loop: one callback's failure is its own
                report("exception in a callback of the reactor", exc)

    def __bool__(self) -> bool:
        return any(self._queues)

    def __len__(self) -> int:
        return sum(map(len, self._queues))
