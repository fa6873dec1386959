"""The page of keys, made from their table."""

from __future__ import annotations

from .actions import KEYS
from .frame import Line, Span, Style, fit, line_of
from .gathering import FLAGS

__all__ = ["help_lines"]

_NAMES = {" ": "space", "up": "↑", "down": "↓", "left": "←", "right": "→"}


def help_lines(width: int) -> list[Line]:
    """Every key and every letter of the peers' flags, in as many columns as fit."""
    rows = [(" ".join(_NAMES.get(key, key) for key in row.keys), row.help) for row in KEYS]
    rows += [(f"peer: {letter}", meaning) for letter, meaning in FLAGS]
    each = max(len(keys) + len(text) for keys, text in rows) + 4
    columns = max(1, min(3, width // each))
    height = -(-len(rows) // columns)
    cell = width // columns
    lines = []
    for at in range(height):
        spans: list[Span] = []
        for keys, text in rows[at::height]:
            spans.append(Span(f" {fit(keys, min(11, cell - 1))}", Style.ACCENT))
            spans.append(Span(fit(f" {text}", max(cell - 12, 0))))
        lines.append(line_of(spans, width))
    return lines
