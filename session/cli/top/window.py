"""Which rows of a long list are seen, and where the cursor is in it."""

from __future__ import annotations

from .actions import Command

__all__ = ["Window"]

_FAR = 1 << 40


class Window:
    """A list's place on the screen; its length and height are told at each drawing."""

    __slots__ = ("_count", "_height", "_top", "cursor")

    def __init__(self) -> None:
        self.cursor = 0
        """Index of the row that moves go from."""
        self._top = 0
        self._count = 0
        self._height = 1

    def move(self, command: Command) -> None:
        """A move, as far as the list goes."""
        steps = {
            Command.UP: -1,
            Command.DOWN: 1,
            Command.PAGE_UP: -max(self._height - 1, 1),
            Command.PAGE_DOWN: max(self._height - 1, 1),
            Command.HOME: -_FAR,
            Command.END: _FAR,
        }
        self.cursor = max(0, min(self.cursor + steps[command], self._count - 1))

    def visible(self, count: int, height: int, cursor: int | None = None) -> range:
        """The rows to show of `count` in `height` lines, the cursor among them.

        Without a `cursor` there is none to be seen: then moves scroll, and the cursor is the first row shown.
        """
        height = max(height, 0)
        self._height = height
        if cursor is None:
            self._count = max(count - height, 0) + 1
            self.cursor = self._top = max(0, min(self.cursor, self._count - 1))
        else:
            self._count = count
            self.cursor = max(0, min(cursor, count - 1))
            self._top = max(min(self._top, self.cursor), self.cursor - height + 1, 0)
            self._top = max(0, min(self._top, count - height))
        return range(self._top, min(self._top + height, count))
