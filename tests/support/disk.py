"""A disk without threads: jobs wait until the test runs them, in the order they were submitted.

`make_torrent` lays out files and returns the TorrentInfo with its content; `ManualPool` is both the base and the worker
pool of a `DiskIo`.
"""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evtorrent.protocols.bencode import encode
from evtorrent.protocols.metainfo import TorrentInfo
from evtorrent.session.disk import DiskIo, DiskSettings, PieceJob, PieceResult, Storage, StorageParams

FileSpec = tuple[str, int] | tuple[str, int, str] | tuple[str, int, str, str]
"""(path within the folder, size[, BEP 47 attributes[, target of a link]])"""


def make_torrent(
    files: Sequence[FileSpec] | int,
    piece_length: int = 32,
    *,
    name: str = "t",
    seed: int = 1,
    private: bool = False,
) -> tuple[TorrentInfo, bytes]:
    """A torrent of random content (zeros in pad files); an int makes a single-file torrent of that size."""
    rng = random.Random(seed)
    table: dict[str, object] = {"name": name, "piece length": piece_length}
    if private:
        table["private"] = 1
    if isinstance(files, int):
        content = rng.randbytes(files)
        table["length"] = files
    else:
        content = b""
        entries = []
        for path, size, *more in files:
            entry: dict[str, object] = {"length": size, "path": path.split("/")}
            if more:
                entry["attr"] = more[0]
            if len(more) > 1:
                entry["symlink path"] = more[1].split("/")
            entries.append(entry)
            content += bytes(size) if more and "p" in more[0] else rng.randbytes(size)
        table["files"] = entries
    pieces = [content[at : at + piece_length] for at in range(0, len(content), piece_length)]
    table["pieces"] = b"".join(hashlib.sha1(piece).digest() for piece in pieces)
    return TorrentInfo.from_info(encode(table)), content


def put_files(info: TorrentInfo, content: bytes, folder: Path) -> None:
    """Write a torrent's files as a seed has them."""
    for index in range(info.files.num_files):
        if info.files.is_pad(index) or info.files.symlink(index):
            continue
        start = info.files.offset(index)
        path = folder / info.files.path(index)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content[start : start + info.files.size(index)])


class ManualPool:
    """Base and `Platform.submit` in one: nothing runs before `run` or `run_one`."""

    def __init__(self) -> None:
        self.jobs: deque[Callable[[], None]] = deque()
        self.is_closed = False

    def submit(
        self,
        base: Any,
        function: Callable[..., Any],
        *args: Any,
        on_done: Callable[[Any, BaseException | None], object],
    ) -> None:
        assert base is self
        if self.is_closed:
            raise RuntimeError("the pool is closed")

        def job() -> None:
            try:
                result = function(*args)
            except Exception as error:
                on_done(None, error)
            else:
                on_done(result, None)

        self.jobs.append(job)

    def time(self) -> float:
        return 0.0

    def call_soon(self, callback: Callable[..., object], *args: Any) -> None:
        self.jobs.append(lambda: callback(*args))

    def run_one(self) -> None:
        self.jobs.popleft()()

    def run(self) -> None:
        while self.jobs:
            self.run_one()


_open_disks: list[Disk] = []


def close_disks() -> None:
    """Close the files of every `Disk` made since the last call: a fixture of the tests that make them."""
    while _open_disks:
        _open_disks.pop().io.close()


class Disk:
    """A `DiskIo` on a `ManualPool` with one torrent, whose operations wait for their result."""

    def __init__(
        self,
        info: TorrentInfo,
        save_path: Path | str,
        *,
        settings: DiskSettings | None = None,
        make_backend: Any = None,
        **params: Any,
    ) -> None:
        self.pool = ManualPool()
        extra = {} if make_backend is None else {"backend": make_backend}
        self.io = DiskIo(self.pool, self.pool.submit, settings=settings, **extra)  # type: ignore[arg-type]
        self.info = info
        _open_disks.append(self)
        self.storage: Storage = self.io.open(StorageParams(info, str(save_path), **params))

    def job(self, content: bytes, piece: int, expected: bytes | None = None) -> PieceJob:
        """The piece as it arrives when the torrent is `content`."""
        start = piece * self.info.piece_length
        buffer = bytearray(content[start : start + self.info.piece_size(piece)])
        return PieceJob(piece, memoryview(buffer), expected or self.info.piece_hash(piece))

    def write(self, content: bytes, pieces: Sequence[int] | None = None) -> list[PieceResult]:
        """Submit pieces in one batch."""
        indices = range(self.info.num_pieces) if pieces is None else pieces
        return self.wait(self.io.submit_pieces, [self.job(content, piece) for piece in indices])

    def read(self, offset: int, length: int) -> bytes:
        """Through a worker.  Raises the StorageError."""
        buffer = bytearray(length)
        self.check_error(self.io.submit_read, [memoryview(buffer)], offset)
        return bytes(buffer)

    def read_nowait(self, offset: int, length: int, cuts: int = 1) -> bytes | None:
        """On the loop; None when it would wait."""
        buffers = [bytearray(length // cuts) for _ in range(cuts - 1)]
        buffers.append(bytearray(length - sum(map(len, buffers))))
        return b"".join(buffers) if self.storage.preadv_nowait(buffers, offset) else None

    def check(self, pieces: Any = None) -> dict[int, bool]:
        """A whole check.  Raises the StorageError."""
        found: list[tuple[int, bool]] = []
        errors: list[Any] = []
        self.io.submit_check(self.storage, pieces, found.extend, errors.append)
        self.pool.run()
        assert len(errors) == 1
        if errors[0] is not None:
            raise errors[0]
        assert len(dict(found)) == len(found)
        return dict(found)

    def check_error(self, submit: Callable[..., Any], *args: Any, **more: Any) -> None:
        """Submit, wait, raise its error."""
        error = self.wait(submit, *args, **more)
        if error is not None:
            raise error

    def wait(self, submit: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Submit on the storage, run everything, return the only argument of the callback."""
        results: list[Any] = []
        submit(self.storage, *args, results.append, **more)
        assert not results, "called back from within submit"
        self.pool.run()
        assert len(results) == 1
        return results[0]

    def wait_move(self, save_path: Path | str, mode: int) -> Any:
        """Move; returns the MoveResult or raises."""
        results: list[Any] = []
        self.io.submit_move(self.storage, str(save_path), mode, lambda *both: results.append(both))
        self.pool.run()
        ((result, error),) = results
        if error is not None:
            raise error
        return result
