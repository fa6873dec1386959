"""GLib's main context by shape, over `select.poll`: as much of PyGObject as a driver touches, with its habits.

Errors and hang-ups are told unasked; a source whose callback raises is dropped after `sys.excepthook`; milliseconds are
32 bits; removing a source that is not there is a mistake.
"""

from __future__ import annotations

import enum
import itertools
import select
import sys
import time
from collections.abc import Callable
from typing import Any


class IOCondition(enum.IntFlag):
    IN, PRI, OUT, ERR, HUP, NVAL = 1, 2, 4, 8, 16, 32


class FakeGlib:
    """Stands for the module."""

    IOCondition = IOCondition
    PRIORITY_DEFAULT = 0

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._fds: dict[int, tuple[int, int, Callable[..., object], tuple[Any, ...]]] = {}
        self._timers: dict[int, tuple[float, float, Callable[..., object]]] = {}

    @property
    def MainContext(self) -> FakeGlib:
        return self

    def default(self) -> FakeGlib:
        return self

    def unix_fd_add_full(
        self, priority: int, fd: int, condition: int, callback: Callable[..., object], *data: Any
    ) -> int:
        assert isinstance(condition, IOCondition)
        source = next(self._ids)
        self._fds[source] = (fd, int(condition), callback, data)
        return source

    def timeout_add(self, interval: int, callback: Callable[..., object]) -> int:
        if not 0 <= interval < 2**32:
            raise OverflowError(f"{interval} not in range 0 to 4294967295")
        source = next(self._ids)
        self._timers[source] = (time.monotonic() + interval / 1000, interval / 1000, callback)
        return source

    def source_remove(self, source: int) -> bool:
        found = self._fds.pop(source, None) or self._timers.pop(source, None)
        assert found, f"Source ID {source} was not found"
        return True

    def iteration(self, may_block: bool) -> bool:
        due = min((when for when, _, _ in self._timers.values()), default=None)
        wait = 0.0 if not may_block else None if due is None else max(0.0, due - time.monotonic()) * 1000
        ready = self._poll(wait)
        for source, (fd, condition, callback, data) in list(self._fds.items()):
            told = ready.get(fd, 0) & (condition | 0x38)
            if told and source in self._fds:
                self._call(source, callback, fd, IOCondition(told), *data)
        for source, (when, interval, callback) in list(self._timers.items()):
            if when <= time.monotonic() and source in self._timers:
                self._timers[source] = (time.monotonic() + interval, interval, callback)
                self._call(source, callback)
        return bool(ready)

    def _poll(self, wait_ms: float | None) -> dict[int, int]:
        wanted: dict[int, int] = {}
        for fd, condition, _, _ in self._fds.values():
            wanted[fd] = wanted.get(fd, 0) | condition
        poll = select.poll()
        for fd, mask in wanted.items():
            poll.register(fd, mask)
        return dict(poll.poll(wait_ms))

    def _call(self, source: int, callback: Callable[..., object], *args: Any) -> None:
        goes_on: object = False
        try:
            goes_on = callback(*args)
        except Exception:
            sys.excepthook(*sys.exc_info())
        if not goes_on:
            self._fds.pop(source, None)
            self._timers.pop(source, None)
