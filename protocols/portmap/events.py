"""What a mapper tells; both mappers tell it alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .errors import PortmapError
from .mapping import PortmapProtocol

__all__ = ["ExternalAddress", "Mapped", "MappingFailed", "PortmapEvent", "Unmapped"]


@dataclass(frozen=True, slots=True)
class Mapped:
    """A port can be reached from outside; told again with each renewal, and once for each gateway."""

    mapping_id: int
    protocol: PortmapProtocol
    external_port: int
    """The port it got, which may be another than was wanted."""
    external_address: str
    """The gateway's own address, "" where it did not say."""
    lifetime: float
    """Seconds until it ends unless renewed; 0 is for ever."""


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A removal is over; the id is free."""

    mapping_id: int


@dataclass(frozen=True, slots=True)
class MappingFailed:
    """A mapping could not be had, for now; it is tried again later.  The same failure in a row is told once."""

    mapping_id: int
    protocol: PortmapProtocol
    error: PortmapError


@dataclass(frozen=True, slots=True)
class ExternalAddress:
    """The gateway told its address on the outside; never unspecified, perhaps private (a NAT behind the NAT)."""

    address: str


PortmapEvent: TypeAlias = Mapped | Unmapped | MappingFailed | ExternalAddress
