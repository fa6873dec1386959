"""What is to be shown, before anybody draws it: lines of styled text, cut to the size of the terminal.

Everything that comes into a frame goes through `fit` or `text_of`, so that no character in it can act on a terminal and no
line is wider than it should be, in whatever script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from rich.cells import cell_len, set_cell_size

from ..printable import MAX_LINE, printable

__all__ = ["Align", "Frame", "Line", "Span", "Style", "fit", "line_of", "text_of", "width_of"]


class Style(Enum):
    """What a piece of text is; how that looks is the terminal's affair."""

    PLAIN = auto()
    BOLD = auto()
    DIM = auto()
    TITLE = auto()
    HEADER = auto()
    SELECTED = auto()
    """The selected row, of the part that has the keys."""
    MARKED = auto()
    """The selected row, of the part that has not."""
    GOOD = auto()
    BAD = auto()
    BUSY = auto()
    ACCENT = auto()


class Align(Enum):
    """Which end of a text that is too short is filled up."""

    LEFT = auto()
    RIGHT = auto()


@dataclass(frozen=True, slots=True)
class Span:
    """Text of one style.  Safe, and of known width."""

    text: str
    style: Style = Style.PLAIN


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of the screen: as many lines as it is high."""

    lines: tuple[Line, ...]
    cursor: tuple[int, int] | None = None
    """Row and column where typing goes; None hides it."""

    def text(self) -> str:
        """The same without styles, for tests and people who read them."""
        return "\n".join("".join(span.text for span in line).rstrip() for line in self.lines)


def width_of(text: str) -> int:
    """Cells it takes: two for wide characters, none for combining ones."""
    return cell_len(text)


def fit(text: str, width: int, align: Align = Align.LEFT) -> str:
    """Exactly `width` cells: cut with an ellipsis, or filled up with spaces.  Made safe on the way."""
    safe = printable(text[:MAX_LINE])
    taken = cell_len(safe)
    if taken > width:
        return "" if width <= 0 else set_cell_size(safe, width - 1) + "…"
    filling = " " * (width - taken)
    return safe + filling if align is Align.LEFT else filling + safe


def text_of(text: str, width: int, style: Style = Style.PLAIN) -> Line:
    """A line of one text."""
    return (Span(fit(text, width), style),)


def line_of(spans: Sequence[Span], width: int, filling: Style = Style.PLAIN) -> Line:
    """Spans one after the other, cut or filled up to `width` cells."""
    line: list[Span] = []
    left = width
    for span in spans:
        if left <= 0:
            break
        taken = cell_len(span.text)
        if taken > left:
            span, taken = Span(set_cell_size(span.text, left), span.style), left
        line.append(span)
        left -= taken
    if left > 0:
        line.append(Span(" " * left, filling))
    return tuple(line)
