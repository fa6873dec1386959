"""Virtual time: what is due when, in one heap.

Equal moments keep the order in which they were asked for, so a run is a function of its inputs alone.  What is due now is
kept in a queue beside the heap, which costs less.  A cancelled call stays in the heap until its moment, or until such calls
outnumber the others.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Sized
from typing import Any

from ..errors import ReactorUsageError
from .arguments import check_number

__all__ = ["Clock", "SimCall"]

_COMPACT_FROM = 1024
"""Cancelled calls that may lie in the heap before it is looked at."""


_ALWAYS = (True,)


class SimCall:
    """One call under way to its moment; satisfies the `Timer` port."""

    __slots__ = ("_clock", "args", "callback", "when")

    def __init__(
        self, clock: Clock | None, when: float, callback: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        self._clock = clock
        self.when = when
        self.callback: Callable[..., object] | None = callback
        """None once called or cancelled."""
        self.args = args

    def cancel(self) -> None:
        """The call will not happen.  Repeatable, and harmless after it happened."""
        if self.callback is not None:
            self.callback = None
            self.args = ()
            if self._clock is not None:
                self._clock.note_cancelled()

    def __repr__(self) -> str:
        return f"SimCall(at {self.when:.6f}{', over' if self.callback is None else ''})"


class Clock:
    """The time of one world and everything that will happen in it."""

    def __init__(self, start: float) -> None:
        check_number("start", start)
        self.now = float(start)
        self.num_events = 0
        """Calls made so far."""
        self._heap: list[tuple[float, int, Any, Any]] = []
        """(when, serial, function, arguments), or (when, serial, None, SimCall)."""
        self._soon: deque[tuple[Any, Any]] = deque()
        """The same of this moment; all asked for later than what the heap has for it."""
        self._serial = 0
        self._num_cancelled = 0

    def post(self, when: float, function: Callable[..., object], *args: Any) -> None:
        """Call when the clock has reached `when`; a moment gone by means now.  Cannot be taken back."""
        if when > self.now:
            self._serial += 1
            heapq.heappush(self._heap, (when, self._serial, function, args))
        else:
            self._soon.append((function, args))

    def at(self, when: float, callback: Callable[..., object], *args: Any) -> SimCall:
        """As `post`, with a handle to cancel it by.  ReactorUsageError when `when` is no moment."""
        if when > self.now:
            call = SimCall(self, when, callback, args)
            self._serial += 1
            heapq.heappush(self._heap, (when, self._serial, None, call))
            return call
        if math.isnan(when):
            raise ReactorUsageError("when must be a moment, not NaN")
        call = SimCall(None, self.now, callback, args)
        self._soon.append((None, call))
        return call

    def next_time(self) -> float | None:
        """The moment of the next call, or None."""
        if self._soon:
            return self.now
        heap = self._heap
        while heap and heap[0][2] is None and heap[0][3].callback is None:
            heapq.heappop(heap)
            self._num_cancelled -= 1
        return heap[0][0] if heap else None

    def step(self, until: float) -> bool:
        """Move to the next call due by `until` and make it.  False when there is none.

        What the call raises comes out; the clock stays usable.
        """
        before = self.num_events
        self.run(until, _ALWAYS)
        return self.num_events > before

    def run(self, until: float, has_news: Sized = ()) -> bool:
        """`step` until nothing is due by `until`, or until `has_news` has something after a call; True then."""
        heap, soon = self._heap, self._soon
        pop, pop_soon = heapq.heappop, soon.popleft
        while True:
            if soon and not (heap and heap[0][0] <= self.now):
                function, args = pop_soon()
            elif heap and heap[0][0] <= until:
                when, _, function, args = pop(heap)
                if function is None and args.callback is None:
                    self._num_cancelled -= 1
                    continue
                if when > self.now:
                    self.now = when
            else:
                return False
            if function is None:
                function, call = args.callback, args
                if function is None:
                    continue
                args, call.callback, call.args = call.args, None, ()
            self.num_events += 1
            function(*args)
            if has_news:
                return True

    def note_cancelled(self) -> None:
        """A call in the heap will not happen."""
        self._num_cancelled += 1
        if self._num_cancelled > max(_COMPACT_FROM, len(self._heap) // 2):
            # In place: `step` holds on to the list.
            self._heap[:] = [
                entry for entry in self._heap if entry[2] is not None or entry[3].callback is not None
            ]
            heapq.heapify(self._heap)
            self._num_cancelled = 0
