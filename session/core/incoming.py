"""Incoming connections until their handshake named a torrent: admission, a deadline, hand-over to the swarm.

Whatever a stranger sends, at most a handshake of it is looked at here, and only for `handshake_timeout` seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...protocols.errors import EvtorrentError
from ...protocols.peer.connection import PeerConnection
from ...protocols.peer.messages import HandshakeReceived
from ...protocols.transport import wrap_accepted
from ...protocols.transport.base import Transport
from ...protocols.types import Address, InfoHashes
from ..alerts import IncomingConnectionAlert
from ..close_reason import CloseReason
from ..torrent.link_end import LinkEnded
from ..torrent.peer_link import LinkOwner, PeerLink, socket_type_of
from .counting import count_end
from .eviction import make_room

if TYPE_CHECKING:
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["Lobby"]


class Lobby(LinkOwner):
    """Owner of links that no torrent has taken yet."""

    __slots__ = ("_core", "links")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.links: dict[PeerLink, None] = {}
        """In order of arrival."""

    def admit(self, sock: Any, address: tuple[Any, ...], *, is_ssl: bool = False) -> None:
        """A TCP connection was accepted; its socket is ours."""
        transport = wrap_accepted(self._core.base, sock)
        self.admit_transport(transport, (str(address[0]), int(address[1])), base="tcp", is_ssl=is_ssl)

    def admit_transport(
        self, transport: Transport, address: Address, *, base: str, is_ssl: bool = False
    ) -> None:
        """A stranger connected over `base`, with `is_ssl` where only TLS is spoken.  Strangers count, too; `connections_slack`
        more than the limit are looked at, as one of them may be worth more than somebody who is connected.
        """
        core, now = self._core, self._core.base.time()
        filtered = core.transports.put_on_accepted(transport, base, address)
        if filtered is None:
            core.gate.release(address[0])
            return
        transport = (
            core.ssl_peers.put_on_accepted(filtered, address)
            if is_ssl
            else core.encryption.put_on_accepted(filtered)
        )
        counts = core.counters.values
        counts["peer.incoming_connections"] += 1
        counts["net.has_incoming_connections"] = 1
        kind = socket_type_of(transport)
        num_above = core.connector.num_links + len(self.links) - core.tuning.connections_slack
        if not core.classes.has_room(str(address[0]), kind, num_above):
            counts["peer.too_many_peers"] += 1
            counts["peer.disconnected_peers"] += 1
            transport.close()
            core.gate.release(address[0])
            return
        connection = PeerConnection(buffer=core.receive_buffer)
        link = PeerLink(self, transport, connection, address=address, outgoing=False, now=now)
        self.links[link] = None
        core.alerts.emplace(IncomingConnectionAlert, link.address, link.socket_type)
        transport.set_user(link)

    def on_handshake(self, link: PeerLink, event: HandshakeReceived) -> None:
        """Find the torrent and hand the link over."""
        core = self._core
        self.links.pop(link, None)
        torrent = core.find(event.info_hash)
        if torrent is None:
            core.plugins.unknown_torrent(InfoHashes(event.info_hash), link)
            torrent = core.find(event.info_hash)
        if torrent is not None:
            core.queue.peer_came(torrent)
        if torrent is None or torrent.swarm is None or not torrent.wants_peers:
            # While it is checked a torrent could not say what it has.
            self._refuse(
                link, LinkEnded(CloseReason.invalid_info_hash, f"no torrent {event.info_hash} is started")
            )
        elif torrent.is_blocked(link.address[0]):  # Since it was accepted, the filter may have changed.
            self._refuse(link, LinkEnded(CloseReason.blocked))
        elif not core.mixing.admits(torrent, link.address[0]):
            self._refuse(
                link, LinkEnded(CloseReason.blocked, "the peer is on another network than the torrent")
            )
        elif not core.ssl_peers.belongs_to(link, torrent.tls):
            why = "the torrent requires TLS" if torrent.tls is not None else "it is no SSL torrent"
            self._refuse(link, LinkEnded(CloseReason.protocol_blocked, why))
        elif not self._has_room(torrent, link) and not make_room(
            torrent, link, self._limit_of(torrent, link)
        ):
            self._refuse(link, LinkEnded(CloseReason.too_many_connections))
        else:
            torrent.swarm.attach(link, event, core.base.time())

    def _has_room(self, torrent: Torrent, link: PeerLink) -> bool:
        classes = self._core.classes
        return classes.has_room_in(torrent, link) and classes.has_room(
            link.address[0], link.socket_type, self._core.connector.num_links
        )

    def _limit_of(self, torrent: Torrent, link: PeerLink) -> int:
        """The limit that is reached."""
        in_torrent = self._core.classes.has_room_in(torrent, link)
        return self._core.tuning.connections_limit if in_torrent else torrent.max_connections

    def _refuse(self, link: PeerLink, error: LinkEnded) -> None:
        link.close(error)
        self._left(link, error)

    def on_closed(self, link: PeerLink, error: EvtorrentError) -> None:
        """It went before it named a torrent."""
        if link in self.links:
            del self.links[link]
            self._left(link, error)

    def _left(self, link: PeerLink, error: EvtorrentError) -> None:
        self._core.gate.release(link.address[0])
        link.meters.drain(self._core.meters)
        count_end(self._core.counters.values, link, error)

    def tick(self, now: float) -> None:
        """End those that never speak."""
        core = self._core
        deadline = now - core.tuning.handshake_timeout
        for link in list(self.links):
            if link.connected_at > deadline:
                break
            if now - link.connected_at <= core.mixing.handshake_timeout(link.address[0]):
                continue
            link.close(LinkEnded(CloseReason.timed_out_handshake))

    def close(self) -> None:
        """End all."""
        for link in list(self.links):
            link.close(LinkEnded(CloseReason.none, "the session is closing"))
