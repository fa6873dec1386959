"""Which addresses belong to a network of our own: what is said of them holds only inside it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network

__all__ = ["is_local"]

_LOCAL = [
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
]
"""Private, loopback and link-local (RFC 1918, 3927, 4193)."""


@lru_cache(maxsize=1024)
def is_local(host: str) -> bool:
    """The address is of a private or loopback network, or of this link.  False for what is no address."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in _LOCAL if network.version == address.version)
