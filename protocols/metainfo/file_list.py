"""The files of a v1 torrent: the `files` list, or `length` when there is one file (BEP 3, 47)."""

from __future__ import annotations

from collections.abc import Mapping

from ..bencode import BencodeValue, find_bytes, find_int, find_list
from .errors import MetainfoError
from .files import FileFlags, FileStorage
from .limits import MAX_FILE_SIZE, LoadLimits
from .paths import resolve_duplicates, safe_component
from .symlinks import confine_symlinks

__all__ = [
    "finish_paths",
    "read_attributes",
    "read_file_list",
    "read_single_file",
    "read_symlink",
    "single_file_size",
]

_ATTRIBUTES = ((b"p", 1), (b"h", 2), (b"x", 4), (b"l", 8))
"""Letters of BEP 47 and their `FileFlags`, which here are plain integers: there may be 100,000 files."""

_PAD = int(FileFlags.PAD)
_SYMLINK = int(FileFlags.SYMLINK)


def read_file_list(entries: list[BencodeValue], files: FileStorage, limits: LoadLimits) -> None:
    """Append the files of a multi-file torrent.  Names are made safe, but not yet told apart: see `finish_paths`."""
    for entry in entries:
        if not isinstance(entry, dict):
            raise MetainfoError("torrent_file_parse_failed", "an entry of the file list is not a dictionary")
        _read_file(entry, files, limits)


def read_single_file(info: Mapping[bytes, BencodeValue], files: FileStorage) -> None:
    """Append the file of a single-file torrent, whose name is the storage's."""
    raw = find_bytes(info, b"name.utf-8") or find_bytes(info, b"name") or b""
    files.add_file(
        files.name,
        single_file_size(info),
        read_attributes(info) & ~_SYMLINK,
        mtime=find_int(info, b"mtime") or 0,
        original=raw.decode("utf-8", "surrogateescape"),
    )


def single_file_size(info: Mapping[bytes, BencodeValue]) -> int:
    """The length of the file of a single-file torrent.  It cannot be a link, which would leave no bytes at all."""
    size = find_int(info, b"length")
    if size is None or not 0 < size <= MAX_FILE_SIZE:
        raise MetainfoError("torrent_invalid_length", f"a file of {size} bytes")
    return size


def finish_paths(files: FileStorage, limits: LoadLimits) -> None:
    """Once all files are known: confine links, and tell apart files that would share a name."""
    confine_symlinks(files)

    def may_share(one: int, other: int) -> bool:
        return files.is_pad(one) and files.is_pad(other) and files.size(one) == files.size(other)

    paths = [files.path(index) for index in files]
    for index, path in resolve_duplicates(paths, may_share, limits.max_duplicate_filenames).items():
        files.rename(index, path)


def read_attributes(entry: Mapping[bytes, BencodeValue]) -> int:
    """The `attr` string as `FileFlags`; letters nobody knows are for others."""
    letters = find_bytes(entry, b"attr") or b""
    return sum(flag for letter, flag in _ATTRIBUTES if letter in letters) if letters else 0


def read_symlink(entry: Mapping[bytes, BencodeValue], folder: str, limits: LoadLimits) -> str | None:
    """The target of a link within `folder`; None when there is no `symlink path`."""
    parts = find_list(entry, b"symlink path")
    if parts is None:
        return None
    # BEP 47 forbids "." and ".." here.  Dropping them leaves a path from the torrent's root.
    names = [safe_component(part) for part in _components(parts, limits) if part not in (b".", b"..")]
    return "/".join([folder, *names] if folder else names)


def _read_file(entry: dict[bytes, BencodeValue], files: FileStorage, limits: LoadLimits) -> None:
    flags, size, symlink = _read_common(entry, files, limits)
    parts = find_list(entry, b"path.utf-8")
    if parts is None:
        parts = find_list(entry, b"path")
    original = None
    if parts:
        raw = _components(parts, limits)
        inner = "/".join(map(safe_component, raw))
        path = f"{files.name}/{inner}"
        if inner.encode() != b"/".join(raw):
            original = f"{files.name}/{b'/'.join(raw).decode('utf-8', 'surrogateescape')}"
        if "_____padding_file_" in inner:  # BitComet's way, older than BEP 47
            flags |= _PAD
    elif flags & _PAD:
        path = f"{files.name}/.pad/{size}"
    else:
        raise MetainfoError("torrent_missing_name", "a file has no path")
    mtime = find_int(entry, b"mtime") or 0
    files.add_file(path, size, flags, mtime=mtime, symlink=symlink, original=original)


def _read_common(
    entry: Mapping[bytes, BencodeValue], files: FileStorage, limits: LoadLimits
) -> tuple[int, int, str]:
    """Flags, size and link target."""
    flags = read_attributes(entry)
    if not flags & _SYMLINK:
        size = find_int(entry, b"length")
        if size is None:
            raise MetainfoError("torrent_invalid_length", "a file has no length")
        return flags, size, ""
    symlink = read_symlink(entry, files.name, limits)
    if symlink is None:
        return flags & ~_SYMLINK, 0, ""
    return flags, 0, symlink


def _components(parts: list[BencodeValue], limits: LoadLimits) -> list[bytes]:
    if len(parts) > limits.max_directory_depth:
        raise MetainfoError("torrent_directory_too_deep", f"a path of {len(parts)} folders")
    names = [part for part in parts if isinstance(part, bytes)]
    if len(names) != len(parts):
        raise MetainfoError("torrent_invalid_name", "a component of a path is not a string")
    return names
