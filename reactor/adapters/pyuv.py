"""A `Multi` on a pyuv 1.4 loop: a `Poll` a descriptor and one `Timer`.

pyuv builds on no Python that the rest of this package supports, so this file imports nothing of it and runs on Python 3.8
as well: copy it next to a program that still lives there, and drive a pycurl `CurlMulti` with it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

__all__ = ["PyuvDriver", "drive_pyuv"]

M_SOCKETFUNCTION, M_TIMERFUNCTION = 20001, 20004  # curl's numbers; CurlMulti carries no names for these
SOCKET_TIMEOUT, CSELECT_ERR, POLL_INOUT, POLL_REMOVE = -1, 4, 3, 4


class PyuvDriver:
    """Turns what the engine asks for into handles of a pyuv loop."""

    def __init__(self, multi: Any, loop: Any, pyuv: Any) -> None:
        self.multi = multi  # Any: the engine fits by shape, and so does pyuv
        self.on_messages: Any = None
        """Called after every action, when `info_read` may have something."""
        self._loop = loop
        self._pyuv = pyuv
        self._polls: dict[int, Any] = {}
        self._wanted: dict[int, int] = {}
        self._timer = pyuv.Timer(loop)
        multi.setopt(M_SOCKETFUNCTION, self._on_socket)
        multi.setopt(M_TIMERFUNCTION, self._on_timer)
        self._on_timer(0)  # the first action announces what the engine already has

    def close(self) -> None:
        """Let go of engine and loop; both live on.  Before the engine is closed; repeatable."""
        if self.multi is None:
            return
        multi, self.multi = self.multi, None
        multi.setopt(M_SOCKETFUNCTION, None)
        multi.setopt(M_TIMERFUNCTION, None)
        self._timer.close()
        while self._polls:
            self._polls.popitem()[1].close()

    def _on_socket(self, what: int, fd: int, multi: Any, data: object) -> None:
        if what == POLL_REMOVE:
            if fd in self._polls:
                self._polls.pop(fd).close()  # stops at once; libuv frees it in a later turn
            return
        if fd not in self._polls:
            self._polls[fd] = self._pyuv.Poll(self._loop, fd)
        self._wanted[fd] = what & POLL_INOUT
        self._watch(fd)

    def _watch(self, fd: int) -> None:
        if self._wanted[fd]:
            self._polls[fd].start(self._wanted[fd], self._on_ready)  # POLL_* are UV_READABLE, UV_WRITABLE
        else:
            self._polls[fd].stop()

    def _on_ready(self, poll: Any, events: int, error: Any) -> None:
        fd = poll.fileno()
        # libuv says EBADF for any error and stops the poll; the engine finds the true one on the descriptor.
        self._act(fd, CSELECT_ERR if error else events)
        if error and self._polls.get(fd) is poll:
            self._watch(fd)

    def _on_timer(self, timeout_ms: int) -> None:
        self._timer.stop()
        if timeout_ms >= 0:  # never from inside this call, not even 0
            self._loop.update_time()  # a timer starts from the clock of the loop's last turn
            self._timer.start(lambda timer: self._act(SOCKET_TIMEOUT, 0), timeout_ms / 1000, 0)

    def _act(self, fd: int, events: int) -> None:
        try:
            self.multi.socket_action(fd, events)
            if self.on_messages is not None:
                self.on_messages()
        except Exception:
            (self._loop.excepthook or sys.excepthook)(*sys.exc_info())


def drive_pyuv(multi: Any, loop: Any, pyuv: Any = None) -> PyuvDriver:
    """Run `multi` on `loop`.  A failing action goes to the loop's `excepthook`."""
    return PyuvDriver(multi, loop, import_module("pyuv") if pyuv is None else pyuv)
