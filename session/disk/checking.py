"""Full check: which pieces on disk match their hashes, found with all workers of the pool.

The pieces are cut into slices of some 16 MiB.  Each slice is one ordinary job, so other torrents' jobs come in
between, a rename or move waits for milliseconds and not for the check, and cancelling takes effect at once.  One slice
more than there are workers is in the queue, which hides the trip to the loop and back.

A slice is read in chunks small enough to be hashed while still in the processor's cache, into a buffer that is used
again.  What was never written is not read: a piece with a missing part fails, one that lies in a hole is compared
with the hash of zeros.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from .backend import Backend, Presence
from .errors import StorageError
from .hashing import ExpectedPiece, PieceStream, is_hash_of_zeros

if TYPE_CHECKING:
    from ...protocols.metainfo import TorrentInfo

__all__ = ["Check", "CheckSlice", "cut_slices"]

SLICE_BYTES = 16 * 1024 * 1024
"""Some 10 ms of hashing: short beside a user's patience, long beside a job's overhead."""
READ_BYTES = 512 * 1024
"""Half a common second-level cache."""

_HARMLESS = (errno.EROFS, errno.EACCES, errno.EPERM)


def cut_slices(pieces: Iterable[int], piece_length: int) -> Iterator[list[int]]:
    """Pieces in portions of `SLICE_BYTES`, at least one piece each."""
    remaining = iter(pieces)
    while portion := list(islice(remaining, max(1, SLICE_BYTES // piece_length))):
        yield portion


class CheckSlice:
    """The worker's half: checks some pieces of one torrent."""

    def __init__(self, backend: Backend, info: TorrentInfo) -> None:
        self.is_cancelled = False
        self.is_trusting = False
        """What is there is good: nothing is read."""
        self._backend = backend
        self._info = info
        self._buffers: list[bytearray] = []

    def run(self, pieces: Sequence[int]) -> list[tuple[int, bool]]:
        """(index, ok) of the pieces, ascending; cut short when cancelled.  StorageError."""
        if self.is_trusting:
            return self._find(pieces)
        scan = self._backend.scan()
        results: list[tuple[int, bool]] = []
        run: list[ExpectedPiece] = []
        for index in pieces:
            piece = self._expected(index)
            presence = scan.presence(index * self._info.piece_length, piece.size)
            if presence is Presence.DATA and (not run or run[-1].piece == index - 1):
                run.append(piece)
                continue
            results += self._read_run(run)
            run = [piece] if presence is Presence.DATA else []
            if presence is not Presence.DATA:
                is_good = presence is Presence.ZEROS and is_hash_of_zeros(piece.size, piece.hash)
                results.append((index, is_good))
        return results + self._read_run(run)

    def prepare(self) -> None:
        """Create what has no bytes.  Not being allowed to is no reason to refuse to seed what is there."""
        try:
            self._backend.prepare()
        except StorageError as error:
            if error.errno not in _HARMLESS:
                raise

    def _find(self, pieces: Sequence[int]) -> list[tuple[int, bool]]:
        scan, info = self._backend.scan(), self._info
        return [
            (
                index,
                scan.presence(index * info.piece_length, info.piece_size(index)) is not Presence.MISSING,
            )
            for index in pieces
        ]

    def _expected(self, index: int) -> ExpectedPiece:
        return ExpectedPiece(index, self._info.piece_size(index), self._info.piece_hash(index))

    def _read_run(self, run: list[ExpectedPiece]) -> list[tuple[int, bool]]:
        """Read and hash consecutive pieces."""
        if not run:
            return []
        stream = PieceStream(run)
        position = run[0].piece * self._info.piece_length
        end = run[-1].piece * self._info.piece_length + run[-1].size
        buffer = self._take_buffer()
        with memoryview(buffer) as view:
            while position < end and not self.is_cancelled:
                chunk = view[: min(READ_BYTES, end - position)]
                self._backend.read([chunk], position)
                stream.update(chunk)
                position += len(chunk)
                chunk.release()
        self._buffers.append(buffer)
        return stream.results

    def _take_buffer(self) -> bytearray:
        try:
            return self._buffers.pop()
        except IndexError:
            return bytearray(READ_BYTES)


class Check:
    """The loop's half: keeps slices in the queue and reports.  Made by `DiskIo.submit_check`."""

    def __init__(
        self,
        work: CheckSlice,
        slices: Iterator[list[int]],
        submit: Callable[..., None],
        *,
        on_progress: Callable[[list[tuple[int, bool]]], object],
        on_done: Callable[[StorageError | None], object],
    ) -> None:
        self.work = work
        """The worker's half."""
        self._slices = slices
        self._submit = submit
        self._on_progress = on_progress
        self._on_done = on_done
        self._num_running = 0
        self._error: StorageError | None = None
        self.is_done = False

    @property
    def is_cancelled(self) -> bool:
        return self.work.is_cancelled

    def cancel(self) -> None:
        """No callback follows.  Repeatable."""
        self.work.is_cancelled = True
        self.is_done = True

    def start(self, parallel: int) -> None:
        """Put `parallel` slices into the queue."""
        for _ in range(parallel):
            self._submit_next()
        if not self._num_running:
            self._finish()

    def _submit_next(self) -> None:
        pieces = next(self._slices, None)
        if pieces:
            self._num_running += 1
            self._submit(self.work.run, pieces, on_done=self._on_slice)

    def _on_slice(self, results: list[tuple[int, bool]] | None, error: StorageError | None) -> None:
        self._num_running -= 1
        if self.is_done:
            return
        if error is not None:
            self._error = self._error or error
        else:
            if self._error is None:
                self._submit_next()
            self._on_progress(results or [])
        if not self._num_running and not self.is_done:
            self._finish()

    def _finish(self) -> None:
        if self._error is not None:
            self._report(None, self._error)
        else:
            self._submit(self.work.prepare, on_done=self._report)

    def _report(self, _: object, error: StorageError | None) -> None:
        if not self.is_done:
            self.is_done = True
            self._on_done(error)
