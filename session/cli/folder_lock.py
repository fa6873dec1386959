"""One process at a time writes a torrent into a folder: `.<info-hash>.lock` beside it, locked while it is there.

The lock is the system's, on the open file, so that it ends with the process, however that ends; a file left behind by a
kill locks nobody out.  The file says whose it is, for the message.  Where a folder takes no such file, or its file system
knows no locks, there is none: nothing can be written there either, or nothing can be said about others.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Final, Self

from .. import InfoHashes
from .exit_status import CommandFailed, ExitStatus

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["FolderLocks", "Locked"]

_MAX_OWNER: Final = 200
_BUSY: Final = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
_TRIES: Final = 5
"""Times the file may be taken away under us by a process that ends."""


class Locked(CommandFailed):
    """Another process has it."""

    def __init__(self, what: str, folder: str, owner: str) -> None:
        super().__init__(
            f"{what} is in use in {folder} by {owner or 'another process'}: wait for it, or choose another folder",
            ExitStatus.DISK,
        )
        self.owner = owner
        """"process 4711", as the other wrote it; empty when it had not yet."""


class FolderLocks:
    """What this process has locked.  A context manager; leaving it unlocks all."""

    def __init__(self) -> None:
        self._held: dict[Path, int] = {}

    def lock(self, folder: str, hashes: InfoHashes, name: str) -> None:
        """The torrent is ours in `folder`, for as long as this object is open; repeatable.  Locked."""
        for info_hash in (hashes.v1, hashes.v2):
            # Both of a hybrid torrent: another may know it by one of them only.
            if info_hash is not None:
                self.lock_file(Path(os.path.realpath(folder), f".{info_hash}.lock"), name)

    def lock_file(self, path: Path, what: str) -> None:
        """The same of a file of any name; `what` is for the message.  Locked."""
        if path in self._held:
            return
        for _ in range(_TRIES):
            descriptor = _opened(path)
            if descriptor is None:
                return
            try:
                if not _try_lock(descriptor):
                    owner = os.pread(descriptor, _MAX_OWNER, 0).decode(errors="replace").strip()
                    raise Locked(what, str(path.parent), owner)
                if _is_still(path, descriptor):
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, f"process {os.getpid()}\n".encode(), 0)
                    self._held[path] = descriptor
                    return
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
        raise Locked(what, str(path.parent), "")

    def unlock(self, folder: str, hashes: InfoHashes) -> None:
        """It is anybody's again."""
        for info_hash in (hashes.v1, hashes.v2):
            path = Path(os.path.realpath(folder), f".{info_hash}.lock")
            descriptor = self._held.pop(path, None)
            if descriptor is not None:
                _release(path, descriptor)

    def close(self) -> None:
        """Everything is anybody's again.  Repeatable."""
        while self._held:
            _release(*self._held.popitem())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _opened(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
    except OSError:
        return None


def _try_lock(descriptor: int) -> bool:
    """Take the lock without waiting; True also where the file system has none."""
    try:
        if sys.platform == "win32":
            # Beyond the text, which the others are to read.
            os.lseek(descriptor, 2 * _MAX_OWNER, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _BUSY
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    """The file of that name is the one that was opened: its last owner may have removed it in between."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


def _release(path: Path, descriptor: int) -> None:
    # Removed while still locked: whoever opened it before will see that it is gone.
    try:
        path.unlink(missing_ok=True)
    except OSError:
        pass
    os.close(descriptor)
