"""What runs over the session's UDP sockets: uTP, one port a socket; the DHT and UDP trackers may join it.

Each listening endpoint has one UDP socket beside its TCP one (`listener/datagram_mux.py`).  Connections are made from the first
socket of the peer's family.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...listener.gate import Verdict
from ...listener.group import OpenEndpoint
from ...protocols.errors import TransportBroken
from ...protocols.transport.stream import AF_INET, AF_INET6
from ...protocols.transport.utp import UtpTransport
from ...protocols.transport.utp_port import UtpPort
from ...protocols.types import Address
from ...protocols.utp.connection import UtpConnection
from ...protocols.utp.counts import UtpCounts
from ...protocols.utp.packet import FIRST_BYTES
from ...protocols.utp.settings import UtpSettings
from ..settings import SettingsPack

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Datagrams", "utp_settings"]


class Datagrams:
    """The UDP side of the session's endpoints."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._ports: dict[OpenEndpoint, UtpPort] = {}
        self.counts = UtpCounts()
        """Of all sockets, those that were closed included."""
        self._num_past_wakeups = 0

    def opened(self, endpoints: list[OpenEndpoint]) -> None:
        """These listen now."""
        for each in endpoints:
            if each not in self._ports and each.datagrams is not None:
                self._ports[each] = self._open(each)

    def closing(self, endpoint: OpenEndpoint) -> None:
        """Its socket is about to be closed: peers over there are told that it is over."""
        port = self._ports.pop(endpoint, None)
        if port is not None:
            self._num_past_wakeups += _wakeups(endpoint)
            port.close()

    def settings_changed(self) -> None:
        """New connections go by the new settings."""
        settings = utp_settings(self._core.settings)
        for port in self._ports.values():
            port.endpoint.settings = settings

    def close(self) -> None:
        """End every uTP connection."""
        self._num_past_wakeups = self.num_wakeups
        while self._ports:
            self._ports.popitem()[1].close()

    @property
    def is_open(self) -> bool:
        """There is a socket."""
        return bool(self._ports)

    def can_dial(self, address: Address, *, is_ssl: bool = False) -> bool:
        """There is a socket to reach a peer from; `is_ssl`: of an SSL torrent."""
        return self._port_for(address, is_ssl) is not None

    def dial(self, address: Address, *, is_ssl: bool = False) -> UtpTransport:
        """Begin to connect over uTP.  TransportBroken when there is no socket for it."""
        port = self._port_for(address, is_ssl)
        if port is None:
            raise TransportBroken("connect", "no UDP socket of that family")
        return port.connect((*address, 0, 0) if ":" in address[0] else address)

    @property
    def num_connections(self) -> int:
        """uTP connections of any state."""
        return sum(port.num_connections for port in self._ports.values())

    @property
    def connections(self) -> Iterator[UtpConnection]:
        """All of them."""
        for port in self._ports.values():
            yield from port.endpoint.connections.values()

    @property
    def num_wakeups(self) -> int:
        """Times a socket had something to receive, those that are gone included."""
        return self._num_past_wakeups + sum(map(_wakeups, self._ports))

    def _port_for(self, address: Address, is_ssl: bool) -> UtpPort | None:
        family = AF_INET6 if ":" in address[0] else AF_INET
        found: UtpPort | None = None
        outgoing = self._core.outgoing.allows
        for opened, port in self._ports.items():
            if port.family == family and opened.endpoint.can_reach(address[0]) and outgoing(opened.host):
                if opened.endpoint.is_ssl == is_ssl:
                    return port
                if is_ssl:  # Who calls may do so from anywhere; only who is called is told apart.
                    found = found or port
        return found

    def _open(self, opened: OpenEndpoint) -> UtpPort:
        mux = opened.datagrams
        assert mux is not None
        port = UtpPort(
            self._core.base,
            mux,
            (str(mux.address[0]), int(mux.address[1])),
            rng=self._core.rng,
            family=AF_INET6 if ":" in mux.address[0] else AF_INET,
            settings=utp_settings(self._core.settings),
            on_accept=lambda transport: self._admit(opened, transport),
            accepts=lambda address: self._may_come(opened, address),
            counts=self.counts,
        )
        mux.route_trains(FIRST_BYTES, port.receive, port.turn)
        return port

    def _may_come(self, opened: OpenEndpoint, address: Any) -> bool:
        core = self._core
        return (
            core.tuning.enable_incoming_utp
            and not (core.closing or core.is_paused)
            and opened.endpoint.can_reach(address[0])
            and not core.is_blocked(address[0])
        )

    def _admit(self, opened: OpenEndpoint, transport: UtpTransport) -> None:
        core, host = self._core, str(transport.address[0])
        if (
            not self._may_come(opened, transport.address)
            or core.outgoing.refuses_stranger(opened.host, transport.address)
            or core.gate.admit(host) is not Verdict.ADMIT
        ):
            transport.abort()
            return
        address = host, int(transport.address[1])
        core.lobby.admit_transport(transport, address, base="utp", is_ssl=opened.endpoint.is_ssl)


def _wakeups(opened: OpenEndpoint) -> int:
    return opened.datagrams.num_wakeups if opened.datagrams is not None else 0


def utp_settings(settings: SettingsPack) -> UtpSettings:
    """uTP's part of the settings."""
    return UtpSettings(
        target_delay=settings.get_int("utp_target_delay") / 1000,
        gain_factor=settings.get_int("utp_gain_factor"),
        min_timeout=settings.get_int("utp_min_timeout") / 1000,
        syn_resends=settings.get_int("utp_syn_resends"),
        fin_resends=settings.get_int("utp_fin_resends"),
        num_resends=settings.get_int("utp_num_resends"),
        connect_timeout=settings.get_int("utp_connect_timeout") / 1000,
        loss_multiplier=settings.get_int("utp_loss_multiplier") / 100,
        cwnd_reduce_timer=settings.get_int("utp_cwnd_reduce_timer") / 1000,
    )
