"""The port between the disk layer and what holds a torrent's bytes.

Files on disk (`posix.py`), memory and made-up contents (`memory.py`) are the backends here; a plug-in may bring its
own.  A backend knows offsets of the torrent, not pieces, peers or callbacks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

from ...protocols.types import Buffer
from ..flags import MoveFlags, RemoveFlags
from ..status import OpenFileState
from .params import MoveResult

if TYPE_CHECKING:
    from ...protocols.metainfo import TorrentInfo

__all__ = ["Backend", "Presence", "Scan", "Writable"]

Writable: TypeAlias = bytearray | memoryview


class Presence(IntEnum):
    """What a stretch of the torrent is made of."""

    MISSING = 0
    """Some of it was never written: no hash can match."""
    ZEROS = 1
    """A hole, or padding: reads as zeros and need not be read."""
    DATA = 2


class Scan(ABC):
    """A look at what is there, good for one slice of a check; used by one thread."""

    __slots__ = ()

    @abstractmethod
    def presence(self, offset: int, length: int) -> Presence:
        """What the stretch is made of, without reading it.  StorageError."""

    def has_anything(self, info: TorrentInfo) -> bool:
        """Something of it is there, be it a hole.  StorageError."""
        return any(
            self.presence(piece * info.piece_length, info.piece_size(piece)) is not Presence.MISSING
            for piece in range(info.num_pieces)
        )


class Backend(ABC):
    """Holds one torrent's bytes.

    Methods block and run on workers, several at once, except `read_nowait` (the loop thread) and those called
    exclusive below, which run alone.  They raise StorageError.  Offsets are torrent offsets, in range.
    """

    __slots__ = ()

    @abstractmethod
    def read(self, buffers: Sequence[Writable], offset: int) -> None:
        """Fill all buffers."""

    @abstractmethod
    def write(self, buffers: Sequence[Buffer], offset: int) -> None:
        """Write all buffers."""

    @abstractmethod
    def read_nowait(self, buffers: Sequence[Writable], offset: int) -> bool:
        """Fill all buffers if that takes no waiting; else False, with the buffers' content unspecified."""

    @abstractmethod
    def scan(self) -> Scan:
        """A fresh look at what is there."""

    @abstractmethod
    def prepare(self) -> None:
        """Create what has no bytes: empty files, links.  May be repeated."""

    @abstractmethod
    def verify(self, have: int) -> None:
        """Cheap test that the pieces in `have` (bit i = piece i) can be there: files exist and are long enough."""

    @abstractmethod
    def flush(self, *, sync: bool) -> None:
        """Exclusive.  With `sync`, what was written has reached the device on return."""

    @abstractmethod
    def release(self) -> None:
        """Exclusive.  Close every file; they are opened again when needed."""

    @abstractmethod
    def rename(self, index: int, name: str) -> None:
        """Exclusive.  One file gets another path, relative to the save path or absolute."""

    @abstractmethod
    def move(self, save_path: str, mode: MoveFlags) -> MoveResult:
        """Exclusive.  All files go elsewhere, or none."""

    @abstractmethod
    def delete(self, flags: RemoveFlags) -> None:
        """Exclusive.  Remove from disk."""

    @abstractmethod
    def set_priorities(self, priorities: Sequence[int]) -> None:
        """Exclusive.  New file priorities; data of files now wanted leaves the part file."""

    def open_file_states(self) -> list[OpenFileState]:
        """The files that are held open (`TorrentHandle.file_status`); called on the loop thread, does not wait."""
        return []
