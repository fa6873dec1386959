"""A peer that lost a piece (BEP 54, "lt_donthave").

We say it only of pieces that were told of in advance and turned out bad (`prediction`): a piece of ours is lost only when all are
checked again, and then no connection stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocols.errors import RemoteProtocolError
from ...protocols.peer.extensions.lt_donthave import parse_dont_have

if TYPE_CHECKING:
    from .peer_link import PeerLink
    from .torrent import Torrent

__all__ = ["DontHave"]


class DontHave:
    """The extension "lt_donthave"."""

    __slots__ = ("name",)

    def __init__(self) -> None:
        self.name = "lt_donthave"

    def on_handshake(self, torrent: Torrent, link: PeerLink) -> None:
        """Whether the peer speaks it is asked when there is something to say."""

    def on_message(self, torrent: Torrent, link: PeerLink, payload: bytes) -> None:
        """A peer lost a piece.  RemoteProtocolError when there is no such piece."""
        piece = parse_dont_have(payload)
        if torrent.info is None or torrent.swarm is None:
            return
        if piece >= torrent.info.num_pieces:
            raise RemoteProtocolError(f"dont-have of piece {piece} of {torrent.info.num_pieces}")
        torrent.swarm.on_dont_have(link, piece)
