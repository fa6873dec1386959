"""A torrent's bytes in files under a save path (libtorrent's layout).

Pad files are never written and read as zeros.  Files with priority 0 are not created: what wanted pieces overlap of
them goes to the part file, except where such a file existed before, which is then used as it is.  Existing files are
never shortened.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from typing import TypeVar

from ...protocols.types import Buffer
from ..flags import MoveFlags, RemoveFlags, StorageMode
from ..status import OpenFileState
from .arriving import ArrivingFile
from .backend import Backend, Scan, Writable
from .descriptors import FilePool, OpenFile
from .errors import StorageError, blaming
from .params import MoveResult, StorageParams
from .part_file import PartFile
from .paths import Place, exists, make_folders, parent_of, status_of
from .placement import Placement
from .positional import RWF_NOWAIT, read_fully, take_bytes, total_length, write_fully
from .presence import FileScan
from .relocation import delete_files, move_files, rename_file
from .unwanted import UnwantedFiles

__all__ = ["PosixBackend"]

_AnyBuffer = TypeVar("_AnyBuffer", bound=Buffer)


class PosixBackend(Backend):
    """Files under `params.save_path`, opened through `pool`.  Touches nothing until it is used."""

    __slots__ = (
        "_hot",
        "_is_prepared",
        "_is_single",
        "_mode",
        "_num_pieces",
        "_piece_length",
        "_pool",
        "_unsynced",
        "open_files",
        "placement",
        "unwanted",
    )

    def __init__(self, params: StorageParams, pool: FilePool) -> None:
        info = params.info
        self.placement = Placement(params)
        self.open_files: dict[int, OpenFile] = {}
        self._pool = pool
        self._mode = params.storage_mode
        self._piece_length = info.piece_length
        self._num_pieces = info.num_pieces
        self._is_single = self.placement.num_files == 1
        self._hot: OpenFile | None = None
        """The file read last, for the upload path; dropped by the pool with the file."""
        self._unsynced: set[int] = set()
        self._is_prepared = False
        name = params.part_file_name or f".{info.info_hashes.best().hex()}.parts"
        self.unwanted = UnwantedFiles(self.placement, self._part_file_at(self.placement.save_path, name))

    def read(self, buffers: Sequence[Writable], offset: int) -> None:
        for index, position, start, views in self._stretches(buffers, offset):
            if self.placement.is_pad(index):
                _fill_with_zeros(views)
            elif index in self.unwanted.indices():
                self.unwanted.part_file.read(views, start)
            else:
                self._read_file(index, views, position)

    def write(self, buffers: Sequence[Buffer], offset: int) -> None:
        if not self._is_prepared:
            self.prepare()
        for index, position, start, views in self._stretches(buffers, offset):
            if self.placement.is_pad(index):
                continue
            if index in self.unwanted.indices():
                self.unwanted.part_file.write(views, start)
            else:
                self._write_file(index, views, position)

    def read_nowait(self, buffers: Sequence[Writable], offset: int) -> bool:
        # The upload path: no lock, no allocation, one system call when the run lies in the file read last.
        file = self._hot
        if file is not None and RWF_NOWAIT:
            wanted = sum(map(len, buffers))
            if file.start <= offset and offset + wanted <= file.end:
                file.is_recent = True
                file.used_at = self._pool.clock()
                try:
                    return os.preadv(file.fd, buffers, offset - file.start, RWF_NOWAIT) == wanted
                except OSError:  # not cached, or a file system that cannot tell
                    return False
        return bool(RWF_NOWAIT) and self._read_scattered_nowait(buffers, offset)

    def scan(self) -> Scan:
        return FileScan(self)

    def prepare(self) -> None:
        for index in range(self.placement.num_files):
            if (
                self.placement.files.size(index)
                or self.placement.is_pad(index)
                or not self.placement.is_wanted(index)
            ):
                continue
            if self.placement.is_symlink(index):
                self._create_link(index)
            else:
                self._create_empty(index)
        self._is_prepared = True

    def verify(self, have: int) -> None:
        is_seed = have == (1 << self._num_pieces) - 1
        for index in range(self.placement.num_files):
            size = self.placement.files.size(index)
            if self.placement.is_pad(index) or not self.placement.is_wanted(index):
                continue
            if not is_seed and not (size and have & self.placement.piece_bits(index)):
                continue
            place = self.placement.place(index)
            status = status_of(place)
            if status is None and not self.placement.is_symlink(index):
                raise StorageError(
                    "check_resume", place.path, OSError(errno.ENOENT, os.strerror(errno.ENOENT))
                )
            if is_seed and status is not None and status.st_size < size:
                raise StorageError("check_resume", place.path, OSError(errno.ENODATA, "file is too short"))

    def flush(self, *, sync: bool) -> None:
        while sync and self._unsynced:
            index = self._unsynced.pop()
            file = self._pool.get(self, index)
            with blaming("sync", self.placement.path(index)):
                os.fsync(file.fd)
        if sync:
            self.unwanted.part_file.sync()

    def release(self) -> None:
        self._pool.release(self)
        self._pool.release(self.unwanted.part_file)

    def rename(self, index: int, name: str) -> None:
        self._pool.close(self, index)
        rename_file(self.placement, index, name)

    def move(self, save_path: str, mode: MoveFlags) -> MoveResult:
        save_path = os.path.abspath(save_path)
        self.release()
        name = self.unwanted.part_file.place.relative
        if mode in (MoveFlags.reset_save_path, MoveFlags.reset_save_path_unchecked):
            make_folders(save_path)
            self.placement.save_path = save_path
            self.unwanted.look_again(self._part_file_at(save_path, name))
            self._is_prepared = False
            return MoveResult(save_path, need_full_check=mode is MoveFlags.reset_save_path)
        place = Place(save_path, name)
        result = move_files(self.placement, save_path, mode, [(self.unwanted.part_file.place, place)])
        self.unwanted.part_file.moved_to(place)
        if result.need_full_check:  # what was at the new place is used as it is, unwanted files as well
            self.unwanted.look_again(self.unwanted.part_file)
        return result

    def delete(self, flags: RemoveFlags) -> None:
        self.release()
        if flags & RemoveFlags.delete_files:
            self._is_prepared = False
            self._unsynced.clear()
            delete_files(self.placement)
        if flags:
            self.unwanted.part_file.delete()

    def set_priorities(self, priorities: Sequence[int]) -> None:
        before = self.unwanted.indices()
        try:
            self.unwanted.set_priorities(priorities, self._new_file)
        finally:
            arrived = before - self.unwanted.indices()
            self._unsynced |= {index for index in arrived if exists(self.placement.place(index))}
        if self._is_prepared:
            self.prepare()

    def open_file_states(self) -> list[OpenFileState]:
        return self._pool.states(self)

    def open_file(self, index: int, *, for_writing: bool) -> OpenFile:
        """For the pool."""
        place = self.placement.place(index)
        flags = os.O_RDWR | os.O_CREAT if for_writing else os.O_RDONLY
        with blaming("open", place.path):
            fd, no_atime = self._pool.cache_use.open(place, flags, self._mode_of(index))
            file = OpenFile(fd, self, index, is_writable=for_writing)
        file.no_atime = no_atime
        file.start = self.placement.files.offset(index)
        file.end = file.start + self.placement.files.size(index)
        if for_writing:
            self._reserve(fd, index)
        return file

    def on_file_closed(self, file: OpenFile) -> None:
        """For the pool."""
        if self._hot is file:
            self._hot = None

    def get_file(self, index: int) -> OpenFile | None:
        """The open file, None when there is none on disk.  StorageError."""
        try:
            return self._pool.get(self, index)
        except StorageError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return None
            raise

    def _part_file_at(self, save_path: str, name: str) -> PartFile:
        return PartFile(self._pool, Place(save_path, name), self._num_pieces, self._piece_length)

    def _stretches(
        self, buffers: Sequence[_AnyBuffer], offset: int
    ) -> Iterator[tuple[int, int, int, Sequence[_AnyBuffer | memoryview]]]:
        """The files a request covers: (file, offset in it, offset in the torrent, the buffers' part)."""
        if self._is_single:
            yield 0, offset, offset, buffers
            return
        done = 0
        for index, position, size in self.placement.files.map_range(offset, total_length(buffers)):
            yield index, position, offset + done, take_bytes(buffers, done, size)
            done += size

    def _read_file(self, index: int, views: Sequence[Writable], position: int) -> None:
        file = self._pool.get(self, index)
        with blaming("read", self.placement.path(index)):
            length = total_length(views)
            if read_fully(file.fd, views, position) < length:
                raise OSError(errno.ENODATA, "file is too short")
            self._pool.cache_use.after_read(file.fd, position, length)

    def _write_file(self, index: int, views: Sequence[Buffer], position: int) -> None:
        file = self._pool.get(self, index, for_writing=True)
        self._unsynced.add(index)
        with blaming("write", self.placement.path(index)):
            write_fully(file.fd, views, position)
            self._pool.cache_use.after_write(file.fd, position, total_length(views))

    def _read_scattered_nowait(self, buffers: Sequence[Writable], offset: int) -> bool:
        if not self._pool.cache_use.keeps_read:
            return False  # Nor is any file hot then: a worker reads, and drops what it read.
        for index, position, _, views in self._stretches(buffers, offset):
            if self.placement.is_pad(index):
                _fill_with_zeros(views)
                continue
            file = self.open_files.get(index)
            if file is None:
                return False
            file.is_recent = True
            file.used_at = self._pool.clock()
            try:
                if os.preadv(file.fd, views, position, RWF_NOWAIT) != total_length(views):
                    return False
            except OSError:
                return False
            self._make_hot(file)
        return True

    def _make_hot(self, file: OpenFile) -> None:
        with self._pool.lock:  # the pool may be evicting it in another thread
            if self.open_files.get(file.index) is file:
                self._hot = file

    def _new_file(self, index: int) -> ArrivingFile:
        return ArrivingFile(
            self.placement.place(index),
            f"{self.unwanted.part_file.place.relative}.{index}",
            mode=self._mode_of(index),
            reserve=lambda fd: self._reserve(fd, index),
        )

    def _mode_of(self, index: int) -> int:
        return 0o777 if self.placement.is_executable(index) else 0o666

    def _reserve(self, fd: int, index: int) -> None:
        size = self.placement.files.size(index)
        is_whole = self._mode is StorageMode.storage_mode_allocate and self.placement.is_wanted(index)
        with blaming("allocate", self.placement.path(index)):
            now = os.fstat(fd).st_size
            if not now:
                self._pool.cache_use.begin(fd)
            if now < size and not (is_whole and _allocate(fd, size)):
                os.ftruncate(fd, size)

    def _create_empty(self, index: int) -> None:
        place = self.placement.place(index)
        if not exists(place):
            self._pool.get(self, index, for_writing=True)

    def _create_link(self, index: int) -> None:
        target = self.placement.link_target(index)
        place = self.placement.place(index)
        if target is None or exists(place):
            return
        with blaming("symlink", place.path), parent_of(place, create=True) as (folder, name):
            try:
                os.symlink(target, name, dir_fd=folder)
            except FileExistsError:  # another worker was faster
                pass


def _allocate(fd: int, size: int) -> bool:
    """Reserve blocks; False where the file system or the platform cannot."""
    if not hasattr(os, "posix_fallocate"):
        return False
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            return False
        raise
    return True


def _fill_with_zeros(views: Sequence[Writable]) -> None:
    for view in views:
        view[:] = bytes(len(view))
