"""`async for alert in session.alerts(mask)`: alerts as an asynchronous iterator.

Needs nothing but futures of the running loop.  A stream that is no longer referenced unsubscribes by itself, so a loop may be left
by `break`.
"""

from __future__ import annotations

import asyncio
import weakref
from types import TracebackType
from typing import Self

from .alert_buffer import AlertBuffer
from .alert_queue import AlertQueue
from .alerts.base import Alert

__all__ = ["AlertStream"]


class AlertStream:
    """Alerts from the moment it is made until `close`, or until the session ended and all were taken.

    A consumer that is slow loses alerts once `limit` are waiting (`AlertBuffer`), and is told so by an `AlertsDroppedAlert` in
    their place.  One task at a time may wait.  Cancelling the wait loses nothing.
    """

    def __init__(self, queue: AlertQueue, mask: int, *, limit: int) -> None:
        self._inlet = _Inlet(queue, mask, limit, self)
        queue.attach(self._inlet)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Alert:
        inlet = self._inlet
        while (alert := inlet.buffer.pop()) is None:
            if inlet.is_closed:
                raise StopAsyncIteration
            if inlet.waiter is not None:
                raise RuntimeError("another task waits for this stream's next alert")
            inlet.waiter = asyncio.get_running_loop().create_future()
            try:
                await inlet.waiter
            finally:
                inlet.waiter = None
        return alert

    def pop_nowait(self) -> Alert | None:
        """The next alert if there is one."""
        return self._inlet.buffer.pop()

    def close(self) -> None:
        """No more alerts; those waiting can still be taken, and then the iteration ends.  Loop thread, repeatable."""
        self._inlet.close()

    async def aclose(self) -> None:
        """The same, for `contextlib.aclosing`."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Inlet:
    """The queue's side of a stream.  It does not keep the stream alive, and goes when that has gone."""

    __slots__ = ("_queue", "_stream", "buffer", "is_closed", "mask", "waiter")

    def __init__(self, queue: AlertQueue, mask: int, limit: int, stream: AlertStream) -> None:
        self.mask = mask & 0xFFFFFFFF
        self.buffer = AlertBuffer(limit)
        self.waiter: asyncio.Future[None] | None = None
        self.is_closed = False
        self._queue = queue
        # Not a finalizer: that may run inside anything, also while the queue's lock is held.
        self._stream = weakref.ref(stream)

    def push(self, alert: Alert) -> None:
        if self._stream() is None:
            self.close()
            return
        self.buffer.push(alert)
        self._wake()

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._queue.detach(self)
            self._wake()

    def _wake(self) -> None:
        waiter = self.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
