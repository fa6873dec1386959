"""What is said with each question to a tracker: the address it leaves from, what it is told of who asks, and whom an HTTPS tracker
of an SSL torrent has to be.

As in libtorrent the authority of the torrent vouches for them, and they see our certificate: neither who peers are nor who asks is
told to a server that somebody else vouches for.  Of other torrents the system's authorities do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...protocols.tracker.announce import AnnounceRequest, AnnounceResponse, ScrapeResponse
from ...protocols.tracker.client import TrackerCall, TrackerClient, TrackerEngine
from ...protocols.tracker.errors import TrackerError
from ...protocols.tracker.i2p_urls import is_i2p_url
from ...protocols.tracker.local_end import LocalEnd

if TYPE_CHECKING:
    from ..core.identity import Identity
    from .torrent import Torrent

__all__ = ["TrustedTrackers"]


class TrustedTrackers:
    """The session's tracker client as one torrent uses it from one of our addresses."""

    __slots__ = ("_client", "_identity", "_local", "_torrent")

    def __init__(self, client: TrackerClient, torrent: Torrent, identity: Identity, local: LocalEnd) -> None:
        self._client = client
        self._identity = identity
        self._torrent = torrent
        self._local = local

    @property
    def engine(self) -> TrackerEngine:
        """Where everything runs."""
        return self._client.engine

    def announce(
        self,
        url: str,
        request: AnnounceRequest,
        on_done: Callable[[AnnounceResponse | None, TrackerError | None], object],
        *,
        timeout: float | None = None,
    ) -> TrackerCall:
        """As `TrackerClient.announce`."""
        return self._client.announce(
            url,
            # On I2P our destination is all there is to be told.
            request if is_i2p_url(url) else self._identity.announced(request),
            on_done,
            timeout=timeout,
            local=self._local,
            tls_context=self._context(),
            user_agent=self._agent(),
        )

    def scrape(
        self,
        url: str,
        info_hashes: Sequence[bytes],
        on_done: Callable[[ScrapeResponse | None, TrackerError | None], object],
        *,
        timeout: float | None = None,
    ) -> TrackerCall:
        """As `TrackerClient.scrape`."""
        return self._client.scrape(
            url,
            info_hashes,
            on_done,
            timeout=timeout,
            local=self._local,
            tls_context=self._context(),
            user_agent=self._agent(),
        )

    def _agent(self) -> str:
        info = self._torrent.info
        return self._identity.tracker_agent(is_private=info is not None and info.is_private)

    def _context(self) -> object | None:
        tls = self._torrent.tls
        return tls.web_context if tls is not None else None
