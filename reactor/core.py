"""How the loop turns: what is due, what may end it, and libevent's run modes on a loop that only knows "forever".

uvloop runs callbacks of ready descriptors inside its poll, and its timers around it; everything else that is due here
(events, timers, posted calls) is queued and runs right after the poll, by priority.

* DEFAULT: the loop runs until nothing is left or somebody ends it.  Lone watches are called by the loop directly.
* NOWAIT is one *round*: the loop is run for a single poll through the open gate, then the gate is shut and what
  became due is run.  Timers expire after the poll, so a descriptor and a deadline due together give one callback.
* ONCE is rounds until something ran; between them the loop waits with the gate on probe, where the first thing that is
  ready ends the wait without being run.  Wake-ups of the loop itself therefore never count.
* With hooks around the poll every mode is rounds.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, SupportsIndex

from .active import ActiveItem, ActiveQueues
from .arguments import descriptor_of, is_integer
from .call import Call
from .clock import RoundClock
from .errors import ReactorBusy, ReactorClosed, ReactorUsageError
from .flags import RunMode
from .fork import forget_forkable, register_forkable, sever
from .handles.descriptor import DescriptorTable, Gate, Watch
from .handles.signal_table import SignalTable
from .handles.timer import TimerQueue
from .hooks import PollHooks
from .orders import Orders
from .passive import PassiveEvents
from .statistics import Gauge

if TYPE_CHECKING:
    from .event import Event

__all__ = ["LoopCore"]

ErrorHook = Callable[[str, BaseException], object]

_abandoned: list[asyncio.AbstractEventLoop] = []
"""Loops a vanished thread was running when the process was forked: they can be neither closed nor let go of."""

_MODES = int(RunMode.ONCE | RunMode.NOWAIT | RunMode.NO_EXIT_ON_EMPTY)


class LoopCore:
    """The machinery of one `Reactor`.  Only the thread that runs it may touch it, except `orders` and `end`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, priorities: int, report: ErrorHook) -> None:
        self.loop = loop
        self.default_priority = priorities // 2
        self.active = ActiveQueues(priorities)
        self.timers = TimerQueue(loop, self._on_timers_due)
        self.descriptors = DescriptorTable(loop, self)
        self.orders = Orders(self)
        self.signals = SignalTable(self.orders.post)
        self.passive = PassiveEvents()
        self.hooks = PollHooks(self._on_hooks_changed)
        self.clock = RoundClock(self._before_next_poll)
        self.jobs = Gauge()
        """Jobs on the pool whose result has not been told."""
        self.running_event: Event | None = None
        """Whose callback is under way."""
        self.is_ending = False
        """Nothing more is to run in the run under way."""
        self.has_stopped = False
        """`stop` was called since the last run began."""
        self.has_exited = False
        """`exit_later` came due since the last run began."""
        self.is_closed = False
        self.is_forked = False
        """This is a child's copy that has no loop of its own yet."""
        self.report: ErrorHook = report
        self._is_scheduled = False
        self._is_checking = False
        self._is_turning_rounds = False
        self._is_repolling = False
        self._has_run = False
        self._is_knocked = False
        self._is_halting = False
        self._keeps_on = False
        self._thread: int | None = None
        self._num_runs = 0
        register_forkable(self)

    # -- running

    def run(self, mode: int) -> bool:
        """See `Reactor.run`."""
        if not is_integer(mode) or mode & ~_MODES:
            raise ReactorUsageError(f"mode is made of RunMode, not {mode!r}")
        self._begin()
        try:
            self._keeps_on = bool(mode & RunMode.NO_EXIT_ON_EMPTY)
            if mode & (RunMode.ONCE | RunMode.NOWAIT):
                is_empty = self._run_rounds(waits=not mode & RunMode.NOWAIT)
            else:
                is_empty = self._run_on()
            self._check_not_forked()
            return is_empty
        finally:
            with self.orders.lock:  # whoever comes later acts by itself
                self._thread = None
                self.is_ending = self._is_turning_rounds = self._keeps_on = self._is_repolling = False
                self.clock.forget()
                self.timers.ensure_alarm()
                if self.descriptors.gate is not Gate.DIRECT:
                    self.descriptors.set_gate(Gate.OPEN)
                self.orders.take()

    def end(self) -> None:
        """End the run under way before another callback starts.  Any thread; without effect between runs."""
        if self.is_closed:
            return
        if self.is_elsewhere():
            self.orders.post(Call(self, self._end_run, (self._num_runs,)))
            return
        self.has_stopped = True
        if self._thread is not None:
            self.is_ending = True
            self.descriptors.set_gate(Gate.SHUT)
            self._halt()

    def exit(self) -> None:
        """End the run after what is due now."""
        self.has_exited = True

    def repoll(self) -> None:
        """Leave the rest of this pass for after another poll."""
        self._is_repolling = True

    def close(self) -> None:
        """Withdraw everything and close the loop."""
        self.active.clear()
        self.is_closed = True
        forget_forkable(self)
        self.descriptors.close()
        self.timers.clear()
        self.hooks.clear()
        self.orders.close()
        self.loop.close()

    # -- which thread

    def check_idle(self) -> None:
        """ReactorBusy while running."""
        if self.is_running():
            raise ReactorBusy("the reactor is running")

    def is_running(self) -> bool:
        """Some thread runs the loop."""
        return self._thread is not None or self.loop.is_running()

    def is_here(self) -> bool:
        """This thread runs the loop now."""
        if self._thread is not None:
            return self._thread == threading.get_ident()
        return asyncio._get_running_loop() is self.loop

    def is_elsewhere(self) -> bool:
        """Another thread runs the loop now."""
        if self._thread is not None:
            return self._thread != threading.get_ident()
        return self.loop.is_running() and asyncio._get_running_loop() is not self.loop

    def check_open(self) -> None:
        """ReactorClosed."""
        if self.is_closed:
            raise ReactorClosed("the reactor is closed")

    def check_thread(self) -> None:
        """ReactorClosed, or ReactorUsageError when another thread runs the loop."""
        if self.is_closed:
            raise ReactorClosed("the reactor is closed")
        if self._thread is not None and self._thread != threading.get_ident():
            raise ReactorUsageError("another thread runs the reactor; use call_soon_threadsafe")

    # -- fork

    def on_forked(self) -> None:
        """In the child: share nothing with the parent.  The thread that forked is the only one here."""
        self.is_forked = True
        sever(self.loop)
        self.orders.mute()
        if self._thread == threading.get_ident():
            self.is_ending = True  # until `move`: the run must not go on in the void
            self._halt()
        else:  # the thread that ran it, if any, exists in the parent only
            self._thread = None
            self.is_ending = self._is_turning_rounds = self._keeps_on = False

    def move(self, loop: asyncio.AbstractEventLoop) -> None:
        """Go on with another loop; the old one is closed, after the callback under way if there is one."""
        old, self.loop = self.loop, loop
        self.is_forked = False
        self.jobs.value = 0  # their threads, and so their results, are the parent's
        self.descriptors.move(loop)
        self.timers.move(loop)
        self.orders.resume()
        self._is_checking = False
        self._is_scheduled = False
        self._is_knocked = True
        self.is_ending = self._thread is not None and self.has_stopped
        if self.active and not self._is_turning_rounds:
            self._schedule()
        if not old.is_running():
            old.close()
        elif self._thread is None:
            _abandoned.append(old)

    # -- what becomes due

    def activate(self, item: ActiveItem, priority: int) -> None:
        """Run `item` soon."""
        self.active.push(item, priority)
        if self._is_turning_rounds:
            self.on_knock()
        elif not self._is_scheduled:
            self._is_scheduled = True
            self.loop.call_soon(self._run_active)

    def check_priority(self, priority: int) -> int:
        """ReactorUsageError when there is no such queue."""
        if not is_integer(priority) or not 0 <= priority < self.active.priorities:
            raise ReactorUsageError(f"priority {priority!r} of {self.active.priorities}")
        return priority

    # -- what the descriptors tell

    def watch(self, fd: SupportsIndex, mask: int, callback: Callable[[int], object]) -> Watch:
        """See `Reactor.watch`."""
        self.check_thread()
        return self.descriptors.watch(descriptor_of(fd), mask, callback)

    def on_knock(self) -> None:
        """Something is ready: a wait is over."""
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
            self.descriptors.gauge.value
            or self.timers.gauge.value
            or self.active.gauge.value
            or self.orders.queue
            or self.signals.gauge.value
            or self.jobs.value
            or self.passive.gauge.value
        )

    # -- private

    def _begin(self) -> None:
        self.check_open()
        self._check_not_forked()
        with self.orders.lock:
            if self._thread is not None:
                raise ReactorBusy("the reactor is running; run cannot be called from inside it")
            if asyncio._get_running_loop() is not None:
                raise ReactorBusy("another loop is running in this thread")
            if self.loop.is_running():
                raise ReactorBusy("another thread runs the loop underneath")
            self._thread = threading.get_ident()
            self._num_runs += 1
            self.has_stopped = self.has_exited = False

    def _check_not_forked(self) -> None:
        if self.is_forked:
            raise ReactorUsageError(
                "the process was forked; call reinit before the reactor runs in the child"
            )

    def _end_run(self, number: int) -> None:
        """A stop asked for by another thread: it ends the run it was meant for and no other."""
        if number == self._num_runs:
            self.end()

    def _is_stopped(self) -> bool:
        return self.is_ending

    def _is_over(self) -> bool:
        return self.is_ending or self.has_exited

    def _has_reason(self) -> bool:
        return self._keeps_on or self.has_pending()

    def _run_on(self) -> bool:
        while self._has_reason():
            if self.hooks:
                self._is_turning_rounds = True
                goes_on = self._turn_round(waits=True, lowest=None)
            else:
                goes_on = self._run_directly()
            if not goes_on or self._is_over():
                return False
        return True

    def _run_directly(self) -> bool:
        """False: somebody stopped the loop underneath."""
        self._is_turning_rounds = False
        self.descriptors.set_gate(Gate.DIRECT)
        if self.active and not self._is_scheduled:
            self._schedule()
        self._spin()
        return self._is_knocked or self.is_ending or self.has_exited

    def _run_rounds(self, *, waits: bool) -> bool:
        self._is_turning_rounds = True
        while self._has_reason():
            if not self._turn_round(waits=waits and bool(self.hooks), lowest=self.active.priorities - 1):
                return False
            if not waits or self._is_over() or (self._has_run and not self.active.was_cut):
                return False
            if not self._has_run and not self.hooks and not self._wait_for_knock():
                return False
        return True

    def _turn_round(self, *, waits: bool, lowest: int | None) -> bool:
        """One poll and what comes of it.  False: somebody stopped the loop underneath while it waited."""
        self._has_run = False
        if self.hooks:
            self.hooks.run_before(self.report)
        if waits and not self._is_over() and not self._wait_for_knock():
            return False
        if self._is_stopped():
            return True
        self.descriptors.set_gate(Gate.OPEN)
        self._spin(once=True)
        if self._is_stopped():
            return True
        self.descriptors.set_gate(Gate.SHUT)
        if self.hooks:
            self.hooks.run_after(self.report)
        self.timers.expire_due()
        if self.active and not self._is_stopped():
            self.loop.call_soon(self._run_active_of_round, lowest)
            self._spin(once=True)
        return True

    def _wait_for_knock(self) -> bool:
        if self.active or not self._has_reason():
            return True
        self.timers.ensure_alarm()
        self.descriptors.set_gate(Gate.PROBE)
        self._spin()
        return self._is_knocked

    def _spin(self, *, once: bool = False) -> None:
        """Run the loop until `_halt`, or for a single poll."""
        loop = self.loop
        self._is_knocked = self._is_halting = False
        if once:
            self._halt()
        loop.run_forever()
        if loop is not self.loop:  # `move` in a callback: what the child inherited has ended here
            loop.close()

    def _halt(self) -> None:
        # uvloop queues each stop; one too many would end the next run.
        if not self._is_halting:
            self._is_halting = True
            self.loop.stop()

    def _schedule(self) -> None:
        self._is_scheduled = True
        self.loop.call_soon(self._run_active)

    def _schedule_after_poll(self) -> None:
        self._is_scheduled = True
        if isinstance(self.loop, asyncio.BaseEventLoop):
            # The stock loop queues what its poll found behind what was queued before.
            self.loop.call_soon(self.loop.call_soon, self._run_active)
        else:
            self.loop.call_soon(self._run_active)

    def _run_active(self) -> None:
        active = self.active
        if self._is_turning_rounds or not active.gauge.value:
            self._is_scheduled = False
            return
        try:
            self._run_pass(active.most_urgent())
        finally:
            self._is_scheduled = False
        if self.is_ending:
            return
        if self.has_exited:
            self.descriptors.set_gate(Gate.SHUT)
            self._halt()
        elif active.gauge.value:
            self._schedule_after_poll()
        else:
            self.on_withdrawn()

    def _run_active_of_round(self, lowest: int | None) -> None:
        """Up to priority `lowest`, by default the most urgent; an exit lets its own and more urgent ones finish."""
        if not self.active:
            return
        self._has_run = True
        first = self.active.most_urgent()
        was_cut = False
        for priority in range(first, first + 1 if lowest is None else lowest + 1):
            is_repolling = self._run_pass(priority)
            was_cut = was_cut or self.active.was_cut
            if is_repolling or self.is_ending or self.has_exited:
                break
        self.active.was_cut = was_cut

    def _run_pass(self, lowest: int) -> bool:
        """True: `repoll` was called."""
        self._is_repolling = False
        self.clock.value = time.monotonic()
        self.active.run(lowest, self._should_stop, self.report)
        self.clock.value = None
        is_repolling, self._is_repolling = self._is_repolling, False
        return is_repolling

    def _should_stop(self) -> bool:
        return self.is_ending or self._is_repolling

    def _before_next_poll(self, function: Callable[[], object]) -> None:
        if self.is_here():
            self.loop.call_soon(function)
        else:
            function()

    def _on_hooks_changed(self) -> None:
        if self._thread is not None and bool(self.hooks) != self._is_turning_rounds:
            self.on_knock()

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

    def _check_empty(self) -> None:
        self._is_checking = False
        if not self._keeps_on and not self.has_pending():
            self.on_knock()
