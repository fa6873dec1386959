"""How an announce or a scrape fails.

TrackerError
    TrackerFailure            the tracker said so ("failure reason", UDP error); also a RemoteProtocolError
    InvalidTrackerResponse    the answer is not what the protocol says; also a RemoteProtocolError
    TrackerHttpStatus         an HTTP status that is no success
    TrackerTimeout            no answer in time
    TrackerUnreachable        name lookup, connection or socket failed
    TrackerRefused            we will not ask it: address filter, private address, malformed or unsupported URL
    TrackerSkipped            no address of it can be reached from the local address it was to be asked from
        NoI2pRouter           it is on I2P, and we are not
    ScrapeNotAvailable        its URL has no scrape form (BEP 48)
"""

from __future__ import annotations

from ..errors import EvtorrentError, RemoteProtocolError

__all__ = [
    "RETRY_NEVER",
    "InvalidTrackerResponse",
    "NoI2pRouter",
    "ScrapeNotAvailable",
    "TrackerError",
    "TrackerFailure",
    "TrackerHttpStatus",
    "TrackerRefused",
    "TrackerSkipped",
    "TrackerTimeout",
    "TrackerUnreachable",
]

RETRY_NEVER = float("inf")
"""`TrackerFailure.retry_in` of a tracker that wants never to be asked again (BEP 31)."""


class TrackerError(EvtorrentError):
    """Base of what an announce or scrape can end with instead of a response."""

    @property
    def is_final(self) -> bool:
        """Asking this tracker again is pointless."""
        return False


class TrackerFailure(TrackerError, RemoteProtocolError):
    """The tracker understood and refused."""

    def __init__(self, reason: str, retry_in: float | None = None) -> None:
        super().__init__(reason, retry_in)
        self.reason = reason
        """The tracker's words."""
        self.retry_in = retry_in
        """Seconds after which to ask again, RETRY_NEVER, or None when it did not say (BEP 31)."""

    @property
    def is_final(self) -> bool:
        return self.retry_in == RETRY_NEVER

    def __str__(self) -> str:
        return f"tracker failure: {self.reason}"


class InvalidTrackerResponse(TrackerError, RemoteProtocolError):
    """Not an answer this protocol knows."""


class TrackerHttpStatus(TrackerError):
    """An HTTP tracker answered with an error status."""

    def __init__(self, status: int, reason: str = "") -> None:
        super().__init__(status, reason)
        self.status = status
        """The three-digit status."""
        self.reason = reason
        """The server's words for it."""

    @property
    def is_final(self) -> bool:
        """410 Gone: this tracker asks not to be asked again (as libtorrent reads it)."""
        return self.status == 410

    def __str__(self) -> str:
        return f"HTTP status {self.status} {self.reason}".rstrip()


class TrackerTimeout(TrackerError):
    """The deadline passed."""


class TrackerUnreachable(TrackerError):
    """Name lookup, connection or datagram failed; `__cause__` has the error below."""


class TrackerRefused(TrackerError):
    """We do not ask this tracker."""


class TrackerSkipped(TrackerError):
    """It has no address of the family, or in the network, that it was to be asked from."""


class NoI2pRouter(TrackerRefused):
    """A tracker on I2P cannot be asked: there is no session there."""


class ScrapeNotAvailable(TrackerError):
    """The tracker has no scrape URL."""
