"""Files of priority 0: which of them have their data in the part file, and what happens when priorities change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from .arriving import ArrivingFile
from .params import DONT_DOWNLOAD
from .part_file import PartFile
from .paths import exists
from .placement import Placement

__all__ = ["UnwantedFiles"]

NewFile = Callable[[int], ArrivingFile]
"""Makes a file (by index) that is there when everything was written."""


class UnwantedFiles:
    """An unwanted file's data goes to the part file, unless the file existed before: then it is used as it is.

    Changed only by jobs that run alone.
    """

    __slots__ = ("_found", "_placement", "part_file")

    def __init__(self, placement: Placement, part_file: PartFile) -> None:
        self.part_file = part_file
        self._placement = placement
        self._found: frozenset[int] | None = None

    def indices(self) -> frozenset[int]:
        """Files whose data is in the part file.  Looks at the disk the first time.  StorageError."""
        found = self._found
        if found is None:
            priorities = self._placement.priorities
            found = self._absent(i for i, value in enumerate(priorities) if value == DONT_DOWNLOAD)
            self._found = found
        return found

    def look_again(self, part_file: PartFile) -> None:
        """The torrent is somewhere else from now on."""
        self.part_file = part_file
        self._found = None

    def set_priorities(self, priorities: Sequence[int], new_file: NewFile) -> None:
        """Change priorities; data of files now wanted is written to them.  StorageError, with no priority changed."""
        before = self.indices()
        wanted = {i for i in before if i < len(priorities) and priorities[i] != DONT_DOWNLOAD}
        for index in sorted(wanted):
            if self._export(index, new_file):
                # Should the next one fail: this one exists now, so it is used as it is.
                self._found = self.indices() - {index}
        unwanted = [i for i, value in enumerate(priorities) if value == DONT_DOWNLOAD and i not in before]
        self._found = (before - wanted) | self._absent(unwanted)
        self._placement.set_priorities(priorities)
        leaving = self._pieces_of(wanted) & ~self._pieces_of(self._found)
        if leaving:
            self.part_file.free(piece for piece in self.part_file.pieces() if leaving >> piece & 1)

    def _export(self, index: int, new_file: NewFile) -> bool:
        files = self._placement.files
        start = files.offset(index)
        with new_file(index) as file:
            self.part_file.export(
                start, files.size(index), lambda views, offset: file.write(views, offset - start)
            )
        return file.was_written

    def _absent(self, indices: Iterable[int]) -> frozenset[int]:
        """Those with bytes of their own that are not on disk."""
        placement = self._placement
        return frozenset(
            i
            for i in indices
            if i < placement.num_files
            and placement.files.size(i)
            and not placement.is_pad(i)
            and not exists(placement.place(i))
        )

    def _pieces_of(self, indices: Iterable[int]) -> int:
        """The pieces files have bytes in, as bits."""
        pieces = 0
        for index in indices:
            pieces |= self._placement.piece_bits(index)
        return pieces
