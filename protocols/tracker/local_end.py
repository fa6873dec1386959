"""Where a question to a tracker leaves from: one local address, so that the tracker knows us by it (BEP 7), or any."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from ..types import Address

__all__ = ["ANYWHERE", "LocalEnd"]


@dataclass(frozen=True, slots=True)
class LocalEnd:
    """A local address to ask from."""

    host: str = ""
    """Numeric, with the zone of a link-local one.  0.0.0.0 and :: stand for any address of their family, "" for any at all."""
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """The only networks that can be reached from there; none: all."""

    @property
    def bind(self) -> Address | None:
        """What to bind a socket to; None leaves it to the system."""
        return (self.host, 0) if self.host and not ip_address(_bare(self.host)).is_unspecified else None

    def can_reach(self, host: str) -> bool:
        """A numeric address can be reached from here, as far as addresses tell."""
        if not self.host:
            return True
        if (":" in host) is not (":" in self.host):
            return False
        if self.bind is not None and _zone(host) != _zone(self.host):
            return False  # An address of one link leads nowhere beyond it.
        return not self.networks or any(ip_address(_bare(host)) in network for network in self.networks)


ANYWHERE = LocalEnd()
"""Whatever address the system chooses."""


def _bare(host: str) -> str:
    return host.partition("%")[0]


def _zone(host: str) -> str:
    return host.partition("%")[2]
