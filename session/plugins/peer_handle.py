"""What plug-ins hold of a connection (libtorrent `peer_connection_handle`).  For the loop's thread only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocols.errors import LocalProtocolError
from ...protocols.peer.connection import MAX_FRAME
from ...protocols.types import Address, Buffer, PeerId
from ..close_reason import CloseReason
from ..errors import PluginError
from ..flags import PeerSource, SocketType
from ..torrent.link_end import LinkEnded

if TYPE_CHECKING:
    from ..core.core import Core
    from ..handle import TorrentHandle
    from ..torrent.peer_link import PeerLink

__all__ = ["MAX_EXTENDED", "PeerConnectionHandle"]

MAX_EXTENDED = MAX_FRAME - 2
"""Bytes of a message of an extension; this side would refuse more, and most do."""


class PeerConnectionHandle:
    """One connection.  May be kept when the connection is gone: then nothing is sent, and the rest is as it was last.

    Equal handles name the same connection.
    """

    __slots__ = ("_core", "_link")

    def __init__(self, link: PeerLink, core: Core) -> None:
        self._link = link
        self._core = core

    # ------------------------------------------------------------------------------------------------- what it is

    def torrent(self) -> TorrentHandle | None:
        """The torrent it is for (libtorrent `associated_torrent`); None while that is not known."""
        torrent = self._link.torrent
        return torrent.handle if torrent is not None else None

    @property
    def remote(self) -> Address:
        """Where the peer is."""
        return self._link.address

    @property
    def peer_id(self) -> PeerId | None:
        """Its name, once its handshake is in."""
        return self._link.peer_id

    @property
    def client(self) -> str:
        """The program it says it runs (BEP 10), or nothing."""
        return self._link.connection.extensions.client

    @property
    def is_outgoing(self) -> bool:
        """We dialled."""
        return self._link.outgoing

    @property
    def is_connecting(self) -> bool:
        """It is being dialled."""
        return not self._link.is_connected and not self._link.closed

    @property
    def is_disconnecting(self) -> bool:
        """It ended."""
        return self._link.closed

    @property
    def source(self) -> PeerSource:
        """Who told of it."""
        return PeerSource(self._link.source)

    @property
    def socket_type(self) -> SocketType:
        """What it runs over."""
        return self._link.socket_type

    # ------------------------------------------------------------------------------------------------ how it stands

    @property
    def is_seed(self) -> bool:
        """The peer has everything."""
        return self._link.is_seed

    @property
    def is_upload_only(self) -> bool:
        """The peer wants nothing (BEP 21)."""
        return self._link.connection.extensions.upload_only

    def has_piece(self, piece: int) -> bool:
        """The peer has a piece."""
        return piece >= 0 and bool(self._link.pieces >> piece & 1)

    @property
    def is_interesting(self) -> bool:
        """We want something of it."""
        return self._link.connection.am_interested

    @property
    def is_peer_interested(self) -> bool:
        """It wants something of ours."""
        return self._link.connection.peer_interested

    @property
    def is_choked(self) -> bool:
        """We serve it nothing."""
        return self._link.connection.am_choking

    @property
    def has_peer_choked(self) -> bool:
        """It serves us nothing."""
        return self._link.connection.peer_choking

    @property
    def downloaded(self) -> int:
        """Bytes of blocks it sent."""
        return self._link.meters.payload_down.total

    @property
    def uploaded(self) -> int:
        """Bytes of blocks it got."""
        return self._link.meters.payload_up.total

    def supports(self, name: str) -> bool:
        """The peer speaks an extension (BEP 10); known once its extension handshake is in."""
        return self._link.connection.extensions.id_of(name) is not None

    # -------------------------------------------------------------------------------------------------- what it does

    def send_extended(self, name: str, payload: Buffer) -> bool:
        """Send a message of an extension (BEP 10); False when the peer does not speak it, or is gone.

        PluginError when it is longer than peers accept (`MAX_EXTENDED`).  What a peer does not read piles up: have it answer.
        """
        if len(payload) > MAX_EXTENDED:
            raise PluginError(f"message of {len(payload)} bytes")
        link = self._link
        sent = not link.closed and link.connection.send_extension(name, payload)
        if sent:
            self._flush_soon()
        return sent

    def send_message(self, message_id: int, payload: Buffer = b"") -> None:
        """Send a message of a number that is nobody's.  PluginError for one that is, and before the handshakes."""
        link = self._link
        if link.closed:
            return
        if link.peer_id is None:
            raise PluginError("nothing can be sent before the handshakes")
        try:
            link.connection.send_unknown(message_id, payload)
        except LocalProtocolError as error:
            raise PluginError(str(error)) from error
        self._flush_soon()

    def choke_this_peer(self) -> None:
        """Choke it; the choker may give it a slot again."""
        self._core.base.call_soon(self._core.choking.choke_now, self._link)

    def disconnect(self, reason: CloseReason = CloseReason.none, text: str = "a plug-in ended it") -> None:
        """End the connection, right after what is under way.  Repeatable."""
        self._core.base.call_soon(self._link.close, LinkEnded(reason, text))

    def _flush_soon(self) -> None:
        # Not at once: a hook runs in the middle of a read, and what it sends leaves with the session's answers.
        self._core.base.call_soon(lambda: self._link.flush(self._core.base.time()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PeerConnectionHandle) and self._link is other._link

    def __hash__(self) -> int:
        return hash(id(self._link))

    def __repr__(self) -> str:
        return f"PeerConnectionHandle({self.remote[0]}:{self.remote[1]})"
