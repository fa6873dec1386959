"""Pieces being put together: one buffer a piece, from a free list, filled block by block.

A buffer is taken when the first block of its piece arrives and goes to the disk when the last one did; the disk gives it
back.  Partial pieces whose peers went away stay, up to what the picker allows.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Assembly", "BufferSource"]


class BufferSource(Protocol):
    """A free list of piece buffers."""

    def get(self, size: int) -> bytearray: ...
    def put(self, buffer: bytearray) -> None: ...


class Assembly:
    """Buffers of the pieces of one torrent that are neither missing nor complete."""

    __slots__ = ("_buffers", "_pool", "views")

    def __init__(self, pool: BufferSource) -> None:
        self._pool = pool
        self._buffers: dict[int, bytearray] = {}
        self.views: dict[int, memoryview] = {}
        """Piece → its buffer.  The data plane writes into these."""

    def open(self, piece: int, size: int) -> memoryview:
        """A buffer for a piece of `size` bytes."""
        return self.adopt(piece, self._pool.get(size), size)

    def new_buffer(self, size: int) -> bytearray:
        """A buffer of no piece yet: for `adopt`, or `give_back`."""
        return self._pool.get(size)

    def adopt(self, piece: int, buffer: bytearray, size: int) -> memoryview:
        """A buffer in which blocks of the piece may be already."""
        self._buffers[piece] = buffer
        view = self.views[piece] = memoryview(buffer)[:size]
        return view

    def take(self, piece: int) -> tuple[bytearray, memoryview]:
        """Hand the buffer of a complete piece over; give it back through `give_back`."""
        return self._buffers.pop(piece), self.views.pop(piece)

    def give_back(self, buffer: bytearray) -> None:
        """The disk is done with a buffer."""
        self._pool.put(buffer)

    def drop(self, piece: int) -> None:
        """Forget what came of a piece."""
        buffer = self._buffers.pop(piece, None)
        if buffer is not None:
            del self.views[piece]
            self._pool.put(buffer)

    def clear(self) -> None:
        """Forget everything."""
        for piece in list(self._buffers):
            self.drop(piece)

    def __len__(self) -> int:
        return len(self._buffers)
