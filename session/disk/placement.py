"""Which file of a torrent lies where: save path, renamed files, priorities.  No I/O."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...protocols.metainfo.files import FileFlags
from .errors import StorageError
from .params import DEFAULT_PRIORITY, DONT_DOWNLOAD, StorageParams
from .paths import Place

if TYPE_CHECKING:
    from ...protocols.metainfo import FileStorage

__all__ = ["Placement"]


class Placement:
    """The places of one torrent's files.  Changed only by jobs that run alone."""

    __slots__ = ("_info", "num_files", "priorities", "renamed", "save_path")

    def __init__(self, params: StorageParams) -> None:
        self._info = params.info
        self.num_files = params.info.num_files
        self.save_path = os.path.abspath(params.save_path)
        self.renamed: dict[int, str] = {}
        self.priorities: tuple[int, ...] = tuple(params.file_priorities)
        for index, name in params.renamed_files.items():
            self.rename(index, name)

    @property
    def files(self) -> FileStorage:
        """The torrent's file list, made when first asked for."""
        return self._info.files

    def place(self, index: int) -> Place:
        """Root and relative path of a file.  A file renamed to an absolute path is its own folder's."""
        name = self.renamed.get(index)
        if name is None:
            return Place(self.save_path, _with_slashes(self.files.path(index)))
        if os.path.isabs(name):
            folder, _, base = name.rpartition(os.sep)
            return Place(folder or os.sep, base)
        return Place(self.save_path, _with_slashes(name))

    def path(self, index: int) -> str:
        """Full path of a file."""
        return self.place(index).path

    def is_elsewhere(self, index: int) -> bool:
        """The file was renamed to an absolute path: it does not move with the torrent."""
        return os.path.isabs(self.renamed.get(index, ""))

    def is_wanted(self, index: int) -> bool:
        return self.priority(index) != DONT_DOWNLOAD

    def priority(self, index: int) -> int:
        return self.priorities[index] if index < len(self.priorities) else DEFAULT_PRIORITY

    def is_pad(self, index: int) -> bool:
        return self.files.is_pad(index)

    def is_executable(self, index: int) -> bool:
        return bool(self.files.flags(index) & FileFlags.EXECUTABLE)

    def is_symlink(self, index: int) -> bool:
        return bool(self.files.flags(index) & FileFlags.SYMLINK)

    def piece_bits(self, index: int) -> int:
        """The pieces a file has bytes in (bit i = piece i)."""
        pieces = self.files.pieces_of(index)
        return (1 << pieces.stop) - (1 << pieces.start) if pieces else 0

    def link_target(self, index: int) -> str | None:
        """Target of a symbolic link, relative to the link; None when it would leave the save path."""
        target = _with_slashes(self.files.symlink(index))
        if not target or os.path.isabs(target) or self.is_elsewhere(index):
            return None
        target = os.path.normpath(target)
        if target == ".." or target.startswith(".." + os.sep):
            return None
        return os.path.relpath(target, os.path.dirname(self.place(index).relative) or ".")

    def rename(self, index: int, name: str) -> None:
        """Record another path.  StorageError when it is none of a file, or climbs out of the save path."""
        if not 0 <= index < self.num_files:
            raise StorageError("rename", name, OSError(errno.EINVAL, f"there is no file {index}"))
        relative = _with_slashes(name)
        components = relative.split("/")
        if not name or "\0" in name or components[-1] in ("", ".", ".."):
            raise StorageError("rename", name, OSError(errno.EINVAL, "not a file name"))
        if not os.path.isabs(name) and any(part in ("", ".", "..") for part in components):
            raise StorageError("rename", name, OSError(errno.EINVAL, "leads out of the save path"))
        self.renamed[index] = name

    def set_priorities(self, priorities: Sequence[int]) -> None:
        """Replace the priorities of the first `len(priorities)` files."""
        self.priorities = (*priorities, *self.priorities[len(priorities) :])


def _with_slashes(path: str) -> str:
    return path if os.sep == "/" else path.replace(os.sep, "/")
