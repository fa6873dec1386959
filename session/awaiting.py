"""Futures that wait for news of one torrent.  The asynchronous face's half of alerts: nothing is built or kept for who does not wait.

Alerts are seen the moment they are posted, so none is lost however many there are; a future only wakes its task.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from .alert_queue import AlertQueue
from .alerts.base import Alert, TorrentAlert

if TYPE_CHECKING:
    from .torrent.torrent import Torrent

__all__ = ["Awaiting"]

Accept = Callable[[TorrentAlert], bool]


class _Waiter(NamedTuple):
    accept: Accept
    future: asyncio.Future[TorrentAlert]


class Awaiting:
    """Who waits for alerts of which torrent.  Loop thread only."""

    __slots__ = ("_end", "_queue", "_waiters", "mask")

    def __init__(self, queue: AlertQueue, mask: int) -> None:
        self.mask = mask
        """`AlertCategory` bits; wanted while anybody waits."""
        self._queue = queue
        self._waiters: dict[Torrent, list[_Waiter]] = {}
        self._end: Callable[[], Exception] | None = None

    @asynccontextmanager
    async def next(self, torrent: Torrent, accept: Accept) -> AsyncIterator[asyncio.Future[TorrentAlert]]:
        """A future of the next alert of `torrent` that is accepted.  After `end` the error it was given."""
        if self._end is not None:
            raise self._end()
        future: asyncio.Future[TorrentAlert] = asyncio.get_running_loop().create_future()
        if not self._waiters:
            self._queue.attach(self)
        waiter = _Waiter(accept, future)
        self._waiters.setdefault(torrent, []).append(waiter)
        try:
            yield future
        finally:
            if not future.cancel() and not future.cancelled():
                future.exception()  # Marked as seen: who left early does not want to know.
            self._remove(torrent, waiter)

    def _remove(self, torrent: Torrent, waiter: _Waiter) -> None:
        waiters = self._waiters.get(torrent)
        if waiters is None:
            return
        waiters.remove(waiter)
        if not waiters:
            del self._waiters[torrent]
            if not self._waiters:
                self._queue.detach(self)

    def push(self, alert: Alert) -> None:
        """The queue's side."""
        if isinstance(alert, TorrentAlert) and (torrent := alert.handle._torrent) is not None:
            for waiter in self._waiters.get(torrent, ()):
                if not waiter.future.done() and waiter.accept(alert):
                    waiter.future.set_result(alert)

    def end(self, error: Callable[[], Exception]) -> None:
        """Nothing will come any more: everybody who waits, or is going to, gets what `error` makes."""
        self._end = error
        self._queue.detach(self)
        waiting, self._waiters = self._waiters, {}
        for waiters in waiting.values():
            for waiter in waiters:
                if not waiter.future.done():
                    waiter.future.set_exception(error())
