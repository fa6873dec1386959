"""What of a torrent's files is on disk, found without reading: missing, hole or data."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .backend import Presence, Scan
from .descriptors import OpenFile

if TYPE_CHECKING:
    from ...protocols.metainfo import TorrentInfo
    from .posix import PosixBackend

__all__ = ["FileScan"]

_SEEK_DATA: int | None = getattr(os, "SEEK_DATA", None) if hasattr(os, "preadv") else None
"""Not used where reading has to seek, too."""
_BLOCK = 512


@dataclass(slots=True)
class _Seen:
    """One file at the moment of the first look."""

    file: OpenFile
    size: int
    has_holes: bool
    hole_start: int = 0
    hole_end: int = 0


class FileScan(Scan):
    """Remembers sizes and the last hole of each file.  SEEK_DATA is asked only of files with fewer blocks than bytes."""

    def __init__(self, backend: PosixBackend) -> None:
        self._backend = backend
        self._placement = backend.placement
        self._seen: dict[int, _Seen | None] = {}

    def presence(self, offset: int, length: int) -> Presence:
        if self._placement.num_files == 1:
            return self._in_file(0, offset, length)
        found = Presence.ZEROS
        for index, position, size in self._placement.files.map_range(offset, length):
            here = self._in_file(index, position, size)
            if here is Presence.MISSING:
                return here
            found = max(found, here)
        return found

    def has_anything(self, info: TorrentInfo) -> bool:
        files = info.files
        return any(
            self.presence(files.offset(index), 1) is not Presence.MISSING
            for index in range(files.num_files)
            if files.size(index) and not files.is_pad(index)
        )

    def _in_file(self, index: int, position: int, length: int) -> Presence:
        if self._placement.is_pad(index):
            return Presence.ZEROS
        backend = self._backend
        if index in backend.unwanted.indices():
            start = self._placement.files.offset(index) + position
            is_there = backend.unwanted.part_file.covers(start, length)
            return Presence.DATA if is_there else Presence.MISSING
        seen = self._look(index)
        if seen is None or position + length > seen.size:
            return Presence.MISSING
        return _hole_or_data(seen, position, position + length)

    def _look(self, index: int) -> _Seen | None:
        if index in self._seen:
            return self._seen[index]
        file = self._backend.get_file(index)
        seen = None
        if file is not None:
            status = os.fstat(file.fd)
            has_holes = status.st_blocks * _BLOCK < status.st_size
            seen = _Seen(file, status.st_size, has_holes and _SEEK_DATA is not None)
        self._seen[index] = seen
        return seen


def _hole_or_data(seen: _Seen, start: int, end: int) -> Presence:
    if not seen.has_holes or _SEEK_DATA is None:
        return Presence.DATA
    if not (seen.hole_start <= start and end <= seen.hole_end):
        try:
            data = os.lseek(seen.file.fd, start, _SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:  # a file system that cannot tell
                seen.has_holes = False
                return Presence.DATA
            data = seen.size
        if data < end:
            return Presence.DATA
        seen.hole_start, seen.hole_end = start, data
    return Presence.ZEROS
