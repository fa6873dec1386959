"""The order in which torrents are downloaded: positions from 0, without gaps.

Positions are numbered anew only when one is asked for after a change, so that adding or removing thousands costs one pass.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

__all__ = ["NO_POSITION", "QueueOrder"]

T = TypeVar("T", bound=Hashable)

NO_POSITION = -1
"""Of what is not in the queue."""


class QueueOrder(Generic[T]):
    """A line of torrents."""

    __slots__ = ("_line", "_positions", "_stale_from")

    def __init__(self) -> None:
        self._line: list[T] = []
        self._positions: dict[T, int] = {}
        self._stale_from = 0
        """Positions from here on are not those in `_positions`."""

    def append(self, item: T) -> None:
        """To the end, unless it is there already."""
        if item not in self._positions:
            if self._stale_from == len(self._line):
                self._stale_from += 1
            self._positions[item] = len(self._line)
            self._line.append(item)

    def remove(self, item: T) -> None:
        """Out; those behind move up.  Repeatable."""
        if item in self._positions:
            self._line.remove(item)
            self._touched(
                self._positions.pop(item)
            )  # A stale position is behind `_stale_from`, and so was the item.

    def move(self, item: T, position: int) -> bool:
        """To `position`, or as near to it as the line goes; False when nothing changed."""
        before = self.position(item)
        after = max(0, min(position, len(self._line) - 1))
        if before in (NO_POSITION, after):
            return False
        self._line.insert(after, self._line.pop(before))
        self._touched(min(before, after))
        return True

    def position(self, item: T) -> int:
        """Where it is; `NO_POSITION` when it is not in the line."""
        if item not in self._positions:
            return NO_POSITION
        if self._positions[item] >= self._stale_from:
            for index in range(self._stale_from, len(self._line)):
                self._positions[self._line[index]] = index
            self._stale_from = len(self._line)
        return self._positions[item]

    def slice(self, first: int, last: int) -> list[T]:
        """Those at the positions from `first` to `last`, both included."""
        return self._line[max(first, 0) : last + 1]

    def _touched(self, position: int) -> None:
        self._stale_from = min(self._stale_from, position)

    def __iter__(self) -> Iterator[T]:
        return iter(self._line)

    def __len__(self) -> int:
        return len(self._line)

    def __contains__(self, item: object) -> bool:
        return item in self._positions

    def check_invariant(self) -> None:
        """Every position is the place in the line."""
        assert self._positions.keys() == set(self._line)
        assert len(self._positions) == len(self._line)
        assert [self.position(item) for item in self._line] == list(range(len(self._line)))
