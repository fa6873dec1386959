"""What a disk operation fails with: which operation, on what path, and the system's own error.

One class, because callers treat all of them alike (the torrent stops with an alert); `cause.errno` tells a full disk
from a missing permission.
"""

from __future__ import annotations

import errno
from types import TracebackType

from ...protocols.errors import EvtorrentError

__all__ = ["StorageError", "blaming"]


class StorageError(EvtorrentError):
    """An operation on a torrent's files failed."""

    def __init__(self, operation: str, path: str, cause: OSError) -> None:
        super().__init__(operation, path, cause)
        self.operation = operation
        """What was being done: "open", "read", "write", "mkdir", "allocate", "rename", "remove", "stat", …"""
        self.path = path
        """The file or folder it was done to."""
        self.cause = cause
        """The system's error, with its `errno`."""

    @property
    def errno(self) -> int:
        """The system's number (ENOSPC, EIO, EACCES, …); 0 where it gave none."""
        return self.cause.errno or 0

    @property
    def message(self) -> str:
        """The system's sentence alone."""
        return self.cause.strerror or str(self.cause)

    def __str__(self) -> str:
        return f"{self.operation} {self.path}: {self.message}"

    @classmethod
    def wrap(cls, operation: str, path: str, error: BaseException) -> StorageError:
        """`error` as a storage error: itself, its cause, or an EIO that quotes it."""
        if isinstance(error, cls):
            return error
        if isinstance(error, OSError):
            return cls(operation, path, error)
        return cls(operation, path, OSError(errno.EIO, f"{type(error).__name__}: {error}"))


class blaming:
    """`with blaming("write", path):` turns an OSError of the block into a StorageError."""

    __slots__ = ("operation", "path")

    def __init__(self, operation: str, path: str) -> None:
        self.operation = operation
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            raise StorageError(self.operation, self.path, error) from error
