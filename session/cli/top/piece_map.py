"""The pieces of a torrent as a picture: each cell stands for some pieces in a row, the fuller the more of them are here."""

from __future__ import annotations

from typing import Final

from .frame import Line, Span, Style, fit, line_of
from .records import PieceCounts

__all__ = ["SHADES", "picture", "summary"]

SHADES: Final = "·░▒▓█"
"""None, up to a third, up to two thirds, less than all, all."""

_BUSY: Final = "▶"


def picture(pieces: PieceCounts, width: int, height: int) -> list[Line]:
    """At most `height` lines; one piece a cell where that fits, several where not."""
    total, cells = len(pieces.have), width * height
    if not total or cells <= 0:
        return []
    each = -(-total // cells)
    busy = {index // each for index in pieces.under_way if index < total}
    marks = [
        (_BUSY, Style.BUSY) if cell in busy else _mark(pieces, cell * each, min((cell + 1) * each, total))
        for cell in range(-(-total // each))
    ]
    return [_joined(marks[at : at + width], width) for at in range(0, len(marks), width)]


def summary(pieces: PieceCounts, width: int) -> Line:
    """The same in words."""
    total = len(pieces.have)
    if not total:
        return line_of([Span(fit("no metadata yet: nobody knows the pieces", width), Style.DIM)], width)
    text = f"{pieces.have.count('1'):,} of {total:,} pieces, {len(pieces.under_way)} under way"
    lacking = [count for count, here in zip(pieces.availability, pieces.have, strict=False) if here == "0"]
    if lacking:
        nobody = lacking.count(0)
        text += f", {nobody:,} that no peer has" if nobody else f", the rarest at {_peers(min(lacking))}"
    return line_of([Span(fit(text, width))], width)


def _peers(count: int) -> str:
    return "1 peer" if count == 1 else f"{count} peers"


def _mark(pieces: PieceCounts, first: int, end: int) -> tuple[str, Style]:
    here, count = pieces.have.count("1", first, end), end - first
    if here == count:
        return SHADES[4], Style.GOOD
    if here:
        return SHADES[1 + min(2, 3 * here // count)], Style.PLAIN
    around = pieces.availability[first:end]
    return SHADES[0], Style.BAD if around and not any(around) else Style.DIM


def _joined(marks: list[tuple[str, Style]], width: int) -> Line:
    spans: list[Span] = []
    for mark, style in marks:
        if spans and spans[-1].style is style:
            spans[-1] = Span(spans[-1].text + mark, style)
        else:
            spans.append(Span(mark, style))
    return line_of(spans, width)
