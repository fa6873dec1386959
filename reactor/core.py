"""How the loop turns: what is due, what may end it, and libevent's run modes on a loop that only knows "forever".

uvloop runs callbacks of ready descriptors inside its poll, and its timers around it; everything else that is due here
(events, timers, posted calls) is queued and runs right after the poll, by priority.

* DEFAULT: the loop runs until nothing is left or somebody ends it.  Lone watches are called by the loop directly.
* NOWAIT is one *round*: the loop is run for a single poll through the open gate, then the gate is shut and what
  became due is run.  Timers expire after the poll, so a descriptor and a deadline due together give one callback.
* ONCE is rounds until something ran; between them the loop waits with the gate on probe, where the first thing that is
  ready ends the wait without being run.  Wake-ups of the loop itself therefore never count.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .active import ActiveItem, ActiveQueues
from .errors import ReactorBusy, ReactorClosed
from .flags import RunMode
from .handles.descriptor import DescriptorTable, Gate, Watch
from .handles.signals import listen_signal, unlisten_signal
from .handles.timer import Deadline, TimerQueue

if TYPE_CHECKING:
    from .event import Event

__all__ = ["Call", "LoopCore"]

ErrorHook = Callable[[str, BaseException], object]


class Call(Deadline):
    """One call to come, by time or as soon as possible."""

    __slots__ = ("_args", "_callback", "_core")

    def __init__(self, core: LoopCore, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        super().__init__()
        self._core = core
        self._callback: Callable[..., object] | None = callback
        self._args = args

    def cancel(self) -> None:
        """The call will not happen.  Repeatable, and harmless after it happened."""
        self._callback = None
        self._args = ()
        if self._ticket:
            self._core.timers.disarm(self)
            self._core.on_withdrawn()

    def expire(self) -> None:
        """For the timer queue: the moment has come."""
        self._core.activate(self, self._core.default_priority)

    def fire(self) -> None:
        """For the active queue: make the call."""
        callback, args = self._callback, self._args
        if callback is not None:
            self._callback, self._args = None, ()
            callback(*args)

    def __repr__(self) -> str:
        state = "armed" if self.is_armed else "done" if self._callback is None else "due"
        return f"<Call {state}>"


class LoopCore:
    """The machinery of one `Reactor`.  Only the thread that runs it may touch it, except `post` and `end`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, priorities: int, report: ErrorHook) -> None:
        self.loop = loop
        self.default_priority = priorities // 2
        self.active = ActiveQueues(priorities)
        self.timers = TimerQueue(loop, self._on_timers_due)
        self.descriptors = DescriptorTable(loop, self)
        self.num_unpolled = 0
        """Events without a descriptor that somebody may activate."""
        self.num_jobs = 0
        """Jobs on the pool whose result has not been told."""
        self.is_ending = False
        """Nothing more is to run in the run under way."""
        self.has_stopped = False
        """`stop` was called in this run, or the last one."""
        self.has_exited = False
        """`exit_later` came due in this run, or the last one."""
        self.report: ErrorHook = report
        self._lowest = priorities - 1
        self._signals: dict[int, list[Event]] = {}
        self._posted: deque[Deadline] = deque()
        self._is_posted = False
        self._is_scheduled = False
        self._is_checking = False
        self._is_turning_rounds = False
        self._has_run = False
        self._is_knocked = False
        self._is_halting = False
        self._keeps_on = False
        self._thread: int | None = None
        self._is_closed = False

    # -- running

    def run(self, mode: int) -> bool:
        """See `Reactor.run`."""
        if self._is_closed:
            raise ReactorClosed("the reactor is closed")
        if self._thread is not None:
            raise ReactorBusy("the reactor is running; run cannot be called from inside it")
        if asyncio._get_running_loop() is not None:
            raise ReactorBusy("another loop is running in this thread")
        self._thread = threading.get_ident()
        self.has_stopped = self.has_exited = False
        try:
            if mode & (RunMode.ONCE | RunMode.NOWAIT):
                return self._run_rounds(waits=not mode & RunMode.NOWAIT)
            return self._run_on(keeps_on=bool(mode & RunMode.NO_EXIT_ON_EMPTY))
        finally:
            self._thread = None
            self.is_ending = self._is_turning_rounds = self._keeps_on = False
            self.timers.ensure_alarm()
            if self.descriptors.gate is not Gate.DIRECT:
                self.descriptors.set_gate(Gate.OPEN)

    def end(self) -> None:
        """End the run under way before another callback starts.  Any thread; without effect between runs."""
        if self._thread is None:
            return
        if self.is_foreign_thread():
            self.post(Call(self, self.end, ()))
            return
        self.is_ending = self.has_stopped = True
        self.descriptors.set_gate(Gate.SHUT)
        self._halt()

    def exit(self) -> None:
        """End the run after what is due now."""
        self.has_exited = True

    def check_idle(self) -> None:
        """ReactorBusy while running."""
        if self._thread is not None or self.loop.is_running():
            raise ReactorBusy("the reactor is running")

    def is_foreign_thread(self) -> bool:
        """Another thread runs the loop now."""
        return self._thread is not None and self._thread != threading.get_ident()

    def close(self) -> None:
        """Withdraw everything and close the loop."""
        self._is_closed = True
        for events in list(self._signals.values()):
            for event in list(events):
                event.close()
        self.descriptors.close()
        self.timers.clear()
        self.active.clear()
        self._posted.clear()
        self.loop.close()

    # -- what becomes due

    def activate(self, item: ActiveItem, priority: int) -> None:
        """Run `item` soon."""
        self.active.push(item, priority)
        if self._is_turning_rounds:
            self.on_knock()
        elif not self._is_scheduled:
            self._is_scheduled = True
            self.loop.call_soon(self._run_active)

    def post(self, item: Deadline) -> None:
        """Expire `item` on the loop; any thread."""
        if self._is_closed:
            raise ReactorClosed("the reactor is closed")
        self._posted.append(item)
        if not self._is_posted:
            self._is_posted = True
            try:
                self.loop.call_soon_threadsafe(self._take_posted)
            except RuntimeError as exc:
                raise ReactorClosed("the reactor is closed") from exc

    def insert_signal(self, event: Event) -> None:
        """An event waits for its signal."""
        events = self._signals.get(event.fd)
        if events is None:
            listen_signal(event.fd, self._on_signal)
            events = self._signals[event.fd] = []
        events.append(event)

    def withdraw_signal(self, event: Event) -> None:
        """It no longer does."""
        events = self._signals[event.fd]
        events.remove(event)
        if not events:
            del self._signals[event.fd]
            unlisten_signal(event.fd, self._on_signal)

    # -- what the descriptors tell

    def watch(self, fd: int, mask: int, callback: Callable[[int], object]) -> Watch:
        """See `Reactor.watch`."""
        if self._is_closed:
            raise ReactorClosed("the reactor is closed")
        return self.descriptors.watch(fd, mask, callback)

    def on_knock(self) -> None:
        """Something is ready: a wait of ONCE is over."""
        self._is_knocked = True
        self._halt()

    def on_passed(self) -> None:
        """A watch is called."""
        self._has_run = True

    def on_withdrawn(self) -> None:
        """Something went: look, after the callback under way, whether nothing is left."""
        if self._thread is not None and not self._is_checking and not self.has_pending():
            self._is_checking = True
            self.loop.call_soon(self._check_empty)

    def has_pending(self) -> bool:
        """There is something to wait for or to run."""
        return bool(
            self.descriptors.num_watching
            or self.timers
            or self.active
            or self._posted
            or self._signals
            or self.num_jobs
            or self.num_unpolled
        )

    # -- private

    def _run_on(self, *, keeps_on: bool) -> bool:
        self._keeps_on = keeps_on
        self.descriptors.set_gate(Gate.DIRECT)
        while keeps_on or self.has_pending():
            if self.active and not self._is_scheduled:
                self._is_scheduled = True
                self.loop.call_soon(self._run_active)
            self._spin()
            if self.is_ending or self.has_exited or not self._is_knocked:
                return False  # the last: somebody stopped the loop underneath
        return True

    def _run_rounds(self, *, waits: bool) -> bool:
        self._is_turning_rounds = True
        while self.has_pending():
            self._turn_round()
            if not waits or self._has_run or self.is_ending or self.has_exited:
                return False
            if not self._wait_for_knock():
                return False
        return True

    def _turn_round(self) -> None:
        self._has_run = False
        self.descriptors.set_gate(Gate.OPEN)
        self._spin(once=True)
        if self.is_ending:
            return
        self.descriptors.set_gate(Gate.SHUT)
        self.timers.expire_due()
        if self.active:
            self.loop.call_soon(self._run_active_of_round)
            self._spin(once=True)

    def _wait_for_knock(self) -> bool:
        if self.active or not self.has_pending():
            return True
        self.timers.ensure_alarm()
        self.descriptors.set_gate(Gate.PROBE)
        self._spin()
        return self._is_knocked

    def _spin(self, *, once: bool = False) -> None:
        """Run the loop until `_halt`, or for a single poll."""
        self._is_knocked = self._is_halting = False
        if once:
            self._halt()
        self.loop.run_forever()

    def _halt(self) -> None:
        # uvloop queues each stop; one too many would end the next run.
        if not self._is_halting:
            self._is_halting = True
            self.loop.stop()

    def _run_active(self) -> None:
        self._is_scheduled = False
        if self._is_turning_rounds or not self.active:
            return
        lowest = self.active.most_urgent()
        self.active.run(lowest, self._should_stop, self.report)
        if self.is_ending:
            return
        if self.has_exited:
            self.descriptors.set_gate(Gate.SHUT)
            self._halt()
        elif self.active:
            if not self._is_scheduled:
                self._is_scheduled = True
                self.loop.call_soon(self._run_active)
        else:
            self.on_withdrawn()

    def _run_active_of_round(self) -> None:
        """Every priority; an exit lets its own and more urgent ones finish."""
        self._has_run = True
        for lowest in range(self._lowest + 1):
            self.active.run(lowest, self._should_stop, self.report)
            if self.is_ending or self.has_exited:
                return

    def _should_stop(self) -> bool:
        return self.is_ending

    def _on_timers_due(self) -> None:
        if self._is_turning_rounds:
            self.on_knock()
            return
        # One poll in between: a descriptor that became ready with the deadline joins it in one callback.
        is_first = not self._is_scheduled
        self._is_scheduled = True
        self.timers.expire_due()
        if is_first:
            self.loop.call_soon(self.loop.call_soon, self._run_active)

    def _take_posted(self) -> None:
        # Cleared before taking: what is appended after the last look is followed by a new post.
        self._is_posted = False
        while self._posted:
            self._posted.popleft().expire()

    def _check_empty(self) -> None:
        self._is_checking = False
        if not self._keeps_on and not self.has_pending():
            self.on_knock()

    def _on_signal(self, signum: int) -> None:
        """In the handler: only append and post."""
        if not self._is_closed:
            self.post(_SignalNote(self._signals.get(signum, [])))


class _SignalNote(Deadline):
    """A signal on its way from the handler to the events."""

    __slots__ = ("_events",)

    def __init__(self, events: list[Event]) -> None:
        super().__init__()
        self._events = events

    def expire(self) -> None:
        for event in tuple(self._events):
            event.on_signal()
