"""What all alerts have: type, category, priority, time, text.

One class per fact, named after libtorrent's (`piece_finished_alert` is `PieceFinishedAlert`), with its number, category and
priority.  Fields are set by position in the order written; `torrent_name` only by name.  An alert is made on the loop
thread, is not changed afterwards, and belongs to whoever popped it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, TypeVar, dataclass_transform

from ...protocols.types import Address, PeerId, ProtocolVersion
from ..errors import SessionError
from ..flags import AlertCategory

if TYPE_CHECKING:
    from ..handle import TorrentHandle

__all__ = [
    "ALERT_TYPES",
    "NUM_ALERT_TYPES",
    "USER_ALERT_ID",
    "Alert",
    "AlertPriority",
    "PeerAlert",
    "TorrentAlert",
    "TrackerAlert",
    "alert",
    "endpoint_text",
]

NUM_ALERT_TYPES = 108
"""libtorrent's numbers are below this."""
USER_ALERT_ID = 10_000
"""Numbers of alerts of programs and their plug-ins begin here (libtorrent `user_alert_id`)."""


class AlertPriority(IntEnum):
    """Who stays when the queue is full: a queue of n holds n normal, 2n high, 3n critical alerts."""

    normal = 0
    high = 1
    critical = 2
    meta = 3


@dataclass(slots=True, eq=False)
class Alert:
    """Base of every alert."""

    alert_type: ClassVar[int] = -1
    """libtorrent's number of the class."""
    static_category: ClassVar[AlertCategory] = AlertCategory(0)
    """The `alert_mask` bits any of which lets it through."""
    category_bits: ClassVar[int] = 0
    """The same as a plain integer."""
    priority: ClassVar[AlertPriority] = AlertPriority.normal
    is_mandatory: ClassVar[bool] = False
    """Posted whatever the mask says: the answer to a call."""
    alert_name: ClassVar[str] = "alert"
    """libtorrent's name of the class."""

    timestamp: float = field(default=0.0, init=False)
    """When it was posted, on the clock of the session's loop."""

    def type(self) -> int:
        """libtorrent's number of the class."""
        return self.alert_type

    def what(self) -> str:
        """libtorrent's name of the class: "piece_finished_alert"."""
        return self.alert_name

    def category(self) -> AlertCategory:
        """The categories it belongs to."""
        return self.static_category

    def message(self) -> str:
        """One line for people."""
        return self.what()

    def __str__(self) -> str:
        return self.message()

    def __repr__(self) -> str:
        return f"<{self.what()}: {self.message()}>"


@dataclass(slots=True, eq=False, repr=False)
class TorrentAlert(Alert):
    """Something about one torrent."""

    handle: TorrentHandle
    """The torrent; no longer valid when it was removed meanwhile."""
    torrent_name: str = field(default="", kw_only=True)
    """What it was called at that moment."""

    def message(self) -> str:
        return self._torrent()

    def _torrent(self) -> str:
        if self.torrent_name:
            return self.torrent_name
        try:
            hashes = self.handle.info_hashes()
        except SessionError:
            return "------"
        name = hashes.v2 or hashes.v1
        return name[:3].hex() if name else "------"


@dataclass(slots=True, eq=False, repr=False)
class PeerAlert(TorrentAlert):
    """Something about one peer of a torrent."""

    endpoint: Address
    """Its address."""
    pid: PeerId | None
    """Its id, once it said hello."""

    def message(self) -> str:
        return self._peer()

    def _peer(self) -> str:
        return f"{self._torrent()} peer {endpoint_text(self.endpoint)}"


@dataclass(slots=True, eq=False, repr=False)
class TrackerAlert(TorrentAlert):
    """Something about one tracker of a torrent."""

    url: str
    """The announce URL."""
    local_endpoint: Address = field(default=("", 0), kw_only=True)
    """The listen socket that announced itself."""
    version: ProtocolVersion = field(default=ProtocolVersion.V1, kw_only=True)
    """Which of the torrent's names it was about."""

    def tracker_url(self) -> str:
        """The same as `url`."""
        return self.url

    def message(self) -> str:
        return self._tracker()

    def _tracker(self) -> str:
        local = f"{endpoint_text(self.local_endpoint)}-" if self.local_endpoint[0] else ""
        return f"{self._torrent()} ({self.url})[{local}{self.version.name.lower()}]"


ALERT_TYPES: dict[int, type[Alert]] = {}
"""libtorrent's number → class, of every alert of its that there is in this version."""

_A = TypeVar("_A", bound=Alert)


@dataclass_transform(eq_default=False, field_specifiers=(field,))
def alert(
    alert_type: int,
    category: AlertCategory,
    priority: AlertPriority = AlertPriority.normal,
    *,
    mandatory: bool = False,
) -> Callable[[type[_A]], type[_A]]:
    """Make a class an alert: a dataclass with slots, with libtorrent's number, categories and priority."""

    def decorate(cls: type[_A]) -> type[_A]:
        made = dataclass(slots=True, eq=False, repr=False)(cls)
        made.alert_type = alert_type
        made.static_category = category
        made.category_bits = int(category)
        made.priority = priority
        made.is_mandatory = mandatory
        made.alert_name = _snake_case(made.__name__)
        if alert_type < NUM_ALERT_TYPES:
            ALERT_TYPES[alert_type] = made
        return made

    return decorate


def _snake_case(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def endpoint_text(address: Address) -> str:
    """Host and port for people: "10.0.0.1:6881", "[::1]:6881"."""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
