"""Trackers of torrents on I2P: who may be asked, and what those there are told.

A tracker on I2P is told our destination for an address, a port that is everybody's, and nothing else about where we are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...protocols.tracker.announce import AnnounceRequest, AnnounceResponse, ScrapeResponse
from ...protocols.tracker.client import TrackerCall, TrackerEngine
from ...protocols.tracker.errors import NoI2pRouter, TrackerError, TrackerRefused
from ...protocols.tracker.i2p_urls import is_i2p_url
from ..core.i2p_bridge import I2P_PORT

if TYPE_CHECKING:
    from ..core.core import Core
    from .torrent import Torrent
    from .trackers import TrackerAsker

__all__ = ["NetworkedTrackers"]


class NetworkedTrackers:
    """Asks trackers for one torrent, each on the network it is on, if the torrent may be known there."""

    __slots__ = ("_asker", "_core", "_torrent")

    def __init__(self, core: Core, torrent: Torrent, asker: TrackerAsker) -> None:
        self._core = core
        self._torrent = torrent
        self._asker = asker

    @property
    def engine(self) -> TrackerEngine:
        """Where everything runs."""
        return self._asker.engine

    def announce(
        self,
        url: str,
        request: AnnounceRequest,
        on_done: Callable[[AnnounceResponse | None, TrackerError | None], object],
        *,
        timeout: float | None = None,
    ) -> TrackerCall:
        """As `TrackerClient.announce`."""
        error = self._why_not(url)
        if error is not None:
            return self._core.tracker_client.refuse(on_done, error)
        if is_i2p_url(url):
            request = replace(
                request, ip=f"{self._core.i2p.destination}.i2p", port=I2P_PORT, ipv4=(), ipv6=()
            )
        return self._asker.announce(url, request, on_done, timeout=timeout)

    def scrape(
        self,
        url: str,
        info_hashes: Sequence[bytes],
        on_done: Callable[[ScrapeResponse | None, TrackerError | None], object],
        *,
        timeout: float | None = None,
    ) -> TrackerCall:
        """As `TrackerClient.scrape`."""
        error = self._why_not(url)
        if error is not None:
            return self._core.tracker_client.refuse(on_done, error)
        return self._asker.scrape(url, info_hashes, on_done, timeout=timeout)

    def _why_not(self, url: str) -> TrackerError | None:
        i2p = self._core.i2p
        if is_i2p_url(url) and not i2p.is_open:
            return NoI2pRouter(
                "there is no session on I2P yet" if i2p.is_wanted else "no i2p router is set up"
            )
        if not self._core.mixing.may_ask(self._torrent, url):
            return TrackerRefused("the torrent is on I2P and the tracker is not")
        return None
