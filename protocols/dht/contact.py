"""`Contact`: what is known of one other node."""

from __future__ import annotations

from typing import Final

from ..types import Address
from .hosts import pack_host
from .node_id import NodeId, verify_node_id

__all__ = ["NEVER", "UNKNOWN_RTT", "Contact"]

NEVER: Final = float("-inf")
"""When a node that was never asked was asked last."""

UNKNOWN_RTT: Final = 65.535
"""Round trip of a node that never answered, seconds."""

_UNPINGED: Final = -1


class Contact:
    """A node: id, address, and how it has behaved towards us.  `number` is the id, for comparing."""

    __slots__ = (
        "address",
        "fail_count",
        "host",
        "is_verified",
        "last_asked",
        "node_id",
        "number",
        "packed",
        "rtt",
    )

    def __init__(self, node_id: NodeId, address: Address) -> None:
        host = pack_host(address[0])
        self.node_id = node_id
        self.number = int.from_bytes(node_id, "big")
        self.address = address
        self.host = host
        """The packed host."""
        self.packed = node_id + host + address[1].to_bytes(2, "big")
        """As it stands in a list of nodes."""
        self.is_verified = verify_node_id(node_id, address[0])
        """The id fits the address (BEP 42)."""
        self.last_asked = NEVER
        self.rtt = UNKNOWN_RTT
        self.fail_count = _UNPINGED

    @property
    def is_pinged(self) -> bool:
        """It answered us at least once, so that it is where it says."""
        return self.fail_count != _UNPINGED

    @property
    def is_confirmed(self) -> bool:
        """It answered the last time it was asked."""
        return self.fail_count == 0

    @property
    def badness(self) -> tuple[bool, float]:
        """For choosing whom to let go of; less is better."""
        return (not self.is_verified, self.rtt)

    def answered(self, rtt: float | None, now: float) -> None:
        """It answered, after `rtt` seconds; None when it proved its address without being timed."""
        self.fail_count = 0
        self.last_asked = now
        if rtt is not None:
            self.rtt = rtt if self.rtt == UNKNOWN_RTT else self.rtt * 2 / 3 + rtt / 3

    def failed(self) -> None:
        """It did not answer.  Nothing changes for one that never has."""
        if self.is_pinged:
            self.fail_count += 1

    def __repr__(self) -> str:
        return f"<Contact {self.node_id.hex()[:8]} {self.address[0]}:{self.address[1]}>"
