from __future__ import annotations

import pytest
from evtorrent.session.cli.top.columns import Column, Table
from evtorrent.session.cli.top.frame import Align, Style, width_of

TABLE: Table[tuple[str, int]] = Table(
    (
        Column("Number", 6, lambda row: str(row[1]), 2),
        Column("Name", 0, lambda row: row[0], 0, Align.LEFT, lambda row: Style.GOOD),
        Column("Twice", 5, lambda row: str(2 * row[1]), 1),
    ),
    least=8,
)


def text(line) -> str:
    return "".join(span.text for span in line)


@pytest.mark.parametrize(
    ("width", "header", "row"),
    [
        (24, "Number Name        Twice", "    12 a name         24"),
        (21, "Number Name     Twice", "    12 a name      24"),
        (20, "Name           Twice", "a name            24"),
        (13, "Name         ", "a name       "),
        (3, "Na…", "a …"),
    ],
)
def test_what_matters_least_goes_first(width, header, row):
    assert text(TABLE.header(width)).rstrip() == header.rstrip()
    assert text(TABLE.row(("a name", 12), width)).rstrip() == row.rstrip()
    assert width_of(text(TABLE.row(("全角の長い名前です", 12), width))) == width


def test_styles():
    assert {span.style for span in TABLE.row(("x", 1), 30)} == {Style.PLAIN, Style.GOOD}
    assert {span.style for span in TABLE.row(("x", 1), 30, Style.SELECTED)} == {Style.SELECTED}
