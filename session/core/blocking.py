"""Who is kept away: the IP filter for all, the port filter for those we would dial; each refusal is told in an alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocols.sam import is_i2p_host
from ...protocols.types import Address
from ..alerts import BlockedReason, PeerBlockedAlert
from ..close_reason import CloseReason
from ..torrent.link_end import LinkEnded
from .ip_filter import PortFilter

if TYPE_CHECKING:
    from ..torrent.peer_list import KnownPeer
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["Blocking"]

_FIRST_PORT = 1024
"""Ports below are privileged."""


class Blocking:
    """The filters of a session applied to peers of its torrents."""

    __slots__ = ("_core", "port_filter")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.port_filter: PortFilter | None = None

    def set_port_filter(self, ports: PortFilter) -> None:
        """Which ports are dialled from now on; peers at others are forgotten, connections we made to them end."""
        self.port_filter = ports
        for torrent in dict.fromkeys(self._core.torrents.values()):
            for link in list(torrent.swarm.links) if torrent.swarm is not None else []:
                if link.outgoing and self.is_port_blocked(link.address):
                    link.close(LinkEnded(CloseReason.port_blocked))
            if torrent.peers is not None:
                torrent.peers.forget_if(self.is_port_refused)

    def is_port_blocked(self, address: Address) -> bool:
        """The port filter forbids dialling it."""
        ports = self.port_filter
        return (
            ports is not None
            and not is_i2p_host(address[0])
            and 0 <= address[1] <= 0xFFFF
            and ports.is_blocked(address[1])
        )

    def is_port_refused(self, peer: KnownPeer) -> bool:
        """A peer that is known may not be dialled for its port."""
        return self._why_port(peer.address) is not None

    def _why_port(self, address: Address) -> BlockedReason | None:
        if is_i2p_host(address[0]):  # which has no ports
            return None
        if self.is_port_blocked(address):
            return BlockedReason.port_filter
        if address[1] < _FIRST_PORT and self._core.tuning.no_connect_privileged_ports:
            return BlockedReason.privileged_ports
        return None

    def refuses(self, torrent: Torrent, address: Address) -> bool:
        """A peer may not be dialled, nor remembered; says so."""
        if not self._core.mixing.admits(torrent, address[0]):
            reason: BlockedReason | None = BlockedReason.i2p_mixed
        elif torrent.is_blocked(address[0]):
            reason = BlockedReason.ip_filter
        else:
            reason = self._why_port(address)
        if reason is None:
            return False
        torrent.post(PeerBlockedAlert, address, None, reason)
        return True

    def refuses_stranger(self, host: str) -> bool:
        """Nobody may come in from `host`; says so, of no torrent as it is not known which was meant."""
        if not self._core.is_blocked(host):
            return False
        self._core.post_stranger(PeerBlockedAlert, (host, 0), None, BlockedReason.ip_filter)
        return True
