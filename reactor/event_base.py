"""The half of a reactor that libevent calls an event base: running, ending, events, hooks, numbers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import SupportsIndex, TypeVar

from .active import DispatchLimit
from .arguments import check_callback, is_integer, number_of, seconds_of
from .call import Call
from .core import LoopCore
from .errors import ReactorBusy, ReactorUsageError
from .event import Event, EventCallback
from .flags import READ, WRITE, EventFlags, RunMode
from .hooks import Hook
from .pending import activate_descriptor, activate_signal, events_of, statistics_of
from .statistics import ReactorStatistics

__all__ = ["MAX_PRIORITIES", "EventBase"]

MAX_PRIORITIES = 255
"""As libevent's EVENT_MAX_PRIORITIES, less one."""

_ONCE_FLAGS = READ | WRITE | int(EventFlags.TIMEOUT)

T = TypeVar("T")


class EventBase:
    """What `Reactor` has of libevent.  It is made and closed there."""

    _core: LoopCore

    # -- running

    def run(self, mode: int = RunMode.DEFAULT) -> bool:
        """Run as far as `mode` says.  True: it ended because nothing was pending or active; False: for another reason.

        That is libevent's 1 and 0.  Its -1 is an exception: ReactorBusy from inside a callback, ReactorClosed.
        """
        return self._core.run(mode)

    def stop(self) -> None:
        """End the run under way as soon as the callback under way returns; the rest stays due for the next run.

        Any thread.  Without effect when nothing runs (libevent `event_base_loopbreak`).
        """
        self._core.end()

    def exit_later(self, delay: float = 0.0) -> None:
        """End the run, or the next one, `delay` seconds from now, after what is due by then (`event_base_loopexit`).

        Any thread.  Several may be armed; each ends the run it falls into.  An exit is itself due at the default
        priority: less urgent callbacks do not run before it.
        """
        core = self._core
        delay = seconds_of("delay", delay)
        call = Call(core, core.exit, ())
        if delay <= 0:
            if core.is_elsewhere():
                core.orders.post(call)
            else:
                call.expire()
        else:
            core.orders.carry_out(core.timers.arm, call, time.monotonic() + delay, waits=False)

    def repoll(self) -> None:
        """From a callback: poll, without waiting, before the rest of what is due, then choose by priority again.

        That is libevent's `event_base_loopcontinue`.  What was due stays due.
        """
        self._core.repoll()

    def limit_dispatch(
        self,
        max_callbacks: int | None = None,
        *,
        max_interval: float | None = None,
        min_priority: int = 1,
    ) -> None:
        """Poll again after so many callbacks or seconds, though more are due.  Without either: no limit.

        Priorities more urgent than `min_priority` are never cut; with a single priority it has to be 0 to matter.
        """
        if max_callbacks is not None and (not is_integer(max_callbacks) or max_callbacks < 1):
            raise ReactorUsageError(f"max_callbacks must be at least 1, not {max_callbacks!r}")
        if max_interval is not None and seconds_of("max_interval", max_interval) < 0:
            raise ReactorUsageError(f"max_interval must not be negative, not {max_interval}")
        is_none = max_callbacks is None and max_interval is None
        self._core.active.limit = (
            None if is_none else DispatchLimit(max_callbacks, max_interval, min_priority)
        )

    def before_poll(self, callback: Callable[[], object]) -> Hook:
        """Call `callback()` before every poll, in the order of registration, until the result is closed.

        `next_timeout` tells there how long the poll may take.  A hook does not keep the reactor running.
        """
        self._core.check_thread()
        check_callback(callback)
        return self._core.hooks.before_poll(callback)

    def after_poll(self, callback: Callable[[], object]) -> Hook:
        """The same after every poll: watches have been called, timers and events have not."""
        self._core.check_thread()
        check_callback(callback)
        return self._core.hooks.after_poll(callback)

    # -- events

    def event(
        self,
        fd: SupportsIndex,
        flags: int,
        callback: EventCallback,
        *,
        priority: int | None = None,
    ) -> Event:
        """A new event, idle until `add`.  `fd` is a signal's number with SIGNAL, -1 for a deadline only.

        `priority` defaults to the middle.  Descriptors are made non-blocking when they are polled.  In its callback
        `running_event` is the event itself.
        """
        core = self._core
        core.check_open()
        if priority is None:
            priority = core.default_priority
        return Event(core, number_of("fd", fd), flags, callback, priority=priority)

    def once(
        self, fd: SupportsIndex, flags: int, callback: EventCallback, timeout: float | None = None
    ) -> Event:
        """Call `callback` a single time, for what the flags say; nothing has to be kept (`event_base_once`).

        Flags are READ, WRITE and TIMEOUT, at least one.  TIMEOUT alone without a delay means the next round, in the
        order of these calls.
        """
        if not is_integer(flags) or not flags & _ONCE_FLAGS or flags & ~_ONCE_FLAGS:
            raise ReactorUsageError(f"flags of once are READ, WRITE, TIMEOUT, at least one, not {flags!r}")
        event = self.event(fd, flags & (READ | WRITE), callback)
        if not flags & (READ | WRITE) and not timeout:
            event.activate(EventFlags.TIMEOUT)
        else:
            event.add(timeout)
        return event

    def signal(self, signum: int, callback: EventCallback) -> Event:
        """Call `callback(signum, EventFlags.SIGNAL)` each time the signal comes.  From the main thread; `close` the result."""
        event = self.event(signum, EventFlags.SIGNAL | EventFlags.PERSIST, callback)
        event.add()
        return event

    def activate_descriptor(self, fd: int, flags: int) -> None:
        """Make the added events of a descriptor due, with what they wait for of `flags`.  None there: nothing.

        Any thread.
        """
        self._carry_out(activate_descriptor, fd, flags)

    def activate_signal(self, signum: int) -> None:
        """Make the added events of a signal due, as if it had come.  None there: nothing.  Any thread."""
        self._carry_out(activate_signal, signum)

    def foreach_event(self, visit: Callable[[Event], T]) -> T | None:
        """Visit every event pending or due, idle ones not, until `visit` returns something true, and return that.

        The visited are taken before the first visit, so events may come and go meanwhile.
        """
        for event in events_of(self._core):
            if result := visit(event):
                return result
        return None

    def set_priorities(self, priorities: int) -> None:
        """Change the number of priorities, and with it the default.  ReactorBusy while something is due.

        Events made before keep theirs; those less urgent than the last now count as the last.
        """
        check_priorities(priorities)
        if self._core.active:
            raise ReactorBusy("priorities cannot be changed while something is due")
        self._core.active.resize(priorities)
        self._core.default_priority = priorities // 2

    # -- questions

    @property
    def priorities(self) -> int:
        """How many there are."""
        return self._core.active.priorities

    @property
    def running_event(self) -> Event | None:
        """The event whose callback is under way."""
        return self._core.running_event

    @property
    def got_exit(self) -> bool:
        """`exit_later` came due since the run under way, or the last one, began."""
        return self._core.has_exited

    @property
    def got_stop(self) -> bool:
        """`stop` was called since the run under way, or the last one, began."""
        return self._core.has_stopped

    def next_timeout(self) -> float | None:
        """Seconds the next poll may wait: 0 when something is due, None when only readiness can end it."""
        if self._core.active or self._core.orders.queue:
            return 0.0
        when = self._core.timers.next_when()
        return None if when is None else max(0.0, when - time.monotonic())

    def cached_time(self) -> float:
        """The time of the round under way, the same for each of its callbacks; on the same clock as `time`."""
        return self._core.clock.now()

    def refresh_cached_time(self) -> float:
        """Take the time anew for the rest of the round."""
        return self._core.clock.refresh()

    def statistics(self, *, reset: bool = False) -> ReactorStatistics:
        """What is waited for, due and under way, now and at most; `reset` starts the maxima again from now.  Any thread."""
        return statistics_of(self._core, reset=reset)

    def _carry_out(self, function: Callable[..., object], *args: object) -> None:
        core = self._core
        core.check_open()
        if core.is_here():
            function(core, *args)
        else:
            core.orders.carry_out(function, core, *args, waits=False)


def check_priorities(priorities: int) -> None:
    """ReactorUsageError unless there can be so many."""
    if not is_integer(priorities) or not 1 <= priorities <= MAX_PRIORITIES:
        raise ReactorUsageError(f"priorities go from 1 to {MAX_PRIORITIES}, not {priorities!r}")
