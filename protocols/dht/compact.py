"""Addresses as the DHT writes them: 4 or 16 bytes of host, 2 of port, 20 of node id before them (BEP 5, 32)."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final

from ..types import Address
from .hosts import pack_host
from .node_id import NodeId

__all__ = [
    "ID_SIZE",
    "host_prefix",
    "is_loopback",
    "is_name",
    "is_usable",
    "pack_address",
    "unpack_address",
    "unpack_host",
    "unpack_nodes",
]

ID_SIZE: Final = 20
_V4_NODE: Final = ID_SIZE + 6
_V6_NODE: Final = ID_SIZE + 18
_V4_PREFIX: Final = 3
_V6_PREFIX: Final = 8
_FIRST_MULTICAST: Final = 224


def pack_address(address: Address) -> bytes:
    """Host and port, 6 or 18 bytes.  ValueError when the host is not numeric."""
    return pack_host(address[0]) + address[1].to_bytes(2, "big")


def unpack_host(packed: bytes) -> str:
    """The numeric host of 4 or 16 bytes."""
    if len(packed) == 4:
        return "%d.%d.%d.%d" % (packed[0], packed[1], packed[2], packed[3])  # noqa: UP031 - three times as fast
    return str(IPv6Address(packed))


@lru_cache(maxsize=8192)
def unpack_address(packed: bytes) -> Address | None:
    """Host and port of 6 or 18 bytes; None for another length or an address nobody can have."""
    if len(packed) not in (6, 18):
        return None
    host, port = packed[:-2], packed[-2] << 8 | packed[-1]
    return (unpack_host(host), port) if is_usable(host, port) else None


def unpack_nodes(packed: bytes, *, is_ipv6: bool, limit: int) -> list[tuple[NodeId, Address]]:
    """The first `limit` contacts of a "nodes" or "nodes6" string; a cut one at the end and impossible ones are left out."""
    size = _V6_NODE if is_ipv6 else _V4_NODE
    return [
        (NodeId(packed[start : start + ID_SIZE]), address)
        for start in range(0, min(len(packed) - size + 1, limit * size), size)
        if (address := unpack_address(packed[start + ID_SIZE : start + size])) is not None
    ]


def host_prefix(packed_host: bytes) -> bytes:
    """What addresses of one owner share: the /24 of IPv4, the /64 of IPv6."""
    return packed_host[: _V4_PREFIX if len(packed_host) == 4 else _V6_PREFIX]


def is_usable(packed_host: bytes, port: int) -> bool:
    """Neither port 0 nor an unspecified, "this network", multicast or reserved host."""
    if not port:
        return False
    if len(packed_host) == 4:
        return 0 < packed_host[0] < _FIRST_MULTICAST
    return packed_host[0] != 0xFF and packed_host != bytes(16)


def is_name(host: str) -> bool:
    """Neither an IPv4 nor an IPv6 address."""
    return ":" not in host and not host.replace(".", "").isdigit()


def is_loopback(host: str) -> bool:
    """127.0.0.0/8 or ::1."""
    return host.startswith("127.") or host == "::1"
