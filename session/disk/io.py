"""`DiskIo`: every disk operation of a session, run on the worker pool, reported on the loop.

Nothing here waits.  Each `submit_` returns at once and its callback runs later on the loop thread, exactly once,
also when the operation fails.  Jobs of one storage overlap unless they are exclusive (rename, move, delete, flush, release,
priorities), which run alone and in order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from ...protocols.bits import Bitfield, iter_bits
from ...protocols.types import BLOCK_SIZE
from ..flags import MoveFlags, RemoveFlags
from .backend import Backend, Writable
from .batch import JobBatch
from .checking import Check, CheckSlice, cut_slices
from .closing import FileCloser
from .counts import DiskCounts
from .descriptors import FilePool
from .errors import StorageError
from .jobs import PieceJob, PieceResult, store_pieces, write_runs
from .params import DiskSettings, MoveResult, StorageParams
from .posix import PosixBackend
from .storage import Storage
from .trusting import store_unseen

if TYPE_CHECKING:
    from ...protocols.engine.ports import Base

__all__ = ["DiskIo", "PoolSubmit"]

logger = logging.getLogger(__name__)

OnError = Callable[["StorageError | None"], object]


class PoolSubmit(Protocol):
    """`Platform.submit`: run on the worker pool, then call back on the base."""

    def __call__(
        self,
        base: Base,
        function: Callable[..., Any],
        *args: Any,
        on_done: Callable[[Any, BaseException | None], object],
    ) -> None: ...


class DiskIo:
    """The disk of one session.  Loop thread only."""

    def __init__(
        self,
        base: Base,
        platform_submit: PoolSubmit,
        *,
        settings: DiskSettings | None = None,
        backend: Callable[[StorageParams, FilePool], Backend] = PosixBackend,
    ) -> None:
        self.settings = settings or DiskSettings()
        self.files = FilePool(self.settings.file_pool_size, base.time)
        self._closer = FileCloser(base, platform_submit, self.files)
        self.queued_bytes = 0
        """Bytes of pieces submitted and not yet written or refused."""
        self.counts = DiskCounts()
        self.num_jobs = 0
        """Jobs submitted whose callback has not run yet."""
        self.is_congested = False
        """More than `max_queued_disk_bytes` were queued; holds until half of that is written."""
        self.on_low_watermark: Callable[[], object] | None = None
        """Called when the congestion ends."""
        self.on_idle: Callable[[], object] | None = None
        """Called when the last job's callback has run."""
        self._base = base
        self._platform_submit = platform_submit
        self._make_backend = backend
        self._small_jobs = JobBatch(base, platform_submit)
        self.apply(self.settings)

    def open(self, params: StorageParams) -> Storage:
        """A storage for one torrent.  Touches no file.  StorageError for a renamed file that leaves the save path."""
        return Storage(params.info, self._make_backend(params, self.files))

    def apply(self, settings: DiskSettings) -> None:
        """Change the limits."""
        self.settings = settings
        self.files.limit = settings.file_pool_size
        self.files.cache_use = settings.cache_use
        self._closer.set_interval(float(settings.close_file_interval))

    def close(self) -> None:
        """Close every file no job is using.  Jobs in work end as they would."""
        self._closer.set_interval(0.0)
        self.files.limit = 0

    def submit_pieces(
        self, storage: Storage, batch: Sequence[PieceJob], on_done: Callable[[list[PieceResult]], object]
    ) -> None:
        """Hash the pieces and write the good ones, as one job.  The buffers are the disk's until `on_done`."""
        size = sum(len(job.buffer) for job in batch)
        self._add_queued(size)
        counts = self.counts
        counts.writes_running += 1

        def finished(results: list[PieceResult] | None, error: StorageError | None) -> None:
            self._remove_queued(size)
            counts.writes_running -= 1
            if results is not None:
                blocks = [-(-len(job.buffer) // BLOCK_SIZE) for job in batch]
                written = sum(count for count, result in zip(blocks, results, strict=True) if result.ok)
                counts.blocks_hashed += sum(blocks)
                counts.blocks_written += written
                counts.write_ops += written > 0
            on_done(
                results if results is not None else [PieceResult(job.index, False, error) for job in batch]
            )

        store = store_pieces if self.settings.checks_hashes else store_unseen
        self._submit(
            storage, store, storage.backend, storage.info.piece_length, list(batch), on_done=finished
        )

    def submit_read(
        self, storage: Storage, buffers: Sequence[Writable], offset: int, on_done: OnError
    ) -> None:
        """Fill the buffers from a torrent offset."""
        counts, size = self.counts, sum(len(buffer) for buffer in buffers)
        counts.reads_running += 1

        def finished(_: object, error: StorageError | None) -> None:
            counts.reads_running -= 1
            if error is None:
                counts.read_ops += 1
                counts.blocks_read += -(-size // BLOCK_SIZE)
            on_done(error)

        self._submit(storage, storage.backend.read, list(buffers), offset, on_done=finished)

    def submit_blocks(self, storage: Storage, runs: Sequence[tuple[int, bytes]], on_done: OnError) -> None:
        """Write (torrent offset, data) pairs as they are: blocks of pieces that are not complete.

        Alone: a piece that is completed meanwhile is written after it, never before.
        """
        counts, size = self.counts, sum(len(data) for _, data in runs)
        self._add_queued(size)

        def finished(error: StorageError | None) -> None:
            self._remove_queued(size)
            if error is None:
                counts.blocks_written += sum(-(-len(data) // BLOCK_SIZE) for _, data in runs)
                counts.write_ops += len(runs)
            on_done(error)

        self._submit_exclusive(storage, write_runs, storage.backend, runs, on_done=finished)

    def submit_check(
        self,
        storage: Storage,
        pieces: Bitfield | None,
        on_progress: Callable[[list[tuple[int, bool]]], object],
        on_done: OnError,
    ) -> Check:
        """Compare pieces on disk with their hashes: those in `pieces`, or all.

        `on_progress` gets a few (index, ok) at a time, each piece once, in no particular order of slices.  Missing files are
        no error.  Ends by creating empty files.
        """
        info = storage.info
        indices = range(info.num_pieces) if pieces is None else iter_bits(pieces.bits)
        check = Check(
            CheckSlice(storage.backend, info),
            cut_slices(indices, info.piece_length),
            partial(self._submit, storage),
            on_progress=on_progress,
            on_done=on_done,
        )
        check.work.is_trusting = not self.settings.checks_hashes
        check.start(self.settings.hashing_threads + 1)
        return check

    def submit_verify(self, storage: Storage, have: Bitfield, on_done: OnError) -> None:
        """Can the pieces of resume data be there?  Looks at names and sizes only; an error says which file is not."""
        self._submit(
            storage, storage.backend.verify, have.bits, on_done=partial(_only_error, on_done), is_small=True
        )

    def submit_prepare(self, storage: Storage, on_done: OnError) -> None:
        """Create what has no bytes: empty files, links.  The first write and the end of a check do it, too."""
        self._submit(storage, storage.backend.prepare, on_done=partial(_only_error, on_done))

    def submit_rename(self, storage: Storage, index: int, name: str, on_done: OnError) -> None:
        """Give a file another path, relative to the save path or absolute.  Replaces nothing."""
        self._submit_exclusive(storage, storage.backend.rename, index, name, on_done=on_done)

    def submit_set_priorities(self, storage: Storage, priorities: Sequence[int], on_done: OnError) -> None:
        """New file priorities, 0 to 7 by file index.  Data of files now wanted leaves the part file."""
        self._submit_exclusive(storage, storage.backend.set_priorities, list(priorities), on_done=on_done)

    def submit_flush(self, storage: Storage, on_done: OnError, *, sync: bool = False) -> None:
        """When `on_done` runs, all jobs submitted before have ended; with `sync` their data is on the device."""
        self._submit_exclusive(storage, partial(storage.backend.flush, sync=sync), on_done=on_done)

    def submit_release(self, storage: Storage, on_done: OnError) -> None:
        """Close the torrent's files once the jobs before have ended."""
        self._submit_exclusive(storage, storage.backend.release, on_done=on_done)

    def submit_delete(self, storage: Storage, flags: int, on_done: OnError) -> None:
        """Remove files (`RemoveFlags`) from disk."""
        self._submit_exclusive(storage, storage.backend.delete, RemoveFlags(flags), on_done=on_done)

    def submit_move(
        self,
        storage: Storage,
        save_path: str,
        mode: int,
        on_done: Callable[[MoveResult | None, StorageError | None], object],
    ) -> None:
        """Move everything to another save path (`MoveFlags`); on failure everything is where it was."""
        self._submit(
            storage, storage.backend.move, save_path, MoveFlags(mode), on_done=on_done, exclusive=True
        )

    def _submit_exclusive(
        self, storage: Storage, function: Callable[..., Any], *args: Any, on_done: OnError
    ) -> None:
        self._submit(storage, function, *args, on_done=partial(_only_error, on_done), exclusive=True)

    def _submit(
        self,
        storage: Storage,
        function: Callable[..., Any],
        *args: Any,
        on_done: Callable[[Any, StorageError | None], object],
        exclusive: bool = False,
        is_small: bool = False,
    ) -> None:
        self.num_jobs += 1

        def finished(result: Any, error: BaseException | None) -> None:
            self.num_jobs -= 1
            self.counts.jobs_done += 1
            storage.fence.finished()
            on_done(result, None if error is None else _as_storage_error(storage, error))
            if not self.num_jobs and self.on_idle is not None:
                self.on_idle()

        def start() -> None:
            self.counts.jobs_started += 1
            if is_small:
                self._small_jobs.add(partial(function, *args), finished)
                return
            try:
                self._platform_submit(self._base, function, *args, on_done=finished)
            except Exception as error:  # the pool is closed: the callback still has to come, and later
                self._base.call_soon(finished, None, error)

        storage.fence.submit(start, exclusive=exclusive)

    def _add_queued(self, size: int) -> None:
        self.queued_bytes += size
        if self.queued_bytes > self.settings.max_queued_disk_bytes:
            self.is_congested = True

    def _remove_queued(self, size: int) -> None:
        self.queued_bytes -= size
        if self.is_congested and self.queued_bytes <= self.settings.max_queued_disk_bytes // 2:
            self.is_congested = False
            if self.on_low_watermark is not None:
                self.on_low_watermark()


def _only_error(on_done: OnError, _: object, error: StorageError | None) -> None:
    on_done(error)


def _as_storage_error(storage: Storage, error: BaseException) -> StorageError:
    if not isinstance(error, StorageError):
        logger.error("disk job of %r failed", storage, exc_info=error)
    return StorageError.wrap("job", storage.info.name, error)
