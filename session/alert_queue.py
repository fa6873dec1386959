"""The queue between the session, which posts alerts, and the application, which pops them.

Posting happens on the loop thread, popping and waiting on any.  The notify function runs when the queue goes from empty to
not empty, once, until it was popped (edge-triggered); it is run through `call_soon`, never inside the work that posts, and
must not block.  A full queue drops: `size_limit` normal alerts, twice as many with high, three times with critical priority; what was
dropped is told by an `AlertsDroppedAlert` at the end of the next pop.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from .alerts.base import Alert
from .alerts.session import AlertsDroppedAlert

__all__ = ["AlertQueue"]

_log = logging.getLogger(__name__)

_ALL_BITS = 0xFFFFFFFF


class AlertQueue:
    """Alerts waiting for the application."""

    __slots__ = (
        "_alerts",
        "_call_soon",
        "_clock",
        "_condition",
        "_dropped",
        "_dropped_types",
        "_is_telling",
        "_notify",
        "_observers",
        "_size_limit",
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
        self._size_limit = size_limit
        self.mask = mask & _ALL_BITS
        """`AlertCategory` bits that are posted, as a plain integer; read it to skip work."""
        self._alerts: list[Alert] = []
        self._dropped: dict[str, int] = {}
        self._dropped_types: set[int] = set()
        self._notify: Callable[[], object] | None = None
        self._is_telling = False
        self._observers: tuple[Callable[[Alert], object], ...] = ()
        self._condition = threading.Condition(threading.Lock())

    # Posting

    def should_post(self, alert_type: type[Alert]) -> bool:
        """An alert of this class would be wanted; ask before building one."""
        return bool(self.mask & alert_type.category_bits) or alert_type.is_mandatory

    def emplace(self, alert_type: type[Alert], *args: Any, **fields: Any) -> bool:
        """Build and post an alert if the mask wants it.  False when it did not, or the queue is full."""
        if not self.mask & alert_type.category_bits and not alert_type.is_mandatory:
            return False
        return self.post(alert_type(*args, **fields))

    def post(self, alert: Alert) -> bool:
        """Post whatever the mask says.  False when the queue is full."""
        alert.timestamp = self._clock()
        with self._condition:
            size = len(self._alerts)
            if size >= self._size_limit * (1 + alert.priority):
                self._drop(alert)
                return False
            self._alerts.append(alert)
            tell = False
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
            notify = self._notify if self._alerts else None
        if notify is not None:
            _call(notify)

    def _drop(self, alert: Alert) -> None:
        self._dropped[alert.alert_name] = self._dropped.get(alert.alert_name, 0) + 1
        self._dropped_types.add(alert.alert_type)

    def set_mask(self, mask: int) -> None:
        """Which categories are posted from now on; -1 is all."""
        self.mask = mask & _ALL_BITS

    def set_size_limit(self, size_limit: int) -> int:
        """How many normal alerts there may be; return the limit before.  What is queued stays."""
        with self._condition:
            before, self._size_limit = self._size_limit, size_limit
        return before

    def add_observer(self, observer: Callable[[Alert], object]) -> None:
        """Call `observer(alert)` on the posting thread with each alert that was posted, before it can be popped by it."""
        self._observers = (*self._observers, observer)

    # Popping

    def pop_all(self) -> list[Alert]:
        """Every alert, oldest first; they are the caller's.  Any thread."""
        with self._condition:
            alerts, self._alerts = self._alerts, []
            dropped, self._dropped = self._dropped, {}
            types, self._dropped_types = self._dropped_types, set()
        if dropped:
            report = AlertsDroppedAlert(dropped, frozenset(types))
            report.timestamp = self._clock()
            alerts.append(report)
        return alerts

    def wait(self, timeout: float | None) -> Alert | None:
        """Block until there is an alert, at most `timeout` seconds; return the oldest and leave it.  Any thread."""
        with self._condition:
            self._condition.wait_for(lambda: self._alerts, timeout)
            return self._alerts[0] if self._alerts else None

    def set_notify(self, notify: Callable[[], object] | None) -> None:
        """What to call when the queue is no longer empty; soon when it is not.  None calls nothing."""
        with self._condition:
            self._notify = notify
            tell = bool(self._alerts) and self._must_tell()
        if tell:
            self._call_soon(self._tell)

    def __len__(self) -> int:
        return len(self._alerts)


def _call(function: Callable[..., object], *args: object) -> None:
    try:
        function(*args)
    except Exception:
        # A border: the application's function failed inside the session, which goes on.
        _log.exception("alert callback %r failed", function)
