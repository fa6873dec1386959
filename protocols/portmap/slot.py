"""One question to a gateway on port 5351: a mapping's life, or the question for the external address.

WAITING ──sent──► IN_FLIGHT ──granted──► IDLE ──half the lease over──► WAITING
                      │ refused, or silence
                      └────────────────► IDLE ──pause over──► WAITING
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .errors import PortmapError
from .mapping import MapRequest

__all__ = ["Phase", "Slot"]


class Phase(Enum):
    """Where a slot stands."""

    WAITING = "waiting"
    """To be asked as soon as it is its turn."""
    IN_FLIGHT = "in flight"
    """Asked; `due` is when to ask again."""
    IDLE = "idle"
    """Nothing to ask before `due`."""


@dataclass(slots=True, eq=False)
class Slot:
    """One question; its only writer is the mapper."""

    request: MapRequest | None
    """None for the question for the address."""
    nonce: bytes = b""
    phase: Phase = Phase.WAITING
    due: float | None = None
    attempts: int = 0
    """Transmissions since it was last waiting."""
    external_port: int = 0
    """The port to ask for: the one wanted, then the one we got."""
    external_address: str = ""
    expires: float | None = None
    """When the gateway forgets it; None when it does not have it."""
    was_sent: bool = False
    """The gateway may know of it."""
    is_leaving: bool = False
    """To be removed."""
    is_removal: bool = False
    """What is in flight is the removal."""
    told: PortmapError | None = None
    """The failure told last; a success clears it."""

    def wait(self) -> None:
        """Ask as soon as possible, from the first transmission on."""
        self.phase, self.due, self.attempts = Phase.WAITING, None, 0

    def rest(self, until: float | None) -> None:
        """Nothing to ask before `until`."""
        self.phase, self.due, self.attempts = Phase.IDLE, until, 0
