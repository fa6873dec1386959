"""The part file: where the ends of wanted pieces go that overlap unwanted files.

libtorrent's format, so that either program may continue the other's download.  All numbers are 32 bits, big
endian:

    number of pieces | piece length | slot of piece 0 | slot of piece 1 | … | zeros up to a multiple of 1,024 | slots

A slot is one piece long; slot -1 means the piece is not here.  The file exists only while it holds a piece.

Departures: libtorrent writes the header when files are released, we write a piece's entry as soon as its first bytes
are in its slot, so a killed process loses none.  A header that names one slot twice is believed once.

Several workers may open the file for writing at once, and the first to come finds no header.  Looking for it and
starting an empty file are one step under the lock: otherwise a slow worker empties what a fast one has already filled.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
from collections.abc import Callable, Iterable, Sequence

from ...protocols.types import Buffer
from .backend import Writable
from .descriptors import FilePool, OpenFile
from .errors import StorageError, blaming
from .paths import Place, open_beneath, parent_of, status_of
from .positional import read_fully, take_bytes, total_length, write_fully

__all__ = ["PartFile"]

_ENTRY = struct.Struct(">i")
_PREFIX = struct.Struct(">II")
_ABSENT = -1
_ALIGNMENT = 1024


class PartFile:
    """One torrent's part file.  Any thread; `delete`, `moved_to` and `sync` must come alone."""

    __slots__ = (
        "_free",
        "_header_size",
        "_is_unsynced",
        "_lock",
        "_num_pieces",
        "_num_slots",
        "_piece_length",
        "_pool",
        "_slots",
        "open_files",
        "place",
    )

    def __init__(self, pool: FilePool, place: Place, num_pieces: int, piece_length: int) -> None:
        self.place = place
        self.open_files: dict[int, OpenFile] = {}
        self._pool = pool
        self._num_pieces = num_pieces
        self._piece_length = piece_length
        self._header_size = -(-(_PREFIX.size + _ENTRY.size * num_pieces) // _ALIGNMENT) * _ALIGNMENT
        self._lock = threading.Lock()
        self._slots: dict[int, int] | None = None
        self._free: list[int] = []
        self._num_slots = 0
        self._is_unsynced = False

    def covers(self, offset: int, length: int) -> bool:
        """Everything of a stretch of the torrent is here.  StorageError."""
        slots = self._load()
        end = offset + length
        while offset < end:
            piece, start = divmod(offset, self._piece_length)
            size = min(self._piece_length - start, end - offset)
            slot = slots.get(piece)
            if slot is None or self._position(slot) + start + size > self._file_size():
                return False
            offset += size
        return True

    def pieces(self) -> list[int]:
        """The pieces here.  StorageError."""
        return sorted(self._load())

    def write(self, buffers: Sequence[Buffer], offset: int) -> None:
        """Write at a torrent offset.  StorageError."""
        for piece, start, views in self._by_piece(buffers, offset):
            slots = self._load()
            with self._lock:
                is_new = piece not in slots
                if is_new:
                    slots[piece] = self._take_slot()
                position = self._position(slots[piece]) + start
            try:
                self._write_slot(piece, views, position, slots[piece] if is_new else None)
            except BaseException:
                if is_new:
                    self._give_back(piece)
                raise

    def read(self, buffers: Sequence[Writable], offset: int) -> None:
        """Read from a torrent offset.  StorageError, ENOENT when a piece is not here."""
        for piece, start, views in self._by_piece(buffers, offset):
            slot = self._load().get(piece)
            if slot is None:
                raise StorageError(
                    "partfile_read", self.place.path, OSError(errno.ENOENT, "piece not in the part file")
                )
            file = self._pool.get(self, 0)
            with blaming("partfile_read", self.place.path):
                if read_fully(file.fd, views, self._position(slot) + start) < total_length(views):
                    raise OSError(errno.ENODATA, "part file is too short")

    def free(self, pieces: Iterable[int]) -> None:
        """Forget pieces; removes the file with the last of them.  StorageError."""
        slots = self._load()
        gone = [piece for piece in pieces if piece in slots]
        for piece in gone:
            file = self._pool.get(self, 0, for_writing=True)
            self._write_entry(file, piece, _ABSENT)
            self._give_back(piece)
        if gone and not slots:
            self.delete()

    def export(self, offset: int, length: int, write: Callable[[list[memoryview], int], None]) -> None:
        """Hand what is here of a stretch of the torrent to `write(buffers, torrent offset)`.  StorageError."""
        buffer = memoryview(bytearray(self._piece_length))
        end = offset + length
        while offset < end and self._load():
            size = min(self._piece_length - offset % self._piece_length, end - offset)
            if self.covers(offset, size):
                views = [buffer[:size]]
                self.read(views, offset)
                write(views, offset)
            offset += size

    def moved_to(self, place: Place) -> None:
        """The file is somewhere else from now on, and may be another one: what it holds is read again."""
        self._pool.release(self)
        self.place = place
        with self._lock:
            self._slots = None
            self._free = []
            self._num_slots = 0

    def sync(self) -> None:
        """What was written has reached the device on return.  StorageError."""
        if self._is_unsynced:
            file = self._pool.get(self, 0)
            with blaming("sync", self.place.path):
                os.fsync(file.fd)
            self._is_unsynced = False

    def delete(self) -> None:
        """Remove the file and forget all pieces.  StorageError."""
        self._pool.release(self)
        self._is_unsynced = False
        with self._lock:
            self._slots = {}
            self._free = []
            self._num_slots = 0
        with blaming("remove", self.place.path):
            try:
                with parent_of(self.place) as (folder, name):
                    os.unlink(name, dir_fd=folder)
            except FileNotFoundError:
                pass

    def open_file(self, index: int, *, for_writing: bool) -> OpenFile:
        """For the pool."""
        flags = os.O_RDWR | os.O_CREAT if for_writing else os.O_RDONLY
        with blaming("partfile_open", self.place.path):
            file = OpenFile(open_beneath(self.place, flags), self, index, is_writable=for_writing)
            if for_writing:
                with self._lock:
                    self._ensure_header(file.fd)
        return file

    def on_file_closed(self, file: OpenFile) -> None:
        """For the pool."""

    def _load(self) -> dict[int, int]:
        with self._lock:
            if self._slots is None:
                self._slots = self._read_slots()
            return self._slots

    def _read_slots(self) -> dict[int, int]:
        try:
            fd = open_beneath(self.place, os.O_RDONLY)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageError("partfile_open", self.place.path, error) from error
        header = bytearray(self._header_size)
        try:
            with blaming("partfile_read", self.place.path):
                size = read_fully(fd, [header], 0)
        finally:
            os.close(fd)
        # a short or foreign header: an empty part file, to be overwritten
        if size < self._header_size or not self._is_ours(header):
            return {}
        return self._parse_slots(header)

    def _parse_slots(self, header: bytearray) -> dict[int, int]:
        entries = struct.unpack_from(f">{self._num_pieces}i", header, _PREFIX.size)
        slots: dict[int, int] = {}
        used: set[int] = set()
        for piece, slot in enumerate(entries):
            if 0 <= slot < self._num_pieces and slot not in used:
                slots[piece] = slot
                used.add(slot)
        self._num_slots = max(used, default=-1) + 1
        self._free = [slot for slot in range(self._num_slots) if slot not in used]
        return slots

    def _is_ours(self, header: Buffer) -> bool:
        return _PREFIX.unpack_from(header) == (self._num_pieces, self._piece_length)

    def _ensure_header(self, fd: int) -> None:
        """With the lock held."""
        header = bytearray(self._header_size)
        if read_fully(fd, [header], 0) == self._header_size and self._is_ours(header):
            return
        os.ftruncate(fd, 0)
        _PREFIX.pack_into(header, 0, self._num_pieces, self._piece_length)
        end = _PREFIX.size + _ENTRY.size * self._num_pieces
        header[_PREFIX.size : end] = b"\xff" * (end - _PREFIX.size)
        header[end:] = bytes(self._header_size - end)
        write_fully(fd, [header], 0)

    def _write_slot(self, piece: int, views: Sequence[Buffer], position: int, new_slot: int | None) -> None:
        file = self._pool.get(self, 0, for_writing=True)
        self._is_unsynced = True
        with blaming("partfile_write", self.place.path):
            write_fully(file.fd, views, position)
        if new_slot is not None:  # after the data: an entry never promises what is not there
            self._write_entry(file, piece, new_slot)

    def _write_entry(self, file: OpenFile, piece: int, slot: int) -> None:
        with blaming("partfile_write", self.place.path):
            write_fully(file.fd, [_ENTRY.pack(slot)], _PREFIX.size + _ENTRY.size * piece)

    def _take_slot(self) -> int:
        if self._free:
            return self._free.pop(0)
        self._num_slots += 1
        return self._num_slots - 1

    def _give_back(self, piece: int) -> None:
        with self._lock:
            if self._slots is not None and piece in self._slots:
                self._free.append(self._slots.pop(piece))

    def _file_size(self) -> int:
        status = status_of(self.place)
        return status.st_size if status is not None else 0

    def _position(self, slot: int) -> int:
        return self._header_size + slot * self._piece_length

    def _by_piece(
        self, buffers: Sequence[Buffer], offset: int
    ) -> Iterable[tuple[int, int, list[memoryview]]]:
        length, done = total_length(buffers), 0
        while done < length:
            piece, start = divmod(offset + done, self._piece_length)
            size = min(self._piece_length - start, length - done)
            yield piece, start, take_bytes(buffers, done, size)
            done += size
