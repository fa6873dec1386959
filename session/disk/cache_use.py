"""What files leave in the system's page cache, and when what is written is on the device (`disk_io_read_mode`, `…_write_mode`).

Only clean pages can be dropped, so what is not to stay there is written through first, as libtorrent does.  Part files and the
first blocks of unfinished pieces are the system's business in any mode.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .paths import Place, open_beneath

__all__ = ["CacheUse"]

_NO_ATIME: Final[int] = getattr(os, "O_NOATIME", 0)
"""Linux only."""
_sync: Callable[[int], object] = getattr(os, "fdatasync", os.fsync)


@dataclass(frozen=True, slots=True)
class CacheUse:
    """How the files of a session are opened, and what follows a transfer."""

    keeps_read: bool = True
    """What was read may stay in the cache."""
    keeps_written: bool = True
    """What was written may."""
    writes_through: bool = False
    """What was written is on the device before it is reported."""
    no_atime: bool = True
    """When a file was read last is not noted, where the system can do without."""

    def open(self, place: Place, flags: int, mode: int) -> tuple[int, bool]:
        """As `open_beneath`; also whether the time of reading is not noted."""
        if self.no_atime and _NO_ATIME:
            try:
                return open_beneath(place, flags | _NO_ATIME, mode), True
            except OSError as error:
                if error.errno != errno.EPERM:  # open(2): of a file that belongs to somebody else.
                    raise
        return open_beneath(place, flags, mode), False

    def after_read(self, fd: int, position: int, length: int) -> None:
        """So much was read.  OSError."""
        if not self.keeps_read:
            _drop(fd, position, length)

    def after_write(self, fd: int, position: int, length: int) -> None:
        """So much was written.  OSError, when it did not reach the device."""
        if self.writes_through or not self.keeps_written:
            _sync(fd)
        if not self.keeps_written:
            _drop(fd, position, length)


def _drop(fd: int, position: int, length: int) -> None:
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, position, length, os.POSIX_FADV_DONTNEED)
