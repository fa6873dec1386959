"""Why we end a connection, as an exception, so that every end has one: an error of the wire, of the transport, or this."""

from __future__ import annotations

from ...protocols.errors import EvtorrentError
from ..close_reason import CloseReason

__all__ = ["LinkEnded", "PeerHungUp"]


class LinkEnded(EvtorrentError):
    """We, or the peer, ended it in good order."""

    def __init__(self, reason: CloseReason, text: str = "") -> None:
        super().__init__(reason, text)
        self.reason = reason
        self.text = text

    def __str__(self) -> str:
        return self.text or self.reason.name.replace("_", " ")


class PeerHungUp(LinkEnded):
    """The peer closed the connection."""

    def __init__(self) -> None:
        super().__init__(CloseReason.none, "the peer closed the connection")
