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
    for path, index in links.items():
        files.set_symlink(index, targets[path] if _arrives(path, targets, places) else path)


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


def _arrives(path: str, targets: dict[str, str], places: _Places) -> bool:
    """Whether following a link, and the links on its way, ends at something that is not a link."""
    place = path
    for _ in range(MAX_HOPS):
        parts = place.split("/")
        for end in range(1, len(parts) + 1):
            link = "/".join(parts[:end])
            if link in targets:
                break
        else:
            return place in places
        place = "/".join([targets[link], *parts[end:]])
    return False
