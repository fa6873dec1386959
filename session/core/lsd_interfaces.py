"""On which interfaces local discovery (BEP 14) runs: those of the addresses the session listens on; pure.

Listening on 0.0.0.0 or :: is listening on every interface.  The loopback one is then left out, as nobody is there who is not
on another one, too; it is used when it is named, or is all there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from ...listener.interfaces import Interface

__all__ = ["LsdInterface", "lsd_interfaces"]

_Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class LsdInterface:
    """One interface and family."""

    is_ipv6: bool
    name: str
    """What a multicast group is joined on: a local address for IPv4, a device for IPv6."""
    address: str
    """The local address, for people."""
    port: int
    """Where we listen there."""
    networks: tuple[_Network, ...]
    """Who is heard: the networks that begin there."""

    def can_hear(self, host: str) -> bool:
        """`host` is on a network of this interface."""
        address = ip_address(host.partition("%")[0])
        return any(address in network for network in self.networks)


def lsd_interfaces(
    endpoints: Iterable[tuple[str, int]], interfaces: Sequence[Interface]
) -> list[LsdInterface]:
    """The interfaces for where we listen, (host, port), given what the machine has.  Each once."""
    found: dict[tuple[bool, str], LsdInterface] = {}
    for host, port in endpoints:
        is_ipv6 = ":" in host
        for interface in _interfaces_of(
            host, [each for each in interfaces if (":" in each.address) is is_ipv6]
        ):
            name = interface.device if is_ipv6 else interface.address
            networks: tuple[_Network, ...] = (interface.network,)
            if is_ipv6:
                # One socket serves a device, whatever addresses it has.
                networks = (
                    tuple(
                        each.network
                        for each in interfaces
                        if each.device == interface.device and ":" in each.address
                    )
                    or networks
                )
            if name:
                found.setdefault(
                    (is_ipv6, name), LsdInterface(is_ipv6, name, interface.address, port, networks)
                )
    return list(found.values())


def _interfaces_of(host: str, interfaces: Sequence[Interface]) -> list[Interface]:
    bare = host.partition("%")[0]
    address = ip_address(bare)
    if address.is_unspecified:
        outside = [each for each in interfaces if not _is_loopback(each)]
        return outside or list(interfaces)
    same = [each for each in interfaces if each.address.partition("%")[0] == bare]
    if same:
        return same
    # 127.0.0.2 is an address of the loopback interface, though not listed.
    around = next((each for each in interfaces if address in each.network), None)
    if around is not None:
        return [Interface(around.device, host, around.prefix_length)]
    return [Interface("", host, ip_network(bare).prefixlen)]


def _is_loopback(interface: Interface) -> bool:
    return ip_address(interface.address.partition("%")[0]).is_loopback
