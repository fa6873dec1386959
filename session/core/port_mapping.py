"""Port mapping of a session: a mapper for each gateway and language, the listen ports and what the application adds.

The mappers are pure and in `protocols.portmap`; here they get sockets, and their events become alerts.  A mapping has one
number in the whole session, so that `delete_port_mapping` removes that one and no other (libtorrent counts in each mapper
apart, and removes all of the same number).
"""

from __future__ import annotations

import ipaddress
import random
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, cast

from ...listener.gateways import Gateway
from ...listener.interfaces import Interface
from ...listener.origin import gateways_of, interfaces_of
from ...protocols.engine.ports import Base, DatagramSocket, Platform
from ...protocols.http import FetchPorts, PlatformPorts
from ...protocols.portmap import (
    ExternalAddress,
    GatewayMapper,
    Mapped,
    MapperService,
    MappingFailed,
    MapRequest,
    PortmapEvent,
    PortmapProtocol,
    Unmapped,
    Upnp,
    UpnpService,
)
from ..alert_queue import AlertQueue
from ..alerts import PortmapAlert, PortmapErrorAlert, PortmapLogAlert
from ..errors import ErrorCode
from ..flags import PortmapTransport
from ..settings import SettingsPack
from .identity import Identity
from .map_places import ListenPort, MapPlace, places_of

__all__ = ["MappingHost", "PortMapping"]


class MappingHost(Protocol):
    """What it needs of the session."""

    @property
    def base(self) -> Base: ...
    @property
    def platform(self) -> Platform: ...
    @property
    def settings(self) -> SettingsPack: ...
    @property
    def alerts(self) -> AlertQueue: ...

    def gateway_said(self, host: str) -> None:
        """A gateway told our address outside."""
        ...

    def listen_ports(self) -> list[ListenPort]:
        """What listens and may be told beyond the local network."""
        ...


@dataclass(slots=True, eq=False)
class _Mapping:
    """One mapping of one mapper."""

    request: MapRequest
    is_listen_port: bool
    external_port: int = 0
    """The port it got; 0 while it has none."""


@dataclass(slots=True, eq=False)
class _Mapper:
    """One gateway in one language."""

    transport: PortmapTransport
    place: MapPlace
    machine: GatewayMapper | Upnp
    service: MapperService
    mappings: dict[int, _Mapping] = field(default_factory=dict)


class PortMapping:
    """Every mapping of a session.  On the loop thread only."""

    def __init__(
        self,
        host: MappingHost,
        *,
        interfaces: Callable[[], list[Interface]] | None = None,
        gateways: Callable[[], list[Gateway]] | None = None,
        http_ports: Callable[[Platform, str], FetchPorts] | None = None,
    ) -> None:
        """`interfaces` and `gateways` are asked for the networks of this machine, by default those of the base's platform.
        `http_ports(platform, local)` gives the outside of requests that leave from the address `local`.
        """
        self._host = host
        self._identity = Identity(host.settings)
        self._http_ports = http_ports or _ports_from
        self._interfaces = interfaces or interfaces_of(host.base)
        self._gateways = gateways or gateways_of(host.base)
        self._mappers: dict[tuple[PortmapTransport, MapPlace], _Mapper] = {}
        self._leaving: set[_Mapper] = set()
        self._last_id = 0
        self._on_closed: Callable[[], object] | None = None
        self._is_closed = False

    # ---------------------------------------------------------------------------------------------------- commands

    def refresh(self, *, remap: bool = False) -> None:
        """What listens, the networks, or what is enabled changed: map what should be, and only that.

        With `remap` gateways are searched and the listen ports mapped anew, even where nothing changed.
        """
        if self._is_closed:
            return
        ports = self._host.listen_ports()
        wanted = self._wanted(ports)
        for key in [key for key in self._mappers if key not in wanted]:
            self._leave(self._mappers.pop(key))
        for key in wanted:
            mapper = self._mappers.get(key) or self._open(*key)
            if mapper is not None:
                self._mappers[key] = mapper
                if remap and isinstance(mapper.service, UpnpService):
                    mapper.service.search()  # The gateway may have changed its port, or be another.
                self._map_listen_ports(mapper, ports, remap=remap)

    def add(self, protocol: PortmapProtocol, external_port: int, local_port: int) -> list[int]:
        """Map a port at every gateway; the numbers of the mappings.  LocalProtocolError when it is no port."""
        MapRequest(0, protocol, external_port, local_port)  # Refused before anything is done.
        return [
            self._add(mapper, protocol, external_port, local_port)
            for mapper in self._mappers.values()
            if not mapper.service.is_full
        ]

    def delete(self, mapping: int) -> None:
        """Remove a mapping.  Unknown numbers are ignored."""
        for mapper in self._mappers.values():
            if mapping in mapper.mappings:
                mapper.service.remove(mapping)

    def settings_changed(self, changed: set[str]) -> None:
        """Settings were changed; take them over."""
        if changed & {"enable_upnp", "enable_natpmp"}:
            self.refresh()
        settings = self._host.settings
        for mapper in self._mappers.values():
            if isinstance(mapper.machine, Upnp):
                mapper.machine.set_lease(settings.get_int("upnp_lease_duration"))
                mapper.machine.set_description(self._identity.server_agent)
                mapper.machine.ignore_nonrouters = settings.get_bool("upnp_ignore_nonrouters")
            else:
                mapper.machine.set_lease(settings.get_int("natpmp_lease_duration"))

    def close(self, on_closed: Callable[[], object]) -> None:
        """Remove every mapping, then call `on_closed`; at once when there is none."""
        self._is_closed = True
        self._on_closed = on_closed
        for mapper in self._mappers.values():
            self._leave(mapper)
        self._mappers.clear()
        self._check_closed()

    def abort(self) -> None:
        """Let go of everything at once; what is mapped stays until its lease is over.  Repeatable."""
        self._is_closed = True
        self._on_closed = None
        for mapper in (*self._mappers.values(), *self._leaving):
            mapper.service.abort()
        self._mappers.clear()
        self._leaving.clear()

    # ----------------------------------------------------------------------------------------------------- queries

    @property
    def num_mappers(self) -> int:
        """Gateways, counted once for each language."""
        return len(self._mappers)

    def external_port(self, port: int) -> int:
        """The TCP port others have to connect to in order to reach our listen port `port`: itself while it is not mapped."""
        for mapper in self._mappers.values():
            for mapping in mapper.mappings.values():
                request = mapping.request
                is_meant = mapping.is_listen_port and request.protocol is PortmapProtocol.tcp
                if is_meant and request.local_port == port and mapping.external_port:
                    return mapping.external_port
        return port

    # ---------------------------------------------------------------------------------------------------- mappers

    def _wanted(self, ports: Sequence[ListenPort]) -> list[tuple[PortmapTransport, MapPlace]]:
        settings = self._host.settings
        with_natpmp, with_upnp = settings.get_bool("enable_natpmp"), settings.get_bool("enable_upnp")
        # A session that only talks to itself asks the system nothing.
        if not (with_natpmp or with_upnp) or all(_is_loopback(port.host) for port in ports):
            return []
        interfaces, gateways = self._interfaces(), self._gateways()
        wanted: list[tuple[PortmapTransport, MapPlace]] = []
        if with_natpmp:
            override = settings.get_str("natpmp_gateway")
            places = places_of(ports, interfaces, gateways, override)
            wanted += [(PortmapTransport.natpmp, place) for place in places]
        if with_upnp:
            places = places_of(ports, interfaces, gateways)
            wanted += [(PortmapTransport.upnp, place) for place in places if not place.is_ipv6]
        return wanted

    def _open(self, transport: PortmapTransport, place: MapPlace) -> _Mapper | None:
        """A mapper, or None when the system gives no socket there."""
        log = partial(self._log, transport, place.local)
        try:
            sock = self._open_socket(transport, place)
        except OSError as error:
            log("no socket: %s", error)
            return None
        log("gateway: %s", place.gateway)
        make = self._open_upnp if transport is PortmapTransport.upnp else self._open_gateway
        return make(place, sock, log)

    def _open_gateway(self, place: MapPlace, sock: DatagramSocket, log: Callable[..., object]) -> _Mapper:
        settings, on_event = self._host.settings, _Later()
        lease = settings.get_int("natpmp_lease_duration")
        machine = GatewayMapper(place.gateway, place.local, rng=self._rng(), lease=lease, log=log)
        service = MapperService(self._host.base, machine, sock, on_event)
        mapper = _Mapper(PortmapTransport.natpmp, place, machine, service)
        on_event.target = partial(self._on_event, mapper)
        return mapper

    def _open_upnp(self, place: MapPlace, sock: DatagramSocket, log: Callable[..., object]) -> _Mapper:
        settings, on_event = self._host.settings, _Later()
        machine = Upnp(
            place.local,
            place.network,
            rng=self._rng(),
            gateway=place.gateway,
            lease=settings.get_int("upnp_lease_duration"),
            description=self._identity.server_agent,
            ignore_nonrouters=settings.get_bool("upnp_ignore_nonrouters"),
            log=log,
        )
        ports = self._http_ports(self._host.platform, place.local)
        service = UpnpService(self._host.base, machine, sock, on_event, ports=ports)
        mapper = _Mapper(PortmapTransport.upnp, place, machine, service)
        on_event.target = partial(self._on_event, mapper)
        return mapper

    def _open_socket(self, transport: PortmapTransport, place: MapPlace) -> DatagramSocket:
        family = socket.AF_INET6 if place.is_ipv6 else socket.AF_INET
        sock = self._host.platform.datagram_socket(family, bind=(place.local, 0))
        if transport is PortmapTransport.upnp:
            # The route to a group does not follow the address one is bound to.
            option = socket.inet_aton(place.local)
            cast(socket.socket, sock).setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, option)
        return sock

    def _rng(self) -> random.Random:
        return random.Random(self._host.platform.random_bytes(32))

    def _leave(self, mapper: _Mapper) -> None:
        self._leaving.add(mapper)
        mapper.service.close(partial(self._left, mapper))

    def _left(self, mapper: _Mapper) -> None:
        self._leaving.discard(mapper)
        self._check_closed()

    def _check_closed(self) -> None:
        if self._is_closed and not self._leaving and self._on_closed is not None:
            on_closed, self._on_closed = self._on_closed, None
            on_closed()

    # ---------------------------------------------------------------------------------------------------- mappings

    def _map_listen_ports(self, mapper: _Mapper, ports: Sequence[ListenPort], *, remap: bool) -> None:
        wanted: dict[tuple[PortmapProtocol, int], None] = {}
        for port in ports:
            if port.is_at(mapper.place):
                wanted[PortmapProtocol.tcp, port.port] = None
                if port.has_datagrams:
                    wanted[PortmapProtocol.udp, port.port] = None
        for mapping_id, mapping in list(mapper.mappings.items()):
            if mapping.is_listen_port:
                key = mapping.request.protocol, mapping.request.local_port
                if remap or key not in wanted:
                    mapping.is_listen_port = False
                    mapper.service.remove(mapping_id)
                else:
                    del wanted[key]
        for protocol, number in wanted:
            if not mapper.service.is_full:
                self._add(mapper, protocol, number, number, is_listen_port=True)

    def _add(
        self,
        mapper: _Mapper,
        protocol: PortmapProtocol,
        external_port: int,
        local_port: int,
        *,
        is_listen_port: bool = False,
    ) -> int:
        self._last_id += 1
        request = MapRequest(self._last_id, protocol, external_port, local_port)
        mapper.mappings[request.mapping_id] = _Mapping(request, is_listen_port)
        mapper.service.add(request)
        return request.mapping_id

    # ------------------------------------------------------------------------------------------------------ events

    def _on_event(self, mapper: _Mapper, event: PortmapEvent) -> None:
        if isinstance(event, Mapped):
            self._on_mapped(mapper, event)
        elif isinstance(event, MappingFailed):
            self._on_failed(mapper, event)
        elif isinstance(event, Unmapped):
            del mapper.mappings[event.mapping_id]
        else:
            self._on_address(mapper, event)

    def _on_mapped(self, mapper: _Mapper, event: Mapped) -> None:
        mapper.mappings[event.mapping_id].external_port = event.external_port
        self._host.alerts.emplace(
            PortmapAlert,
            event.mapping_id,
            event.external_port,
            event.protocol,
            mapper.transport,
            mapper.place.local,
        )

    def _on_failed(self, mapper: _Mapper, event: MappingFailed) -> None:
        mapper.mappings[event.mapping_id].external_port = 0
        error = event.error
        self._host.alerts.emplace(
            PortmapErrorAlert,
            event.mapping_id,
            mapper.transport,
            mapper.place.local,
            ErrorCode(error.code, error.category, str(error)),
        )

    def _on_address(self, mapper: _Mapper, event: ExternalAddress) -> None:
        """An address that is not seen from everywhere is that of another NAT; our own (IPv6) is no news."""
        if event.address != mapper.place.local and ipaddress.ip_address(event.address).is_global:
            self._host.gateway_said(event.address)

    def _log(self, transport: PortmapTransport, local: str, text: str, *args: object) -> None:
        alerts = self._host.alerts
        if alerts.should_post(PortmapLogAlert):
            alerts.emplace(PortmapLogAlert, transport, local, text % args)


class _Later:
    """A callback that is known only when what calls it exists."""

    target: Callable[[PortmapEvent], object]

    def __call__(self, event: PortmapEvent) -> None:
        self.target(event)


def _ports_from(platform: Platform, local: str) -> FetchPorts:
    return PlatformPorts(platform, source=(local, 0))


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback
