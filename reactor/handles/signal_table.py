"""The events of one reactor that wait for signals.

Each time a signal comes is one note on its way to the loop, so none is merged with another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..statistics import Gauge
from .signals import listen_signal, unlisten_signal

if TYPE_CHECKING:
    from ..event import Event
    from ..orders import Expiring

__all__ = ["SignalTable"]


class SignalTable:
    """`post` takes a note from the handler to the loop's thread."""

    def __init__(self, post: Callable[[Expiring], object]) -> None:
        self.gauge = Gauge()
        """Events waiting."""
        self._post = post
        self._events: dict[int, list[Event]] = {}

    def insert(self, event: Event) -> None:
        """An event waits for its signal.  ReactorUsageError for one that cannot be caught, or off the main thread."""
        events = self._events.get(event.fd)
        if events is None:
            listen_signal(event.fd, self._on_signal)
            events = self._events[event.fd] = []
        events.append(event)
        self.gauge.add(1)

    def withdraw(self, event: Event) -> None:
        """It no longer does.  ReactorUsageError off the main thread, and then it still does."""
        events = self._events[event.fd]
        if len(events) == 1:
            unlisten_signal(event.fd, self._on_signal)
            del self._events[event.fd]
        events.remove(event)
        self.gauge.add(-1)

    def of(self, signum: int) -> tuple[Event, ...]:
        """Events waiting for this signal."""
        return tuple(self._events.get(signum, ()))

    def __iter__(self) -> Iterator[Event]:
        for events in self._events.values():
            yield from events

    def __bool__(self) -> bool:
        return bool(self._events)

    def _on_signal(self, signum: int) -> None:
        """In the handler: only append and post."""
        self._post(_SignalNote(self._events.get(signum, [])))


class _SignalNote:
    """A signal on its way from the handler to the events."""

    __slots__ = ("_events",)

    def __init__(self, events: list[Event]) -> None:
        self._events = events

    def expire(self) -> None:
        for event in tuple(self._events):
            event.on_signal()
