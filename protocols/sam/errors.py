"""How a SAM bridge fails: what it says that is no SAM, and what it refuses, a class for each result of the protocol."""

from __future__ import annotations

from ..errors import RemoteProtocolError

__all__ = [
    "AlreadyAccepting",
    "CantReachPeer",
    "DuplicatedDestination",
    "DuplicatedId",
    "InvalidId",
    "InvalidKey",
    "KeyNotFound",
    "LeasesetNotFound",
    "NoVersion",
    "PeerNotFound",
    "RouterError",
    "SamError",
    "SamRefused",
    "TimedOut",
    "refusal",
]


class SamError(RemoteProtocolError):
    """The bridge does not speak SAM as it should, or refuses."""


class SamRefused(SamError):
    """A result other than OK.  Of one that this protocol does not know it is this class itself."""

    result = ""
    """The result as it is on the wire; that of this class is the one received."""

    def __init__(self, result: str, message: str = "") -> None:
        super().__init__(result, message)
        self.result = result
        self.message = message
        """What the bridge says about it."""

    def __str__(self) -> str:
        text = self.result.replace("_", " ").lower()
        return f"{text}, says the bridge: {self.message}" if self.message else f"{text}, says the bridge"


class AlreadyAccepting(SamRefused):
    """Another connection waits for callers of this session already."""

    result = "ALREADY_ACCEPTING"


class CantReachPeer(SamRefused):
    """The destination exists and cannot be reached."""

    result = "CANT_REACH_PEER"


class DuplicatedDestination(SamRefused):
    """The destination is in use by another session."""

    result = "DUPLICATED_DEST"


class DuplicatedId(SamRefused):
    """The name of the session is in use."""

    result = "DUPLICATED_ID"


class InvalidId(SamRefused):
    """There is no session of that name."""

    result = "INVALID_ID"


class InvalidKey(SamRefused):
    """It is no destination."""

    result = "INVALID_KEY"


class KeyNotFound(SamRefused):
    """The naming system does not know the name."""

    result = "KEY_NOT_FOUND"


class LeasesetNotFound(SamRefused):
    """The destination is not published."""

    result = "LEASESET_NOT_FOUND"


class NoVersion(SamRefused):
    """No version of SAM is spoken by both."""

    result = "NOVERSION"


class PeerNotFound(SamRefused):
    """The destination cannot be found on the network."""

    result = "PEER_NOT_FOUND"


class RouterError(SamRefused):
    """The router failed."""

    result = "I2P_ERROR"


class TimedOut(SamRefused):
    """The peer did not answer the router in time."""

    result = "TIMEOUT"


_KINDS = {kind.result: kind for kind in SamRefused.__subclasses__()}


def refusal(result: str, message: str = "") -> SamRefused:
    """The error for a result."""
    return _KINDS.get(result, SamRefused)(result, message)
