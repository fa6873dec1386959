"""Neighbouring pieces together (`piece_extent_affinity`): stretches of 4 MiB in which a piece was begun are finished before rarity counts
again, for the disks of both sides.

Up to `MAX_EXTENTS` stretches are kept at a time, and stay until they are complete, as with libtorrent.  Its affinity goes before
priorities, too; here priorities are strict, and this decides among pieces of the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .piece_table import PieceTable

__all__ = ["EXTENT_BLOCKS", "MAX_EXTENTS", "ExtentAffinity"]

EXTENT_BLOCKS: Final = 256
"""4 MiB."""

MAX_EXTENTS: Final = 5
"""Stretches that are preferred at a time (libtorrent's number)."""


class ExtentAffinity:
    """The stretches of one torrent that are preferred.  Bit `i` of every integer is piece `i`."""

    __slots__ = ("_extents", "_size", "_table")

    def __init__(self, table: PieceTable) -> None:
        self._table = table
        self._size = EXTENT_BLOCKS // table.blocks_per_piece
        """Pieces of a stretch."""
        self._extents: dict[int, int] = {}
        """Number of a stretch → its pieces, in the order they were begun."""

    def begun(self, piece: int) -> None:
        """A piece is begun: its neighbours are preferred from now on, unless they are wanted differently, or nothing is missing."""
        if self._size < 2 or len(self._extents) >= MAX_EXTENTS:
            return
        extent = piece // self._size
        if extent in self._extents:
            return
        table = self._table
        first, end = extent * self._size, min((extent + 1) * self._size, table.num_pieces)
        pieces = ((1 << (end - first)) - 1) << first
        is_uniform = len(set(table.priorities[first:end])) == 1
        if is_uniform and pieces & ~table.have.bits & ~(1 << piece):
            self._extents[extent] = pieces

    def preferred(self, candidates: int) -> int:
        """Those of `candidates` in the first stretch that has some; 0 when none has."""
        have = self._table.have.bits
        for extent, pieces in list(self._extents.items()):
            if found := candidates & pieces:
                return found
            if not pieces & ~have:
                del self._extents[extent]
        return 0
