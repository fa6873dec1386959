"""Renaming, moving and deleting a torrent's files.

A move across file systems copies everything first and removes the sources when all of it has arrived; a failure puts
back what was moved and removes what was copied.  Nothing is overwritten unless asked for.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable

from ..flags import MoveFlags
from .errors import StorageError, blaming
from .params import MoveResult
from .paths import Place, exists, list_parents, make_folders, open_beneath, parent_of
from .placement import Placement
from .positional import write_fully

__all__ = ["delete_files", "move_files", "rename_file"]

_COPY_SIZE = 1024 * 1024
_GONE = (errno.ENOENT, errno.ENOTDIR)
_IN_USE = (errno.ENOTEMPTY, errno.EEXIST, *_GONE)


def rename_file(placement: Placement, index: int, name: str) -> None:
    """Give one file another path and move it there.  StorageError, with nothing changed."""
    before = dict(placement.renamed)
    old = placement.place(index) if 0 <= index < placement.num_files else None
    placement.rename(index, name)
    try:
        new = placement.place(index)
        if old is None or old.path == new.path:
            return
        is_taken = any(
            placement.path(other) == new.path for other in range(placement.num_files) if other != index
        )
        if is_taken or (exists(old) and exists(new)):
            raise StorageError("rename", new.path, OSError(errno.EEXIST, os.strerror(errno.EEXIST)))
        if exists(old) and _transfer(old, new):
            _remove(old)
    except BaseException:
        placement.renamed = before
        raise


def move_files(
    placement: Placement, save_path: str, mode: MoveFlags, others: Iterable[tuple[Place, Place]] = ()
) -> MoveResult:
    """Move everything below the save path, and `others` with it, to another.  StorageError, with nothing moved."""
    if os.path.realpath(save_path) == os.path.realpath(placement.save_path):
        return MoveResult(save_path)
    indices = _movable(placement)
    old_places = [placement.place(index) for index in indices]
    pairs = [(old, Place(save_path, old.relative)) for old in old_places] + list(others)
    if mode is MoveFlags.fail_if_exist:
        for _, new in pairs:
            if exists(new):
                raise StorageError("move", new.path, OSError(errno.EEXIST, os.strerror(errno.EEXIST)))
    make_folders(save_path)
    moved: list[tuple[Place, Place, bool]] = []
    is_mixed = False
    try:
        for old, new in pairs:
            if not exists(old):
                continue
            if mode is MoveFlags.dont_replace and exists(new):
                is_mixed = True
                continue
            moved.append((old, new, _transfer(old, new)))
    except BaseException:
        _put_back(moved)
        raise
    placement.save_path = save_path
    _remove_sources(moved)
    _remove_empty_folders(old_places)
    return MoveResult(save_path, need_full_check=is_mixed)


def delete_files(placement: Placement) -> None:
    """Remove the files and the folders left empty by that.  StorageError of the first that failed, after trying all."""
    first: StorageError | None = None
    for index in range(placement.num_files):
        if placement.is_pad(index):
            continue
        try:
            _remove(placement.place(index))
        except StorageError as error:
            first = first or error
    _remove_empty_folders(placement.place(index) for index in _movable(placement))
    if first is not None:
        raise first


def _movable(placement: Placement) -> list[int]:
    return [
        i for i in range(placement.num_files) if not placement.is_pad(i) and not placement.is_elsewhere(i)
    ]


def _transfer(old: Place, new: Place) -> bool:
    """Rename, or copy to another file system; True when the source is still there."""
    with blaming("rename", new.path), parent_of(old) as (from_folder, from_name):
        with parent_of(new, create=True) as (to_folder, to_name):
            try:
                os.replace(from_name, to_name, src_dir_fd=from_folder, dst_dir_fd=to_folder)
                return False
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
            mode = os.stat(from_name, dir_fd=from_folder, follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                os.symlink(os.readlink(from_name, dir_fd=from_folder), to_name, dir_fd=to_folder)
                return True
    _copy(old, new, mode)
    return True


def _copy(old: Place, new: Place, mode: int) -> None:
    with blaming("open", old.path):
        source = open_beneath(old, os.O_RDONLY)
    try:
        with blaming("open", new.path):
            target = open_beneath(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, stat.S_IMODE(mode))
        try:
            with blaming("copy", new.path):
                _copy_contents(source, target)
        except BaseException:
            _remove(new)
            raise
        finally:
            os.close(target)
    finally:
        os.close(source)


def _copy_contents(source: int, target: int) -> None:
    size = os.fstat(source).st_size
    os.ftruncate(target, size)
    for start, end in _data_of(source, size):
        while start < end:
            os.lseek(source, start, os.SEEK_SET)
            data = os.read(source, min(_COPY_SIZE, end - start))
            if not data:
                raise OSError(errno.ENODATA, "the file became shorter while it was copied")
            write_fully(target, [data], start)
            start += len(data)


def _data_of(fd: int, size: int) -> Iterable[tuple[int, int]]:
    """The stretches that are not holes."""
    position = 0
    while position < size:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
            position = os.lseek(fd, start, os.SEEK_HOLE)
        except (OSError, AttributeError) as error:
            if getattr(error, "errno", 0) != errno.ENXIO:  # cannot tell: all of it
                yield position, size
            return
        yield start, position


def _remove(place: Place) -> None:
    with blaming("remove", place.path):
        try:
            with parent_of(place) as (folder, name):
                os.unlink(name, dir_fd=folder)
        except OSError as error:
            if error.errno not in _GONE:
                raise


def _remove_sources(moved: Iterable[tuple[Place, Place, bool]]) -> None:
    for old, _, is_copied in moved:
        if is_copied:
            _try_remove(old)


def _put_back(moved: list[tuple[Place, Place, bool]]) -> None:
    for old, new, is_copied in reversed(moved):
        if is_copied:
            _try_remove(new)
        else:
            try:
                _transfer(new, old)
            except StorageError:  # the first error is the one to report
                pass


def _try_remove(place: Place) -> None:
    try:
        _remove(place)
    except StorageError:  # what matters has arrived; a leftover source harms nobody
        pass


def _remove_empty_folders(places: Iterable[Place]) -> None:
    folders = {Place(place.root, folder) for place in places for folder in list_parents(place.relative)}
    for place in sorted(folders, key=lambda place: place.relative.count("/"), reverse=True):
        with blaming("remove", place.path):
            try:
                with parent_of(place) as (folder, name):
                    os.rmdir(name, dir_fd=folder)
            except OSError as error:
                if error.errno not in _IN_USE:
                    raise
