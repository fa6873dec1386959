"""The two languages a gateway may speak on port 5351, by shape: what differs between NAT-PMP and PCP, and their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ..types import Buffer
from .mapping import Bits, PortmapProtocol
from .retransmission import Schedule

__all__ = [
    "GATEWAY_PORT",
    "AddressAnswer",
    "Answer",
    "Dialect",
    "Epoch",
    "Grant",
    "MapAnswer",
    "VersionRefused",
    "Wish",
]

GATEWAY_PORT = 5351
"""Where gateways listen, for both protocols."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One mapping as it goes onto the wire."""

    protocol: PortmapProtocol
    local_port: int
    external_port: int
    """The port wanted; 0 with a removal."""
    lifetime: int
    """Seconds; 0 removes."""
    nonce: bytes
    """Twelve bytes only we know (PCP)."""
    external_address: str = ""
    """The address wanted, where we had one before."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What was given."""

    lifetime: int
    """Seconds; 0 with a removal."""
    external_port: int
    external_address: str
    """"" where the language does not say it."""


@dataclass(frozen=True, slots=True)
class MapAnswer:
    """The answer to a wish, good or bad."""

    result: int
    """A `PcpResult`, or a number without a name."""
    epoch: int
    protocol: PortmapProtocol
    local_port: int
    nonce: bytes
    """Empty in NAT-PMP."""
    grant: Grant
    """What was given; with a failure, its lifetime is for how long to stay away."""


@dataclass(frozen=True, slots=True)
class AddressAnswer:
    """The answer to the question for the external address (NAT-PMP)."""

    result: int
    epoch: int
    address: str
    """"" when there is none."""


@dataclass(frozen=True, slots=True)
class VersionRefused:
    """The gateway does not speak this version."""


Answer: TypeAlias = MapAnswer | AddressAnswer | VersionRefused


class Epoch(Protocol):
    """See `epoch`."""

    def is_continued(self, seconds: int, *, now: float) -> bool: ...


class Dialect(Protocol):
    """One of the two languages, as spoken with one gateway."""

    name: str
    schedule: Schedule
    probe_schedule: Schedule
    """While nothing was heard in it."""
    epoch: Epoch

    def map_request(self, wish: Wish) -> bytes: ...
    def address_request(self) -> bytes | None:
        """The question for the external address; None where it comes with every mapping."""
        ...

    def parse(self, data: Buffer) -> Answer:
        """RemoteProtocolError when it is no answer in this language."""
        ...

    def renewal_delay(self, lifetime: float, rng: Bits) -> float: ...
    def retry_delay(self, answer: MapAnswer) -> float:
        """Seconds to stay away after a refusal."""
        ...
