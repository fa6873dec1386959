"""The port of a choker policy: whom to upload to, decided by a program instead of by the settings.

The number of slots, and how many of them a torrent may take, stay the settings'; the clock of the rounds is the choker's.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Protocol

from .choker import ChokeCandidate

__all__ = ["ChokerPolicy"]


class ChokerPolicy(Protocol):
    """Chooses peers for a session (`SessionParams(choker_policy=…)`).  Called on the loop's thread."""

    def choose(self, peers: Sequence[ChokeCandidate], slots: float, now: float) -> Iterable[Hashable] | None:
        """One round, each `unchoke_interval`: the peers (`ChokeCandidate.peer`) to unchoke, the best first.

        All connected peers are there, interested or not; those not interested are skipped, and beyond `slots` (`inf` without limit)
        and the slots of a torrent nobody is unchoked.  There are no optimistic slots: a policy that wants to try newcomers
        names them.  None: this round is held as without a policy.
        """
        ...

    def admits(self, peer: ChokeCandidate, unchoked: Collection[ChokeCandidate]) -> bool:
        """A choked peer became interested between rounds and a slot is free: whether it gets it at once."""
        ...
