"""The open files of all torrents: at most `file_pool_size`, closed when their last user lets go.

A descriptor number is reused at once after a close, so closing one that another thread is about to read would hand a
peer somebody else's bytes.  An `OpenFile` therefore owns its descriptor and closes it when it dies; evicting it from
the pool only drops the pool's reference, and whoever is reading holds one of their own.  No reference counting in
Python, no lock on the read path.

Eviction is second chance: a read sets one flag, and only files without it are dropped.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Protocol

from ..flags import FileOpenMode
from ..status import OpenFileState
from .cache_use import CacheUse

__all__ = ["FileOwner", "FilePool", "OpenFile"]


class OpenFile:
    """One descriptor and the stretch of the torrent it covers."""

    __slots__ = ("end", "fd", "index", "is_recent", "is_writable", "no_atime", "owner", "start", "used_at")

    def __init__(self, fd: int, owner: FileOwner, index: int, *, is_writable: bool) -> None:
        self.fd = fd
        self.owner = owner
        self.index = index
        self.is_writable = is_writable
        self.no_atime = False
        """When it is read is not noted."""
        self.is_recent = True
        self.used_at = 0.0
        """When it was last read, written or opened, on the pool's clock."""
        self.start = 0
        """Torrent offset of the file's first byte."""
        self.end = 0
        """Torrent offset after its last byte."""

    def __del__(self, close=os.close) -> None:  # type: ignore[no-untyped-def]
        try:
            close(self.fd)
        except OSError:  # EIO of a network file system: a flush is where that is reported
            pass


class FileOwner(Protocol):
    """Somebody whose files are in the pool: a torrent's files, or its part file."""

    open_files: dict[int, OpenFile]
    """Those now open, by index; written by the pool alone."""

    def open_file(self, index: int, *, for_writing: bool) -> OpenFile:
        """Open one.  Blocks; StorageError."""
        ...

    def on_file_closed(self, file: OpenFile) -> None:
        """The pool let `file` go: forget it."""
        ...


class FilePool:
    """Bounds the number of open files.  Any thread."""

    def __init__(self, limit: int, clock: Callable[[], float] = float) -> None:
        """`clock` says when files were used; any thread calls it."""
        self._limit = limit
        self._cache_use = CacheUse()
        self.clock = clock
        self.num_misses = 0
        """How often a file was wanted that was not open, or only for reading."""
        self._files: dict[OpenFile, None] = {}
        self.lock = threading.Lock()

    @property
    def num_open(self) -> int:
        return len(self._files)

    @property
    def limit(self) -> int:
        """Files kept open; lowering it closes the rest."""
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        with self.lock:
            self._limit = limit
            self._evict()

    @property
    def cache_use(self) -> CacheUse:
        """How files are opened, and what follows a transfer; with another one they are opened anew."""
        return self._cache_use

    @cache_use.setter
    def cache_use(self, cache_use: CacheUse) -> None:
        if cache_use != self._cache_use:
            with self.lock:
                self._cache_use = cache_use
                for file in list(self._files):
                    self._drop(file)

    def get(self, owner: FileOwner, index: int, *, for_writing: bool = False) -> OpenFile:
        """The open file, opened if need be.  The caller keeps it open by holding it.  StorageError."""
        file = owner.open_files.get(index)
        if file is not None and (file.is_writable or not for_writing):
            file.is_recent = True
            file.used_at = self.clock()
            return file
        file = owner.open_file(index, for_writing=for_writing)  # outside the lock: it may take long
        file.used_at = self.clock()
        with self.lock:
            self.num_misses += 1
            present = owner.open_files.get(index)
            if present is not None:
                if present.is_writable:
                    return present  # another thread was faster
                self._drop(present)
            owner.open_files[index] = file
            self._files[file] = None
            self._evict()
        return file

    def states(self, owner: FileOwner) -> list[OpenFileState]:
        """Which of `owner`'s files are open, and how."""
        with self.lock:
            files = list(owner.open_files.values())
        now = self.clock()
        return [
            OpenFileState(
                file.index,
                _mode_of(file),
                now - file.used_at,
            )
            for file in files
        ]

    def release(self, owner: FileOwner) -> None:
        """Close all of `owner`'s files."""
        with self.lock:
            for file in list(owner.open_files.values()):
                self._drop(file)

    def close(self, owner: FileOwner, index: int) -> None:
        """Close one file, if open."""
        with self.lock:
            file = owner.open_files.get(index)
            if file is not None:
                self._drop(file)

    def close_oldest(self) -> None:
        """Close the file that was used the longest ago, if one is open."""
        with self.lock:
            oldest = min(self._files, key=lambda file: file.used_at, default=None)
            if oldest is not None:
                self._drop(oldest)

    def _evict(self) -> None:
        while len(self._files) > self._limit:
            oldest = next(iter(self._files))
            if oldest.is_recent:
                oldest.is_recent = False
                del self._files[oldest]
                self._files[oldest] = None
            else:
                self._drop(oldest)

    def _drop(self, file: OpenFile) -> None:
        del self._files[file]
        del file.owner.open_files[file.index]
        file.owner.on_file_closed(file)


def _mode_of(file: OpenFile) -> FileOpenMode:
    mode = FileOpenMode.read_write if file.is_writable else FileOpenMode.read_only
    return mode | FileOpenMode.no_atime if file.no_atime else mode
