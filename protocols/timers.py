"""Deadlines and deferred calls, in one queue: a heap for what is armed, a deque for what is wanted at once.

Laws:

* Equal deadlines fire in the order in which they were armed (libuv `src/timer.c`).
* The top of the heap is never a cancelled entry, so `next_deadline` is exact and costs nothing.  Entries cancelled deeper
  down are dropped when they surface, or all together once they are more than half of the heap.
* One `run` is bounded: what callbacks add gets one extra pass, the rest stays due.
* An exception of a callback goes to the error function and never stops the others.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from typing import Any

__all__ = ["AT_ONCE", "MAX_CALLS_PER_RUN", "ArmedCall", "TimerQueue"]

AT_ONCE = -math.inf
"""The deadline of something that should run as soon as possible."""

MAX_CALLS_PER_RUN = 1_000
"""Callbacks that one `run` calls at most; the rest is due at once (curl's "bounded work per action")."""

_COMPACT_ABOVE = 64
_PASSES = 2


class ArmedCall:
    """One call that is going to happen; satisfies the `Timer` port."""

    __slots__ = ("_queue", "args", "callback", "owner", "when")

    def __init__(
        self,
        queue: TimerQueue,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        owner: Any,
    ) -> None:
        self._queue = queue
        self.when = when
        self.callback: Callable[..., object] | None = callback
        """None once it ran or was cancelled."""
        self.args = args
        self.owner = owner
        """Who answers for the callback's exceptions; opaque here."""

    @property
    def is_pending(self) -> bool:
        """Neither run nor cancelled."""
        return self.callback is not None

    def cancel(self) -> None:
        """The call will not happen.  Repeatable, and harmless after it happened."""
        if self.callback is not None:
            self.callback = None
            self.args = ()
            self._queue.forget(self)

    def __repr__(self) -> str:
        callback = self.callback
        name = "done" if callback is None else getattr(callback, "__qualname__", repr(callback))
        return f"ArmedCall({name})"


class TimerQueue:
    """Deadlines of one engine.  Knows no clock: time is an argument."""

    __slots__ = ("_num_cancelled", "_sequence", "changed", "heap", "soon")

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, ArmedCall]] = []
        """Armed calls; `heap[0]` is live.  Read-only outside."""
        self.soon: deque[ArmedCall] = deque()
        """Calls wanted at once.  Read-only outside."""
        self.changed = False
        """`next_deadline` may have changed since the reader last cleared this."""
        self._sequence = 0
        self._num_cancelled = 0

    def arm(
        self, when: float, callback: Callable[..., object], args: tuple[Any, ...] = (), owner: Any = None
    ) -> ArmedCall:
        """Call `callback(*args)` in the first `run` at or after `when`.  ValueError unless `when` is finite."""
        if not math.isfinite(when):
            raise ValueError(f"a deadline must be finite, not {when}")
        call = ArmedCall(self, when, callback, args, owner)
        heapq.heappush(self.heap, (when, self._sequence, call))
        self._sequence += 1
        self.changed = True
        return call

    def arm_soon(
        self, callback: Callable[..., object], args: tuple[Any, ...] = (), owner: Any = None
    ) -> ArmedCall:
        """Call `callback(*args)` in the next `run`, in order of asking."""
        call = ArmedCall(self, AT_ONCE, callback, args, owner)
        self.soon.append(call)
        self.changed = True
        return call

    def forget(self, call: ArmedCall) -> None:
        """Internal: `call` was cancelled."""
        self.changed = True
        if call.when == AT_ONCE:
            self._drop_dead_front()
            return
        self._num_cancelled += 1
        heap = self.heap
        if heap[0][2].callback is None:
            self._drop_dead_top()
        elif self._num_cancelled > _COMPACT_ABOVE and self._num_cancelled * 2 > len(heap):
            heap[:] = [item for item in heap if item[2].callback is not None]
            heapq.heapify(heap)
            self._num_cancelled = 0

    def run(self, now: float, on_error: Callable[[ArmedCall, Exception], object]) -> None:
        """Run what is wanted at once and what is due at `now`, then once more what those added."""
        budget = MAX_CALLS_PER_RUN
        for _ in range(_PASSES):
            budget = self._run_soon(budget, on_error)
            budget = self._run_due(now, budget, on_error)

    def clear(self) -> None:
        """Cancel everything."""
        for call in [*self.soon, *(item[2] for item in self.heap)]:
            call.callback = None
            call.args = ()
        self.soon.clear()
        self.heap.clear()
        self._num_cancelled = 0
        self.changed = True

    def next_deadline(self) -> float | None:
        """When `run` has something to do: AT_ONCE, a time, or None for never."""
        if self.soon:
            return AT_ONCE
        return self.heap[0][0] if self.heap else None

    def __len__(self) -> int:
        return len(self.heap) - self._num_cancelled + sum(call.is_pending for call in self.soon)

    def check_invariant(self) -> None:
        """Raise AssertionError when a law of this module is broken."""
        heap = self.heap
        dead = sum(item[2].callback is None for item in heap)
        assert dead == self._num_cancelled, (dead, self._num_cancelled)
        assert not heap or heap[0][2].callback is not None, "dead entry on top"
        assert not self.soon or self.soon[0].callback is not None, "dead entry in front"
        assert all(heap[(i - 1) // 2][:2] <= heap[i][:2] for i in range(1, len(heap))), "not a heap"

    def _run_soon(self, budget: int, on_error: Callable[[ArmedCall, Exception], object]) -> int:
        soon = self.soon
        for _ in range(min(len(soon), budget)):
            if not soon:  # a callback cancelled those behind it
                break
            _call(soon.popleft(), on_error)
            budget -= 1
        if soon:
            self._drop_dead_front()
        return budget

    def _run_due(self, now: float, budget: int, on_error: Callable[[ArmedCall, Exception], object]) -> int:
        heap = self.heap
        newer = self._sequence
        # A call armed by one of these callbacks waits for the next pass even when it is already due.
        while heap and heap[0][0] <= now and budget and heap[0][1] < newer:
            call = heapq.heappop(heap)[2]
            self._drop_dead_top()
            self.changed = True
            _call(call, on_error)
            budget -= 1
        return budget

    def _drop_dead_top(self) -> None:
        heap = self.heap
        while heap and heap[0][2].callback is None:
            heapq.heappop(heap)
            self._num_cancelled -= 1

    def _drop_dead_front(self) -> None:
        soon = self.soon
        while soon and soon[0].callback is None:
            soon.popleft()


def _call(call: ArmedCall, on_error: Callable[[ArmedCall, Exception], object]) -> None:
    callback = call.callback
    if callback is None:
        return
    args = call.args
    call.callback = None
    call.args = ()
    try:
        callback(*args)
    except Exception as exc:
        on_error(call, exc)
