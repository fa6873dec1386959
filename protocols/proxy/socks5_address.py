"""Addresses as SOCKS 5 writes them (RFC 1928 section 5): IPv4, IPv6 or a name, then the port."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from ..errors import LocalProtocolError
from ..types import Address, Buffer
from .errors import ProxyError

__all__ = ["ADDRESS_SIZES", "NAME", "PackedAddress", "pack_address", "parse_address", "parse_host"]

IPV4, NAME, IPV6 = 1, 3, 4
ADDRESS_SIZES = {IPV4: 4, IPV6: 16}
"""ATYP → bytes; a name has a length byte instead."""
MAX_NAME = 255


class PackedAddress(NamedTuple):
    """An address found in bytes."""

    address: Address
    size: int
    """Bytes it took."""


def pack_address(address: Address) -> bytes:
    """ATYP, address, port.  LocalProtocolError when it cannot be said."""
    host, port = address
    try:
        number = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        name = host.encode()
        if not 0 < len(name) <= MAX_NAME:
            raise LocalProtocolError(f"SOCKS 5 cannot be asked for a name of {len(name)} bytes") from None
        packed = bytes((NAME, len(name))) + name
    else:
        packed = bytes((IPV4 if number.version == 4 else IPV6,)) + number.packed
    return packed + port.to_bytes(2, "big")


def parse_address(data: Buffer) -> PackedAddress:
    """The address at the beginning of `data`.  ProxyError when it is none or is cut short."""
    raw = bytes(data[: 4 + MAX_NAME])
    if len(raw) < 2:
        raise ProxyError("an address of nothing")
    start = 1
    size = ADDRESS_SIZES.get(raw[0])
    if raw[0] == NAME:
        start, size = 2, raw[1]
    if size is None:
        raise ProxyError(f"an address of kind {raw[0]}")
    end = start + size
    if len(raw) < end + 2:
        raise ProxyError("an address cut short")
    host = parse_host(raw[0], raw[start:end])
    return PackedAddress((host, int.from_bytes(raw[end : end + 2], "big")), end + 2)


def parse_host(kind: int, data: bytes) -> str:
    """The host as text; of a name whatever is no ASCII is replaced."""
    return data.decode("ascii", "replace") if kind == NAME else str(ipaddress.ip_address(data))
