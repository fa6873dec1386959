"""A peer connection whose owner is told what it sends, and asked before blocks are asked for.

A connection that plug-ins listen to becomes one of this class while they do (its memory is laid out alike), so that the others
pay nothing, not even a test.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from ...protocols.bits import Bitfield
from ...protocols.peer.connection import PeerConnection
from ...protocols.peer.messages import Request, UnknownMessage
from ...protocols.types import PieceIndex

if TYPE_CHECKING:
    from .peer_hooks import PeerPlugins

__all__ = ["ObservedConnection"]


class ObservedConnection(PeerConnection):
    """Tells `owner_data`, a `PeerPlugins`."""

    __slots__ = ()

    @property
    def _plugins(self) -> PeerPlugins:
        return cast("PeerPlugins", self.owner_data)

    def send_choke(self, choke: bool) -> None:
        """As its base, and told when it changed something."""
        if choke != self.am_choking:
            super().send_choke(choke)
            self._plugins.tell("sent_choke" if choke else "sent_unchoke")

    def send_interested(self, interested: bool) -> None:
        """As its base, and told when it changed something."""
        if interested != self.am_interested:
            super().send_interested(interested)
            self._plugins.tell("sent_interested" if interested else "sent_not_interested")

    def send_pieces(self, have: Bitfield) -> None:
        """As its base; have all and have none are told."""
        super().send_pieces(have)
        if self.supports_fast and not have.any():
            self._plugins.tell("sent_have_none")
        elif self.supports_fast and have.all():
            self._plugins.tell("sent_have_all")

    def send_have(self, piece: PieceIndex) -> None:
        """As its base, and told."""
        super().send_have(piece)
        self._plugins.tell("sent_have", piece)

    def send_requests(self, requests: Iterable[tuple[int, int, int]]) -> None:
        """As its base, without those that a plug-in writes itself."""
        plugins = self._plugins
        ours = [
            request
            for piece, begin, length in requests
            if not plugins.takes("write_request", request := Request(PieceIndex(piece), begin, length))
        ]
        if ours:
            # Not `super()`: a plug-in that raised has made this a plain connection meanwhile.
            PeerConnection.send_requests(self, ours)
        if plugins.hears("sent_request"):
            for request in ours:
                plugins.tell("sent_request", request)

    def send_cancel(self, request: Request) -> None:
        """As its base, and told."""
        super().send_cancel(request)
        self._plugins.tell("sent_cancel", request)

    def send_reject(self, request: Request) -> None:
        """As its base, and told where it is sent."""
        super().send_reject(request)
        if self.supports_fast:
            self._plugins.tell("sent_reject_request", request)

    def send_allowed_fast(self, piece: PieceIndex) -> None:
        """As its base, and told where it is sent."""
        super().send_allowed_fast(piece)
        if self.supports_fast:
            self._plugins.tell("sent_allow_fast", piece)

    def send_suggest(self, piece: PieceIndex) -> None:
        """As its base, and told where it is sent."""
        super().send_suggest(piece)
        if self.supports_fast:
            self._plugins.tell("sent_suggest", piece)

    def _handle_unknown(self, kind: int, payload: memoryview) -> None:
        if self._plugins.hears("on_unknown_message"):
            self._events.append(UnknownMessage(kind, bytes(payload)))
