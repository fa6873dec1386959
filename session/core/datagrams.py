"""What runs over the session's UDP sockets: uTP, one port a socket; the DHT and UDP trackers may join it.

Each listening endpoint has one UDP socket beside its TCP one (`listener/datagram_mux.py`).  Connections are made from the first
socket of the peer's family.  With a proxy for peers there is no such socket: uTP goes through the association with it
(`relaying.py`), a port for each family, and where the proxy has no datagrams there is none.  Connections end with the association,
since the next one has another address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from ...listener.endpoint import Endpoint
from ...listener.gate import Verdict
from ...listener.group import OpenEndpoint
from ...protocols.errors import TransportBroken
from ...protocols.proxy import wrap_datagram
from ...protocols.transport.shared_relay import RelayRoute, SharedRelay, SourceKind
from ...protocols.transport.stream import AF_INET, AF_INET6
from ...protocols.transport.utp import UtpTransport
from ...protocols.transport.utp_port import UtpPort
from ...protocols.types import Address
from ...protocols.utp.connection import UtpConnection
from ...protocols.utp.counts import UtpCounts
from ...protocols.utp.endpoint import IPV4_OVERHEAD, IPV6_OVERHEAD
from ...protocols.utp.packet import FIRST_BYTES
from ...protocols.utp.settings import UtpSettings
from ..settings import SettingsPack

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Datagrams", "overhead_through_proxy", "utp_settings"]

_ANYWHERE = {AF_INET: "0.0.0.0", AF_INET6: "::"}
_SOURCES = {AF_INET: SourceKind.IPV4, AF_INET6: SourceKind.IPV6}


class Datagrams:
    """The UDP side of the session's endpoints."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._ports: dict[OpenEndpoint, UtpPort] = {}
        self._relay: SharedRelay | None = None
        self._relayed: dict[int, tuple[UtpPort, RelayRoute]] = {}
        """What goes through the proxy, by family."""
        self.counts = UtpCounts()
        """Of all sockets, those that were closed included."""
        self._num_past_wakeups = 0

    def opened(self, endpoints: list[OpenEndpoint]) -> None:
        """These listen now, or there is another proxy."""
        for each in endpoints:
            if each not in self._ports and each.datagrams is not None:
                self._ports[each] = self._open(each)
        core = self._core
        relay = core.relaying.relay if core.proxying.for_peers is not None else None
        if relay is not self._relay:
            self._close_relayed()
            self._relay = relay
            if relay is not None:
                self._relayed = {family: self._open_relayed(relay, family) for family in _ANYWHERE}

    def closing(self, endpoint: OpenEndpoint) -> None:
        """Its socket is about to be closed: peers over there are told that it is over."""
        port = self._ports.pop(endpoint, None)
        if port is not None:
            self._num_past_wakeups += _wakeups(endpoint)
            port.close()

    def settings_changed(self) -> None:
        """New connections go by the new settings."""
        settings = utp_settings(self._core.settings)
        for port in self._all_ports:
            port.endpoint.settings = settings

    def close(self) -> None:
        """End every uTP connection."""
        self._num_past_wakeups = self.num_wakeups
        while self._ports:
            self._ports.popitem()[1].close()
        self._close_relayed()

    @property
    def is_open(self) -> bool:
        """There is a socket, or a proxy with datagrams."""
        return bool(self._ports or self._relayed)

    def can_dial(self, address: Address, *, is_ssl: bool = False) -> bool:
        """There is a socket to reach a peer from, or a proxy that did not just fail; `is_ssl`: of an SSL torrent."""
        return self._port_for(address, is_ssl) is not None

    def dial(self, address: Address, *, is_ssl: bool = False) -> UtpTransport:
        """Begin to connect over uTP.  TransportBroken when there is no socket for it."""
        port = self._port_for(address, is_ssl)
        if port is None:
            raise TransportBroken("connect", "no UDP socket of that family")
        if self._relayed:
            # As the proxy will write it.
            return port.connect((str(ipaddress.ip_address(address[0])), address[1]))
        return port.connect((*address, 0, 0) if ":" in address[0] else address)

    @property
    def num_connections(self) -> int:
        """uTP connections of any state."""
        return sum(port.num_connections for port in self._all_ports)

    @property
    def connections(self) -> Iterator[UtpConnection]:
        """All of them."""
        for port in self._all_ports:
            yield from port.endpoint.connections.values()

    @property
    def num_wakeups(self) -> int:
        """Times a socket had something to receive, those that are gone included."""
        return self._num_past_wakeups + sum(map(_wakeups, self._ports))

    @property
    def _all_ports(self) -> Iterator[UtpPort]:
        return chain(self._ports.values(), (port for port, _ in self._relayed.values()))

    def _port_for(self, address: Address, is_ssl: bool) -> UtpPort | None:
        family = AF_INET6 if ":" in address[0] else AF_INET
        if self._core.proxying.for_peers is not None:
            relay = self._relay
            return None if relay is None or relay.is_refusing else self._relayed[family][0]
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
            accepts=lambda address: self._may_come(opened.endpoint, address),
            counts=self.counts,
        )
        mux.route_trains(FIRST_BYTES, port.receive, port.turn)
        return port

    def _open_relayed(self, relay: SharedRelay, family: int) -> tuple[UtpPort, RelayRoute]:
        core = self._core
        proxy = core.proxying.for_peers
        assert proxy is not None
        route = relay.open_route(
            FIRST_BYTES,
            [_SOURCES[family]],
            lambda data, source, now: port.receive(data, len(data), source, now),
            on_lost=lambda error: port.drop_all(error),
            on_idle=lambda now: port.turn(now),
        )
        port = UtpPort(
            core.base,
            route,
            (_ANYWHERE[family], 0),
            rng=core.rng,
            family=family,
            settings=utp_settings(core.settings),
            on_accept=lambda transport: self._admit(None, transport),
            accepts=lambda address: self._may_come(None, address),
            counts=self.counts,
            overhead=overhead_through_proxy(proxy.address[0], family),
        )
        return port, route

    def _close_relayed(self) -> None:
        relayed, self._relayed = self._relayed, {}
        self._relay = None
        for port, route in relayed.values():
            port.close()
            route.close()

    def _may_come(self, endpoint: Endpoint | None, address: Any) -> bool:
        """`endpoint` is None for what comes through the proxy."""
        core = self._core
        return (
            core.tuning.enable_incoming_utp
            and not (core.closing or core.is_paused)
            and (endpoint is None or endpoint.can_reach(address[0]))
            and not core.is_blocked(address[0])
        )

    def _admit(self, opened: OpenEndpoint | None, transport: UtpTransport) -> None:
        """`opened` is None for what comes through the proxy."""
        core, host = self._core, str(transport.address[0])
        endpoint = opened.endpoint if opened is not None else None
        if (
            not self._may_come(endpoint, transport.address)
            or (opened is not None and core.outgoing.refuses_stranger(opened.host, transport.address))
            or core.gate.admit(host) is not Verdict.ADMIT
        ):
            transport.abort()
            return
        address = host, int(transport.address[1])
        is_ssl = endpoint is not None and endpoint.is_ssl
        core.lobby.admit_transport(transport, address, base="utp", is_ssl=is_ssl)


def _wakeups(opened: OpenEndpoint) -> int:
    return opened.datagrams.num_wakeups if opened.datagrams is not None else 0


def overhead_through_proxy(proxy_host: str, family: int) -> int:
    """Bytes around a packet for a peer of this family on the way to the proxy, where it is largest.

    A proxy that is known by a name may be an IPv6 one.
    """
    try:
        is_ipv4 = ipaddress.ip_address(proxy_host).version == 4
    except ValueError:
        is_ipv4 = False
    header = len(wrap_datagram(b"", (_ANYWHERE[family], 0)))
    return (IPV4_OVERHEAD if is_ipv4 else IPV6_OVERHEAD) + header


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
