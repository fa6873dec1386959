"""Hosts of peers as the peer list tells them apart: addresses in their canonical spelling, and names on I2P."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

from ...protocols.sam import b32_hash
from ...protocols.types import Address

__all__ = ["I2pHost", "PeerHost", "canonical_peer", "is_plausible_peer"]


class I2pHost(str):
    """The short name of a destination: of no IP version, and nowhere in particular."""

    __slots__ = ()
    version = 0
    is_private = is_loopback = False


PeerHost: TypeAlias = IPv4Address | IPv6Address | I2pHost


def canonical_peer(address: Address) -> tuple[PeerHost, int] | None:
    """(host, port), equal for all spellings of one address; None when it is none.  On I2P the port is 0."""
    try:
        number = ip_address(address[0])
    except ValueError:
        return None if b32_hash(address[0]) is None else (I2pHost(address[0].lower()), 0)
    if isinstance(number, IPv6Address) and number.ipv4_mapped is not None:
        number = number.ipv4_mapped
    return number, address[1]


def is_plausible_peer(where: tuple[PeerHost, int]) -> bool:
    """Somebody may listen there."""
    host, port = where
    if isinstance(host, I2pHost):
        return True
    if not 1 < port <= 0xFFFF or host.is_unspecified or host.is_multicast:
        return False
    # A link-local IPv6 address is of no use without the interface it is meant for.
    return host.version == 4 or not host.is_link_local
