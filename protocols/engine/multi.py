"""`Multi`: the engine as pycurl's `CurlMulti` shows it, so a host loop written for one drives the other unchanged.

Three ways to drive it, all equal: install a socket and a timer function and call `socket_action` when told; `poll` and
`perform` in a loop; or `fdset` / `waitfds` and `timeout` around a wait of your own, then `perform`.

Departures, on purpose: an assigned object is released at POLL_REMOVE; after a host function failed, the next action ends
every handle; the running count is exact after a failed add; removing a handle that is not attached is harmless (curl; pycurl
refuses); `waitfds` gives a list; options of a pool of HTTP connections are refused; errors are EngineError, with pycurl's
`args`.
"""

from __future__ import annotations

import importlib
from types import TracebackType
from typing import Any, Self

from ..errors import EngineError, EngineTypeError
from . import constants as c
from .constants import CurlNumbers
from .dispatcher import ACTING, ASKING, CLOSED, DEAD, IDLE, NEVER_ANNOUNCED, TELLING, aborted
from .endpoint import Handle
from .ports import Platform
from .waiting import WaitingDispatcher

__all__ = ["Multi"]

_NAMES = {number: name for name, number in c.CONNECTION_OPTIONS.items()}


class Multi(CurlNumbers, WaitingDispatcher):
    """One engine.  `platform` is the world it lives in; without it, `evtorrent.reactor.net.SystemPlatform`.

    Everything is called on one thread, except `call_soon_threadsafe` and `wakeup`.  As a context manager it closes itself.
    """

    def __init__(self, platform: Platform | None = None, *, close_handles: bool = False) -> None:
        """`close_handles`: handles that are attached when the engine is closed are closed, too."""
        super().__init__(_system_platform() if platform is None else platform)
        self._is_closing_handles = close_handles

    def setopt(self, option: int, value: Any) -> None:
        """Install, or with None take away, a function of the host.  EngineError UNKNOWN_OPTION.

        M_SOCKETFUNCTION f(what, fd, multi, data), M_TIMERFUNCTION f(timeout_ms), M_NOTIFYFUNCTION f(kind, handle | None).
        After installing, kick once with `socket_action(SOCKET_TIMEOUT, 0)`: what is wanted by then is announced there.
        """
        if value is None and self._state == CLOSED:
            return  # a host letting go after the end
        self.guard()
        _check_option(option, value)
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
        else:
            self._notify_function = value

    def assign(self, sockfd: int, data: Any) -> None:
        """Keep an object for the host until POLL_REMOVE; handed to the socket function.  EngineError BAD_SOCKET."""
        self._check_open()
        if not isinstance(sockfd, int):
            raise EngineTypeError(f"sockfd must be an int, not {sockfd!r}", c.E_MULTI_BAD_SOCKET)
        self._sockets.assign(sockfd, data)

    def unassign(self, sockfd: int) -> None:
        """Forget the assigned object.  EngineError BAD_SOCKET."""
        self.assign(sockfd, None)

    def add_handle(self, handle: Handle) -> None:
        """Attach an exchange; it starts in the next action.  EngineError BAD_EASY_HANDLE, ADDED_ALREADY, ABORTED_BY_CALLBACK."""
        self.guard()
        _check_handle(handle)
        if handle.is_closed:
            raise EngineError(f"{handle!r} was closed", c.E_MULTI_BAD_EASY_HANDLE)
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
        self.guard_end()
        _check_handle(handle)
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

        A handle stays attached until it is removed, and its unread message vanishes with it.  EngineError
        BAD_FUNCTION_ARGUMENT for less than one.
        """
        self._check_open()
        if max_objects is not None:
            if not isinstance(max_objects, int):
                raise EngineTypeError(
                    f"max_objects must be an int, not {max_objects!r}", c.E_MULTI_BAD_FUNCTION_ARGUMENT
                )
            if max_objects <= 0:
                raise EngineError(
                    f"max_objects must be at least 1, not {max_objects}", c.E_MULTI_BAD_FUNCTION_ARGUMENT
                )
        return self._messages.take(max_objects)

    def notify_enable(self, *kinds: int) -> None:
        """Collect these M_NOTIFY_* for the notify function.  EngineError UNKNOWN_OPTION."""
        self._set_notifications(kinds, True)

    def notify_disable(self, *kinds: int) -> None:
        """No longer collect or deliver these.  EngineError UNKNOWN_OPTION."""
        self._set_notifications(kinds, False)

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
                self._detach(next(reversed(self._handles)))
            self._sockets.close()
            self._timers.clear()
            self._posted.clear()
            self._messages.clear()
            self._update_timer()
        finally:
            self._state = CLOSED
            self._socket_function = self._timer_function = self._notify_function = None
            self._close_wakeup()

    @property
    def closed(self) -> bool:
        """It was closed, and no call but `close` is of any use."""
        return self._state == CLOSED

    def __contains__(self, handle: Handle) -> bool:
        """This exchange is attached here, running or ended."""
        _check_handle(handle)
        return handle in self._handles

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Dropped without `close`: what it opened itself is given back, and no host is called with a dying object.
        self._close_wakeup()

    def __reduce__(self) -> str:
        raise TypeError("a Multi can be neither copied nor pickled")

    def _detach(self, handle: Handle) -> None:
        is_closing = self._is_closing_handles and handle.reports
        self._forget(handle)
        if is_closing:
            try:
                handle.close()
            except Exception as exc:
                self.report(f"close of {type(handle).__name__}", exc)

    def _set_notifications(self, kinds: tuple[int, ...], is_on: bool) -> None:
        self._check_open()
        if not kinds:
            raise EngineTypeError("at least one notification is needed", c.E_MULTI_BAD_FUNCTION_ARGUMENT)
        self._messages.enable(kinds, is_on)

    def _check_open(self) -> None:
        if self._state == CLOSED:
            self.guard()

    def _revive(self) -> None:
        if self._handles or self._state != DEAD:
            raise aborted()
        self._state = IDLE
        self._is_dead = False
        self._is_timer_set = False
        self._announced = NEVER_ANNOUNCED


def _check_option(option: int, value: Any) -> None:
    if option not in (c.M_SOCKETFUNCTION, c.M_TIMERFUNCTION, c.M_NOTIFYFUNCTION):
        name = _NAMES.get(option)
        text = (
            f"there is no option {option!r}"
            if name is None
            else f"{name}: there is no pool of connections here"
        )
        raise EngineTypeError(text, c.E_MULTI_UNKNOWN_OPTION)
    if value is not None and not callable(value):
        raise EngineTypeError(f"{value!r} cannot be called", c.E_MULTI_BAD_FUNCTION_ARGUMENT)


def _check_handle(handle: object) -> None:
    if not isinstance(handle, Handle):
        raise EngineTypeError(f"{handle!r} is not a Handle", c.E_MULTI_BAD_EASY_HANDLE)


def _system_platform() -> Platform:
    # The one seam between protocols and reactor: by name, and only when nothing was handed in.
    module = importlib.import_module("...reactor.net", __package__)
    platform: Platform = module.SystemPlatform()
    return platform
