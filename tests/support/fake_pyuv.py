"""pyuv 1.4 by shape, over `select.poll`: loop, polls and timers with libuv's habits.

One active poll a descriptor; an error is told as EBADF and stops the poll; timers start from the clock of the loop's last
turn; a closed handle is gone only after another turn.
"""

from __future__ import annotations

import errno
import select
import sys
import time
from collections.abc import Callable
from typing import Any


class Loop:
    def __init__(self) -> None:
        self.excepthook: Callable[..., object] | None = None
        self.handles: list[Any] = []
        self.update_time()

    def update_time(self) -> None:
        self.clock = time.monotonic()

    def run(self, mode: int) -> bool:
        timers = [each for each in self.handles if isinstance(each, Timer) and each.active]
        wait = 0.0
        if mode == FakePyuv.UV_RUN_ONCE:
            wait = max(0.0, min((each.due for each in timers), default=0.0) - self.clock)
        polls = [each for each in self.handles if isinstance(each, Poll) and each.active]
        system = select.poll()
        for each in polls:
            system.register(each.fd, (each.events & 1) | (each.events & 2) << 1)
        told = dict(system.poll(wait * 1000))
        self.update_time()
        for each in polls:
            if each.active and (bits := told.get(each.fd, 0)):
                each.tell(bits)
        for each in sorted(timers, key=lambda timer: timer.due):
            if each.active and each.due <= self.clock:
                each.fire()
        self.handles = [each for each in self.handles if not each.closed]
        return bool(self.handles)

    def call(self, callback: Callable[..., object], *args: Any) -> None:
        try:
            callback(*args)
        except Exception:
            (self.excepthook or sys.excepthook)(*sys.exc_info())


class Handle:
    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.active = self.closed = False
        loop.handles.append(self)

    def stop(self) -> None:
        self.active = False

    def close(self) -> None:
        assert not self.closed, "HandleClosedError"
        self.active, self.closed = False, True


class Poll(Handle):
    def __init__(self, loop: Loop, fd: int) -> None:
        super().__init__(loop)
        self.fd, self.events = fd, 0
        self.callback: Callable[..., object] = lambda *_: None

    def fileno(self) -> int:
        return self.fd

    def start(self, events: int, callback: Callable[..., object]) -> None:
        others = [each for each in self.loop.handles if isinstance(each, Poll) and each is not self]
        if any(each.active and each.fd == self.fd for each in others):
            raise OSError(errno.EEXIST, "file already exists")
        assert events
        assert not self.closed, "HandleClosedError"
        self.active, self.events, self.callback = True, events, callback

    def tell(self, bits: int) -> None:
        if bits & select.POLLERR:
            self.active = False
            self.loop.call(self.callback, self, 0, -errno.EBADF)
            return
        ready = (1 if bits & (select.POLLIN | select.POLLHUP) else 0) | (
            2 if bits & (select.POLLOUT | select.POLLHUP) else 0
        )
        if ready & self.events:
            self.loop.call(self.callback, self, ready & self.events, None)


class Timer(Handle):
    def start(self, callback: Callable[..., object], timeout: float, repeat: float) -> None:
        self.callback, self.repeat = callback, repeat
        self.due, self.active = self.loop.clock + timeout, True

    def fire(self) -> None:
        self.active = bool(self.repeat)
        self.due += self.repeat
        self.loop.call(self.callback, self)


class FakePyuv:
    """Stands for the module."""

    UV_RUN_DEFAULT, UV_RUN_ONCE, UV_RUN_NOWAIT = range(3)
    Loop, Poll, Timer = Loop, Poll, Timer
