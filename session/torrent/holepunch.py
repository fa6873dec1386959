"""Holepunching (BEP 55): the plug-in that relays introductions, asks for them, and dials whom it is told to.

The dial itself is `Swarm.connect_now(…, punched=True)`, which is where a transport that punches better than TCP goes in: uTP,
whose datagrams leave from the port everybody knows.  Over TCP both ends dial at once, which is of use where a firewall lets
in what it saw going out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...protocols.errors import TransportError
from ...protocols.peer.extensions.ut_holepunch import AskedTargets, HolepunchGuard, refusal
from ...protocols.peer.extensions.ut_holepunch_codec import (
    HolepunchKind,
    HolepunchMessage,
    pack_message,
    parse_message,
)
from ...protocols.sam import is_i2p_host
from ...protocols.types import Address
from ..flags import PeerSource
from .discovery import may_discover
from .locality import is_local
from .pex import introducers_of, reachable_address

if TYPE_CHECKING:
    from ..core.core import Core
    from .peer_link import PeerLink
    from .torrent import Torrent

__all__ = ["Holepunch"]

_NAME = "ut_holepunch"
_log = logging.getLogger(__name__)


class Holepunch:
    """The extension "ut_holepunch"."""

    __slots__ = ("_core", "name")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.name = _NAME

    def on_handshake(self, torrent: Torrent, link: PeerLink) -> None:
        """Nothing is said until somebody wants to be introduced."""

    def on_message(self, torrent: Torrent, link: PeerLink, payload: bytes) -> None:
        """A peer wants an introduction, gives one, or cannot."""
        message = parse_message(payload)
        if message is None or not _speaks(link) or torrent.swarm is None or is_i2p_host(link.address[0]):
            return  # On I2P there is nothing to punch through.
        guard = link.user_data.get(_NAME)
        if guard is None:
            guard = link.user_data[_NAME] = HolepunchGuard()
        if guard.admit(self._core.base.time()):
            _HANDLERS[message.kind](self, torrent, link, message)

    def on_closed(self, torrent: Torrent, link: PeerLink) -> None:
        """If it was an attempt that did not get through, and somebody is connected to that peer: ask to be introduced."""
        if link.is_connected or link.is_punched or not isinstance(link.closing_error, TransportError):
            return
        relay = next((relay for relay in introducers_of(torrent, link.address) if _speaks(relay)), None)
        if relay is None:
            return
        if torrent.user_data is None:
            torrent.user_data = {}
        asked = torrent.user_data.setdefault(_NAME, AskedTargets())
        if asked.admit(link.address, self._core.base.time()):
            self._send(relay, HolepunchMessage(HolepunchKind.RENDEZVOUS, link.address))

    def _on_rendezvous(self, torrent: Torrent, link: PeerLink, message: HolepunchMessage) -> None:
        target = _find(torrent, message.address)
        error = refusal(
            message.address,
            is_connected=target is not None,
            is_speaking=target is not None and _speaks(target),
            is_self=target is link or self._core.is_own_address(message.address),
        )
        if error is not None or target is None:
            self._send(link, HolepunchMessage(HolepunchKind.ERROR, message.address, error or 0))
        elif is_local(message.address[0]) == is_local(link.address[0]):
            # Between our own network and the world there is nothing to punch through.
            self._send(link, HolepunchMessage(HolepunchKind.CONNECT, message.address))
            self._send(
                target, HolepunchMessage(HolepunchKind.CONNECT, reachable_address(link) or link.address)
            )

    def _on_connect(self, torrent: Torrent, link: PeerLink, message: HolepunchMessage) -> None:
        address, swarm, now = message.address, torrent.swarm, self._core.base.time()
        assert swarm is not None
        if is_local(address[0]) and not is_local(link.address[0]):
            return
        if swarm.peers.find(address) is None:
            if not may_discover(torrent, PeerSource.pex):
                return
            swarm.add_peers([address], PeerSource.pex)
        if torrent.wants_peers and torrent.has_room_for_link and self._core.connector.has_room():
            swarm.connect_now(address, now, punched=True)

    def _on_error(self, torrent: Torrent, link: PeerLink, message: HolepunchMessage) -> None:
        _log.debug("%r: no introduction to %s:%d: error %d", link, *message.address, message.error)

    def _send(self, link: PeerLink, message: HolepunchMessage) -> None:
        link.connection.send_extension(_NAME, pack_message(message))
        link.flush(self._core.base.time())


def _speaks(link: PeerLink) -> bool:
    return not link.closed and link.connection.extensions.id_of(_NAME) is not None


def _find(torrent: Torrent, address: Address) -> PeerLink | None:
    assert torrent.swarm is not None
    for link in torrent.swarm.links:
        if link.peer_id is not None and address in (link.address, reachable_address(link)):
            return link
    return None


_HANDLERS: dict[HolepunchKind, Callable[[Holepunch, Torrent, PeerLink, HolepunchMessage], None]] = {
    HolepunchKind.RENDEZVOUS: Holepunch._on_rendezvous,
    HolepunchKind.CONNECT: Holepunch._on_connect,
    HolepunchKind.ERROR: Holepunch._on_error,
}
