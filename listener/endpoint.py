"""The endpoints a list of interfaces stands for; pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from .gate import canonical_host
from .interfaces import Interface
from .spec import ListenInterface

__all__ = ["Endpoint", "expand_interface"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address and port to listen on.  Equal endpoints are the same socket."""

    host: str
    port: int
    """0 lets the system choose."""
    device: str = ""
    """The device that was asked for by name; "" for an address."""
    is_ssl: bool = False
    is_local: bool = False
    networks: tuple[_Network, ...] = ()
    """For a local endpoint: whom it may talk to."""

    @property
    def is_ipv6(self) -> bool:
        """The address is an IPv6 one."""
        return ":" in self.host

    def can_reach(self, host: str) -> bool:
        """False for a peer outside the network of a local endpoint."""
        if not self.is_local:
            return True
        try:
            address = ipaddress.ip_address(canonical_host(host))
        except ValueError:
            return False
        return any(address in network for network in self.networks)

    def __str__(self) -> str:
        host = f"[{self.host}]" if self.is_ipv6 else self.host
        return f"{host}:{self.port}{'s' if self.is_ssl else ''}{'l' if self.is_local else ''}"


def expand_interface(wanted: ListenInterface, interfaces: Sequence[Interface]) -> list[Endpoint]:
    """The endpoints of one element: itself for an address, one for each address of a device.

    0.0.0.0 and :: stay one socket each.  Empty for a device that has no address or does not exist.
    """
    if wanted.is_address:
        return [_of_address(wanted, interfaces)]
    found = []
    for interface in interfaces:
        if interface.device and interface.device == wanted.device:
            address = ipaddress.ip_address(interface.address.partition("%")[0])
            # What cannot be routed beyond the link is local, said or not (as libtorrent has it).
            is_local = wanted.is_local or address.is_loopback or address.is_link_local
            networks = (interface.network,) if is_local else ()
            found.append(
                Endpoint(interface.address, wanted.port, wanted.device, wanted.is_ssl, is_local, networks)
            )
    return found


def _of_address(wanted: ListenInterface, interfaces: Sequence[Interface]) -> Endpoint:
    networks: tuple[_Network, ...] = ()
    if wanted.is_local:
        address = ipaddress.ip_address(wanted.device)
        bare = wanted.device.partition("%")[0]
        networks = tuple(
            dict.fromkeys(
                interface.network
                for interface in interfaces
                if (address.is_unspecified and interface.network.version == address.version)
                or interface.address.partition("%")[0] == bare
            )
        )
    return Endpoint(wanted.device, wanted.port, "", wanted.is_ssl, wanted.is_local, networks)
