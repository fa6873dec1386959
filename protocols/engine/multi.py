"""`Multi`: the engine as pycurl's `CurlMulti` shows it, so a host loop written for one drives the other unchanged.

Three ways to drive it, all equal: install a socket and a timer function and call `socket_action` when told; `poll` and
`perform` in a loop; or `fdset` / `waitfds` and `timeout` around a wait of your own, then `perform`.

Departures from curl, on purpose: an assigned object is released at POLL_REMOVE; after a host function failed, the next
action ends every handle; the running count is exact after a failed add; `waitfds` gives a list.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

from ..errors import EngineError
from . import constants as c
from .dispatcher import ACTING, ASKING, CLOSED, DEAD, IDLE, NEVER_ANNOUNCED, TELLING, Dispatcher, aborted
from .endpoint import Handle
from .ports import READ, WRITE, Platform, Wakeup

__all__ = ["Multi"]


class Multi(Dispatcher):
    """One engine.  `platform` is the world it lives in; without it, `evtorrent.reactor.net.SystemPlatform`.

    Everything is called on one thread, except `call_soon_threadsafe` and `wakeup`.
    """

    SOCKET_TIMEOUT = c.SOCKET_TIMEOUT
    CSELECT_IN = c.CSELECT_IN
    CSELECT_OUT = c.CSELECT_OUT
    CSELECT_ERR = c.CSELECT_ERR
    POLL_NONE = c.POLL_NONE
    POLL_IN = c.POLL_IN
    POLL_OUT = c.POLL_OUT
    POLL_INOUT = c.POLL_INOUT
    POLL_REMOVE = c.POLL_REMOVE
    M_SOCKETFUNCTION = c.M_SOCKETFUNCTION
    M_TIMERFUNCTION = c.M_TIMERFUNCTION
    M_NOTIFYFUNCTION = c.M_NOTIFYFUNCTION
    M_NOTIFY_INFO_READ = c.M_NOTIFY_INFO_READ
    M_NOTIFY_EASY_DONE = c.M_NOTIFY_EASY_DONE

    def __init__(self, platform: Platform | None = None) -> None:
        super().__init__(_system_platform() if platform is None else platform)
        self._is_woken = False

    def setopt(self, option: int, value: Any) -> None:
        """Install, or with None take away, a function of the host.  EngineError UNKNOWN_OPTION.

        M_SOCKETFUNCTION f(what, fd, multi, data), M_TIMERFUNCTION f(timeout_ms), M_NOTIFYFUNCTION f(kind, handle | None).
        After installing, kick once with `socket_action(SOCKET_TIMEOUT, 0)`: what is wanted by then is announced there.
        """
        if value is None and self._state == CLOSED:
            return  # a host letting go after the end
        self.guard()
        if value is not None and not callable(value):
            raise EngineError(f"{value!r} cannot be called", c.E_MULTI_BAD_FUNCTION_ARGUMENT)
        if option == c.M_SOCKETFUNCTION:
            if self._socket_function is None and value is not None:
                self._open_wakeup()
                self._sockets.forget_announcements()
            self._socket_function = value
        elif option == c.M_TIMERFUNCTION:
            if self._timer_function is None:
                self._announced = NEVER_ANNOUNCED
                self._is_timer_set = False
            self._timer_function = value
        elif option == c.M_NOTIFYFUNCTION:
            self._notify_function = value
        else:
            raise EngineError(f"there is no option {option}", c.E_MULTI_UNKNOWN_OPTION)

    def perform(self) -> tuple[int, int]:
        """Act on everything that is ready now; for hosts that wait by `poll`, `fdset` or `waitfds`."""
        self.guard()
        wanted = self._sockets.wanted()
        for fd, events in self.platform.poll(wanted, 0.0) if wanted else ():
            self.socket_action(fd, events >> 1)
        return self.socket_action(c.SOCKET_TIMEOUT, 0)

    def timeout(self) -> int:
        """Milliseconds until the next TIMEOUT action is due; -1 for never."""
        self.guard()
        if self._is_dead:
            return 0
        deadline = self._deadline()
        return -1 if deadline is None else self._milliseconds(deadline)

    def assign(self, sockfd: int, data: Any) -> None:
        """Keep an object for the host until POLL_REMOVE; handed to the socket function.  EngineError BAD_SOCKET."""
        self._sockets.assign(sockfd, data)

    def unassign(self, sockfd: int) -> None:
        """Forget the assigned object.  EngineError BAD_SOCKET."""
        self._sockets.assign(sockfd, None)

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

        Acts on nothing: call `perform()` after it.
        """
        self.guard()
        if timeout is not None and not timeout >= 0:
            raise EngineError(f"{timeout} is not a time to wait", c.E_MULTI_BAD_FUNCTION_ARGUMENT)
        wakeup = self._open_wakeup()
        limit = math.inf if timeout is None else timeout
        wait_ms = 0 if self._is_woken else self.timeout()
        if wait_ms >= 0:
            limit = min(limit, wait_ms / 1000)
        ready = self.platform.poll(self._sockets.wanted(), None if limit == math.inf else limit)
        self._is_woken = False
        inner = wakeup.fileno()
        if any(fd == inner for fd, _ in ready):
            wakeup.clear()
        return sum(fd != inner for fd, _ in ready)

    def wakeup(self) -> None:
        """Make a running or the next `poll` return at once.  Any thread; several before one `poll` count once."""
        self._is_woken = True
        if self._wakeup is not None:
            self._wakeup.set()

    def add_handle(self, handle: Handle) -> None:
        """Attach an exchange; it starts in the next action.  EngineError BAD_EASY_HANDLE, ADDED_ALREADY, ABORTED_BY_CALLBACK."""
        self.guard()
        if not isinstance(handle, Handle):
            raise EngineError(f"{handle!r} is not a Handle", c.E_MULTI_BAD_EASY_HANDLE)
        if handle.engine is not None:
            raise EngineError(f"{handle!r} is attached already", c.E_MULTI_ADDED_ALREADY)
        if self._is_dead:
            self._revive()
        handle.attached(self)
        self._handles[handle] = None
        self._running += bool(handle.reports)
        self._timers.arm_soon(handle.begin)
        if self._state == ACTING:
            return
        self._announced = NEVER_ANNOUNCED  # curl says 0 once for each handle
        if not self._update_timer():
            self._forget(handle)
            raise aborted()

    def remove_handle(self, handle: Handle) -> None:
        """Detach an exchange, running or ended; its unread message vanishes.  Harmless for one that is not attached.

        Its descriptors are withdrawn from the host before this returns.
        """
        self.guard()
        if not isinstance(handle, Handle):
            raise EngineError(f"{handle!r} is not a Handle", c.E_MULTI_BAD_EASY_HANDLE)
        if handle.engine is None:
            return
        if handle.engine is not self:
            raise EngineError(f"{handle!r} belongs to another engine", c.E_MULTI_BAD_EASY_HANDLE)
        was_dead = self._is_dead
        self._forget(handle)
        if self._state != ACTING:
            self._update_timer()
            if self._is_dead and not was_dead:
                raise aborted()

    def get_handles(self) -> list[Handle]:
        """The attached handles that report, in order of adding."""
        return [handle for handle in self._handles if handle.reports]

    def info_read(
        self, max_objects: int | None = None
    ) -> tuple[int, list[Handle], list[tuple[Handle, int, str]]]:
        """(messages still queued, handles that succeeded, [(handle, code, message), …] of those that failed).

        A handle stays attached until it is removed, and its unread message vanishes with it.
        """
        return self._messages.take(max_objects)

    def notify_enable(self, *kinds: int) -> None:
        """Collect these M_NOTIFY_* for the notify function.  EngineError UNKNOWN_OPTION."""
        self._messages.enable(kinds, True)

    def notify_disable(self, *kinds: int) -> None:
        """No longer collect or deliver these.  EngineError UNKNOWN_OPTION."""
        self._messages.enable(kinds, False)

    def close(self) -> None:
        """End everything: handles detached, every descriptor withdrawn.  Repeatable.

        Functions of the host may still be called from inside.  EngineError RECURSIVE_API_CALL inside an action.
        """
        if self._state == CLOSED:
            return
        if self._state in (ACTING, TELLING, ASKING):
            raise EngineError("close from inside an action", c.E_MULTI_RECURSIVE_API_CALL)
        self._now = self._clock()
        self._state = ACTING
        try:
            while self._handles:
                self._forget(next(reversed(self._handles)))
            self._sockets.close()
            self._timers.clear()
            self._posted.clear()
            self._messages.clear()
            self._update_timer()
        finally:
            self._state = CLOSED
            self._socket_function = self._timer_function = self._notify_function = None
            if self._wakeup is not None:
                self._wakeup.close()
                self._wakeup = None

    def _open_wakeup(self) -> Wakeup:
        if self._wakeup is None:
            wakeup = self.platform.wakeup()
            self._sockets.open(wakeup.fileno(), READ, self._run_posted, None)
            self._wakeup = wakeup
            # A call posted before this line saw no wake-up; `_deadline` sees that call.
        return self._wakeup

    def _revive(self) -> None:
        if self._handles or self._state != DEAD:
            raise aborted()
        self._state = IDLE
        self._is_dead = False
        self._is_timer_set = False
        self._announced = NEVER_ANNOUNCED


def _system_platform() -> Platform:
    # The one seam between protocols and reactor: by name, and only when nothing was handed in.
    module = importlib.import_module("...reactor.net", __package__)
    platform: Platform = module.SystemPlatform()
    return platform
