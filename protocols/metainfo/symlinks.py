"""Symbolic links of a torrent (BEP 47), kept inside the torrent.

A link may lead to a file or folder of its torrent, also by way of other links.  One that leads elsewhere, nowhere or
in a circle is pointed at itself, which no system will follow (as libtorrent does).
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from .files import FileFlags, FileStorage

__all__ = ["confine_symlinks"]

MAX_HOPS: Final = 40
"""Links followed on the way of one, as many as Linux follows."""


def confine_symlinks(files: FileStorage) -> None:
    """Rewrite the targets of all links: what is left leads to something in the torrent, or to the link itself."""
    links = {files.path(i): i for i in files if files.flags(i) & FileFlags.SYMLINK}
    if not links:
        return
    places = _Places(files)
    targets: dict[str, str] = {}
    for path, index in links.items():
        target = files.symlink(index)
        if target not in places:
            # Not BEP 47, but made by older programs: relative to the link instead of to the torrent.
            nearby = f"{path.rpartition('/')[0]}/{target.removeprefix(files.name + '/')}"
            target = nearby if nearby in places else target
        targets[path] = target
    resolved: dict[str, str | None] = {}
    for path, index in links.items():
        arrives = _resolve(path, targets, places, resolved, MAX_HOPS)
        files.set_symlink(index, targets[path] if arrives else path)


class _Places:
    """Every file and every folder of a torrent; folders are found by order, a set of them could be far larger."""

    def __init__(self, files: FileStorage) -> None:
        self._paths = sorted(files.path(index) for index in files)

    def __contains__(self, place: str) -> bool:
        at = bisect_left(self._paths, place)
        if at < len(self._paths) and self._paths[at] == place:
            return True
        at = bisect_left(self._paths, place + "/", at)
        return at < len(self._paths) and self._paths[at].startswith(place + "/")


def _resolve(
    path: str, targets: dict[str, str], places: _Places, resolved: dict[str, str | None], hops: int
) -> str | None:
    """The place a link leads to in the end, which is not a link; None when there is none.

    Each link is resolved once.  Until that is done it counts as leading nowhere, so a circle ends where it began.
    """
    if path in resolved or not hops:
        return resolved.setdefault(path, None)
    resolved[path] = None
    place: str | None = ""
    for part in targets[path].split("/"):
        place = f"{place}/{part}" if place else part
        if place in targets:
            place = _resolve(place, targets, places, resolved, hops - 1)
            if place is None:
                return None
    assert place is not None
    resolved[path] = place if place in places else None
    return resolved[path]
