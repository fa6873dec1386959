"""What is asked of a gateway: one port of ours, to be reached from outside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from ..errors import LocalProtocolError

__all__ = ["LONGEST_LEASE", "MAX_MAPPINGS", "Bits", "MapRequest", "PortmapProtocol", "unit_interval"]

MAX_MAPPINGS = 50
"""Mappings of one mapper (libtorrent's limit)."""

LONGEST_LEASE = 24 * 3600.0
"""Seconds of a lease believed (RFC 6887 8.3: "24 hours for success responses")."""


class PortmapProtocol(IntEnum):
    """What is mapped, libtorrent `portmap_protocol`."""

    none = 0
    tcp = 1
    udp = 2


class Bits(Protocol):
    """Randomness, as `random.Random` has it."""

    def getrandbits(self, count: int, /) -> int: ...


@dataclass(frozen=True, slots=True)
class MapRequest:
    """A mapping that is wanted."""

    mapping_id: int
    """The caller's name for it."""
    protocol: PortmapProtocol
    external_port: int
    """The port we would like to have outside."""
    local_port: int

    def __post_init__(self) -> None:
        if self.protocol not in (PortmapProtocol.tcp, PortmapProtocol.udp):
            raise LocalProtocolError(f"{self.protocol!r} cannot be mapped")
        for port in (self.external_port, self.local_port):
            # 0 stands for every port: nobody wants to be that open.
            if not 0 < port < 65536:
                raise LocalProtocolError(f"port {port} cannot be mapped")


def unit_interval(rng: Bits) -> float:
    """A random number in [0, 1)."""
    return rng.getrandbits(32) / 2**32
