"""File names out of a torrent made safe to use: nothing they say can leave the folder they belong to.

The rules are libtorrent's, so that files written by one are found by the other: each component is cleaned on its own,
one that would be empty, `.` or `..` becomes `_`, separators and invisible characters go, control characters and
broken UTF-8 become `_`, and long names are cut before their extension.  What Windows cannot write (`C:`, `con`, a
trailing dot) is rewritten only where Windows rules are asked for: elsewhere `aux.c` and `10:30.txt` are good names
that must be found again under the same name.

Going further than libtorrent, names are compared in Unicode's normal form with case folded, since a file system that
does either would let one file overwrite another.
"""

from __future__ import annotations

import codecs
import re
import sys
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final
from unicodedata import normalize

from .errors import MetainfoError

__all__ = ["MAX_COMPONENT", "decode_text", "fold", "is_safe_path", "resolve_duplicates", "safe_component"]

MAX_COMPONENT: Final = 255
"""Bytes in one component of a path, the limit of every common file system."""

_CUT_AT: Final = 240
_LONGEST_EXTENSION: Final = 9
_IS_WINDOWS: Final = sys.platform == "win32"

_PLAIN: Final = re.compile(rb"[ -.0-\[\]-~]{1,239}").fullmatch
_STRAY: Final = re.compile(rb"[\x80-\xbf\xfc-\xff]+").match
_UNDERSCORE: Final = "evtorrent.underscore"
_DROPPED: Final = re.compile(
    "[\x00/\\\\\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"  # separators, invisible, bidirectional
)
_REPLACED: Final = re.compile("[\x01-\x1f\x7f-\x9f]")
_WINDOWS_REPLACED: Final = re.compile('[?<>"|*:]')
_WINDOWS_RESERVED: Final = re.compile(r"(con|prn|aux|nul|clock\$|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


def safe_component(raw: bytes, *, keep: bool = True, windows: bool = _IS_WINDOWS) -> str:
    """One component of a path, without separators, not `.` or `..`, at most 255 bytes.

    A name of which nothing is left becomes "_", or "" where it need not be kept.
    """
    if not windows and _PLAIN(raw) and raw != b"." and raw != b"..":
        return raw.decode("ascii")
    if not raw:
        return "_"
    name = _REPLACED.sub("_", _DROPPED.sub("", decode_text(raw)))
    if len(name) * 4 >= _CUT_AT:
        name = _shortened(name)
    if name in ("", ".", ".."):
        return "_" if keep else ""
    if windows:
        name = _WINDOWS_REPLACED.sub("_", name).rstrip(" .")
        if _WINDOWS_RESERVED.match(name):
            name = "_" + name
        if not name:
            return "_" if keep else ""
    return name


def is_safe_path(path: str) -> bool:
    """Whether a path of ours is relative and stays below where it starts, on any system."""
    parts = path.replace("\\", "/").split("/")
    return "\0" not in path and ":" not in parts[0] and not any(part in ("", ".", "..") for part in parts)


def decode_text(raw: bytes) -> str:
    """Text of a torrent, which should be UTF-8; each broken character becomes an underscore."""
    return raw.decode("utf-8", _UNDERSCORE)


def fold(path: str) -> str:
    """What two paths have in common when some file system takes them for the same."""
    if path.isascii():
        return path.lower()
    return normalize("NFC", normalize("NFC", path).casefold())


def resolve_duplicates(
    paths: Sequence[str], may_share: Callable[[int, int], bool], max_attempts: int
) -> dict[int, str]:
    """New names (`name.1.ext`) for the files whose names are taken by an earlier file or by a folder.

    `may_share(i, j)` tells files that may have one name (padding of equal size).  Names tried in vain are counted;
    more than `max_attempts` of them is a MetainfoError, for only hostile torrents do that.
    """
    folded = [fold(path) for path in paths]
    ordered = sorted(folded)
    if not _has_clash(ordered):
        return {}
    renamed: dict[int, str] = {}
    owners: dict[str, int] = {}
    for index, name in enumerate(folded):
        if not _is_folder(ordered, name):
            owner = owners.setdefault(name, index)
            if owner == index or may_share(index, owner):
                continue
        count = 1
        while (candidate := fold(_numbered(paths[index], count))) in owners or _is_folder(ordered, candidate):
            count += 1
            max_attempts -= 1
            if max_attempts < 0:
                raise MetainfoError("too_many_duplicate_filenames", "too many files of the same name")
        owners[candidate] = index
        renamed[index] = _numbered(paths[index], count)
    return renamed


def _has_clash(ordered: list[str]) -> bool:
    for index in range(1, len(ordered)):
        if ordered[index] == ordered[index - 1] or _is_folder(ordered, ordered[index - 1]):
            return True
    return False


def _is_folder(ordered: list[str], path: str) -> bool:
    """Whether some path leads through `path`.  Found by order, as a set of all folders could be far larger."""
    prefix = path + "/"
    at = bisect_left(ordered, prefix)
    return at < len(ordered) and ordered[at].startswith(prefix)


def _numbered(path: str, count: int) -> str:
    folder, slash, leaf = path.rpartition("/")
    stem, dot, extension = leaf.rpartition(".")
    if not dot:
        stem, extension = leaf, ""
    tail = f".{count}{dot}{extension}"
    room = MAX_COMPONENT - len(tail.encode())
    if len(stem.encode()) > room:
        stem = stem.encode()[:room].decode("utf-8", "ignore")
    return f"{folder}{slash}{stem}{tail}"


def _shortened(name: str) -> str:
    raw = name.encode()
    if len(raw) <= _CUT_AT:
        return name
    cut = _CUT_AT
    while raw[cut] & 0xC0 == 0x80:  # never through the middle of a character
        cut += 1
    dot = raw.rfind(b".", max(cut, len(raw) - _LONGEST_EXTENSION))
    return (raw[:cut] + (raw[dot:] if dot >= 0 else b"")).decode()


def _skip_broken(error: UnicodeError) -> tuple[str, int]:
    """Skip the bytes a broken character should have had, as libtorrent does, or all that begin none."""
    assert isinstance(error, UnicodeDecodeError)
    stray = _STRAY(error.object, error.start)
    if stray:
        return "_" * len(stray[0]), stray.end()
    lead = error.object[error.start]
    length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4 if lead < 0xF8 else 5
    return "_", min(error.start + length, len(error.object))


codecs.register_error(_UNDERSCORE, _skip_broken)
