"""A `Multi` on an asyncio loop: the stock selector loop, uvloop, or anything with their interface."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from ..errors import ReactorUsageError
from ..handles.poll import Poll
from ..numbers import CSELECT_IN, CSELECT_OUT, M_SOCKETFUNCTION, M_TIMERFUNCTION, POLL_REMOVE, SOCKET_TIMEOUT

__all__ = ["AsyncioDriver", "drive_asyncio"]


class AsyncioDriver:
    """Turns what the engine asks for into readers, writers and one timer of the loop."""

    def __init__(self, multi: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.multi = multi  # Any: the engine fits by shape
        self.on_messages: Callable[[], object] | None = None
        """Called after every action, when `info_read` may have something."""
        self._loop = loop
        self._polls: dict[int, Poll] = {}
        self._timer: asyncio.Handle | None = None
        self._socket_action = multi.socket_action
        multi.setopt(M_SOCKETFUNCTION, self._on_socket)
        multi.setopt(M_TIMERFUNCTION, self._on_timer)
        self._on_timer(0)  # the first action announces what the engine already has

    def close(self) -> None:
        """Let go of engine and loop; both live on.  Before the engine is closed; repeatable."""
        if (multi := self.multi) is None:
            return
        self.multi = None
        multi.setopt(M_SOCKETFUNCTION, None)
        multi.setopt(M_TIMERFUNCTION, None)
        self._on_timer(-1)
        while self._polls:
            self._polls.popitem()[1].close()

    def _on_socket(self, what: int, fd: int, multi: Any, data: object) -> None:
        mask = what << 1  # POLL_IN 1, POLL_OUT 2 → READ 2, WRITE 4
        if what == POLL_REMOVE:
            if (poll := self._polls.pop(fd, None)) is not None:
                poll.close()
        elif fd in self._polls:
            self._polls[fd].modify(mask)
        else:
            poll = Poll(self._loop, fd, read=CSELECT_IN, write=CSELECT_OUT)
            poll.start(mask, partial(self._act, fd))
            self._polls[fd] = poll

    def _on_timer(self, timeout_ms: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if timeout_ms >= 0:  # never from inside this call, not even 0
            self._timer = self._loop.call_later(timeout_ms / 1000, self._on_timeout)

    def _on_timeout(self) -> None:
        self._timer = None
        self._act(SOCKET_TIMEOUT, 0)

    def _act(self, fd: int, events: int) -> None:
        self._socket_action(fd, events)
        if self.on_messages is not None:
            self.on_messages()


def drive_asyncio(multi: Any, loop: asyncio.AbstractEventLoop | None = None) -> AsyncioDriver:
    """Run `multi` on `loop`, by default the one running.  A failing action goes to the loop's exception handler."""
    if loop is None:
        loop = asyncio.get_running_loop()
    if isinstance(loop, getattr(asyncio, "ProactorEventLoop", ())):
        raise ReactorUsageError("the proactor loop cannot watch sockets; use a selector loop")
    return AsyncioDriver(multi, loop)
