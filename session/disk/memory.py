"""Storages without files: in memory, and made up.

Both behave as the files do, so whole swarms can run in a test or a simulation.  `SyntheticBackend` holds nothing at
all: the content of a torrent is a function of the offset, a write of anything else is a failed write.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...protocols.types import Buffer
from ..flags import MoveFlags, RemoveFlags
from .backend import Backend, Presence, Scan, Writable
from .errors import StorageError
from .params import MoveResult, StorageParams
from .positional import total_length

if TYPE_CHECKING:
    from .descriptors import FilePool

__all__ = ["MemoryBackend", "SyntheticBackend", "synthetic_content"]

_WORD = 8


class MemoryBackend(Backend):
    """A torrent in memory, piece by piece."""

    def __init__(self, params: StorageParams, pool: FilePool | None = None) -> None:
        self._info = params.info
        self._piece_length = params.info.piece_length
        self._total_size = params.info.total_size
        self._pieces: dict[int, bytearray] = {}
        self.save_path = params.save_path

    def read(self, buffers: Sequence[Writable], offset: int) -> None:
        if not self.read_nowait(buffers, offset):
            raise StorageError("read", self.save_path, OSError(errno.ENODATA, "never written"))

    def write(self, buffers: Sequence[Buffer], offset: int) -> None:
        data = b"".join(buffers)
        for piece, start, done, size in self._split(offset, len(data)):
            stored = self._pieces.setdefault(piece, bytearray(self._piece_length))
            stored[start : start + size] = data[done : done + size]

    def read_nowait(self, buffers: Sequence[Writable], offset: int) -> bool:
        for buffer in buffers:
            for piece, start, done, size in self._split(offset, len(buffer)):
                stored = self._pieces.get(piece)
                if stored is None:
                    return False
                buffer[done : done + size] = stored[start : start + size]
            offset += len(buffer)
        return True

    def scan(self) -> Scan:
        return _PieceScan(
            lambda offset, length: all(p in self._pieces for p, *_ in self._split(offset, length))
        )

    def prepare(self) -> None:
        pass

    def verify(self, have: int) -> None:
        for piece in range(have.bit_length()):
            if have >> piece & 1 and piece not in self._pieces:
                raise StorageError(
                    "check_resume", self.save_path, OSError(errno.ENOENT, f"piece {piece} is gone")
                )

    def flush(self, *, sync: bool) -> None:
        pass

    def release(self) -> None:
        pass

    def rename(self, index: int, name: str) -> None:
        pass

    def move(self, save_path: str, mode: MoveFlags) -> MoveResult:
        self.save_path = save_path
        return MoveResult(save_path)

    def delete(self, flags: RemoveFlags) -> None:
        if flags & RemoveFlags.delete_files:
            self._pieces.clear()

    def set_priorities(self, priorities: Sequence[int]) -> None:
        pass

    def _split(self, offset: int, length: int) -> list[tuple[int, int, int, int]]:
        """(piece, start in it, bytes before, size) of a stretch.  ValueError outside the torrent."""
        if offset < 0 or offset + length > self._total_size:
            raise ValueError(f"{length} bytes at {offset} of a torrent of {self._total_size}")
        parts = []
        done = 0
        while done < length:
            piece, start = divmod(offset + done, self._piece_length)
            size = min(self._piece_length - start, length - done)
            parts.append((piece, start, done, size))
            done += size
        return parts


class SyntheticBackend(MemoryBackend):
    """A torrent whose content is `content(offset, length)`; knows which pieces it was given and keeps no bytes.

    Less than a piece is compared with the content and not remembered.
    """

    def __init__(
        self,
        params: StorageParams,
        pool: FilePool | None = None,
        *,
        content: Callable[[int, int], bytes] | None = None,
        is_complete: bool = False,
    ) -> None:
        super().__init__(params, pool)
        self._content = content or synthetic_content
        nothing = bytearray()
        self._pieces = dict.fromkeys(range(params.info.num_pieces), nothing) if is_complete else {}

    def write(self, buffers: Sequence[Buffer], offset: int) -> None:
        data = b"".join(buffers)
        if data != self._content(offset, len(data)):
            raise StorageError("write", self.save_path, OSError(errno.EIO, f"wrong content at {offset}"))
        for piece, _, _, size in self._split(offset, len(data)):
            if size == self._info.piece_size(piece):
                self._pieces[piece] = bytearray()

    def read_nowait(self, buffers: Sequence[Writable], offset: int) -> bool:
        if not all(piece in self._pieces for piece, *_ in self._split(offset, total_length(buffers))):
            return False
        for buffer in buffers:
            buffer[:] = self._content(offset, len(buffer))
            offset += len(buffer)
        return True


class _PieceScan(Scan):
    def __init__(self, has: Callable[[int, int], bool]) -> None:
        self._has = has

    def presence(self, offset: int, length: int) -> Presence:
        return Presence.DATA if self._has(offset, length) else Presence.MISSING


def synthetic_content(offset: int, length: int) -> bytes:
    """Bytes of a made-up torrent: every aligned word is its own number, hashed a little; any stretch in any cut."""
    first = offset // _WORD
    last = (offset + length + _WORD - 1) // _WORD
    mask = (1 << 64) - 1
    words = (
        ((number * 0x9E3779B97F4A7C15) & mask).to_bytes(_WORD, "little") for number in range(first, last)
    )
    start = offset - first * _WORD
    return b"".join(words)[start : start + length]
