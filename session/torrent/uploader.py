"""What one peer asked of us, and the bytes that answer it.

Requests are served in slabs: one buffer laid out as header, block, header, block, …, with one `preadv` per contiguous run
of the torrent filling the gaps between headers packed before, and one send for all.  Data in the page cache is read on
the loop without blocking; when it is not there the slab is filled on the disk pool and sent when it comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from ...protocols.peer.codec import BLOCK_HEADER, BLOCK_HEADER_SIZE
from ...protocols.peer.messages import MessageId, Request
from ...protocols.types import BLOCK_SIZE

__all__ = ["BlockSource", "Slab", "SlabPool", "Uploader"]

_CLASSES = (4, 16, 64)
"""Blocks a slab has room for."""
_FRAME = BLOCK_SIZE + BLOCK_HEADER_SIZE


class BlockSource(Protocol):
    """Where blocks come from: the storage of a torrent."""

    def preadv_nowait(self, buffers: list[memoryview], offset: int) -> bool:
        """Fill `buffers` from `offset` if that needs no waiting."""
        ...

    def submit_read(
        self, buffers: list[memoryview], offset: int, on_done: Callable[[Exception | None], object]
    ) -> None:
        """Fill them on the pool."""
        ...


class Slab:
    """One buffer of framed blocks on its way out."""

    __slots__ = ("data", "num_blocks", "payload", "size_class", "view")

    def __init__(self, size_class: int, size: int) -> None:
        self.size_class = size_class
        self.data = bytearray(size)
        self.view = memoryview(self.data)
        self.payload = 0
        """Bytes of piece data in it."""
        self.num_blocks = 0


class SlabPool:
    """Slabs to be used again; shared by all peers of a session."""

    __slots__ = ("_free", "_limit")

    def __init__(self, limit: int = 8) -> None:
        self._free: dict[int, list[Slab]] = {size: [] for size in _CLASSES}
        self._limit = limit
        """Unused slabs of each size that are kept."""

    def get(self, num_blocks: int) -> Slab:
        """A slab with room for `num_blocks` blocks, or the largest there is."""
        size_class = next((size for size in _CLASSES if size >= num_blocks), _CLASSES[-1])
        free = self._free[size_class]
        return free.pop() if free else Slab(size_class, size_class * _FRAME)

    def put(self, slab: Slab) -> None:
        """Give a slab back."""
        free = self._free[slab.size_class]
        if len(free) < self._limit:
            free.append(slab)


class Uploader:
    """Requests of one peer, in order.  Driven by its `PeerLink`."""

    __slots__ = (
        "_on_error",
        "_on_ready",
        "_piece_length",
        "_pool",
        "_reading",
        "_ready",
        "_source",
        "closed",
        "queue",
    )

    def __init__(
        self,
        source: BlockSource,
        piece_length: int,
        pool: SlabPool,
        *,
        on_ready: Callable[[], object],
        on_error: Callable[[Exception], object],
    ) -> None:
        """`on_ready` is called when a slab read on the pool can be taken; `on_error` when the disk failed."""
        self.queue: deque[Request] = deque()
        """Requests not yet in a slab."""
        self.closed = False
        self._source = source
        self._piece_length = piece_length
        self._pool = pool
        self._reading = False
        self._ready: Slab | None = None
        self._on_ready = on_ready
        self._on_error = on_error

    def cancel(self, request: Request) -> bool:
        """Forget a request; False when it is not queued (any more)."""
        try:
            self.queue.remove(request)
        except ValueError:
            return False
        return True

    def clear(self) -> list[Request]:
        """Forget all requests and give them back, to be rejected."""
        dropped = list(self.queue)
        self.queue.clear()
        return dropped

    def close(self) -> None:
        """The peer is gone; a read still running is dropped when it ends."""
        self.closed = True
        self.queue.clear()
        if self._ready is not None:
            self._pool.put(self._ready)
            self._ready = None

    @property
    def is_reading(self) -> bool:
        """It waits for the disk."""
        return self._reading

    @property
    def has_work(self) -> bool:
        """Something is queued, being read or ready."""
        return bool(self.queue) or self._reading or self._ready is not None

    def next_slab(self, max_bytes: int) -> Slab | None:
        """The next blocks to send, about `max_bytes` of them but at least one; None when there is nothing (yet)."""
        ready = self._ready
        if ready is not None:
            self._ready = None
            return ready
        if self._reading or not self.queue:
            return None
        slab = self._pool.get(min(len(self.queue), max(1, max_bytes // BLOCK_SIZE)))
        runs = self._lay_out(slab, max_bytes)
        nowait = self._source.preadv_nowait
        for position, (offset, buffers) in enumerate(runs):
            if not nowait(buffers, offset):
                self._read_on_pool(slab, runs[position:])
                return None
        return slab

    def give_back(self, slab: Slab) -> None:
        """A slab was sent, or never will be."""
        self._pool.put(slab)

    def _lay_out(self, slab: Slab, max_bytes: int) -> list[tuple[int, list[memoryview]]]:
        """Move requests from the queue into the slab: headers are written, gaps returned as contiguous runs."""
        queue, data = self.queue, slab.data
        view = memoryview(data)
        piece_length, room = self._piece_length, len(slab.data)
        pack = BLOCK_HEADER.pack_into
        position = payload = count = 0
        runs: list[tuple[int, list[memoryview]]] = []
        expected = -1
        buffers: list[memoryview] = []
        while queue:
            piece, begin, length = queue[0]
            if position + BLOCK_HEADER_SIZE + length > room:
                if position:
                    break
                slab.data = data = bytearray(BLOCK_HEADER_SIZE + length)  # A block larger than a small slab.
                view, room = memoryview(data), len(data)
            elif position and payload + length > max_bytes:
                break
            queue.popleft()
            pack(data, position, 9 + length, MessageId.PIECE, piece, begin)
            position += BLOCK_HEADER_SIZE
            offset = piece * piece_length + begin
            if offset != expected:
                buffers = []
                runs.append((offset, buffers))
            buffers.append(view[position : position + length])
            expected = offset + length
            position += length
            payload += length
            count += 1
        slab.payload, slab.num_blocks = payload, count
        slab.view = view[:position]
        return runs

    def _read_on_pool(self, slab: Slab, runs: list[tuple[int, list[memoryview]]]) -> None:
        self._reading = True
        pending = len(runs)
        failed: Exception | None = None

        def done(error: Exception | None) -> None:
            nonlocal pending, failed
            pending -= 1
            failed = failed or error
            if not pending:
                self._read_done(slab, failed)

        for offset, buffers in runs:
            self._source.submit_read(buffers, offset, done)

    def _read_done(self, slab: Slab, error: Exception | None) -> None:
        self._reading = False
        if self.closed or error is not None:
            self._pool.put(slab)
            if error is not None and not self.closed:
                self._on_error(error)
            return
        self._ready = slab
        self._on_ready()
