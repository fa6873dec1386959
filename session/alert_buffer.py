"""Alerts waiting for one consumer: bounded, and what does not fit is counted and reported.

`size_limit` normal alerts fit, twice as many with high, three times with critical priority (libtorrent's rule).  What was dropped
is told by an `AlertsDroppedAlert` in the place of the first alert that is missing.  Knows no threads.
"""

from __future__ import annotations

from collections import deque

from .alerts.base import Alert
from .alerts.session import AlertsDroppedAlert

__all__ = ["AlertBuffer"]


class AlertBuffer:
    """A bounded queue of alerts."""

    __slots__ = ("_alerts", "_dropped", "_dropped_at", "_dropped_types", "size_limit")

    def __init__(self, size_limit: int) -> None:
        self.size_limit = size_limit
        """How many normal alerts there may be.  Changing it leaves what is queued."""
        self._alerts: deque[Alert] = deque()
        self._dropped: dict[str, int] = {}
        self._dropped_types: set[int] = set()
        self._dropped_at = 0.0

    def push(self, alert: Alert) -> bool:
        """Add one; False when it was dropped."""
        size = len(self._alerts)
        if size >= self.size_limit * (1 + alert.priority):
            self._dropped[alert.alert_name] = self._dropped.get(alert.alert_name, 0) + 1
            self._dropped_types.add(alert.alert_type)
            self._dropped_at = alert.timestamp
            return False
        if self._dropped and size < self.size_limit:  # There is room again: the gap is told where it is.
            self._alerts.append(self._take_report())
        self._alerts.append(alert)
        return True

    def pop(self) -> Alert | None:
        """The oldest one; None when there is none."""
        if self._alerts:
            return self._alerts.popleft()
        return self._take_report() if self._dropped else None

    def pop_all(self) -> list[Alert]:
        """Every one, oldest first."""
        alerts = list(self._alerts)
        self._alerts.clear()
        if self._dropped:
            alerts.append(self._take_report())
        return alerts

    def first(self) -> Alert | None:
        """The oldest one, which stays."""
        return self._alerts[0] if self._alerts else None

    def _take_report(self) -> Alert:
        report = AlertsDroppedAlert(self._dropped, frozenset(self._dropped_types))
        report.timestamp = self._dropped_at
        self._dropped, self._dropped_types = {}, set()
        return report

    def __len__(self) -> int:
        return len(self._alerts)
