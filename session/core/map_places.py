"""Where ports are mapped: which of our addresses is behind which gateway; pure.

Only addresses that a default route leads away from: never the loopback network, nor what cannot be routed beyond its link, nor
an endpoint that is local by wish.  Of one device's IPv4 addresses the first is enough, as the gateway has one outside for all;
of its IPv6 addresses each needs a hole of its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...listener.gateways import Gateway
from ...listener.interfaces import Interface

__all__ = ["MAX_PLACES", "ListenPort", "MapPlace", "places_of"]

MAX_PLACES = 16
"""Addresses with a gateway that are mapped at; a machine on more networks is a router itself."""

_UNIQUE_LOCAL = ipaddress.IPv6Network("fc00::/7")


@dataclass(frozen=True, slots=True)
class ListenPort:
    """A port that listens."""

    host: str
    """Numeric; 0.0.0.0 and :: are every address."""
    port: int
    has_datagrams: bool = False
    """There is a UDP socket too."""

    def is_at(self, place: MapPlace) -> bool:
        """Who connects to that address gets here."""
        address = ipaddress.ip_address(_bare(self.host))
        if address.is_unspecified:
            return (address.version == 6) is place.is_ipv6
        return _bare(self.host) == place.local


@dataclass(frozen=True, slots=True)
class MapPlace:
    """One address of ours and the gateway it is behind."""

    local: str
    network: str
    """The network of the address, as "10.0.0.0/24"."""
    gateway: str

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.local


def places_of(
    ports: Iterable[ListenPort],
    interfaces: Sequence[Interface],
    gateways: Sequence[Gateway],
    wanted_gateway: str = "",
) -> list[MapPlace]:
    """The places at which one of `ports` can be mapped.  `wanted_gateway` takes the place of those of its family."""
    listening = list(ports)
    found: dict[MapPlace, None] = {}
    seen: set[tuple[str, str]] = set()
    for interface in interfaces:
        place = _place(interface, gateways, wanted_gateway)
        if place is None or not any(port.is_at(place) for port in listening):
            continue
        way = (interface.device, place.gateway)
        if place.is_ipv6 or way not in seen:
            seen.add(way)
            found[place] = None
    return list(found)[:MAX_PLACES]


def _place(interface: Interface, gateways: Sequence[Gateway], wanted_gateway: str) -> MapPlace | None:
    address = ipaddress.ip_address(_bare(interface.address))
    if address.is_loopback or address.is_link_local or address.is_unspecified:
        return None
    if address.version == 6 and address in _UNIQUE_LOCAL:
        return None  # Nobody outside can reach it, mapped or not.
    gateway = next(_gateways_of(interface, gateways), "")
    wanted = _numeric(wanted_gateway)
    if wanted is not None and wanted.version == address.version and (gateway or wanted in interface.network):
        gateway = wanted_gateway
    return MapPlace(str(address), str(interface.network), gateway) if gateway else None


def _gateways_of(interface: Interface, gateways: Sequence[Gateway]) -> Iterator[str]:
    for gateway in gateways:
        if gateway.is_ipv6 != (":" in interface.address):
            continue
        # Where the system does not name devices any gateway is as good as another.
        if gateway.device == interface.device or not interface.device:
            yield gateway.address


def _numeric(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(_bare(text))
    except ValueError:
        return None


def _bare(host: str) -> str:
    return host.partition("%")[0]
