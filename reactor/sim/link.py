"""How a line behaves: bandwidth, delay, jitter, loss, reordering, duplicates, MTU, queue."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..errors import ReactorUsageError
from .arguments import check_count, check_number

__all__ = ["Link"]

MIN_MTU = 576
"""What every IPv4 host must take in one piece (RFC 791)."""
DEFAULT_QUEUE_BYTES = 65_536
DEFAULT_QUEUE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Link:
    """How one direction of a line behaves.  ReactorUsageError (a ValueError) names what cannot be, and the rule."""

    bandwidth: float | None = None
    """Bytes per second; None is without limit."""
    delay: float = 0.0
    """Seconds that a packet travels."""
    jitter: float = 0.0
    """Up to so many seconds more, drawn for each packet; order is kept."""
    loss: float = 0.0
    """Share of packets (TCP: of segments; fragmented datagrams: of fragments) lost, 0 to 1."""
    reordering: float = 0.0
    """Share of packets held back, so that later ones pass them."""
    duplicates: float = 0.0
    """Share of datagrams that arrive twice."""
    mtu: int = 1500
    """Bytes of the largest packet; longer datagrams are fragmented, or dropped where the sender forbade it."""
    queue: int | None = None
    """Bytes that may wait for the line; None: 64 KiB or a quarter of a second, whichever is more."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None or field.name not in ("bandwidth", "queue"):
                check_number(field.name, value)
        if self.bandwidth is not None:
            check_number("bandwidth", self.bandwidth, above=0)
        for name in ("loss", "reordering", "duplicates"):
            if getattr(self, name) > 1:
                raise ReactorUsageError(f"{name} must be a share from 0 to 1, not {getattr(self, name)}")
        check_count("mtu", self.mtu, low=MIN_MTU)
        if self.queue is not None and self.queue < self.mtu:
            raise ReactorUsageError(f"queue must hold one packet of {self.mtu} bytes, not {self.queue}")

    @property
    def queue_bytes(self) -> float:
        """The queue in bytes."""
        if self.queue is not None:
            return self.queue
        return max(DEFAULT_QUEUE_BYTES, (self.bandwidth or 0) * DEFAULT_QUEUE_SECONDS)
