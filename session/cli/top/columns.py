"""Tables that suit their width: columns in order of appearance, those that matter least left out first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from .frame import Align, Line, Span, Style, fit, line_of

__all__ = ["Column", "Table"]

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column; exactly one of a table has width 0 and takes what is left."""

    title: str
    width: int
    text: Callable[[R], str]
    rank: int
    """The higher, the sooner it is left out."""
    align: Align = Align.RIGHT
    style: Callable[[R], Style] | None = None


@dataclass(frozen=True, slots=True)
class Table(Generic[R]):
    """Columns for rows of one kind."""

    columns: tuple[Column[R], ...]
    least: int
    """Cells the elastic column should have, or others go."""

    def header(self, width: int) -> Line:
        """The titles."""
        chosen = self.chosen(width)
        spans = [
            Span(fit(c.title, self._width(c, chosen, width), c.align) + " ", Style.HEADER) for c in chosen
        ]
        return line_of(spans, width, Style.HEADER)

    def row(self, row: R, width: int, whole: Style | None = None) -> Line:
        """One row; `whole` is the style of all of it, as of a selected one."""
        chosen = self.chosen(width)
        spans = []
        for column in chosen:
            own = column.style(row) if column.style is not None else Style.PLAIN
            text = fit(column.text(row), self._width(column, chosen, width), column.align)
            spans += [Span(text, whole or own), Span(" ", whole or Style.PLAIN)]
        return line_of(spans, width, whole or Style.PLAIN)

    def chosen(self, width: int) -> list[Column[R]]:
        """The columns that fit."""
        chosen = list(self.columns)
        while len(chosen) > 1 and self._taken(chosen) + self.least > width:
            elastic = [column for column in chosen if not column.width]
            chosen.remove(max((c for c in chosen if c not in elastic), key=lambda column: column.rank))
        return chosen

    def _taken(self, chosen: Sequence[Column[R]]) -> int:
        return sum(column.width for column in chosen) + len(chosen) - 1

    def _width(self, column: Column[R], chosen: Sequence[Column[R]], width: int) -> int:
        return column.width or max(width - self._taken(chosen), 1)
