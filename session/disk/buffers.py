"""Free list of piece buffers.

A piece buffer is filled by the network, hashed and written by a worker, and comes back: allocating (and having the
kernel zero) a megabyte for each piece would cost more than hashing it.
"""

from __future__ import annotations

__all__ = ["DEFAULT_MAX_IDLE_BYTES", "BufferPool"]

DEFAULT_MAX_IDLE_BYTES = 32 * 1024 * 1024
"""Idle bytes kept.  Enough for the pieces in flight of a fast link, small beside the memory goal of a download."""


class BufferPool:
    """Hands out bytearrays of exact sizes and keeps those returned, up to a bound.

    Belongs to one thread, the loop's.  A buffer's content is whatever its last user left.
    """

    __slots__ = ("_idle", "idle_bytes", "max_idle_bytes")

    def __init__(self, max_idle_bytes: int = DEFAULT_MAX_IDLE_BYTES) -> None:
        self.max_idle_bytes = max_idle_bytes
        self.idle_bytes = 0
        self._idle: dict[int, list[bytearray]] = {}

    def get(self, size: int) -> bytearray:
        """A buffer of `size` bytes, the caller's until `put`."""
        free = self._idle.get(size)
        if free:
            self.idle_bytes -= size
            return free.pop()
        return bytearray(size)

    def put(self, buffer: bytearray) -> None:
        """Give a buffer back; the caller must not touch it again, nor views of it."""
        size = len(buffer)
        if self.idle_bytes + size > self.max_idle_bytes:
            self._drop_other_sizes(size)
            if self.idle_bytes + size > self.max_idle_bytes:
                return
        self.idle_bytes += size
        self._idle.setdefault(size, []).append(buffer)

    def clear(self) -> None:
        """Let all idle buffers go."""
        self._idle.clear()
        self.idle_bytes = 0

    def _drop_other_sizes(self, size: int) -> None:
        # Sizes of torrents long finished must not keep out those in use.
        for other in [key for key in self._idle if key != size]:
            self.idle_bytes -= other * len(self._idle.pop(other))
