"""Cuts a stream of a torrent's bytes into its blocks, copying only where a block was received in two parts."""

from __future__ import annotations

from collections.abc import Mapping

from ...protocols.types import BLOCK_SIZE

__all__ = ["Block", "BlockCutter"]

Block = tuple[int, int, memoryview]
"""Piece, where in it, bytes."""


class BlockCutter:
    """Give it `start` at the border of a block, then what follows in parts of any size."""

    __slots__ = ("_at", "_filled", "_partial", "_piece_length", "_short_pieces", "_spare", "_total_size")

    def __init__(
        self, piece_length: int, total_size: int, short_pieces: Mapping[int, int] | None = None
    ) -> None:
        """`short_pieces`: sizes of those with less than others behind which a gap is (BEP 52)."""
        self._piece_length = piece_length
        self._short_pieces = short_pieces or {}
        self._total_size = total_size
        self._at = 0
        self._filled = 0
        self._partial = bytearray(BLOCK_SIZE)
        self._spare = bytearray(BLOCK_SIZE)

    def start(self, offset: int) -> None:
        """The next byte is at `offset` of the torrent; the rest of a block that was begun is not coming."""
        self._at = offset
        self._filled = 0

    def feed(self, data: memoryview) -> list[Block]:
        """Blocks that are whole now, in order.  Good until the next call, and as long as `data` is."""
        blocks: list[Block] = []
        position = 0
        while position < len(data):
            piece, begin = divmod(self._at, self._piece_length)
            left = self._short_pieces.get(piece, self._piece_length) - begin
            size = min(BLOCK_SIZE, left, self._total_size - self._at)
            take = min(size - self._filled, len(data) - position)
            part = data[position : position + take]
            position += take
            if take < size:
                self._partial[self._filled : self._filled + take] = part
                self._filled += take
                if self._filled < size:
                    break
                # The other buffer next: this one is lent to the caller.
                part = memoryview(self._partial)[:size]
                self._partial, self._spare = self._spare, self._partial
            blocks.append((piece, begin, part))
            self._at += size
            self._filled = 0
        return blocks

    @property
    def offset(self) -> int:
        """Where in the torrent the next byte is."""
        return self._at + self._filled
