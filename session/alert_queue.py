"""The queue between the session, which posts alerts, and the application, which pops them.

Posting happens on the loop thread, popping and waiting on any.  The notify function runs when the queue goes from empty to
not empty, once, until it was popped (edge-triggered); it is run through `call_soon`, never inside the work that posts, and
must not block.  A full queue drops (`AlertBuffer`) and says so at the end of the next pop.

Beside the application's queue there may be sinks with masks of their own (`attach`): what only they want is not queued.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

from .alert_buffer import AlertBuffer
from .alerts.base import Alert

__all__ = ["AlertQueue", "AlertSink"]

_log = logging.getLogger(__name__)

_ALL_BITS = 0xFFFFFFFF


class AlertSink(Protocol):
    """Takes alerts the moment they are posted."""

    mask: int
    """`AlertCategory` bits it wants; it also gets every alert that has no category.  Not to be changed while attached."""

    def push(self, alert: Alert) -> object:
        """Called on the loop's thread, inside the work that posts: to note it, not to act on it."""


class AlertQueue:
    """Alerts waiting for the application."""

    __slots__ = (
        "_buffer",
        "_call_soon",
        "_clock",
        "_condition",
        "_is_telling",
        "_notify",
        "_observers",
        "_queue_mask",
        "_sinks",
        "is_kept",
        "mask",
    )

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        size_limit: int = 2000,
        mask: int = 1,
        call_soon: Callable[[Callable[[], object]], object] | None = None,
    ) -> None:
        """`call_soon`, callable from any thread, runs the notify function on the loop; without it that runs at once."""
        self._clock = clock
        self._call_soon = call_soon or _call
        self.mask = mask & _ALL_BITS
        """`AlertCategory` bits that anybody wants, as a plain integer; read it to skip work."""
        self.is_kept = True
        """The application pops.  Without, alerts reach sinks and observers only."""
        self._queue_mask = self.mask
        self._sinks: tuple[AlertSink, ...] = ()
        self._buffer = AlertBuffer(size_limit)
        self._notify: Callable[[], object] | None = None
        self._is_telling = False
        self._observers: tuple[Callable[[Alert], object], ...] = ()
        self._condition = threading.Condition(threading.Lock())

    # Posting

    def should_post(self, alert_type: type[Alert]) -> bool:
        """An alert of this class would be wanted; ask before building one."""
        return bool(self.mask & alert_type.category_bits) or alert_type.is_mandatory

    def emplace(self, alert_type: type[Alert], *args: Any, **fields: Any) -> bool:
        """Build and post an alert if anybody wants it.  False when nobody did, or the queue is full."""
        bits, is_mandatory = alert_type.category_bits, alert_type.is_mandatory
        if not self.mask & bits and not is_mandatory:
            return False
        alert = alert_type(*args, **fields)
        if not self._sinks:
            return self.post(alert)
        self._offer(alert)
        return self._enqueue(alert) if is_mandatory or self._queue_mask & bits else True

    def post(self, alert: Alert) -> bool:
        """Post whatever the mask says.  False when the queue is full."""
        self._offer(alert)
        return self._enqueue(alert)

    def _offer(self, alert: Alert) -> None:
        alert.timestamp = self._clock()
        bits = alert.category_bits
        for sink in self._sinks:
            if sink.mask & bits or not bits:
                sink.push(alert)

    def _enqueue(self, alert: Alert) -> bool:
        tell = False
        if self.is_kept:
            with self._condition:
                size = len(self._buffer)
                if not self._buffer.push(alert):
                    return False
                if size == 0:
                    self._condition.notify_all()
                    tell = self._must_tell()
        for observer in self._observers:
            _call(observer, alert)
        if tell:
            self._call_soon(self._tell)
        return True

    def _must_tell(self) -> bool:
        # Under the lock.  A call under way serves whatever is posted before it runs.
        if self._notify is None or self._is_telling:
            return False
        self._is_telling = True
        return True

    def _tell(self) -> None:
        with self._condition:
            self._is_telling = False
            notify = self._notify if len(self._buffer) else None
        if notify is not None:
            _call(notify)

    def set_mask(self, mask: int) -> None:
        """Which categories are queued from now on; -1 is all."""
        with self._condition:
            self._queue_mask = mask & _ALL_BITS
            self._sum_up()

    def set_size_limit(self, size_limit: int) -> int:
        """How many normal alerts there may be; return the limit before.  What is queued stays."""
        with self._condition:
            before, self._buffer.size_limit = self._buffer.size_limit, size_limit
        return before

    def attach(self, sink: AlertSink) -> None:
        """Give `sink` what it wants from now on.  Any thread."""
        with self._condition:
            self._sinks = (*self._sinks, sink)
            self._sum_up()

    def detach(self, sink: AlertSink) -> None:
        """No more for `sink`.  Any thread, repeatable."""
        with self._condition:
            self._sinks = tuple(each for each in self._sinks if each is not sink)
            self._sum_up()

    def _sum_up(self) -> None:
        mask = self._queue_mask
        for sink in self._sinks:
            mask |= sink.mask
        self.mask = mask & _ALL_BITS

    def add_observer(self, observer: Callable[[Alert], object]) -> None:
        """Call `observer(alert)` on the posting thread with each alert that was posted, before it can be popped by it."""
        self._observers = (*self._observers, observer)

    # Popping

    def pop_all(self) -> list[Alert]:
        """Every alert, oldest first; they are the caller's.  Any thread."""
        with self._condition:
            return self._buffer.pop_all()

    def wait(self, timeout: float | None) -> Alert | None:
        """Block until there is an alert, at most `timeout` seconds; return the oldest and leave it.  Any thread."""
        with self._condition:
            self._condition.wait_for(lambda: len(self._buffer), timeout)
            return self._buffer.first()

    def set_notify(self, notify: Callable[[], object] | None) -> None:
        """What to call when the queue is no longer empty; soon when it is not.  None calls nothing."""
        with self._condition:
            self._notify = notify
            tell = bool(len(self._buffer)) and self._must_tell()
        if tell:
            self._call_soon(self._tell)

    def __len__(self) -> int:
        return len(self._buffer)


def _call(function: Callable[..., object], *args: object) -> None:
    try:
        function(*args)
    except Exception:
        # A border: the application's function failed inside the session, which goes on.
        _log.exception("alert callback %r failed", function)
