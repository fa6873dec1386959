"""A file that appears under its name whole or not at all.

Data that leaves the part file is written under another name beside its place and renamed at the end.  A process killed in
between leaves no half file under the torrent's name, which the next run would take for the data it stands for.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from ...protocols.types import Buffer
from .errors import StorageError, blaming
from .paths import Place, exists, open_beneath, parent_of
from .positional import write_fully

__all__ = ["ArrivingFile"]


class ArrivingFile:
    """`with ArrivingFile(…) as file: file.write(…)`: there after the block, and only if anything was written.

    An error in the block removes what was written.  Replaces nothing: a file that turned up meanwhile is an error.
    """

    __slots__ = ("_fd", "_mode", "_name", "_place", "_reserve", "was_written")

    def __init__(self, place: Place, name: str, *, mode: int, reserve: Callable[[int], object]) -> None:
        """`name` is what it is called until then, in the same folder; `reserve(descriptor)` makes room before the first write."""
        self._place = place
        self._name = name
        self._mode = mode
        self._reserve = reserve
        self._fd: int | None = None
        self.was_written = False

    def write(self, views: Sequence[Buffer], position: int) -> None:
        """Write buffers at a position of the file.  StorageError."""
        if self._fd is None:
            self._fd = self._open()
        with blaming("write", self._place.path):
            write_fully(self._fd, views, position)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd is None:
            return
        os.close(self._fd)
        self._fd = None
        try:
            if error is None:
                self._arrive()
        finally:
            if not self.was_written:
                self._discard()

    def _open(self) -> int:
        if exists(self._place):
            raise StorageError("open", self._place.path, OSError(errno.EEXIST, os.strerror(errno.EEXIST)))
        folder, _, _ = self._place.relative.rpartition("/")
        beside = Place(self._place.root, f"{folder}/{self._name}" if folder else self._name)
        with blaming("open", self._place.path):
            fd = open_beneath(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, self._mode)
        try:
            self._reserve(fd)
        except BaseException:
            os.close(fd)
            self._discard()
            raise
        return fd

    def _arrive(self) -> None:
        with blaming("rename", self._place.path), parent_of(self._place) as (folder, name):
            os.rename(self._beside(name), name, src_dir_fd=folder, dst_dir_fd=folder)
        self.was_written = True

    def _discard(self) -> None:
        with blaming("remove", self._place.path), parent_of(self._place) as (folder, name):
            try:
                os.unlink(self._beside(name), dir_fd=folder)
            except FileNotFoundError:
                pass

    def _beside(self, name: str) -> str:
        return os.path.join(os.path.dirname(name), self._name)
