"""Addresses as the simulated sockets take and tell them: numeric, canonical, IPv4 and IPv6."""

from __future__ import annotations

import errno
import ipaddress
import socket
from functools import lru_cache
from typing import Any

from ..errors import ReactorUsageError

__all__ = [
    "WILDCARDS",
    "Address",
    "canonical_host",
    "family_of",
    "host_address",
    "is_loopback",
    "is_multicast",
    "mapped",
    "socket_name",
    "unmapped",
]

Address = tuple[str, int]
"""(host, port); the host in its canonical numeric form."""

WILDCARDS = frozenset({"0.0.0.0", "::"})
"""Hosts that stand for every address of their family."""

_CACHED = 65_536


@lru_cache(_CACHED)
def canonical_host(host: str) -> str:
    """The one spelling of a numeric address.  OSError EINVAL for anything else: names are the resolver's business."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except (ValueError, AttributeError):
        raise OSError(errno.EINVAL, f"{host!r} is not a numeric address") from None


def host_address(text: Any) -> str:
    """The address of a host or box of the world.  ReactorUsageError for what no machine can have.  Any: may be anything."""
    try:
        host = canonical_host(text)
    except (OSError, TypeError):
        raise ReactorUsageError(f"address must be a numeric address, not {text!r}") from None
    if host in WILDCARDS or is_loopback(host) or is_multicast(host) or unmapped(host):
        raise ReactorUsageError(f"address must be one that a single machine can have, not {host}")
    return host


def family_of(host: str) -> int:
    """AF_INET or AF_INET6 of a canonical host."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def is_loopback(host: str) -> bool:
    """It means the machine itself."""
    return host.startswith("127.") or host == "::1"


@lru_cache(_CACHED)
def is_multicast(host: str) -> bool:
    """It stands for a group."""
    return _as_ip(host).is_multicast


def mapped(host: str) -> str:
    """An IPv4 host as an IPv6 socket shows it."""
    return f"::ffff:{host}"


@lru_cache(_CACHED)
def unmapped(host: str) -> str:
    """The IPv4 host in ::ffff:a.b.c.d; "" when it is no such address."""
    found = _as_ip(host)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return ""


def socket_name(family: int, host: str, port: int) -> Any:
    """What `getsockname` and `accept` give: a pair, or four for IPv6.  Any: as in the `socket` module."""
    if family == socket.AF_INET6:
        return (host if ":" in host else mapped(host), port, 0, 0)
    return (host, port)


def _as_ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(host)
