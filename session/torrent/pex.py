"""Peer exchange (BEP 11): the plug-in that joins the pure machines of `protocols` to torrents.

What was said and heard belongs to each connection (`link.user_data`) and ends with it.  Peers are told of those we are
connected to and know how to reach: whom we dialled, and who named the port it listens on.  Nothing is said and nothing is
believed where `may_discover` forbids it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ...protocols.peer.extensions.ut_pex import PexReceiver, PexSender
from ...protocols.peer.extensions.ut_pex_codec import PexFlags
from ...protocols.sam import is_i2p_host
from ...protocols.types import Address
from ..flags import PeerSource
from .discovery import may_discover
from .locality import is_local

if TYPE_CHECKING:
    from ..core.core import Core
    from .peer_link import PeerLink
    from .torrent import Torrent

__all__ = ["PeerExchange", "introducers_of", "reachable_address"]

_NAME = "ut_pex"


class _PexState:
    """Peer exchange with one peer."""

    __slots__ = ("receiver", "sender")

    def __init__(self, max_peers: int) -> None:
        self.sender = PexSender()
        self.receiver = PexReceiver(max_peers)


class PeerExchange:
    """The extension "ut_pex"."""

    __slots__ = ("_core", "name")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.name = _NAME

    def is_offered(self, torrent: Torrent) -> bool:
        """Peers of private torrents are not even asked."""
        return may_discover(torrent, PeerSource.pex)

    def on_handshake(self, torrent: Torrent, link: PeerLink) -> None:
        """A peer told what it speaks."""
        # Peers on I2P have an exchange of their own: nothing of the other networks goes there.
        if is_i2p_host(link.address[0]) or link.connection.extensions.id_of(_NAME) is None:
            link.user_data.pop(_NAME, None)
        elif _NAME not in link.user_data:
            link.user_data[_NAME] = _PexState(self._core.settings.get_int("max_pex_peers"))

    def on_message(self, torrent: Torrent, link: PeerLink, payload: bytes) -> None:
        """A peer tells whom it is connected to.  PexError when that breaks a rule."""
        state = _state_of(link)
        if state is None or not may_discover(torrent, PeerSource.pex):
            return
        state.receiver.max_peers = self._core.settings.get_int("max_pex_peers")
        found = state.receiver.receive_message(payload, self._core.base.time())
        self._core.counters.values["ses.num_incoming_pex"] += 1
        if not is_local(link.address[0]):  # A stranger's own network is not ours.
            found = [peer for peer in found if not is_local(peer.address[0])]
        seeds = {peer.address for peer in found if peer.flags & PexFlags.SEED}
        torrent.peers_found([peer.address for peer in found], PeerSource.pex, seeds=seeds)

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
                # Where it was forbidden since, what was said is taken back.
                connected = _connected(torrent) if may_discover(torrent, PeerSource.pex) else {}
            payload = state.sender.next_message(connected, now, listener=reachable_address(link))
            if payload is not None and link.connection.send_extension(_NAME, payload):
                self._core.counters.values["ses.num_outgoing_pex"] += 1
                link.flush(now)


def reachable_address(link: PeerLink) -> Address | None:
    """Where others can connect to the peer; None when that is not known."""
    if link.outgoing:
        return link.address
    peer = link.peer
    return cast("Address", peer.address) if peer is not None and peer.connectable else None


def introducers_of(torrent: Torrent, address: Address) -> list[PeerLink]:
    """Peers that said they are connected to `address` and that it can be punched through to."""
    if torrent.swarm is None:
        return []
    found = []
    for link in torrent.swarm.links:
        state = _state_of(link)
        flags = state.receiver.flags_of(address) if state is not None else None
        if flags is not None and flags & PexFlags.HOLEPUNCH:
            found.append(link)
    return found


def _state_of(link: PeerLink) -> _PexState | None:
    return cast("_PexState | None", link.user_data.get(_NAME))


def _connected(torrent: Torrent) -> dict[Address, PexFlags]:
    assert torrent.swarm is not None
    found = {}
    for link in torrent.swarm.links:
        address = reachable_address(link)
        if link.peer_id is not None and address is not None and not is_i2p_host(address[0]):
            found[address] = _flags_of(link)
    return found


def _flags_of(link: PeerLink) -> PexFlags:
    extensions = link.connection.extensions
    flags = PexFlags.OUTGOING if link.outgoing else PexFlags(0)
    if link.is_seed or extensions.upload_only:
        flags |= PexFlags.SEED
    if extensions.id_of("ut_holepunch") is not None:
        flags |= PexFlags.HOLEPUNCH
    return flags
