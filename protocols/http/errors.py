"""How an HTTP request fails.

HttpError
    HttpUrlError          the address itself is wrong (also a RemoteProtocolError: it may come from a torrent)
    HttpProtocolError     what arrived is not HTTP we accept (also a RemoteProtocolError)
        HttpTooLarge      more than the caller allows
    HttpStatusError       a complete answer with a status that is no success
    HttpRefused           we will not make this request: redirect loop, downgrade, private address
    HttpTimeout           no answer in time
    HttpConnectionError   no connection, or it broke; carries the TransportError
"""

from __future__ import annotations

from ..errors import EvtorrentError, RemoteProtocolError, TransportError

__all__ = [
    "HttpConnectionError",
    "HttpError",
    "HttpProtocolError",
    "HttpRefused",
    "HttpStatusError",
    "HttpTimeout",
    "HttpTooLarge",
    "HttpUrlError",
]


class HttpError(EvtorrentError):
    """Base of what a request can end with instead of a response."""


class HttpUrlError(HttpError, RemoteProtocolError):
    """A URL that cannot be used."""


class HttpProtocolError(HttpError, RemoteProtocolError):
    """The server broke HTTP, or one of our limits."""


class HttpTooLarge(HttpProtocolError):
    """Head, body or inflated body beyond its limit."""


class HttpStatusError(HttpError):
    """The server answered, and not with success."""

    def __init__(self, status: int, reason: str = "") -> None:
        super().__init__(status, reason)
        self.status = status
        """The three-digit status."""
        self.reason = reason
        """The server's own words for it, may be empty."""

    def __str__(self) -> str:
        return f"HTTP status {self.status} {self.reason}".rstrip()


class HttpRefused(HttpError):
    """We do not follow where the server (or the torrent) points."""


class HttpTimeout(HttpError):
    """The deadline passed."""

    def __init__(self, doing: str) -> None:
        super().__init__(doing)
        self.doing = doing
        """What was under way: "resolving", "connecting", "waiting", "receiving"."""

    def __str__(self) -> str:
        return f"timed out while {self.doing}"


class HttpConnectionError(HttpError):
    """The connection could not be made, or ended early."""

    def __init__(self, cause: TransportError) -> None:
        super().__init__(cause)
        self.cause = cause
        """Operation and reason."""

    def __str__(self) -> str:
        return str(self.cause)
