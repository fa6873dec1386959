"""A `Multi` on a bare loop over `selectors`, to read before writing a driver for a loop of your own."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable
from typing import Any

from ..numbers import M_SOCKETFUNCTION, M_TIMERFUNCTION, POLL_REMOVE, SOCKET_TIMEOUT

__all__ = ["SelectorsDriver", "drive_selectors"]


class SelectorsDriver:
    """Owns the waiting; the engine owns everything else.  Errors of an action leave `run` as they are."""

    def __init__(self, multi: Any, selector: selectors.BaseSelector | None) -> None:
        self.multi = multi  # Any: the engine fits by shape
        self.num_running = 0
        """Handles running after the last action."""
        self.on_messages: Callable[[], object] | None = None
        """Called after every action, when `info_read` may have something."""
        self._selector = selectors.DefaultSelector() if selector is None else selector
        self._is_own = selector is None
        self._fds: dict[int, object] = {}
        self._deadline: float | None = time.monotonic()  # the first action announces what the engine has
        multi.setopt(M_SOCKETFUNCTION, self._on_socket)
        multi.setopt(M_TIMERFUNCTION, self._on_timer)

    def run(self, until: Callable[[], object] | None = None) -> None:
        """Loop until `until()` is true, by default until no handle is running."""
        self.run_once(0.0)
        while not (until() if until is not None else self.num_running == 0):
            self.run_once()

    def run_once(self, timeout: float | None = None) -> None:
        """Wait for the first event or deadline, at most `timeout` seconds, and act on all that are due."""
        if self._deadline is not None:
            due_in = max(0.0, self._deadline - time.monotonic())
            timeout = due_in if timeout is None else min(timeout, due_in)
        for key, events in self._selector.select(timeout):
            if key.data is self._fds.get(key.fd):  # else withdrawn by an action of this round
                self._act(key.fd, events)  # EVENT_READ 1, EVENT_WRITE 2 are CSELECT_IN, CSELECT_OUT
        if self._deadline is not None and self._deadline <= time.monotonic():
            self._deadline = None
            self._act(SOCKET_TIMEOUT, 0)

    def close(self) -> None:
        """Let go of engine and selector; both live on.  Before the engine is closed; repeatable."""
        if (multi := self.multi) is None:
            return
        self.multi = self._deadline = None
        multi.setopt(M_SOCKETFUNCTION, None)
        multi.setopt(M_TIMERFUNCTION, None)
        while self._fds:
            self._selector.unregister(self._fds.popitem()[0])
        if self._is_own:
            self._selector.close()

    def _on_socket(self, what: int, fd: int, multi: Any, data: object) -> None:
        if what == POLL_REMOVE:
            if self._fds.pop(fd, None) is not None:
                self._selector.unregister(fd)
        elif fd in self._fds:  # POLL_IN 1, POLL_OUT 2 are EVENT_READ, EVENT_WRITE
            self._selector.modify(fd, what, self._fds[fd])
        else:
            token = self._fds[fd] = object()
            self._selector.register(fd, what, token)

    def _on_timer(self, timeout_ms: int) -> None:
        self._deadline = None if timeout_ms < 0 else time.monotonic() + timeout_ms / 1000

    def _act(self, fd: int, events: int) -> None:
        _, self.num_running = self.multi.socket_action(fd, events)
        if self.on_messages is not None:
            self.on_messages()


def drive_selectors(multi: Any, selector: selectors.BaseSelector | None = None) -> SelectorsDriver:
    """Run `multi` on `selector`, by default a new one of the best kind; call `run` on the result."""
    return SelectorsDriver(multi, selector)
