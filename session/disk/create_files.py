"""The input and output of making a torrent: finding the files and hashing their pieces.

Hashing runs on threads of its own, as many as there are processors unless told otherwise: both reading and SHA leave
the interpreter free.  Each thread reads stretches of pieces into one buffer it keeps; results are taken in order and
no more than a few stretches are ahead, so memory does not grow with the torrent.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha1
from pathlib import Path
from typing import Final, NamedTuple

from ...protocols.metainfo.create import CreateFile, CreateFlags, CreateTorrent
from ...protocols.metainfo.errors import CreateError
from ...protocols.metainfo.files import FileFlags
from ...protocols.metainfo.merkle import block_hashes, piece_hash

__all__ = ["list_files", "set_piece_hashes"]

_STRETCH: Final = 4 * 1024 * 1024
"""Bytes a thread takes at a time, or one piece where pieces are larger."""

_AHEAD: Final = 2
"""Stretches waiting for each thread."""


def list_files(
    path: str | os.PathLike[str],
    flags: CreateFlags | int = 0,
    *,
    predicate: Callable[[str], bool] | None = None,
) -> list[CreateFile]:
    """The file at `path`, or all regular files below it in the order of their names.

    `predicate` is asked of each full path, folders included, and leaves out what it says no to.  What cannot be read
    is left out as well, links to outside of `path` too when links are kept.  OSError when `path` itself cannot be.
    """
    root = Path(os.path.abspath(path))
    os.stat(root)
    found: list[CreateFile] = []
    for place in _walk(root, CreateFlags(flags), predicate or (lambda _: True)):
        entry = _describe(place, root, CreateFlags(flags), predicate)
        if entry is not None:
            found.append(entry)
    return found


def set_piece_hashes(
    torrent: CreateTorrent,
    parent: str | os.PathLike[str],
    progress: Callable[[int], None] | None = None,
    *,
    workers: int | None = None,
) -> None:
    """Read the files, which are below the folder `parent`, and give every piece of `torrent` its hashes.

    `progress` is called on this thread with the index of each piece done, in order; what it raises ends the hashing
    and comes out.  OSError when a file cannot be read, CreateError when one is shorter than it was when listed.
    """
    count = workers or os.cpu_count() or 1
    run = max(1, _STRETCH // torrent.piece_length)
    starts = iter(range(0, torrent.num_pieces, run))
    hasher = _Hasher(torrent, os.fspath(parent))
    waiting: deque[Future[list[_PieceHashes]]] = deque()
    with ThreadPoolExecutor(min(count, -(-torrent.num_pieces // run)), "evtorrent-create") as pool:
        try:
            while True:
                while len(waiting) < count * _AHEAD and (start := next(starts, None)) is not None:
                    waiting.append(
                        pool.submit(hasher.hash_stretch, start, min(start + run, torrent.num_pieces))
                    )
                if not waiting:
                    return
                for hashes in waiting.popleft().result():
                    _enter(torrent, hashes)
                    if progress is not None:
                        progress(hashes.piece)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _PieceHashes(NamedTuple):
    piece: int
    v1: bytes | None
    v2: tuple[int, int, bytes] | None
    """File, piece of the file, hash."""


class _Hasher:
    """Hashes stretches of pieces; used by several threads, it holds nothing that changes."""

    def __init__(self, torrent: CreateTorrent, parent: str) -> None:
        self._files = torrent.files
        self._wants_v1 = not torrent.is_v2_only
        self._wants_v2 = not torrent.is_v1_only
        self._parent = parent

    def hash_stretch(self, start: int, end: int) -> list[_PieceHashes]:
        """The hashes of these pieces."""
        files = self._files
        length = files.piece_length
        buffer = memoryview(bytearray(min(end * length, files.total_size) - start * length))
        self._read(start * length, buffer)
        return [
            self._hash(index, buffer[(index - start) * length : (index - start + 1) * length])
            for index in range(start, end)
        ]

    def _hash(self, index: int, data: memoryview) -> _PieceHashes:
        v1 = sha1(data).digest() if self._wants_v1 else None
        return _PieceHashes(index, v1, self._hash_v2(index, data) if self._wants_v2 else None)

    def _hash_v2(self, index: int, data: memoryview) -> tuple[int, int, bytes]:
        """A piece of a v2 torrent begins with bytes of its only file; the padding after them is not hashed."""
        files = self._files
        first = files.map_range(index * files.piece_length, len(data))[0]
        blocks = block_hashes(data[: first.length])
        size = files.size(first.file_index)
        digest = piece_hash(blocks, files.piece_length, whole_file=size < files.piece_length)
        return first.file_index, first.offset // files.piece_length, digest

    def _read(self, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` from the files; padding stays zeros."""
        at = 0
        for index, start, length in self._files.map_range(offset, len(buffer)):
            if not self._files.is_pad(index):
                self._read_file(index, start, buffer[at : at + length])
            at += length

    def _read_file(self, index: int, offset: int, buffer: memoryview) -> None:
        path = os.path.join(self._parent, self._files.path(index))
        with open(path, "rb", buffering=0) as file:
            file.seek(offset)
            done = 0
            while done < len(buffer):
                count = file.readinto(buffer[done:])
                if not count:
                    raise CreateError("file_too_short", f"{path} has become shorter")
                done += count


def _enter(torrent: CreateTorrent, hashes: _PieceHashes) -> None:
    if hashes.v1 is not None:
        torrent.set_hash(hashes.piece, hashes.v1)
    if hashes.v2 is not None:
        torrent.set_hash2(*hashes.v2)


def _walk(place: Path, flags: CreateFlags, predicate: Callable[[str], bool]) -> Iterator[Path]:
    """Everything below `place` that is no folder, by name.  A folder is not entered again from within itself."""
    pending: list[tuple[Path, frozenset[tuple[int, int]]]] = [(place, frozenset())]
    while pending:
        current, above = pending.pop()
        if not predicate(str(current)):
            continue
        try:
            status = current.stat(follow_symlinks=not flags & CreateFlags.SYMLINKS)
            if not stat.S_ISDIR(status.st_mode):
                yield current
                continue
            identity = (status.st_dev, status.st_ino)
            names = [] if identity in above else sorted(os.listdir(current), key=os.fsencode, reverse=True)
        except OSError:
            continue
        pending += [(current / name, above | {identity}) for name in names]


def _describe(
    place: Path, root: Path, flags: CreateFlags, predicate: Callable[[str], bool] | None
) -> CreateFile | None:
    keeps_links = bool(flags & CreateFlags.SYMLINKS)
    status = place.stat(follow_symlinks=not keeps_links)
    path = place.relative_to(root.parent).as_posix()
    is_executable = status.st_mode & stat.S_IXUSR and not flags & CreateFlags.NO_ATTRIBUTES
    attributes = FileFlags.EXECUTABLE if is_executable else FileFlags(0)
    if stat.S_ISLNK(status.st_mode):
        target = os.path.normpath(place.parent / os.readlink(place))
        inner = os.path.relpath(target, root)
        if (
            inner == "."
            or inner.split(os.sep)[0] == ".."
            or (predicate is not None and not predicate(target))
        ):
            return None
        symlink = Path(inner).as_posix()
        return CreateFile(path, 0, attributes | FileFlags.SYMLINK, int(status.st_mtime), symlink)
    if not stat.S_ISREG(status.st_mode):
        return None
    return CreateFile(path, status.st_size, attributes, int(status.st_mtime))
