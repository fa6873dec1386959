"""Events: a descriptor, a signal or a deadline with a callback (libevent `event_new`).

Differences from libevent: a persistent event with a zero timeout fires once for it; descriptors and deadlines that become
due in one round give one callback with both flags; edge triggering and CLOSED are refused, libuv has neither.
An event belongs to its reactor's thread; others use `call_soon_threadsafe`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .errors import ReactorClosed, ReactorUsageError
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


class Event(Deadline):
    """Made by `Reactor.event`, idle until `add`.

    Without PERSIST it is no longer pending when its callback runs, and may be added again there.
    """

    __slots__ = (
        "_callback",
        "_core",
        "_interval",
        "_is_inserted",
        "_is_queued",
        "_num_signals",
        "_ready",
        "_watch",
        "fd",
        "flags",
        "priority",
    )

    def __init__(
        self, core: LoopCore, fd: int, flags: int, callback: EventCallback, *, priority: int
    ) -> None:
        super().__init__()
        if flags & _REFUSED:
            raise ReactorUsageError("libuv polls by level and has no CLOSED: ET and CLOSED are refused")
        if flags & EventFlags.SIGNAL and flags & (READ | WRITE):
            raise ReactorUsageError("an event is for a signal or for a descriptor, not both")
        self.fd = fd
        self.flags = EventFlags(flags)
        self.priority = priority
        self._core: LoopCore | None = core
        self._callback = callback
        self._watch: Watch | None = None
        self._is_inserted = False
        self._interval = 0.0
        self._ready = 0
        self._num_signals = 0
        self._is_queued = False

    def add(self, timeout: float | None = None) -> None:
        """Wait for what the flags say, and for `timeout` seconds if given; a running timeout is kept if not.

        A persistent event's timeout restarts whenever it fires.  OSError when the descriptor cannot be polled.
        """
        core = self._open_core()
        if timeout is not None and timeout < 0:
            raise ReactorUsageError(f"timeout of {timeout} s")
        self._insert(core)
        if timeout is None:
            return
        if self._ready & EventFlags.TIMEOUT:  # the new deadline stands for the one not yet told
            self._ready &= ~EventFlags.TIMEOUT
        self._interval = timeout if self.flags & EventFlags.PERSIST else 0.0
        core.timers.arm(self, time.monotonic() + timeout)

    def remove(self) -> None:
        """Wait for nothing; an activation not yet told is withdrawn.  Repeatable."""
        core = self._core
        if core is None:
            return
        self._ready = self._num_signals = 0
        if self._is_inserted:
            self._is_inserted = False
            self._withdraw(core)
        self.remove_timeout()

    def remove_timeout(self) -> None:
        """Drop the timeout and stay added for the rest.  Repeatable."""
        self._interval = 0.0
        if self._core is not None and self.is_armed:
            self._core.timers.disarm(self)
            self._core.on_withdrawn()

    def activate(self, flags: int) -> None:
        """Make it due with these flags, whether it is pending or not.  Several activations are told as one."""
        core = self._open_core()
        self._ready |= flags
        if self._ready and not self._is_queued:
            self._is_queued = True
            core.activate(self, self.priority)

    def close(self) -> None:
        """Remove it for good.  Repeatable."""
        self.remove()
        self._core = None

    @property
    def pending(self) -> EventFlags:
        """What it waits for (TIMEOUT included) and what is due but not yet told; false when idle."""
        flags = self._ready
        if self._is_inserted:
            flags |= self.flags & (READ | WRITE | EventFlags.SIGNAL)
        if self.is_armed:
            flags |= EventFlags.TIMEOUT
        return _FLAGS[flags & 0xFF]

    def expire(self) -> None:
        """For the timer queue: the deadline has come."""
        self.activate(EventFlags.TIMEOUT)

    def on_signal(self) -> None:
        """For the reactor: the signal came once more.  Each time is told."""
        self._num_signals += 1
        self.activate(EventFlags.SIGNAL)

    def fire(self) -> None:
        """For the active queue: tell the callback."""
        self._is_queued = False
        ready, self._ready = self._ready, 0
        if not ready or self._core is None:
            return
        num_calls, self._num_signals = max(1, self._num_signals), 0
        if self.flags & EventFlags.PERSIST:
            self._restart_interval(self._core, ready)
        else:
            self.remove()
        if num_calls == 1:
            self._callback(self.fd, _FLAGS[ready & 0xFF])
        else:
            self._fire_each(self._core, num_calls)

    def __repr__(self) -> str:
        state = "closed" if self._core is None else self.pending.name or "idle"
        return f"<Event fd={self.fd} {state}>"

    def _open_core(self) -> LoopCore:
        if self._core is None:
            raise ReactorClosed("the event is closed")
        return self._core

    def _insert(self, core: LoopCore) -> None:
        if self._is_inserted or not self.flags & (READ | WRITE | EventFlags.SIGNAL):
            return
        if self.flags & EventFlags.SIGNAL:
            core.insert_signal(self)
        elif self.fd >= 0:
            self._watch = core.watch(self.fd, self.flags & (READ | WRITE), self.activate)
        else:  # never polled, but its owner means to activate it: the loop waits for that
            core.num_unpolled += 1
        self._is_inserted = True

    def _withdraw(self, core: LoopCore) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        elif self.flags & EventFlags.SIGNAL:
            core.withdraw_signal(self)
        else:
            core.num_unpolled -= 1
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
        try:
            while self._num_signals and not core.is_ending:
                self._num_signals -= 1
                self._callback(self.fd, EventFlags.SIGNAL)
        finally:
            self._num_signals = 0
