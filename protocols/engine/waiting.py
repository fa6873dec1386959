"""The engine for hosts that wait by themselves: descriptors to wait for, a wait of our own, and acting on what is ready.

`fdset` or `waitfds` and `timeout` around any wait, or `poll`, `wait`, `select`; then `perform`.  Only the waits block, and
nothing but `wakeup` may be called meanwhile from another thread (and `call_soon_threadsafe`, which wakes them too).
"""

from __future__ import annotations

import math
import warnings

from ..errors import EngineError, EngineTypeError
from . import constants as c
from .dispatcher import Dispatcher
from .ports import READ, WRITE, Platform, Wakeup

__all__ = ["WaitingDispatcher"]


class WaitingDispatcher(Dispatcher):
    """A dispatcher that can be asked what to wait for, and can wait."""

    _wakeup: Wakeup | None = None  # also when the constructor failed

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform)
        self._is_woken = False

    def perform(self) -> tuple[int, int]:
        """Act on everything that is ready now; gives (0, number of running handles)."""
        self.guard()
        wanted = self._sockets.wanted()
        for fd, events in self.platform.poll(wanted, 0.0) if wanted else ():
            self.socket_action(fd, events >> 1)
        return self.socket_action(c.SOCKET_TIMEOUT, 0)

    def socket_all(self) -> tuple[int, int]:
        """Act on everything that is watched, ready or not.  Deprecated, as in curl: the cost grows with what is idle."""
        warnings.warn("socket_all is deprecated; use socket_action", DeprecationWarning, stacklevel=2)
        self.guard()
        for fd, _ in self._sockets.wanted():
            self.socket_action(fd, 0)
        return self.socket_action(c.SOCKET_TIMEOUT, 0)

    def timeout(self) -> int:
        """Milliseconds until the next TIMEOUT action is due; -1 for never."""
        self.guard()
        if self._is_dead:
            return 0
        deadline = self._deadline()
        return -1 if deadline is None else self._milliseconds(deadline)

    def fdset(self) -> tuple[list[int], list[int], list[int]]:
        """Descriptors to select for reading, writing, and (always empty) exceptions."""
        self.guard()
        wanted = self._sockets.wanted()
        return [fd for fd, mask in wanted if mask & READ], [fd for fd, mask in wanted if mask & WRITE], []

    def waitfds(self) -> list[tuple[int, int]]:
        """[(fd, WAIT_POLLIN | WAIT_POLLOUT), …] of everything watched."""
        self.guard()
        return [
            (fd, (c.WAIT_POLLIN if mask & READ else 0) | (c.WAIT_POLLOUT if mask & WRITE else 0))
            for fd, mask in self._sockets.wanted()
        ]

    def poll(self, timeout: float | None = None) -> int:
        """Block until a descriptor is ready, `wakeup()`, the next deadline, or `timeout` seconds; gives how many are ready.

        Acts on nothing: call `perform()` after it.  EngineError BAD_FUNCTION_ARGUMENT for a negative timeout.
        """
        self.guard()
        limit = math.inf if timeout is None else _checked_timeout(timeout)
        wakeup = self._open_wakeup()
        wait_ms = 0 if self._is_woken else self.timeout()
        if wait_ms >= 0:
            limit = min(limit, wait_ms / 1000)
        ready = self.platform.poll(self._sockets.wanted(), None if limit == math.inf else limit)
        self._is_woken = False
        inner = wakeup.fileno()
        if any(fd == inner for fd, _ in ready):
            wakeup.clear()
        return sum(fd != inner for fd, _ in ready)

    def wait(self, timeout: float) -> int:
        """As `poll`, but gives 0 at once when no descriptor is watched, even if a deadline is near (curl's `wait`)."""
        self.guard()
        limit = _checked_timeout(timeout)
        inner = -1 if self._wakeup is None else self._wakeup.fileno()
        if all(fd == inner for fd, _ in self._sockets.wanted()):
            return 0
        return self.poll(limit)

    def select(self, timeout: float) -> int:
        """`wait` under pycurl's name."""
        return self.wait(timeout)

    def wakeup(self) -> None:
        """Make a running or the next `poll` return at once.  Any thread; several before one `poll` count once."""
        self._is_woken = True
        if self._wakeup is not None:
            self._wakeup.set()

    def _open_wakeup(self) -> Wakeup:
        if self._wakeup is None:
            wakeup = self.platform.wakeup()
            self._sockets.open(wakeup.fileno(), READ, self._run_posted, None)
            self._wakeup = wakeup
            # A call posted before this line saw no wake-up; `_deadline` sees that call.
        return self._wakeup

    def _close_wakeup(self) -> None:
        wakeup, self._wakeup = self._wakeup, None
        if wakeup is not None:
            wakeup.close()


def _checked_timeout(timeout: float) -> float:
    if not isinstance(timeout, (int, float)):
        raise EngineTypeError(f"a time to wait is a number, not {timeout!r}", c.E_MULTI_BAD_FUNCTION_ARGUMENT)
    if not timeout >= 0:
        raise EngineError(f"{timeout} is not a time to wait", c.E_MULTI_BAD_FUNCTION_ARGUMENT)
    return timeout
