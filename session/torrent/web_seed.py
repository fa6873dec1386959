"""One web seed of a torrent: what is known of the server, whether it may be asked, and when again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...protocols.http.errors import HttpRefused
from ...protocols.http.fetch import MAX_REDIRECTS
from ...protocols.http.url import Url, resolve_reference
from .smart_ban import Trust
from .web_ranges import file_url, pieces_of_files

if TYPE_CHECKING:
    from ...protocols.metainfo import TorrentInfo
    from .web_link import WebLink

__all__ = ["WebAddress", "WebSeed"]

_LONGEST_WAIT = 3600.0
"""Seconds after which a server is asked again however often it failed."""


class WebAddress(NamedTuple):
    """Who sent a block: an address as a peer's, and which web seed it is."""

    host: str
    port: int
    url: str


class _Place(NamedTuple):
    url: Url
    came_from: str | None
    """Numeric address of the server that sent us there; None when the torrent did."""
    hops: int


class WebSeed:
    """A server that has the torrent's files."""

    __slots__ = ("_moved", "_num_failures", "info", "is_banned", "link", "lost", "retry_at", "trust", "url")

    def __init__(self, url: str, info: TorrentInfo) -> None:
        self.url = url
        """As the torrent says it; its name."""
        self.info = info
        self.link: WebLink | None = None
        """The connection, while there is one."""
        self.is_banned = False
        self.retry_at = float("-inf")
        """When it may be asked, on the clock of the loop."""
        self.trust = Trust()
        self.lost: set[int] = set()
        """Files the server said it has not."""
        self._moved: dict[int, _Place] = {}
        self._num_failures = 0

    def place_of(self, file: int) -> _Place:
        """Where a file is, and who said so.  HttpUrlError."""
        return self._moved.get(file) or _Place(file_url(self.url, self.info.files, file), None, 0)

    @property
    def bits(self) -> int:
        """The pieces it has all of, as far as we know."""
        info = self.info
        return ((1 << info.num_pieces) - 1) & ~pieces_of_files(info.files, self.lost)

    def redirected(self, file: int, location: str, server: str) -> None:
        """The server at the numeric address `server` says that a file is elsewhere.  HttpRefused, HttpUrlError."""
        before = self.place_of(file)
        target = resolve_reference(before.url, location)
        if before.url.is_secure and not target.is_secure:
            raise HttpRefused(f"redirect from https to {target.scheme}")
        if before.hops >= MAX_REDIRECTS:
            raise HttpRefused(f"more than {MAX_REDIRECTS} redirects")
        self._moved[file] = _Place(target, server, before.hops + 1)

    def lost_file(self, file: int) -> bool:
        """The server has not got this file; False when nothing else is left."""
        self.lost.add(file)
        return bool(self.bits)

    def succeeded(self) -> None:
        """It sent what it was asked for."""
        self._num_failures = 0

    def failed(self, now: float, wait: float) -> None:
        """Leave it alone for `wait` seconds, longer each time it fails in a row."""
        self._num_failures += 1
        self.retry_at = now + min(wait * 2.0 ** min(self._num_failures - 1, 16), max(wait, _LONGEST_WAIT))
        # What it said may be different then.
        self._moved.clear()
        self.lost.clear()

    def __repr__(self) -> str:
        return f"WebSeed({self.url!r})"
