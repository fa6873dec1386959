"""Alerts about trackers and web seeds."""

from __future__ import annotations

from ..errors import ErrorCode, Operation
from ..flags import AlertCategory, TrackerEvent
from .base import AlertPriority, TorrentAlert, TrackerAlert, alert

__all__ = [
    "ScrapeFailedAlert",
    "ScrapeReplyAlert",
    "TrackerAnnounceAlert",
    "TrackerErrorAlert",
    "TrackerReplyAlert",
    "TrackerWarningAlert",
    "TrackeridAlert",
    "UrlSeedAlert",
]


@alert(17, AlertCategory.tracker)
class TrackerAnnounceAlert(TrackerAlert):
    """An announce was sent."""

    event: TrackerEvent

    def message(self) -> str:
        return f"{self._tracker()} sending announce ({self.event.name})"


@alert(15, AlertCategory.tracker)
class TrackerReplyAlert(TrackerAlert):
    """The tracker answered."""

    num_peers: int

    def message(self) -> str:
        return f"{self._tracker()} received peers: {self.num_peers}"


@alert(11, AlertCategory.tracker | AlertCategory.error, AlertPriority.high)
class TrackerErrorAlert(TrackerAlert):
    """The announce failed; it is tried again later, or at the next tracker."""

    times_in_row: int
    """Failures since the last success."""
    error: ErrorCode
    failure_reason: str = ""
    """What the tracker said, if it said something."""
    op: Operation = Operation.unknown

    def message(self) -> str:
        return f'{self._tracker()} {self.error} "{self.failure_reason}" ({self.times_in_row})'


@alert(12, AlertCategory.tracker | AlertCategory.error)
class TrackerWarningAlert(TrackerAlert):
    """The tracker answered, with a warning."""

    warning_message: str

    def message(self) -> str:
        return f"{self._tracker()} warning: {self.warning_message}"


@alert(13, AlertCategory.tracker, AlertPriority.critical)
class ScrapeReplyAlert(TrackerAlert):
    """The answer to `scrape_tracker`.  -1 is what the tracker did not say."""

    incomplete: int
    complete: int

    def message(self) -> str:
        return f"{self._tracker()} scrape reply: {self.incomplete} {self.complete}"


@alert(14, AlertCategory.tracker | AlertCategory.error, AlertPriority.critical)
class ScrapeFailedAlert(TrackerAlert):
    """The answer to `scrape_tracker` when it failed."""

    error: ErrorCode
    error_message: str = ""
    """What the tracker said, if it said something."""

    def message(self) -> str:
        return f"{self._tracker()} scrape failed: {self.error_message or self.error}"


@alert(61, AlertCategory.status)
class TrackeridAlert(TrackerAlert):
    """The tracker gave an id to use from now on."""

    tracker_id: str

    def message(self) -> str:
        return f"trackerid received: {self.tracker_id}"


@alert(42, AlertCategory.peer | AlertCategory.error)
class UrlSeedAlert(TorrentAlert):
    """A web seed failed."""

    server_url: str
    error: ErrorCode
    error_message: str = ""
    """What the server said, if it said something."""

    def message(self) -> str:
        return f"{self._torrent()} url seed ({self.server_url}) failed: {self.error_message or self.error}"
