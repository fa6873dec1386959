"""Datagrams through a SOCKS 5 association (RFC 1928 section 7): a header with the far address goes before each.

Left out: fragments, which no proxy makes.
"""

from __future__ import annotations

from ..types import Address, Buffer
from .errors import ProxyError
from .socks5_address import pack_address, parse_address

__all__ = ["unwrap_datagram", "wrap_datagram"]

_START = bytes(3)  # reserved, reserved, fragment 0


def wrap_datagram(data: Buffer, target: Address) -> bytes:
    """What to send to the proxy so that `data` goes to `target`, an address or a name."""
    return b"".join((_START, pack_address(target), data))


def unwrap_datagram(datagram: Buffer) -> tuple[bytes, Address]:
    """(data, who sent it) of what came from the proxy.  ProxyError when it is not for us."""
    raw = memoryview(datagram)
    if bytes(raw[:3]) != _START:
        raise ProxyError("a fragment, or no datagram of SOCKS 5")
    address, size = parse_address(raw[3:])
    return bytes(raw[3 + size :]), address
