"""Opening files below a folder without ever leaving it.

A torrent can carry symbolic links, and somebody else may put one where a torrent wants a folder.  Every component
below the save path is opened by itself, relative to the one before, refusing links; so there is no moment between
looking and opening.  A link that stays within the save path is still honoured: its target is looked up and walked in the
same way.  The save path itself may be or contain links: it is the user's.

Where the system has no `openat`, the resolved parent is compared with the resolved save path instead, which
leaves the moment between the two.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from .errors import blaming

__all__ = ["Place", "exists", "list_parents", "make_folders", "open_beneath", "parent_of", "status_of"]

_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_FILE_FLAGS: int = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | _NO_FOLLOW
_FOLDER_FLAGS: int = (
    getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
)
_HAS_OPENAT = {os.open, os.mkdir, os.stat, os.unlink, os.rename} <= os.supports_dir_fd

_MISSING = (errno.ENOENT, errno.ENOTDIR)


class Place(NamedTuple):
    """Where a file lies: never followed out of `root`."""

    root: str
    relative: str
    """Components joined by "/"."""

    @property
    def path(self) -> str:
        return os.path.join(self.root, *self.relative.split("/"))


def open_beneath(place: Place, flags: int, mode: int = 0o666) -> int:
    """A descriptor of the file; with O_CREAT missing folders are made.  OSError, ELOOP for a link that leads out."""
    with parent_of(place, create=bool(flags & os.O_CREAT)) as (folder, name):
        try:
            return os.open(name, flags | _FILE_FLAGS, mode, dir_fd=folder)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
    with parent_of(_resolve(place), create=False) as (folder, name):
        return os.open(name, flags | _FILE_FLAGS, mode, dir_fd=folder)


@contextmanager
def parent_of(place: Place, *, create: bool = False) -> Iterator[tuple[int | None, str]]:
    """The folder of a file as (descriptor, name), to be given to `os` functions as `dir_fd` and path.  OSError."""
    if not _HAS_OPENAT:
        yield None, _checked_path(place, create=create)
        return
    folder = _open_folder(place, create=create)
    try:
        yield folder, place.relative.rpartition("/")[2]
    finally:
        os.close(folder)


def status_of(place: Place) -> os.stat_result | None:
    """lstat of the file, or None when there is none.  StorageError."""
    with blaming("stat", place.path):
        try:
            with parent_of(place) as (folder, name):
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                with parent_of(_resolve(place)) as (folder, name):
                    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno in _MISSING:
                return None
            raise
    return found


def exists(place: Place) -> bool:
    """Something is there, even a dangling link.  StorageError."""
    with blaming("stat", place.path):
        try:
            with parent_of(place) as (folder, name):
                os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno in _MISSING:
                return False
            raise
    return True


def make_folders(path: str) -> None:
    """`path` and everything above it.  StorageError."""
    with blaming("mkdir", path):
        os.makedirs(path, exist_ok=True)


def list_parents(relative: str) -> Iterator[str]:
    """Folders above a relative path, deepest first."""
    folder = relative.rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _open_folder(place: Place, *, create: bool) -> int:
    try:
        return _walk(place, create=create)
    except OSError as error:
        # a link in the way is ENOTDIR with O_DIRECTORY on Linux, ELOOP elsewhere
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        resolved = _resolve(place)
        if resolved == place:
            raise
    return _walk(resolved, create=create)


def _walk(place: Place, *, create: bool) -> int:
    if create:
        os.makedirs(place.root, exist_ok=True)
    folder = os.open(place.root, _FOLDER_FLAGS)
    try:
        for component in place.relative.split("/")[:-1]:
            below = _enter(folder, component, create=create)
            os.close(folder)
            folder = below
    except BaseException:
        os.close(folder)
        raise
    return folder


def _enter(folder: int, component: str, *, create: bool) -> int:
    flags = _FOLDER_FLAGS | _NO_FOLLOW
    try:
        return os.open(component, flags, dir_fd=folder)
    except FileNotFoundError:
        if not create:
            raise
    try:
        os.mkdir(component, dir_fd=folder)
    except FileExistsError:  # another worker was faster
        pass
    return os.open(component, flags, dir_fd=folder)


def _resolve(place: Place) -> Place:
    """The same file with links followed; ELOOP when that leads out of the root."""
    root = os.path.realpath(place.root)
    target = os.path.realpath(os.path.join(root, *place.relative.split("/")))
    if target == root or not target.startswith(root.rstrip(os.sep) + os.sep):
        raise OSError(errno.ELOOP, "a symbolic link leads out of the save path", place.path)
    return Place(root, os.path.relpath(target, root).replace(os.sep, "/"))


def _checked_path(place: Place, *, create: bool) -> str:
    path = place.path
    if create:
        os.makedirs(place.root, exist_ok=True)
    root = os.path.realpath(place.root)
    folder = os.path.realpath(os.path.dirname(path))
    if folder != root and not folder.startswith(root.rstrip(os.sep) + os.sep):
        raise OSError(errno.ELOOP, "a symbolic link leads out of the save path", path)
    if create:
        os.makedirs(folder, exist_ok=True)
    return os.path.join(folder, os.path.basename(path))
