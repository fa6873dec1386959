"""A `Multi` in gevent: watchers of the hub's loop, with or without monkey patching.

Actions run in the hub, as gevent's own readiness callbacks do: nothing called from them may block or switch.  Spawn a
greenlet, or set an event, from `on_messages`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..numbers import CSELECT_ERR, M_SOCKETFUNCTION, M_TIMERFUNCTION, POLL_INOUT, POLL_REMOVE, SOCKET_TIMEOUT

__all__ = ["GeventDriver", "drive_gevent"]


class GeventDriver:
    """Turns what the engine asks for into io watchers and one timer of a hub."""

    def __init__(self, multi: Any, hub: Any) -> None:
        self.multi = multi  # Any: the engine fits by shape
        self.on_messages: Callable[[], object] | None = None
        """Called after every action, when `info_read` may have something."""
        self._hub = hub
        self._watchers: dict[int, Any] = {}
        self._timer: Any = None
        multi.setopt(M_SOCKETFUNCTION, self._on_socket)
        multi.setopt(M_TIMERFUNCTION, self._on_timer)
        self._on_timer(0)  # the first action announces what the engine already has

    def close(self) -> None:
        """Let go of engine and hub; both live on.  Before the engine is closed; repeatable."""
        if (multi := self.multi) is None:
            return
        self.multi = None
        multi.setopt(M_SOCKETFUNCTION, None)
        multi.setopt(M_TIMERFUNCTION, None)
        self._on_timer(-1)
        for fd in list(self._watchers):
            self._drop(fd)

    def _on_socket(self, what: int, fd: int, multi: Any, data: object) -> None:
        # A watcher of libev's cannot change what it waits for while it is active.
        self._drop(fd)
        if what != POLL_REMOVE and what & POLL_INOUT:
            watcher = self._hub.loop.io(fd, what)  # POLL_IN 1, POLL_OUT 2 are libev's READ, WRITE
            self._watchers[fd] = watcher
            watcher.start(self._on_ready, fd, watcher, pass_events=True)

    def _drop(self, fd: int) -> None:
        if (watcher := self._watchers.pop(fd, None)) is not None:
            watcher.stop()
            watcher.close()

    def _on_timer(self, timeout_ms: int) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None
        if timeout_ms >= 0:  # never from inside this call, not even 0
            self._timer = self._hub.loop.timer(timeout_ms / 1000)
            # libev's clock is that of its last poll.
            self._timer.start(self._act, SOCKET_TIMEOUT, 0, update=True)

    def _on_ready(self, events: int, fd: int, watcher: Any) -> None:
        wanted: int = watcher.events
        if self._watchers.get(fd) is not watcher:
            return
        self._act(fd, events & POLL_INOUT if events > 0 else CSELECT_ERR)  # READ, WRITE are CSELECT_IN, OUT
        if events < 0 and watcher is self._watchers.get(fd):  # gevent on libuv: an error ends its polling
            self._on_socket(wanted, fd, self.multi, None)

    def _act(self, fd: int, events: int) -> None:
        try:
            if self.multi is not None:
                self.multi.socket_action(fd, events)
                if self.on_messages is not None:
                    self.on_messages()
        except Exception:  # gevent would report it as well, and then stop the watcher
            self._hub.handle_error(self, *sys.exc_info())


def drive_gevent(multi: Any, hub: Any = None) -> GeventDriver:
    """Run `multi` on `hub`, by default this thread's.  A failing action goes to the hub's `handle_error`."""
    return GeventDriver(multi, import_module("gevent").get_hub() if hub is None else hub)
