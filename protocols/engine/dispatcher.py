"""The engine's core: one action at a time, for the descriptors, timers and calls of everything that lives on it.

`Multi` gives it curl's face; this part is the `Base` its inhabitants see, and the order of an action:

the watches of the descriptor that is ready → calls wanted at once and due timers (twice, bounded) → differences in interest
told to the host → notifications → the timer function, if the deadline changed.  The clock is read once, at the beginning.

States, of which only `_call_host`, `socket_action` and `Multi.close` write:

    IDLE      nothing runs; everything may be called
    ACTING    inside an action; no other action may begin
    TELLING   inside a socket or timer function of the host, called from an action.  Only assign, unassign, info_read,
              get_handles, notify_*, call_soon_threadsafe, wakeup and time may be called (curl `lib/api.c`); anything else raises
    ASKING    the same, called from outside an action
    DEAD      a host function failed.  The next action ends every handle with ABORTED_BY_CALLBACK; nothing runs until all
              handles are removed and one is added
    CLOSED    over
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import EngineError, EngineTypeError
from ..timers import AT_ONCE, MAX_CALLS_PER_RUN, ArmedCall, TimerQueue
from . import constants as c
from .messages import MessageQueue
from .ports import READ, WRITE, Platform, Wakeup
from .sockets import EngineWatch, SocketEntry, SocketTable

if TYPE_CHECKING:
    from .endpoint import Handle

__all__ = [
    "ACTING",
    "ASKING",
    "CLOSED",
    "DEAD",
    "IDLE",
    "MAX_NESTED_CALLS",
    "NEVER_ANNOUNCED",
    "TELLING",
    "Dispatcher",
    "aborted",
]

logger = logging.getLogger(__name__)

IDLE, ACTING, TELLING, ASKING, DEAD, CLOSED = range(6)

NEVER_ANNOUNCED = math.nan
"""The announced deadline when the host has none: differs from every deadline."""

MAX_NESTED_CALLS = 15
"""Handles that may end inside the `stop` of one another before an end is refused (curl `lib/api.h`)."""

_LEAST_INT, _GREATEST_INT = -(2**31), 2**31 - 1
"""What fits the C int that curl takes from a host function."""

_BOTH = READ | WRITE
_READY = tuple(
    _BOTH if not bits or bits & c.CSELECT_ERR else bits << 1  # CSELECT_IN, OUT = 1, 2 and READ, WRITE = 2, 4
    for bits in range(8)
)
_RESOLUTION = 1e-6
"""Seconds by which a deadline may be missed: what rounds to 0 ms is due, so no host is told 0 for ever."""


class Dispatcher:
    """What `Multi` is made of.  Has the shape of a `Base`."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.on_error: Callable[[str, BaseException], object] = _log_error
        """Gets (what failed, exception) for callbacks that belong to no handle."""
        self._clock = platform.time
        self._now = 0.0
        self._state = IDLE
        self._is_dead = False
        self._timers = TimerQueue()
        self._heap = self._timers.heap
        self._sockets = SocketTable(self._tell_socket, self.guard, self._unsettle)
        self._lookup = self._sockets.entries.get
        self._messages = MessageQueue()
        self._handles: dict[Handle, None] = {}
        self._running = 0
        self._socket_function: Callable[[int, int, Any, Any], object] | None = None
        self._timer_function: Callable[[int], object] | None = None
        self._notify_function: Callable[[int, Any], object] | None = None
        self._announced = NEVER_ANNOUNCED
        self._is_timer_set = False
        self._wakeup: Wakeup | None = None
        self._is_signalled = False
        self._num_stopping = 0
        self._posted: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()

    def socket_action(self, sockfd: int, ev_bitmask: int = 0) -> tuple[int, int]:
        """Something happened to `sockfd` (CSELECT_* bits, 0 for "look yourself"), or SOCKET_TIMEOUT: time has passed.

        Gives (0, number of running handles).  Unknown descriptors and wrong bits are harmless.  Read the messages after
        every action.  EngineError RECURSIVE_API_CALL inside another action, ABORTED_BY_CALLBACK when a host function
        failed; EngineTypeError for anything but integers.
        """
        if self._state:
            return self._act_abnormally()
        self._state = ACTING
        self._now = now = self._clock()
        try:
            entry = self._lookup(sockfd)
            if entry is not None:
                watch = entry.only
                if watch is None:
                    self._dispatch_shared(entry, ev_bitmask)
                elif mask := watch.mask:
                    try:
                        # A hint that fits nothing counts as none: the callback finds out by itself.
                        watch.callback(_READY[ev_bitmask & 7] & mask or mask)
                    except Exception as exc:
                        # Numbers are looked at only where they did not work: this line is as hot as the callback.
                        _check_numbers(sockfd, ev_bitmask)
                        self._callback_failed(watch, exc)
            elif sockfd == c.SOCKET_TIMEOUT:
                self._announced = NEVER_ANNOUNCED  # the host's timer is used up
                self._timers.changed = True
                if ev_bitmask != 0:
                    _check_numbers(sockfd, ev_bitmask)
                if self._posted:
                    self._run_posted()
            else:
                _check_numbers(sockfd, ev_bitmask)
            if self._timers.changed or (self._heap and self._heap[0][0] <= now):
                self._settle(now)
        finally:
            self._state = DEAD if self._is_dead else IDLE
        if self._is_dead:
            raise aborted()
        return 0, self._running

    # Base

    def watch(self, fd: int, mask: int, callback: Callable[[int], object]) -> EngineWatch:
        """Call `callback(ready)` whenever `fd` is ready for any of `mask` (READ | WRITE), level-triggered."""
        return self._sockets.open(fd, mask, callback, None)

    def call_soon(self, callback: Callable[..., object], *args: Any) -> ArmedCall:
        """Call in this action or the next."""
        return self.own_call(None, None, callback, args)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> ArmedCall:
        """Call once, `delay` seconds from now."""
        return self.own_call(None, self.deadline_after(delay), callback, args)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> ArmedCall:
        """Call once, when `time()` has reached `when`."""
        return self.own_call(None, when, callback, args)

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> None:
        """As `call_soon`, from any thread.  Dropped when the engine closes first."""
        if not callable(callback):
            raise _not_callable(callback)
        if self._state == CLOSED:
            return
        self._posted.append((callback, args))
        # One signal per batch.  `_run_posted` lowers the flag before it takes anything: whatever was appended while the
        # flag stood is taken by that run.
        if not self._is_signalled:
            self._is_signalled = True
            wakeup = self._wakeup
            if wakeup is not None:
                wakeup.set()

    def time(self) -> float:
        """The clock; inside an action, the moment at which the action began."""
        return self._now if ACTING <= self._state <= TELLING else self._clock()

    # For the rest of this package

    def own_watch(self, owner: Handle, fd: int, mask: int, callback: Callable[[int], object]) -> EngineWatch:
        """A watch whose exceptions fail `owner`."""
        return self._sockets.open(fd, mask, callback, owner)

    def deadline_after(self, delay: float) -> float:
        """`delay` seconds from now."""
        now = self._now if ACTING <= self._state <= TELLING else self._clock()
        try:
            return now + delay
        except TypeError:
            text = f"a delay is a number, not {delay!r}"
            raise EngineTypeError(text, c.E_MULTI_BAD_FUNCTION_ARGUMENT) from None

    def own_call(
        self, owner: Handle | None, when: float | None, callback: Callable[..., object], args: tuple[Any, ...]
    ) -> ArmedCall:
        """A call at `when`, or soon for None, whose exceptions fail `owner`."""
        state = self._state
        if state > ACTING:
            self.guard()
        if not callable(callback):
            raise _not_callable(callback)
        if when is None:
            call = self._timers.arm_soon(callback, args, owner)
        else:
            call = self._timers.arm(when, callback, args, owner)
        if state == IDLE:
            self._update_timer()
        return call

    def guard(self) -> None:
        """Raise unless the engine may be changed now."""
        state = self._state
        if state in (TELLING, ASKING):
            raise EngineError("called from inside a host function", c.E_MULTI_RECURSIVE_API_CALL)
        if state == CLOSED:
            raise EngineError("the engine is closed", c.E_MULTI_BAD_HANDLE)

    def guard_end(self) -> None:
        """Raise unless a handle may end or be removed now."""
        self.guard()
        if self._num_stopping >= MAX_NESTED_CALLS:
            raise EngineError("too many ends inside one another", c.E_MULTI_RECURSIVE_API_CALL)

    def stop_handle(self, handle: Handle) -> None:
        """Call the `stop` of a handle that started."""
        self._num_stopping += 1
        try:
            handle.stop()
        except Exception as exc:
            self.report(f"stop of {type(handle).__name__}", exc)
        finally:
            self._num_stopping -= 1

    def report(self, context: str, error: BaseException) -> None:
        """Hand an exception that belongs to no handle to `on_error`."""
        try:
            self.on_error(context, error)
        except Exception:
            logger.exception("on_error failed on: %s", context)

    def handle_ended(self, handle: Handle) -> None:
        """`handle` finished or failed: count it and keep its message."""
        if not handle.reports:
            self._forget(handle)
            return
        self._running -= 1
        self._messages.append(handle, self._notify_function is not None)
        if self._messages.notes:
            self._unsettle()

    # An action

    def _dispatch_shared(self, entry: SocketEntry, ev_bitmask: int) -> None:
        _check_numbers(entry.fd, ev_bitmask)
        ready = _READY[ev_bitmask & 7]
        if not ready & entry.wanted() << 1:
            ready = _BOTH
        for watch in tuple(entry.watches):
            if bits := ready & watch.mask:  # a watch closed by one before it has an empty mask
                try:
                    watch.callback(bits)
                except Exception as exc:
                    self._callback_failed(watch, exc)

    def _settle(self, now: float) -> None:
        self._timers.run(now + _RESOLUTION, self._callback_failed)
        self._flush()
        if self._messages.notes:
            self._deliver_notes()
            self._flush()
        self._timers.changed = False
        self._update_timer()

    def _flush(self) -> None:
        if self._sockets.dirty and self._socket_function is not None and not self._is_dead:
            self._sockets.flush()

    def _deliver_notes(self) -> None:
        notes = self._messages.notes
        while notes:
            kind, handle = notes.popleft()
            function = self._notify_function
            if function is None or not self._messages.is_enabled(kind):
                continue
            try:
                function(kind, handle)
            except Exception as exc:
                self.report("notify function", exc)

    def _act_abnormally(self) -> tuple[int, int]:
        if self._state != DEAD:
            self.guard()
            raise EngineError("called from inside an action", c.E_MULTI_RECURSIVE_API_CALL)
        self._state = ACTING
        self._now = self._clock()
        try:
            for handle in list(self._handles):
                handle.fail(EngineError("aborted by a host function", c.E_ABORTED_BY_CALLBACK))
            self._deliver_notes()
        finally:
            self._state = DEAD
        return 0, self._running

    def _run_posted(self, _events: int = 0) -> None:
        if self._wakeup is not None:
            self._wakeup.clear()
        self._is_signalled = False
        posted = self._posted
        for _ in range(min(len(posted), MAX_CALLS_PER_RUN)):
            callback, args = posted.popleft()
            try:
                callback(*args)
            except Exception as exc:
                self.report("call_soon_threadsafe", exc)
        if posted:
            self._timers.changed = True

    def _callback_failed(self, armed: EngineWatch | ArmedCall, error: Exception) -> None:
        if armed.owner is not None:
            armed.owner.fail(error)
        else:
            self.report("watch" if isinstance(armed, EngineWatch) else "timer", error)

    def _forget(self, handle: Handle) -> None:
        self._handles.pop(handle, None)
        self._messages.discard(handle)
        if handle.reports and not handle.is_done:
            self._running -= 1
        handle.detached()

    # The host

    def _unsettle(self) -> None:
        self._timers.changed = True
        if self._state == IDLE:
            self._update_timer()

    def _deadline(self) -> float | None:
        if self._posted or self._messages.notes:
            return AT_ONCE
        if self._sockets.dirty and self._socket_function is not None:
            return AT_ONCE
        return self._timers.next_deadline()

    def _milliseconds(self, deadline: float) -> int:
        if deadline == AT_ONCE:
            return 0
        return max(0, math.ceil((deadline - self.time() - _RESOLUTION) * 1000))

    def _update_timer(self) -> bool:
        """Tell the host the deadline if it changed; False when that killed the engine."""
        function = self._timer_function
        if function is None or self._is_dead:
            return True
        deadline = self._deadline()
        if deadline is None:
            if not self._is_timer_set:
                return True
            self._is_timer_set = False
            self._announced = NEVER_ANNOUNCED
            return self._call_host("timer function", function, -1)
        if deadline == self._announced:
            return True
        self._is_timer_set = True
        self._announced = deadline
        return self._call_host("timer function", function, self._milliseconds(deadline))

    def _tell_socket(self, what: int, fd: int, data: Any) -> bool:
        function = self._socket_function
        return function is None or self._call_host("socket function", function, what, fd, self, data)

    def _call_host(self, name: str, function: Callable[..., object], *args: Any) -> bool:
        outer = self._state
        self._state = TELLING if outer == ACTING else ASKING
        failure = None
        answer: object = -1
        try:
            answer = function(*args)
        except Exception as exc:
            failure = exc
        finally:
            self._state = outer
        # pycurl: None and every C int but -1 are success; an exception or anything else counts as -1.
        if answer is None or (
            isinstance(answer, int) and answer != -1 and _LEAST_INT <= answer <= _GREATEST_INT
        ):
            return True
        self._is_dead = True
        if outer == IDLE:
            self._state = DEAD
        self.report(
            name, failure or EngineError(f"the {name} answered {answer!r}", c.E_MULTI_ABORTED_BY_CALLBACK)
        )
        return False


def aborted() -> EngineError:
    """The error of whatever ran when a host function failed, and of adding to a dead engine."""
    return EngineError("a host function failed", c.E_MULTI_ABORTED_BY_CALLBACK)


def _not_callable(callback: object) -> EngineTypeError:
    return EngineTypeError(f"{callback!r} cannot be called", c.E_MULTI_BAD_FUNCTION_ARGUMENT)


def _check_numbers(sockfd: object, ev_bitmask: object) -> None:
    for name, value in (("sockfd", sockfd), ("ev_bitmask", ev_bitmask)):
        if not isinstance(value, int):
            raise EngineTypeError(f"{name} must be an int, not {value!r}", c.E_MULTI_BAD_FUNCTION_ARGUMENT)


def _log_error(context: str, error: BaseException) -> None:
    logger.error("exception in %s", context, exc_info=error)
