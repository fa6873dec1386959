"""What files leave in the system's page cache, and when what is written is on the device (`disk_io_read_mode`, `…_write_mode`).

Only clean pages can be dropped, so what is not to stay there is written through first, as libtorrent does.  Part files and the
first blocks of unfinished pieces are the system's business in any mode.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .paths import Place, open_beneath

__all__ = ["CacheUse"]

_NO_ATIME: Final[int] = getattr(os, "O_NOATIME", 0)
"""Linux only."""
_GET_FLAGS: Final = 0x8000_6601 | struct.calcsize("l") << 16
"""FS_IOC_GETFLAGS, ioctl_iflags(2)."""
_SET_FLAGS: Final = 0x4000_6602 | struct.calcsize("l") << 16
_NO_COW: Final = 0x0080_0000
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
    no_cow: bool = False
    """What is written in a new file replaces what was there, where file systems would otherwise write it elsewhere (btrfs)."""

    def open(self, place: Place, flags: int, mode: int) -> tuple[int, bool]:
        """As `open_beneath`; also whether the time of reading is not noted."""
        if self.no_atime and _NO_ATIME:
            try:
                return open_beneath(place, flags | _NO_ATIME, mode), True
            except OSError as error:
                if error.errno != errno.EPERM:  # open(2): of a file that belongs to somebody else.
                    raise
        return open_beneath(place, flags, mode), False

    def begin(self, fd: int) -> None:
        """A file that has no bytes yet is about to get some."""
        if self.no_cow:
            _set_no_cow(fd)

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


def _set_no_cow(fd: int) -> None:
    """Best effort: most file systems have no such thing."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        (flags,) = struct.unpack("l", fcntl.ioctl(fd, _GET_FLAGS, bytes(struct.calcsize("l"))))
        fcntl.ioctl(fd, _SET_FLAGS, struct.pack("l", flags | _NO_COW))
    except OSError:
        pass


def _drop(fd: int, position: int, length: int) -> None:
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, position, length, os.POSIX_FADV_DONTNEED)
