"""The disk, bound to one torrent: what the data plane reads from and writes to."""

from __future__ import annotations

from collections.abc import Callable

from ..disk.errors import StorageError
from ..disk.io import DiskIo
from ..disk.jobs import PieceJob, PieceResult
from ..disk.storage import Storage

__all__ = ["BoundStorage"]


class BoundStorage:
    """A torrent's storage and the pool that works on it; `BlockSource` and `PieceSink`."""

    __slots__ = ("disk", "preadv_nowait", "storage")

    def __init__(self, disk: DiskIo, storage: Storage) -> None:
        self.disk = disk
        self.storage = storage
        self.preadv_nowait: Callable[[list[memoryview], int], bool] = storage.preadv_nowait
        """Fill buffers from an offset of the torrent if the page cache has it all."""

    def submit_read(
        self, buffers: list[memoryview], offset: int, on_done: Callable[[StorageError | None], object]
    ) -> None:
        """Fill `buffers` on the pool."""
        self.disk.submit_read(self.storage, buffers, offset, on_done)

    def submit_pieces(self, batch: list[PieceJob], on_done: Callable[[list[PieceResult]], object]) -> bool:
        """Verify and write pieces on the pool; True when the disk is congested."""
        self.disk.submit_pieces(self.storage, batch, on_done)
        return self.disk.is_congested
