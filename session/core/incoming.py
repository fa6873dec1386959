"""Incoming connections until their handshake named a torrent: admission, a deadline, hand-over to the swarm.

Whatever a stranger sends, at most a handshake of it is looked at here, and only for `handshake_timeout` seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...protocols.errors import EvtorrentError
from ...protocols.peer.connection import PeerConnection
from ...protocols.peer.messages import HandshakeReceived
from ...protocols.transport import wrap_accepted
from ..alerts import IncomingConnectionAlert
from ..close_reason import CloseReason
from ..torrent.link_end import LinkEnded
from ..torrent.peer_link import LinkOwner, PeerLink

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Lobby"]


class Lobby(LinkOwner):
    """Owner of links that no torrent has taken yet."""

    __slots__ = ("_core", "links")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.links: dict[PeerLink, None] = {}
        """In order of arrival."""

    def admit(self, sock: Any, address: tuple[Any, ...]) -> None:
        """A connection was accepted; its socket is ours."""
        core, now = self._core, self._core.base.time()
        transport = wrap_accepted(core.base, sock)
        connection = PeerConnection(buffer=core.receive_buffer)
        link = PeerLink(
            self, transport, connection, address=(str(address[0]), int(address[1])), outgoing=False, now=now
        )
        self.links[link] = None
        core.alerts.emplace(IncomingConnectionAlert, link.address)
        transport.set_user(link)

    def on_handshake(self, link: PeerLink, event: HandshakeReceived) -> None:
        """Find the torrent and hand the link over."""
        core = self._core
        self.links.pop(link, None)
        torrent = core.find(event.info_hash)
        if torrent is None or torrent.swarm is None:
            link.close(LinkEnded(CloseReason.invalid_info_hash, f"no torrent {event.info_hash} is started"))
            core.gate.release(link.address[0])
            return
        if not torrent.has_room_for_link or not core.connector.has_room():
            link.close(LinkEnded(CloseReason.too_many_connections))
            core.gate.release(link.address[0])
            return
        torrent.swarm.attach(link, event, core.base.time())

    def on_closed(self, link: PeerLink, error: EvtorrentError) -> None:
        """It went before it named a torrent."""
        if link in self.links:
            del self.links[link]
            self._core.gate.release(link.address[0])

    def tick(self, now: float) -> None:
        """End those that never speak."""
        deadline = now - self._core.tuning.handshake_timeout
        for link in list(self.links):
            if link.connected_at > deadline:
                break
            link.close(LinkEnded(CloseReason.timed_out_handshake))

    def close(self) -> None:
        """End all."""
        for link in list(self.links):
            link.close(LinkEnded(CloseReason.none, "the session is closing"))
