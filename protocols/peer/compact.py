"""Compact endpoints: 4 or 16 bytes of address and 2 of port, one behind the other, as peers tell each other."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from ..types import Address, Buffer

__all__ = ["IPV4_ENDPOINT", "IPV6_ENDPOINT", "pack_endpoint", "pack_endpoints", "split_endpoints"]

IPV4_ENDPOINT = 6
"""Bytes of an IPv4 endpoint."""
IPV6_ENDPOINT = 18
"""Bytes of an IPv6 endpoint."""


def pack_endpoint(address: Address) -> bytes:
    """One endpoint.  ValueError when the host is not numeric or the port is none."""
    if not 0 <= address[1] <= 0xFFFF:
        raise ValueError(f"port {address[1]}")
    return ip_address(address[0]).packed + address[1].to_bytes(2, "big")


def pack_endpoints(addresses: Iterable[Address]) -> bytes:
    """Several of one family."""
    return b"".join(map(pack_endpoint, addresses))


def split_endpoints(data: Buffer, endpoint_size: int) -> list[Address]:
    """The endpoints of a list; an incomplete one at the end is left out.  Nothing is said of what they lead to."""
    raw = bytes(data)
    host_size = endpoint_size - 2
    return [
        (
            str(ip_address(raw[start : start + host_size])),
            raw[start + host_size] << 8 | raw[start + host_size + 1],
        )
        for start in range(0, len(raw) - endpoint_size + 1, endpoint_size)
    ]
