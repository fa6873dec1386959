"""One host's loop, with the surface of the real one, in virtual time.

A turn runs the calls that are due and tells each watch that is ready, once.  What is still ready afterwards gets another
turn `TURN` seconds later, so that code which polls for ever moves the clock instead of stopping it.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import ReactorClosed, ReactorUsageError
from ..flags import READ, WRITE
from .clock import SimCall

if TYPE_CHECKING:
    from .descriptor import SimDescriptor
    from .host import SimHost
    from .platform import SimPlatform

__all__ = ["TURN", "SimLoop", "SimWatch"]

TURN = 1e-5
"""Virtual seconds that one turn of a loop takes."""


class SimWatch:
    """Interest in one descriptor of the host; satisfies the `Watch` port."""

    __slots__ = ("_descriptor", "_loop", "callback", "mask")

    def __init__(
        self, loop: SimLoop, descriptor: SimDescriptor, mask: int, callback: Callable[[int], object]
    ) -> None:
        self._loop = loop
        self._descriptor: SimDescriptor | None = descriptor
        self.mask = mask
        self.callback = callback

    def modify(self, mask: int) -> None:
        """Replace the interest; 0 watches nothing."""
        _check_mask(mask)
        descriptor = self._descriptor
        if descriptor is not None:
            self.mask = mask
            if mask & descriptor.ready:
                self._loop.note_ready(descriptor)

    def close(self) -> None:
        """Withdraw; no callback runs afterwards.  Repeatable."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            descriptor.watches.remove(self)
            self.mask = 0
            self._loop.num_watches -= 1


class SimLoop:
    """A `Base` for everything that lives on one host.  The world runs it."""

    __slots__ = (
        "_clock",
        "_is_closed",
        "_is_turn_due",
        "_is_turning",
        "_soon",
        "_touched",
        "host",
        "num_watches",
        "on_error",
    )

    def __init__(self, host: SimHost) -> None:
        self.host = host
        self.on_error: Callable[[str, BaseException], object] | None = None
        """Gets (what was being done, the error) when a callback raises.  Without it the error leaves `SimWorld.run…`."""
        self.num_watches = 0
        self._clock = host.clock
        self._soon: list[SimCall] = []
        self._touched: dict[SimDescriptor, None] = {}
        """What may be ready for a watch, in the order in which it became so."""
        self._is_turn_due = False
        self._is_turning = False
        self._is_closed = False

    # -- the surface of a Base

    def watch(self, fd: int, mask: int, callback: Callable[[int], object]) -> SimWatch:
        """Call `callback(READ | WRITE bits)` while the descriptor is ready.  OSError EBADF: not open on this host."""
        self._check_open()
        _check_mask(mask)
        descriptor = self.host.descriptors.get(fd)
        if descriptor is None:
            raise OSError(errno.EBADF, f"descriptor {fd} is not open on {self.host.name}")
        watch = SimWatch(self, descriptor, mask, callback)
        descriptor.watches.append(watch)
        self.num_watches += 1
        if mask & descriptor.ready:
            self.note_ready(descriptor)
        return watch

    def call_soon(self, callback: Callable[..., object], *args: Any) -> SimCall:
        """Call in the next turn, after what is due already."""
        self._check_open()
        call = SimCall(None, self._clock.now, callback, args)
        self._soon.append(call)
        if not self._is_turn_due:
            self._order_turn()
        return call

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> SimCall:
        """Call `delay` seconds from now, never earlier."""
        if delay <= 0:
            return self.call_soon(callback, *args)
        return self.call_at(self._clock.now + delay, callback, *args)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> SimCall:
        """Call when `time()` has reached `when`; equal moments keep the order of these calls."""
        self._check_open()
        if math.isnan(when):
            raise ReactorUsageError("when must be a moment, not NaN")
        if when <= self._clock.now:
            return self.call_soon(callback, *args)
        return self._clock.at(when, self._fire, callback, args)

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> None:
        """Call soon.  Any thread; from another one the world takes it up before its next event.  Dropped once closed."""
        if self.host.world.is_own_thread:
            self._take_posted(callback, args)
        else:
            self.host.world.post(self._take_posted, callback, args)

    def time(self) -> float:
        """The virtual clock, seconds."""
        return self._clock.now

    def submit(
        self,
        function: Callable[..., Any],
        *args: Any,
        on_done: Callable[[Any, BaseException | None], object],
    ) -> None:
        """Run `function(*args)` as a job of the host's worker pool, then `on_done(result, error)` here."""
        self._check_open()
        self.host.pool.submit(self, function, *args, on_done=on_done)

    @property
    def platform(self) -> SimPlatform:
        """Where sockets come from that are opened on behalf of this loop."""
        return self.host.platform

    @property
    def is_closed(self) -> bool:
        """Its host is dead."""
        return self._is_closed

    # -- for the host

    def note_ready(self, descriptor: SimDescriptor) -> None:
        """A descriptor may have become ready for one of its watches."""
        if not self._is_closed:
            self._touched[descriptor] = None
            if not self._is_turn_due:
                self._order_turn()

    def close(self) -> None:
        """Nothing of it is called any more.  Repeatable."""
        self._is_closed = True
        self._soon.clear()
        self._touched.clear()

    # -- private

    def _check_open(self) -> None:
        if self._is_closed:
            raise ReactorClosed(f"the loop of {self.host.name} is closed")

    def _take_posted(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        if not self._is_closed:
            self.call_soon(callback, *args)

    def _order_turn(self) -> None:
        self._is_turn_due = True
        self._clock.post(self._clock.now + TURN if self._is_turning else self._clock.now, self._run_turn)

    def _run_turn(self) -> None:
        self._is_turn_due = False
        self._is_turning = True
        touched, self._touched = self._touched, {}
        calls, self._soon = self._soon, []
        done = 0
        try:
            for call in calls:
                done += 1
                callback = call.callback
                if callback is not None and not self._is_closed:
                    args, call.callback, call.args = call.args, None, ()
                    self._call("call_soon", callback, args)
            while touched:
                descriptor = next(iter(touched))
                del touched[descriptor]
                self._tell(descriptor)
        except BaseException:
            self._soon = calls[done:] + self._soon
            self._touched = touched | self._touched
            raise
        finally:
            if self._is_closed:
                self._soon.clear()
                self._touched.clear()
            elif (self._soon or self._touched) and not self._is_turn_due:
                self._order_turn()
            self._is_turning = False

    def _tell(self, descriptor: SimDescriptor) -> None:
        watches = descriptor.watches
        try:
            for watch in tuple(watches):  # a callback may add and close some
                ready = descriptor.ready & watch.mask
                if ready and not self._is_closed:
                    if self.on_error is None:
                        watch.callback(ready)
                    else:
                        self._call("watch", watch.callback, (ready,))
        finally:
            # Level-triggered: what is ready still is looked at again in the next turn.
            for watch in watches:
                if descriptor.ready & watch.mask:
                    self._touched[descriptor] = None

    def _fire(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        if not self._is_closed:
            self._is_turning = True
            try:
                self._call("timer", callback, args)
            finally:
                self._is_turning = False

    def _call(self, context: str, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        if self.on_error is None:
            callback(*args)
            return
        try:
            callback(*args)
        except Exception as error:
            self.on_error(context, error)


def _check_mask(mask: int) -> None:
    if mask & ~(READ | WRITE):
        raise ReactorUsageError(f"mask must be a combination of READ and WRITE, not {mask:#x}")
