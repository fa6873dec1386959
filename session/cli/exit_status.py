"""How the command ends: its exit statuses, and the error that carries one."""

from __future__ import annotations

import errno
from enum import IntEnum

from .printable import one_line

__all__ = ["CommandFailed", "ExitStatus", "status_of_signal"]

_DISK_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG})


class ExitStatus(IntEnum):
    """What the shell sees.  A signal that ended the work is 128 and its number: 130 for Ctrl-C, 143 for SIGTERM."""

    DONE = 0
    """Everything asked for is done and verified."""
    FAILED = 1
    """Some of it is not, for a reason that is none of the others."""
    USAGE = 2
    """The command line is wrong."""
    BAD_INPUT = 3
    """A .torrent file, link or URL is missing, broken, or of a kind that cannot be downloaded."""
    DISK = 4
    """A file could not be read or written: full, no permission, vanished."""
    CANNOT_LISTEN = 5
    """The port asked for cannot be had."""
    TIMEOUT = 6
    """`--timeout` passed first."""


def status_of_signal(number: int) -> int:
    """The shell's convention."""
    return 128 + number


class CommandFailed(Exception):
    """Ends the command with one line on stderr and a status of its own."""

    def __init__(self, message: str, status: int = ExitStatus.FAILED) -> None:
        super().__init__(one_line(message))
        self.status = int(status)
        """What the shell will see."""

    @classmethod
    def from_os_error(cls, error: OSError, doing: str = "") -> CommandFailed:
        """What a system call failed with; a full or broken disk has a status of its own."""
        where = f" {error.filename}" if error.filename else ""
        status = ExitStatus.DISK if error.errno in _DISK_ERRNOS else ExitStatus.FAILED
        return cls(f"{doing or 'cannot use'}{where}: {error.strerror or error}", status)
