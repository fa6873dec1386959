"""A torrent's trackers as the session sees them: requests filled in, peers handed on, outcomes posted as alerts.

Scheduling and tiers are `TorrentTrackers`'; this is where it meets the torrent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..params import AddTorrentParams
from ..status import AnnounceEntry, TorrentStatus

if TYPE_CHECKING:
    from ..core.core import Core
    from .torrent import Torrent

__all__ = ["Tracking"]


class Tracking:
    """The trackers of one torrent."""

    def __init__(self, torrent: Torrent, core: Core) -> None:
        self._torrent = torrent
        self._core = core

    def start(self) -> None: ...
    def stop(self, on_told: Callable[[], object] | None) -> None:
        if on_told is not None:
            on_told()

    def completed(self) -> None: ...
    def fill_status(self, status: TorrentStatus) -> None: ...
    def fill_params(self, params: AddTorrentParams) -> None: ...
    def entries(self) -> list[AnnounceEntry]:
        return []

    def add(self, url: str, tier: int) -> None: ...
    def replace(self, wanted: list[tuple[str, int]]) -> None: ...
    def reannounce(self, seconds: int, index: int, *, ignore_min_interval: bool) -> None: ...
    def scrape(self, index: int) -> None: ...
