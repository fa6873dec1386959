"""Symbolic links of a torrent (BEP 47), kept inside the torrent.

A link may lead to a file or folder of its torrent, also by way of other links.  One that leads elsewhere, nowhere or
in a circle is pointed at itself, which no system will follow (as libtorrent does).
"""

from __future__ import annotations

from .files import FileFlags, FileStorage

__all__ = ["confine_symlinks"]


def confine_symlinks(files: FileStorage) -> None:
    """Rewrite the targets of all links: what is left leads to something in the torrent, or to the link itself."""
    links = {files.path(i): i for i in files if files.flags(i) & FileFlags.SYMLINK}
    if not links:
        return
    known = _places(files)
    targets: dict[str, str] = {}
    for path, index in links.items():
        target = files.symlink(index)
        if target not in known:
            # Not BEP 47, but made by older programs: relative to the link instead of to the torrent.
            folder = path.rpartition("/")[0]
            inner = target.removeprefix(files.name + "/")
            nearby = f"{folder}/{inner}"
            target = nearby if nearby in known else target
        targets[path] = target
    for path, index in links.items():
        files.set_symlink(index, targets[path] if _arrives(path, targets, known) else path)


def _places(files: FileStorage) -> set[str]:
    """Every file and every folder on the way to one."""
    known: set[str] = set()
    for index in files:
        place = files.path(index)
        while place and place not in known:
            known.add(place)
            place = place.rpartition("/")[0]
    return known


def _arrives(path: str, targets: dict[str, str], known: set[str]) -> bool:
    """Whether following a link, and the links on its way, ends at something that is not a link."""
    followed = set()
    place = path
    while True:
        parts = place.split("/")
        for end in range(1, len(parts) + 1):
            link = "/".join(parts[:end])
            if link in targets:
                break
        else:
            return place in known
        if link in followed:
            return False
        followed.add(link)
        place = "/".join([targets[link], *parts[end:]])
