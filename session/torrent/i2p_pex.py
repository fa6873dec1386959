"""Peer exchange on I2P ("i2p_pex", as libtorrent has it): only said to and believed of peers that are there, of such peers.

Offered in torrents on I2P alone.  As with other peers, those we know how to reach are told of, which on I2P are all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ...protocols.peer.extensions.i2p_pex_codec import pack_i2p_message, parse_i2p_message
from ...protocols.peer.extensions.ut_pex import PexReceiver, PexSender
from ...protocols.peer.extensions.ut_pex_codec import PexFlags
from ...protocols.sam import is_i2p_host
from ...protocols.types import Address
from ..core.i2p_mixing import is_i2p_torrent
from ..flags import PeerSource, TorrentFlags

if TYPE_CHECKING:
    from ..core.core import Core
    from .peer_link import PeerLink
    from .torrent import Torrent

__all__ = ["I2pPeerExchange"]

_NAME = "i2p_pex"


class _State:
    """Peer exchange with one peer."""

    __slots__ = ("receiver", "sender")

    def __init__(self, max_peers: int) -> None:
        self.sender = PexSender(pack_i2p_message)
        self.receiver = PexReceiver(max_peers, parse_i2p_message)


class I2pPeerExchange:
    """The extension "i2p_pex"."""

    __slots__ = ("_core", "name")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.name = _NAME

    def is_offered(self, torrent: Torrent) -> bool:
        """Only where there are such peers, and it is not forbidden."""
        is_private = torrent.info is not None and torrent.info.is_private
        return is_i2p_torrent(torrent) and not is_private and not torrent.flags & TorrentFlags.disable_pex

    def on_handshake(self, torrent: Torrent, link: PeerLink) -> None:
        """A peer told what it speaks."""
        if not is_i2p_host(link.address[0]) or link.connection.extensions.id_of(_NAME) is None:
            link.user_data.pop(_NAME, None)
        elif _NAME not in link.user_data:
            link.user_data[_NAME] = _State(self._core.settings.get_int("max_pex_peers"))

    def on_message(self, torrent: Torrent, link: PeerLink, payload: bytes) -> None:
        """A peer tells whom it is connected to.  PexError when that breaks a rule."""
        state = _state_of(link)
        if state is None or not self.is_offered(torrent):
            return
        state.receiver.max_peers = self._core.settings.get_int("max_pex_peers")
        found = state.receiver.receive_message(payload, self._core.base.time())
        self._core.counters.values["ses.num_incoming_pex"] += 1
        own = self._core.i2p.destination
        addresses = [peer.address for peer in found if own is None or peer.address[0] != own.name]
        torrent.peers_found(addresses, PeerSource.pex)

    def on_tick(self, torrent: Torrent, now: float) -> None:
        """Tell who is due."""
        swarm = torrent.swarm
        assert swarm is not None
        connected: dict[Address, PexFlags] | None = None
        for link in list(swarm.links):
            state = _state_of(link)
            if state is None or link.closed or not state.sender.is_due(now):
                continue
            if connected is None:
                connected = _connected(torrent) if self.is_offered(torrent) else {}
            payload = state.sender.next_message(connected, now, listener=link.address)
            if payload is not None and link.connection.send_extension(_NAME, payload):
                self._core.counters.values["ses.num_outgoing_pex"] += 1
                link.flush(now)


def _state_of(link: PeerLink) -> _State | None:
    return cast("_State | None", link.user_data.get(_NAME))


def _connected(torrent: Torrent) -> dict[Address, PexFlags]:
    assert torrent.swarm is not None
    return {
        link.address: PexFlags(0)
        for link in torrent.swarm.links
        if link.peer_id is not None and is_i2p_host(link.address[0])
    }
