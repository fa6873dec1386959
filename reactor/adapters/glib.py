"""A `Multi` in GLib's default main context, and so in GTK: PyGObject, or anything of its shape.

One source a descriptor and one timeout.  GLib counts milliseconds in 32 bits; a longer wait is cut, which the engine
answers by asking for the rest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from .. import numbers as curl

__all__ = ["GlibDriver", "drive_glib"]


class GlibDriver:
    """Turns what the engine asks for into sources of the default context."""

    def __init__(self, multi: Any, glib: Any) -> None:
        self.multi = multi  # Any: the engine fits by shape, and so does GLib
        self.on_messages: Callable[[], object] | None = None
        """Called after every action, when `info_read` may have something."""
        self._glib = glib
        self._sources: dict[int, int] = {}
        self._timer = 0
        condition = glib.IOCondition
        # Hang-ups and errors are always told; they count as ready for what was asked.
        self._in = int(condition.IN | condition.HUP | condition.ERR)
        self._out = int(condition.OUT | condition.HUP | condition.ERR)
        multi.setopt(curl.M_SOCKETFUNCTION, self._on_socket)
        multi.setopt(curl.M_TIMERFUNCTION, self._on_timer)
        self._on_timer(0)  # the first action announces what the engine already has

    def close(self) -> None:
        """Let go of engine and context; both live on.  Before the engine is closed; repeatable."""
        if (multi := self.multi) is None:
            return
        self.multi = None
        multi.setopt(curl.M_SOCKETFUNCTION, None)
        multi.setopt(curl.M_TIMERFUNCTION, None)
        self._on_timer(-1)
        while self._sources:
            self._glib.source_remove(self._sources.popitem()[1])

    def _on_socket(self, what: int, fd: int, multi: Any, data: object) -> None:
        if (source := self._sources.pop(fd, None)) is not None:
            self._glib.source_remove(source)
        if what != curl.POLL_REMOVE and what & curl.POLL_INOUT:
            wanted = (self._in if what & curl.CSELECT_IN else 0) | (
                self._out if what & curl.CSELECT_OUT else 0
            )
            add, glib = self._glib.unix_fd_add_full, self._glib
            self._sources[fd] = add(glib.PRIORITY_DEFAULT, fd, glib.IOCondition(wanted), self._on_ready, what)

    def _on_timer(self, timeout_ms: int) -> None:
        if self._timer:
            self._glib.source_remove(self._timer)
            self._timer = 0
        if timeout_ms >= 0:  # never from inside this call, not even 0
            self._timer = self._glib.timeout_add(min(timeout_ms, curl.MAX_TIMER_MS), self._on_timeout)

    def _on_ready(self, fd: int, condition: int, wanted: int) -> bool:
        ready = (curl.CSELECT_IN if condition & self._in else 0) | (
            curl.CSELECT_OUT if condition & self._out else 0
        )
        self._act(fd, ready & wanted)
        return True  # goes on, unless `_on_socket` removed it meanwhile

    def _on_timeout(self) -> bool:
        self._timer = 0
        self._act(curl.SOCKET_TIMEOUT, 0)
        return False

    def _act(self, fd: int, events: int) -> None:
        try:
            self.multi.socket_action(fd, events)
            if self.on_messages is not None:
                self.on_messages()
        except Exception:  # GLib would drop the source of a callback that raises
            sys.excepthook(*sys.exc_info())


def drive_glib(multi: Any, glib: Any = None) -> GlibDriver:
    """Run `multi` in the default main context; `glib` is the GLib module, by default PyGObject's.

    A failing action goes to `sys.excepthook`, as PyGObject's own do.
    """
    return GlibDriver(multi, import_module("gi.repository.GLib") if glib is None else glib)
