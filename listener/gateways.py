"""The routers of this machine: who carries packets beyond our networks, and through which device.

netifaces tells on every system.  Where it is missing (it is a compiled module) Linux's own tables are read, which is enough for
IPv4 and IPv6; elsewhere there are no gateways then, and no port mapping.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["MAX_GATEWAYS", "Gateway", "list_gateways"]

MAX_GATEWAYS = 64
"""Gateways listed at most."""

_ROUTE = Path("/proc/net/route")
_IPV6_ROUTE = Path("/proc/net/ipv6_route")

_RTF_UP = 0x0001
_RTF_GATEWAY = 0x0002


@dataclass(frozen=True, slots=True)
class Gateway:
    """One default route."""

    address: str
    """Numeric; a link-local IPv6 address carries its scope, as fe80::1%eth0."""
    device: str
    """The device that leads there."""

    @property
    def is_ipv6(self) -> bool:
        """The address is an IPv6 one."""
        return ":" in self.address


def list_gateways() -> list[Gateway]:
    """Every gateway to everywhere, IPv4 first.  Reads the system each time; empty when it tells nothing."""
    try:
        import netifaces  # a compiled module: the package may be missing where there is no wheel
    except ImportError:
        found = [*_linux_ipv4(), *_linux_ipv6()]
    else:
        found = list(_of_netifaces(netifaces.gateways()))
    return list(dict.fromkeys(found))[:MAX_GATEWAYS]


def _of_netifaces(gateways: dict[Any, Any]) -> Iterator[Gateway]:
    """What `netifaces.gateways()` says.  Any: beside the families it has a key "default" of another shape."""
    for family in (socket.AF_INET, socket.AF_INET6):
        for address, device, *_ in gateways.get(int(family), ()):
            yield _gateway(str(address), str(device))


def _linux_ipv4() -> Iterator[Gateway]:
    for line in _lines(_ROUTE)[1:]:
        device, destination, gateway, flags, _, _, _, mask, *_ = line.split()
        if int(flags, 16) & (_RTF_UP | _RTF_GATEWAY) != _RTF_UP | _RTF_GATEWAY:
            continue
        if int(destination, 16) or int(mask, 16):
            continue
        # The kernel prints the address as a number of its own byte order.
        packed = int(gateway, 16).to_bytes(4, sys.byteorder)
        yield _gateway(str(ipaddress.IPv4Address(packed)), device)


def _linux_ipv6() -> Iterator[Gateway]:
    for line in _lines(_IPV6_ROUTE):
        destination, prefix, _, _, gateway, _, _, _, flags, device = line.split()
        if int(flags, 16) & (_RTF_UP | _RTF_GATEWAY) != _RTF_UP | _RTF_GATEWAY:
            continue
        if int(destination, 16) or int(prefix, 16):
            continue
        yield _gateway(str(ipaddress.IPv6Address(bytes.fromhex(gateway))), device)


def _gateway(address: str, device: str) -> Gateway:
    if "%" not in address and ipaddress.ip_address(address).is_link_local and ":" in address:
        address = f"{address}%{device}"
    return Gateway(address, device)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
