"""What other threads ask of a loop: carried out on its thread, in the order of asking.

Posting wakes the loop once for any number of orders.  While nothing runs the loop, who asks carries it out at once, under
a lock that a starting run takes too; what a run leaves behind is carried out as it ends, so nobody waits for ever.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from .errors import ReactorClosed

if TYPE_CHECKING:
    import asyncio

__all__ = ["Expiring", "Orders"]

LOOK_UP = 0.05
"""Seconds after which who waits looks whether the loop still runs."""


class Expiring(Protocol):
    """Something whose moment may come."""

    def expire(self) -> None: ...


class Runner(Protocol):
    """Whose loop it is."""

    loop: asyncio.AbstractEventLoop

    def is_running(self) -> bool:
        """Some thread runs the loop, by whatever means."""
        ...

    @property
    def report(self) -> Callable[[str, BaseException], object]:
        """Where the error of an order goes that nobody waits for."""
        ...


class Orders:
    """The orders of one loop.  Every method may be called by any thread, except `take`."""

    def __init__(self, runner: Runner) -> None:
        self.lock = threading.RLock()
        """Held to start or end a run, and to act in place of one."""
        self._runner = runner
        self.queue: deque[Expiring] = deque()
        """Asked and not carried out."""
        self._is_posted = False
        self._is_muted = False
        self._is_closed = False

    def post(self, item: Expiring) -> None:
        """Expire `item` on the loop.  ReactorClosed after `close`."""
        if self._is_closed:
            raise ReactorClosed("the reactor is closed")
        self.queue.append(item)
        if not self._is_posted and not self._is_muted:
            self._is_posted = True
            self._wake()

    def carry_out(self, function: Callable[..., object], *args: Any, waits: bool) -> None:
        """Call `function` on the loop's thread, or here if nothing runs the loop.

        With `waits`, return when it is done and raise what it raised; otherwise an error is reported.
        """
        with self.lock:
            if not self._runner.is_running():
                function(*args)
                return
            order = _Order(function, args, None if waits else self._runner.report)
            self.post(order)
        if waits:
            while not order.is_done.wait(LOOK_UP):
                with self.lock:  # the loop may have ended by other means than `run`
                    if not self._runner.is_running():
                        self.take()
            if order.error is not None:
                raise order.error

    def take(self) -> None:
        """Carry out what there is: on the loop's thread, or under the lock while nothing runs it."""
        # Cleared before taking: what is appended after the last look is followed by a new post.
        self._is_posted = False
        while self.queue:
            self.queue.popleft().expire()

    def mute(self) -> None:
        """In a forked child: keep orders and wake nobody, the parent least of all; no other thread holds the lock."""
        self.lock = threading.RLock()
        self._is_muted = True

    def resume(self) -> None:
        """The child has a loop of its own."""
        self._is_muted = False
        self._is_posted = bool(self.queue)
        if self.queue:
            self._wake()

    def close(self) -> None:
        """Refuse orders and forget those left."""
        self._is_closed = True
        self.queue.clear()

    def _wake(self) -> None:
        try:
            self._runner.loop.call_soon_threadsafe(self.take)
        except RuntimeError as exc:
            raise ReactorClosed("the reactor is closed") from exc


class _Order:
    """A function to call; `report` gets its error when nobody waits."""

    def __init__(
        self,
        function: Callable[..., object],
        args: tuple[Any, ...],
        report: Callable[[str, BaseException], object] | None,
    ) -> None:
        self.is_done = threading.Event()
        self.error: BaseException | None = None
        self._function = function
        self._args = args
        self._report = report

    def expire(self) -> None:
        try:
            self._function(*self._args)
        except Exception as exc:
            self.error = exc
            if self._report is not None:
                self._report("exception in an order of another thread", exc)
        finally:
            self.is_done.set()
