"""`Session.subscribe`: alerts of some categories, handed to a callback as they come.  Nothing is polled.

The callback runs on the loop's thread, soon after the alert was posted and never inside the work that posted it, so it may call
any method of session and handles.  It must not block.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Self

from .alert_buffer import AlertBuffer
from .alert_queue import AlertQueue
from .alerts.base import Alert
from .flags import AlertCategory

__all__ = ["Subscription"]

_log = logging.getLogger(__name__)


class Subscription:
    """One callback's share of the alerts, independent of `alert_mask` and of `pop_alerts`.  Ends with `close`.

    Between two turns of the loop at most `limit` alerts gather (`AlertBuffer`); what is lost is told by an `AlertsDroppedAlert`.
    """

    __slots__ = ("_buffer", "_call_soon", "_callback", "_is_closed", "_is_due", "_queue", "mask")

    def __init__(
        self,
        queue: AlertQueue,
        categories: AlertCategory | int,
        callback: Callable[[Alert], object],
        *,
        call_soon: Callable[[Callable[[], object]], object],
        limit: int,
    ) -> None:
        """`call_soon`, callable from any thread, runs what it gets on the loop."""
        self.mask = int(categories) & 0xFFFFFFFF
        """`AlertCategory` bits it wants."""
        self._queue = queue
        self._callback = callback
        self._call_soon = call_soon
        self._buffer = AlertBuffer(limit)
        self._is_due = False
        self._is_closed = False
        queue.attach(self)

    def close(self) -> None:
        """No more calls; one under way on another thread is not waited for.  Any thread, repeatable."""
        self._is_closed = True
        self._queue.detach(self)

    @property
    def is_closed(self) -> bool:
        """`close` was called."""
        return self._is_closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def push(self, alert: Alert) -> None:
        """The queue's side."""
        self._buffer.push(alert)
        if not self._is_due:
            self._is_due = True
            self._call_soon(self._deliver)

    def _deliver(self) -> None:
        self._is_due = False
        for alert in self._buffer.pop_all():
            if self._is_closed:
                return
            try:
                self._callback(alert)
            except Exception:
                # A border: the application's function failed inside the session, which goes on.
                _log.exception("alert callback %r failed", self._callback)

    def __repr__(self) -> str:
        return f"Subscription({AlertCategory(self.mask)!r}, {'closed' if self._is_closed else 'open'})"
