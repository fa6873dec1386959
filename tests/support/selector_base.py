"""The smallest `Base`: a selectors loop with a clock that tests move by hand.

Time stands still unless `advance` is called, so nothing in a test depends on how fast the machine is.
"""

from __future__ import annotations

import collections
import heapq
import itertools
import selectors
import socket
from collections.abc import Callable
from typing import Any

READ, WRITE = 0x02, 0x04

_TO_SELECTORS = {READ: selectors.EVENT_READ, WRITE: selectors.EVENT_WRITE}


class SelectorBase:
    """`Base` for one watch a descriptor; drive it with `turn`.

    What a callback raises is kept in `errors`, as a loop's error hook would get it.
    """

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self._now = 1000.0
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, _Timer]] = []
        self._numbers = itertools.count()
        self._posted: collections.deque[_Timer] = collections.deque()
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._wake_in.setblocking(False)
        self._selector.register(self._wake_out, selectors.EVENT_READ, None)
        self._num_watches = 0

    def watch(self, fd: int, mask: int, callback: Callable[[int], object]) -> _Watch:
        return _Watch(self, fd, mask, callback)

    def call_soon(self, callback: Callable[..., object], *args: Any) -> _Timer:
        return self.call_at(self._now, callback, *args)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> _Timer:
        return self.call_at(self._now + delay, callback, *args)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> _Timer:
        timer = _Timer(callback, args)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> None:
        self._posted.append(_Timer(callback, args))
        self._wake_in.send(b"\0")

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock; what is due runs in the next turn."""
        self._now += seconds

    @property
    def num_watches(self) -> int:
        return self._num_watches

    @property
    def num_timers(self) -> int:
        return sum(not timer.is_cancelled for _, _, timer in self._timers)

    def turn(self, timeout: float = 0.0) -> None:
        """One pass: what is ready, what was posted, what is due."""
        for key, events in self._selector.select(timeout):
            watch = key.data
            if watch is None:
                self._wake_out.recv(4096)
            elif not watch.is_closed:
                mask = (READ if events & selectors.EVENT_READ else 0) | (
                    WRITE if events & selectors.EVENT_WRITE else 0
                )
                self._call(watch.callback, mask)
        for _ in range(len(self._posted)):
            self._run(self._posted.popleft())
        while self._timers and self._timers[0][0] <= self._now:
            self._run(heapq.heappop(self._timers)[2])

    def close(self) -> None:
        self._selector.close()
        self._wake_out.close()
        self._wake_in.close()

    def _run(self, timer: _Timer) -> None:
        if not timer.is_cancelled:
            timer.is_cancelled = True
            self._call(timer.callback, *timer.args)

    def _call(self, callback: Callable[..., object], *args: Any) -> None:
        try:
            callback(*args)
        except Exception as error:
            self.errors.append(error)


class _Timer:
    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.callback = callback
        self.args = args
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class _Watch:
    def __init__(self, base: SelectorBase, fd: int, mask: int, callback: Callable[[int], object]) -> None:
        self.callback = callback
        self.is_closed = False
        self._base = base
        self._fd = fd
        self._mask = 0
        self._base._num_watches += 1
        self.modify(mask)

    def modify(self, mask: int) -> None:
        selector = self._base._selector
        events = sum(value for bit, value in _TO_SELECTORS.items() if mask & bit)
        if self._mask and events:
            selector.modify(self._fd, events, self)
        elif events:
            selector.register(self._fd, events, self)
        elif self._mask:
            selector.unregister(self._fd)
        self._mask = events

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._base._num_watches -= 1
            if self._mask and self._base._selector.get_map() is not None:
                self.modify(0)
