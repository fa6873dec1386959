"""Events without a descriptor that were added: their owner means to activate them, so the loop waits for that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .statistics import Gauge

if TYPE_CHECKING:
    from .event import Event

__all__ = ["PassiveEvents"]


class PassiveEvents:
    """In the order of adding."""

    def __init__(self) -> None:
        self.gauge = Gauge()
        """How many."""
        self._events: dict[Event, None] = {}

    def insert(self, event: Event) -> None:
        """It is added."""
        self._events[event] = None
        self.gauge.add(1)

    def withdraw(self, event: Event) -> None:
        """It no longer is."""
        del self._events[event]
        self.gauge.add(-1)

    def __iter__(self) -> Iterator[Event]:
        return iter(tuple(self._events))

    def __bool__(self) -> bool:
        return bool(self._events)
