"""What a node does by the clock, whatever happens: an enum, and when each is due."""

from __future__ import annotations

from enum import Enum, auto
from random import Random
from typing import Final

from .tokens import ROTATION_INTERVAL

__all__ = ["INTERVALS", "Task", "Timetable"]


class Task(Enum):
    """Something that comes back."""

    REFRESH = auto()
    """Ask one node of the routing table whether it is still there."""
    BOOTSTRAP = auto()
    """Look for neighbours again, if there are few; `neighbours` says when."""
    ROTATE_TOKENS = auto()
    EXPIRE_STORAGE = auto()


INTERVALS: Final = {
    Task.REFRESH: 5.0,
    Task.BOOTSTRAP: 600.0,
    Task.ROTATE_TOKENS: ROTATION_INTERVAL,
    Task.EXPIRE_STORAGE: 120.0,
}
"""Seconds between two times (libtorrent's values)."""


class Timetable:
    """When each task is due.  The first time is a random part of the interval away, so that nodes do not march in step."""

    __slots__ = ("_due", "_next")

    def __init__(self, rng: Random, *, now: float) -> None:
        self._due = {task: now + interval * rng.random() for task, interval in INTERVALS.items()}
        self._next = min(self._due.values())

    def take_due(self, now: float) -> list[Task]:
        """The tasks due by now; each is due again an interval later."""
        if self._next > now:
            return []
        due = [task for task, when in self._due.items() if when <= now]
        for task in due:
            self._due[task] = now + INTERVALS[task]
        self._next = min(self._due.values())
        return due

    def postpone(self, task: Task, when: float) -> None:
        """Not before `when`, or already then."""
        self._due[task] = when
        self._next = min(self._due.values())

    def hasten(self, task: Task, when: float) -> None:
        """At `when`, unless it is due before."""
        if when < self._due[task]:
            self._due[task] = when
            if when < self._next:
                self._next = when

    def next_due(self) -> float:
        """When the first task is due."""
        return self._next
