"""Events: a descriptor, a signal or a deadline with a callback (libevent `event_new`).

Differences from libevent: a persistent event with a zero timeout fires once for it; descriptors and deadlines that become
due in one round give one callback with both flags; edge triggering and CLOSED are refused, libuv has neither.

Events may be used from any thread.  Their callbacks run on the thread that runs the reactor; calls from others are
carried out there, in order, and wait for it where the caller must know: a refused descriptor, an event removed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .arguments import check_callback, is_integer, seconds_of
from .errors import ReactorBusy, ReactorClosed, ReactorUsageError
from .flags import READ, WRITE, EventFlags
from .handles.timer import Deadline

if TYPE_CHECKING:
    from .core import LoopCore
    from .handles.descriptor import Watch

__all__ = ["Event", "EventCallback"]

EventCallback = Callable[[int, EventFlags], object]
"""Gets (descriptor or signal number, what happened)."""

_FLAGS = tuple(map(EventFlags, range(256)))
_REFUSED = EventFlags.ET | EventFlags.CLOSED
_INSERTED = READ | WRITE | EventFlags.SIGNAL


class Event(Deadline):
    """Made by `Reactor.event`, idle until `add`.

    Without PERSIST it is no longer pending when its callback runs, and may be added again there.
    """

    __slots__ = (
        "_callback",
        "_core",
        "_finalizer",
        "_interval",
        "_is_inserted",
        "_is_queued",
        "_num_leaving",
        "_num_signals",
        "_priority",
        "_ready",
        "_watch",
        "fd",
        "flags",
    )

    def __init__(
        self, core: LoopCore, fd: int, flags: int, callback: EventCallback, *, priority: int
    ) -> None:
        super().__init__()
        check_callback(callback)
        check_flags(flags)
        self.fd = fd
        self.flags = EventFlags(flags)
        self._priority = core.check_priority(priority)
        self._core: LoopCore | None = core
        self._callback = callback
        self._finalizer: Callable[[Event], object] | None = None
        self._watch: Watch | None = None
        self._is_inserted = False
        self._interval = 0.0
        self._ready = 0
        self._num_signals = 0
        self._num_leaving = 0  # removals that other threads asked for and the loop has not seen
        self._is_queued = False

    # -- commands, from any thread

    def add(self, timeout: float | None = None) -> None:
        """Wait for what the flags say, and for `timeout` seconds if given; a running timeout is kept if not.

        A persistent event's timeout restarts whenever it fires.  OSError when the descriptor cannot be polled, and then
        nothing was added.  Another thread waits until the loop has it, except for a mere deadline.
        """
        core = self._open_core()
        when = None
        if timeout is not None:
            timeout = seconds_of("timeout", timeout)
            if timeout < 0:
                raise ReactorUsageError(f"timeout of {timeout} s")
            when = time.monotonic() + timeout
        if core.is_here():
            self._add(timeout, when)
        else:
            core.orders.carry_out(self._add, timeout, when, waits=bool(self.flags & _INSERTED))

    def remove(self, *, wait: bool = True) -> None:
        """Wait for nothing; an activation not yet told is withdrawn.  Repeatable.

        From another thread: no callback starts any more, and one under way has ended when this returns; then the
        descriptor may be closed.  `wait=False` promises the first only.  Waiting for a loop that waits for this thread
        would never end.
        """
        core = self._core
        if core is None or core.is_closed:
            return
        if core.is_here():
            self._remove()
        else:
            with core.orders.lock:
                self._num_leaving += 1
            core.orders.carry_out(self._leave, waits=wait)

    def remove_timeout(self) -> None:
        """Drop the timeout and stay added for the rest.  Repeatable."""
        core = self._core
        if core is None or core.is_closed:
            return
        if core.is_here():
            self._remove_timeout()
        else:
            core.orders.carry_out(self._remove_timeout, waits=False)

    def activate(self, flags: int) -> None:
        """Make it due with these flags, whether it is pending or not.  Several activations are told as one."""
        core = self._open_core()
        if core.is_here():
            self._activate(flags)
        else:
            core.orders.carry_out(self._activate, flags, waits=False)

    def finalize(self, finalizer: Callable[[Event], object]) -> None:
        """Remove it for good and call `finalizer(event)` in the loop, at its priority, once; the callback runs no more.

        Whatever is asked of the event from now on is ignored.  A reactor that closes first calls the finalizer then.
        """
        check_callback(finalizer, "finalizer")
        core = self._open_core()
        if core.is_here():
            self._finalize(finalizer)
        else:
            core.orders.carry_out(self._finalize, finalizer, waits=False)

    def close(self) -> None:
        """Remove it for good.  Repeatable."""
        if self._finalizer is None:
            self.remove()
            self._core = None

    # -- questions

    @property
    def pending(self) -> EventFlags:
        """What it waits for (TIMEOUT included) and what is due but not yet told; false when idle."""
        flags = self._ready
        if self._is_inserted:
            flags |= self.flags & _INSERTED
        if self.is_armed:
            flags |= EventFlags.TIMEOUT
        return _FLAGS[flags & 0xFF]

    @property
    def priority(self) -> int:
        """0 is the most urgent.  Cannot be changed while it is due (ReactorBusy)."""
        return self._priority

    @priority.setter
    def priority(self, value: int) -> None:
        core = self._open_core()
        value = core.check_priority(value)
        if self._ready:
            raise ReactorBusy("the priority of an event that is due cannot be changed")
        self._priority = value

    # -- for the reactor

    def expire(self) -> None:
        """The deadline has come."""
        self._activate(EventFlags.TIMEOUT)

    def on_signal(self) -> None:
        """The signal came once more.  Each time is told."""
        self._num_signals += 1
        self._activate(EventFlags.SIGNAL)

    def fire(self) -> None:
        """Tell the callback."""
        self._is_queued = False
        core = self._core
        if core is None:
            return
        if self._finalizer is not None:
            self._run_finalizer(core)
            return
        core.running_event = (
            self  # before the look at what other threads removed: they look the other way round
        )
        try:
            ready, self._ready = self._ready, 0
            if not ready or self._num_leaving:
                return
            num_calls, self._num_signals = max(1, self._num_signals), 0
            if self.flags & EventFlags.PERSIST:
                self._restart_interval(core, ready)
            else:
                self._remove()
            if num_calls == 1:
                self._callback(self.fd, _FLAGS[ready & 0xFF])
            else:
                self._fire_each(core, num_calls)
        finally:
            core.running_event = None

    def drop(self) -> None:
        """The reactor closes: nothing is told, but a finalizer still runs."""
        self._is_queued = False
        if self._finalizer is not None and self._core is not None:
            try:
                self._run_finalizer(self._core)
            except Exception as exc:  # the border of the loop
                if self._core is not None:
                    self._core.report("exception in a finalizer", exc)

    def __repr__(self) -> str:
        state = "closed" if self._core is None else self.pending.name or "idle"
        return f"<Event fd={self.fd} {state}>"

    # -- on the loop's thread

    def _open_core(self) -> LoopCore:
        if self._core is None:
            raise ReactorClosed("the event is closed")
        if self._core.is_closed:
            raise ReactorClosed("the reactor is closed")
        return self._core

    def _add(self, timeout: float | None, when: float | None) -> None:
        core = self._open_core()
        if self._finalizer is not None:
            return
        self._insert(core)
        if timeout is None or when is None:
            return
        if self._ready & EventFlags.TIMEOUT:  # the new deadline stands for the one not yet told
            self._ready &= ~EventFlags.TIMEOUT
        self._interval = timeout if self.flags & EventFlags.PERSIST else 0.0
        core.timers.arm(self, when)

    def _remove(self) -> None:
        core = self._core
        self._ready = self._num_signals = 0
        if core is not None and self._is_inserted:
            self._is_inserted = False
            self._withdraw(core)
        self._remove_timeout()

    def _leave(self) -> None:
        self._num_leaving -= 1
        self._remove()

    def _remove_timeout(self) -> None:
        self._interval = 0.0
        if self._core is not None and self.is_armed:
            self._core.timers.disarm(self)
            self._core.on_withdrawn()

    def _activate(self, flags: int) -> None:
        core = self._core
        if core is None or self._finalizer is not None:
            return
        self._ready |= flags & 0xFF
        if self._ready and not self._is_queued:
            self._is_queued = True
            core.activate(self, self._priority)

    def _finalize(self, finalizer: Callable[[Event], object]) -> None:
        core = self._open_core()
        if self._finalizer is not None:
            return
        self._remove()
        self._finalizer = finalizer
        if not self._is_queued:
            self._is_queued = True
            core.activate(self, self._priority)

    def _run_finalizer(self, core: LoopCore) -> None:
        finalizer = self._finalizer
        self._finalizer = _is_final  # still ignores whatever is asked of it
        if finalizer is not None and finalizer is not _is_final:
            finalizer(self)

    def _insert(self, core: LoopCore) -> None:
        if self._is_inserted or not self.flags & _INSERTED:
            return
        if self.flags & EventFlags.SIGNAL:
            core.signals.insert(self)
        elif self.fd >= 0:
            self._watch = core.watch(self.fd, self.flags & (READ | WRITE), self._activate)
        else:  # never polled, but its owner means to activate it: the loop waits for that
            core.passive.insert(self)
        self._is_inserted = True

    def _withdraw(self, core: LoopCore) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        elif self.flags & EventFlags.SIGNAL:
            core.signals.withdraw(self)
        else:
            core.passive.withdraw(self)
        core.on_withdrawn()

    def _restart_interval(self, core: LoopCore, ready: int) -> None:
        if not self._interval:
            return
        # By time: from the deadline before, so there is no drift; ticks that were missed are not replayed.
        now = time.monotonic()
        when = (self.when if ready & EventFlags.TIMEOUT else now) + self._interval
        core.timers.arm(self, when if when >= now else now + self._interval)

    def _fire_each(self, core: LoopCore, num_calls: int) -> None:
        """The same signal came several times: one callback each, until one removes the event or stops the loop."""
        self._num_signals = num_calls
        while self._num_signals and not core.is_ending and not self._num_leaving:
            self._num_signals -= 1
            try:
                self._callback(self.fd, EventFlags.SIGNAL)
            except Exception as exc:  # the border of the loop: the others are still told
                core.report("exception in a callback of the reactor", exc)
        self._num_signals = 0


def check_flags(flags: int) -> None:
    """Refuse what cannot be honoured: ReactorUsageError."""
    if not is_integer(flags) or flags & ~0xFF:
        raise ReactorUsageError(f"flags are made of EventFlags, not {flags!r}")
    if flags & _REFUSED:
        raise ReactorUsageError("flags: libuv polls by level and has no CLOSED: ET and CLOSED are refused")
    if flags & EventFlags.SIGNAL and flags & (READ | WRITE):
        raise ReactorUsageError("flags: an event is for a signal or for a descriptor, not both")


def _is_final(event: Event) -> None:
    """Stands for a finalizer that has run."""
