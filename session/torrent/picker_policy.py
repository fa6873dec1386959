"""The port of a picker policy: which pieces to begin next, decided by a program instead of by rarity.

A policy decides what is a matter of taste and nothing else: which untouched piece a peer is asked for next.  That pieces begun are
finished, that priorities and deadlines come first, and what happens in end game, is the picker's.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Protocol

from ...protocols.bits import Bitfield

__all__ = ["PickerPolicy", "PickerView"]


class PickerView(Protocol):
    """What a policy may ask of the picker."""

    @property
    def num_pieces(self) -> int:
        """Pieces of the torrent."""
        ...

    @property
    def have(self) -> Bitfield:
        """The pieces that are had; not to be changed."""
        ...

    def availability(self, piece: int) -> int:
        """Peers that have a piece."""
        ...

    def piece_availability(self) -> list[int]:
        """Peers that have each piece."""
        ...


class PickerPolicy(Protocol):
    """Chooses pieces for one torrent (`SessionParams(picker_policy=…)`).  Called on the loop's thread, once for each piece begun."""

    def next_pieces(
        self, picker: PickerView, candidates: Bitfield, count: int, peer: Hashable
    ) -> Iterable[int]:
        """Up to `count` pieces to ask `peer` for next, in order.

        `candidates` are the pieces that may be begun: the peer has them, they are wanted, untouched, and of one priority.  Others
        are skipped.  Nothing: the built-in choice, rarest first.  `peer` stands for one connection and says nothing more.
        """
        ...
