"""The order of one storage's jobs, and what a job on pieces takes and gives."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...protocols.metainfo.merkle import block_hashes
from ...protocols.types import BLOCK_SIZE
from .backend import Backend
from .errors import StorageError
from .hashing import matches

__all__ = ["JobFence", "PieceJob", "PieceResult", "hash_blocks", "store_pieces", "write_runs"]

_READ_BYTES = 32 * BLOCK_SIZE


@dataclass(frozen=True, slots=True)
class PieceJob:
    """A piece to verify and write.  The buffer is the disk's until the job's callback."""

    index: int
    buffer: memoryview | bytearray
    """The whole piece and nothing else."""
    expected: bytes
    """20 bytes of SHA-1, or 32 of the root of a hash tree (BEP 52)."""
    height: int = 0
    """Of that tree."""


@dataclass(frozen=True, slots=True)
class PieceResult:
    """What became of a piece."""

    index: int
    ok: bool
    """Hash and write both succeeded."""
    error: StorageError | None = None
    """Why it could not be written.  Neither `ok` nor `error`: the hash does not match, nothing was written."""


class JobFence:
    """Lets ordinary jobs overlap and runs exclusive ones alone, in the order of submission (loop thread only).

    Law: while an exclusive job runs nothing else does, and no job overtakes a waiting one.
    """

    __slots__ = ("_has_exclusive", "_waiting", "num_running")

    def __init__(self) -> None:
        self.num_running = 0
        self._has_exclusive = False
        self._waiting: deque[tuple[Callable[[], None], bool]] | None = None  # most storages never need one

    @property
    def num_waiting(self) -> int:
        return len(self._waiting) if self._waiting else 0

    def submit(self, start: Callable[[], None], *, exclusive: bool = False) -> None:
        """Call `start` now or when its turn comes.  It must lead to one `finished`, later, and must not raise."""
        if self._waiting or self._has_exclusive or (exclusive and self.num_running):
            if self._waiting is None:
                self._waiting = deque()
            self._waiting.append((start, exclusive))
        else:
            self._run(start, exclusive)

    def finished(self) -> None:
        """A started job has ended."""
        self.num_running -= 1
        self._has_exclusive = False
        while self._waiting and not self._has_exclusive:
            start, exclusive = self._waiting[0]
            if exclusive and self.num_running:
                return
            self._waiting.popleft()
            self._run(start, exclusive)

    def _run(self, start: Callable[[], None], exclusive: bool) -> None:
        self.num_running += 1
        self._has_exclusive = exclusive
        start()


def store_pieces(backend: Backend, piece_length: int, batch: Sequence[PieceJob]) -> list[PieceResult]:
    """Hash every piece and write the good ones, neighbours with one call.  On a worker."""
    results = [PieceResult(job.index, False, None) for job in batch]
    run: list[int] = []
    for position, job in enumerate(batch):
        if not matches(job.buffer, job.expected, job.height):
            continue
        if run and not _follows(batch[run[-1]], job, piece_length):
            _write_run(backend, piece_length, batch, run, results)
            run = []
        run.append(position)
    if run:
        _write_run(backend, piece_length, batch, run, results)
    return results


def write_runs(backend: Backend, runs: Sequence[tuple[int, bytes]]) -> None:
    """Write data at its offsets.  On a worker.  StorageError."""
    for offset, data in runs:
        backend.write([data], offset)


def hash_blocks(backend: Backend, offset: int, length: int) -> list[bytes]:
    """The leaves of a v2 file's hash tree (BEP 52) for these bytes of it, read anew.  On a worker.  StorageError."""
    hashes: list[bytes] = []
    with memoryview(bytearray(min(_READ_BYTES, length))) as buffer:
        for at in range(0, length, _READ_BYTES):
            chunk = buffer[: min(_READ_BYTES, length - at)]
            backend.read([chunk], offset + at)
            hashes += block_hashes(chunk)
            chunk.release()
    return hashes


def _follows(before: PieceJob, job: PieceJob, piece_length: int) -> bool:
    return job.index == before.index + 1 and len(before.buffer) == piece_length


def _write_run(
    backend: Backend, piece_length: int, batch: Sequence[PieceJob], run: list[int], results: list[PieceResult]
) -> None:
    error: StorageError | None = None
    first = batch[run[0]]
    try:
        backend.write([batch[position].buffer for position in run], first.index * piece_length)
    except StorageError as failure:
        error = failure
    for position in run:
        results[position] = PieceResult(batch[position].index, error is None, error)
