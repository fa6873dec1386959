"""Which files of a torrent are wanted: indices, ranges of them, and patterns of names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ...protocols.metainfo import TorrentInfo

__all__ = ["NothingSelected", "Selection"]

WANTED = 4
"""Priority of a file that is wanted: normal."""

_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


class NothingSelected(ValueError):
    """A part of a selection names no file of the torrent."""


@dataclass(frozen=True, slots=True)
class Selection:
    """`0-3`, `7`, `*.mkv`, `extras/*`: each part adds files."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, given: Iterable[str]) -> Selection | None:
        """What was given on the command line, parts separated by commas or by options; None when nothing was."""
        parts = tuple(part.strip() for text in given for part in text.split(",") if part.strip())
        return cls(parts) if parts else None

    def priorities(self, info: TorrentInfo) -> list[int]:
        """By file: wanted, or 0.  NothingSelected names the part that fits no file."""
        names = [names_of(info, index) for index in range(info.num_files)]
        wanted: set[int] = set()
        for part in self.parts:
            found = _matching(part, names)
            if not found:
                raise NothingSelected(f"no file of {info.name} is {part!r}: see `evtorrent info --files`")
            wanted.update(found)
        return [WANTED if index in wanted else 0 for index in range(info.num_files)]


def names_of(info: TorrentInfo, index: int) -> tuple[str, ...]:
    """What a pattern may fit: the path with and without the torrent's folder, and the name alone.  None for padding."""
    if info.files.is_pad(index):
        return ()
    path = info.files.path(index)
    inner = path.removeprefix(f"{info.name}/")
    return tuple(dict.fromkeys((path, inner, path.rpartition("/")[2])))


def _matching(part: str, names: Sequence[tuple[str, ...]]) -> list[int]:
    numbers = _RANGE.fullmatch(part)
    if numbers:
        first = int(numbers[1])
        last = int(numbers[2] or first)
        return [index for index in range(first, min(last + 1, len(names))) if names[index]]
    return [index for index, known in enumerate(names) if any(fnmatchcase(name, part) for name in known)]
