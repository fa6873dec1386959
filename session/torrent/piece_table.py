"""Which pieces are had, wanted, begun and untouched, and at what priority: the picker's table.

Sets of pieces are integers, bit `i` being piece `i`.  Laws, which `check_invariant` states:

* `wanted_bits` is what has a priority above 0 and is not had;
* `open_bits` is what of it is not begun;
* a begun piece is in the one of `sets` it belongs in, and none is had.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from ...protocols.bits import Bitfield, iter_bits
from ...protocols.types import PieceIndex
from .piece_blocks import PieceBlocks

__all__ = ["ABANDONED", "CLOSED", "DEFAULT_PRIORITY", "RESERVED", "SHARED", "TOP_PRIORITY", "PieceTable"]

DEFAULT_PRIORITY = 4
TOP_PRIORITY = 7

CLOSED = 0
"""Begun, and nothing to pick: every block is on order or here, or the piece is not wanted any more."""
SHARED = 1
"""Begun, blocks free for anybody."""
RESERVED = 2
"""Begun, blocks free, kept for the peer that began it."""
ABANDONED = 3
"""Begun, blocks free, none on order: whoever worked on it is gone."""

_DIGITS = tuple(
    bytes(0x31 if value == level else 0x30 for value in range(256)) for level in range(TOP_PRIORITY + 1)
)
"""By level, what makes binary digits of priorities."""


class PieceTable:
    """The state of every piece.  The picker derives from it; nobody else writes."""

    __slots__ = (
        "begun",
        "blocks_in_last_piece",
        "blocks_per_piece",
        "have",
        "levels",
        "masks",
        "num_have",
        "num_pieces",
        "num_wanted",
        "open_bits",
        "priorities",
        "sets",
        "short_pieces",
        "wanted_bits",
    )

    def __init__(self, num_pieces: int, blocks_per_piece: int, blocks_in_last_piece: int) -> None:
        if num_pieces < 1 or not 1 <= blocks_in_last_piece <= blocks_per_piece:
            raise ValueError(
                "a torrent has pieces of at least one block, and the last one has no more than others"
            )
        full = (1 << num_pieces) - 1
        self.num_pieces = num_pieces
        self.blocks_per_piece = blocks_per_piece
        self.blocks_in_last_piece = blocks_in_last_piece
        self.short_pieces: Mapping[int, int] = {}
        """Blocks of pieces that have fewer than others, beside the last: the ends of files in v2 torrents."""
        self.have = Bitfield(num_pieces)
        """Pieces verified and written.  Read it; change it through the methods here."""
        self.num_have = 0
        self.num_wanted = num_pieces
        """Pieces in `wanted_bits`."""
        self.wanted_bits = full
        """Pieces neither had nor of priority 0."""
        self.open_bits = full
        """Wanted and untouched."""
        self.sets = [0, 0, 0, 0]
        """Begun pieces with something to pick: SHARED, RESERVED, ABANDONED; nothing is kept of CLOSED ones."""
        self.begun: dict[int, PieceBlocks] = {}
        self.priorities = bytearray([DEFAULT_PRIORITY]) * num_pieces
        self.levels = [0] * (TOP_PRIORITY + 1)
        """The pieces of each priority, had or not."""
        self.levels[DEFAULT_PRIORITY] = full
        self.masks: tuple[int, ...] = (full,)
        """`levels` without the empty ones and 0, highest first."""

    # -- what we have

    def we_have(self, piece: int) -> None:
        """The piece is verified and on disk.  Repeatable."""
        if self.have[piece]:
            return
        begun = self._forget(piece) is not None
        self.have.set(piece)
        self.num_have += 1
        if self.priorities[piece]:
            bit = 1 << piece
            self.wanted_bits ^= bit
            self.num_wanted -= 1
            if not begun:
                self.open_bits ^= bit

    def we_lost(self, piece: int) -> None:
        """The piece is not on disk any more.  Repeatable."""
        if self.have[piece]:
            self.have.clear(piece)
            self.num_have -= 1
            if self.priorities[piece]:
                self._want(piece)

    def set_have(self, bits: int) -> None:
        """Replace what is had, as after a check.  What was begun of pieces in `bits` is dropped."""
        self.have.bits = bits
        self.num_have = bits.bit_count()
        for piece in [piece for piece in self.begun if bits >> piece & 1]:
            self._forget(piece)
        self._rebuild()

    # -- what we want

    def priority(self, piece: int) -> int:
        """0: do not download, 1 lowest … 7 highest."""
        return self.priorities[piece]

    def set_priority(self, piece: int, priority: int) -> None:
        """Requests out for the piece stay valid.  ValueError when `priority` is not in 0..7."""
        before = self.priorities[piece]
        if not 0 <= priority <= TOP_PRIORITY:
            raise ValueError(f"priority {priority} is not in 0..{TOP_PRIORITY}")
        if priority == before:
            return
        bit = 1 << piece
        self.priorities[piece] = priority
        self.levels[before] ^= bit
        self.levels[priority] ^= bit
        self.masks = tuple(mask for mask in self.levels[:0:-1] if mask)
        if self.have[piece]:
            return
        if not before:
            self._want(piece)
        elif not priority:
            self._unwant(piece)

    def set_priorities(self, priorities: Sequence[int]) -> None:
        """All at once, one a piece.  ValueError when one is not in 0..7 or their number is wrong."""
        if len(priorities) != self.num_pieces:
            raise ValueError(f"{len(priorities)} priorities for {self.num_pieces} pieces")
        if min(priorities) < 0 or max(priorities) > TOP_PRIORITY:
            raise ValueError(f"a priority is not in 0..{TOP_PRIORITY}")
        self.priorities = bytearray(priorities)
        backwards = bytes(reversed(self.priorities))
        for level in range(TOP_PRIORITY + 1):
            self.levels[level] = int(backwards.translate(_DIGITS[level]), 2)
        self.masks = tuple(mask for mask in self.levels[:0:-1] if mask)
        self._rebuild()

    @property
    def is_default(self) -> bool:
        """Every piece has the priority it began with."""
        return self.levels[DEFAULT_PRIORITY] == (1 << self.num_pieces) - 1

    @property
    def is_finished(self) -> bool:
        """Every piece of a priority above 0 is had."""
        return not self.num_wanted

    @property
    def is_seed(self) -> bool:
        """Every piece is had."""
        return self.num_have == self.num_pieces

    def is_interesting(self, bits: int) -> bool:
        """A peer with `bits` has something we want."""
        return bits & self.wanted_bits != 0

    def num_blocks(self, piece: int) -> int:
        """Blocks a piece has."""
        if (blocks := self.short_pieces.get(piece)) is not None:
            return blocks
        return self.blocks_in_last_piece if piece == self.num_pieces - 1 else self.blocks_per_piece

    # -- begun pieces

    def begin(self, piece: int, reserved_for: Hashable | None) -> PieceBlocks:
        """An untouched piece is begun.  The caller takes blocks of it and calls `classify`."""
        blocks = self.begun[piece] = PieceBlocks(PieceIndex(piece), self.num_blocks(piece))
        blocks.reserved_for = reserved_for
        if self.priorities[piece]:
            self.open_bits ^= 1 << piece
        return blocks

    def classify(self, blocks: PieceBlocks) -> None:
        """Free blocks, orders or the reservation of a begun piece changed: move it to the set it belongs in."""
        free = blocks.free
        if not free or not self.priorities[blocks.index]:
            now = CLOSED
        elif blocks.reserved_for is not None:
            now = RESERVED
        else:
            now = ABANDONED if free == blocks.left else SHARED
        was = blocks.pickable
        if now != was:
            self._move(blocks, now)

    def drop(self, piece: int) -> list[Hashable | None]:
        """Forget what was begun of a piece; who sent its blocks is returned.  It is untouched again if wanted."""
        blocks = self._forget(piece)
        if blocks is None:
            return []
        if self.priorities[piece]:
            self.open_bits |= 1 << piece
        return blocks.owners

    def check_invariant(self) -> None:
        """AssertionError when a law of the table is broken."""
        wanted = sum(
            1 << piece for piece, priority in enumerate(self.priorities) if priority and not self.have[piece]
        )
        begun = sum(1 << piece for piece in self.begun)
        assert self.wanted_bits == wanted
        assert self.open_bits == wanted & ~begun
        assert self.num_wanted == wanted.bit_count()
        assert self.num_have == self.have.count()
        assert not begun & self.have.bits
        shared, reserved, abandoned = self.sets[SHARED], self.sets[RESERVED], self.sets[ABANDONED]
        assert shared + reserved + abandoned == shared | reserved | abandoned
        assert not self.sets[CLOSED]
        assert not (shared | reserved | abandoned) & ~begun
        for piece, blocks in self.begun.items():
            blocks.check_invariant()
            assert blocks.index == piece
            assert blocks.pickable == CLOSED or self.sets[blocks.pickable] >> piece & 1
            was = blocks.pickable
            self.classify(blocks)
            # Blocks that arrive leave a shared piece shared; only who goes away abandons it.
            assert was == blocks.pickable or (was, blocks.pickable) == (SHARED, ABANDONED)
            if was != blocks.pickable:
                self._move(blocks, was)
        for level, bits in enumerate(self.levels):
            assert all(self.priorities[piece] == level for piece in iter_bits(bits))
        assert sum(self.levels) == (1 << self.num_pieces) - 1
        assert self.masks == tuple(mask for mask in self.levels[:0:-1] if mask)

    def _want(self, piece: int) -> None:
        self.wanted_bits |= 1 << piece
        self.num_wanted += 1
        blocks = self.begun.get(piece)
        if blocks is None:
            self.open_bits |= 1 << piece
        else:
            self.classify(blocks)

    def _unwant(self, piece: int) -> None:
        bit = 1 << piece
        self.wanted_bits ^= bit
        self.num_wanted -= 1
        blocks = self.begun.get(piece)
        if blocks is None:
            self.open_bits ^= bit
        else:
            self.classify(blocks)

    def _forget(self, piece: int) -> PieceBlocks | None:
        blocks = self.begun.pop(piece, None)
        if blocks is not None:
            self._move(blocks, CLOSED)
            for begun in blocks.pickers:
                begun.pop(blocks, None)
        return blocks

    def _rebuild(self) -> None:
        wanted = (self.levels[0] | self.have.bits) ^ ((1 << self.num_pieces) - 1)
        self.wanted_bits = self.open_bits = wanted
        self.num_wanted = wanted.bit_count()
        for piece, blocks in self.begun.items():
            if wanted >> piece & 1:
                self.open_bits ^= 1 << piece
            self.classify(blocks)

    def _move(self, blocks: PieceBlocks, pickable: int) -> None:
        if blocks.pickable:
            self.sets[blocks.pickable] ^= 1 << blocks.index
        if pickable:
            self.sets[pickable] ^= 1 << blocks.index
        blocks.pickable = pickable
