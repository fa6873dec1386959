"""The page of behaviours names every row of the reference, each with tests that exist or a reason."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from support.sources import ROOT, tree_of

PAGE = ROOT / "docs" / "behaviours.md"

SECTIONS = {"L": 58, "B": 28, "E": 29, "S": 9, "T": 4, "C": 67, "P": 12, "U": 26, "V": 10}
"""Rows of each section, numbered from 1."""

STARRED = frozenset(
    """
    L3 L6 L11 L16 L17 L21 L22 L27 L30 L31 L32 L35 L36 L38 L41 L42 L43 L44 L45 L51 L53 L57
    B2 B3 B4 B6 B8 B9 B11 B13 B14 B16 B19 B23 B25
    E4 E5 E6 E7 E8 E11 E16 E18
    S2 S5 T1 T2
    C1 C2 C4 C5 C6 C7 C13 C15 C16 C17 C18 C21 C22 C27 C28 C32 C33 C34 C38 C42 C45 C46 C47 C49 C50 C54 C56 C58
    C63 C65
    P1 P2 P5
    U2 U3 U6 U8 U10 U14 U15 U17 U22 U23
    V1 V2 V3 V8
    """.split()
)
"""What a first implementation gets wrong: pinned by a test, or a reason long enough to be one."""

SHORTEST_REASON = 30
"""Characters after `n/a:` below which nothing was explained."""

ROW = re.compile(r"^\| *([A-Z]+\d+)( ★)? *\| *(.*?) *\| *(.*?) *\|$")
TEST = re.compile(r"^(tests/[\w/]+\.py)::(?:(\w+)::)?(\w+)(\[.+\])?$")


def _rows() -> list[tuple[str, bool, str, str]]:
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("|") and not line.startswith(("| row |", "|---")):
            match = ROW.match(line)
            assert match, f"not a row: {line}"
            number, star, behaviour, shown_by = match.groups()
            found.append((number, bool(star), behaviour, shown_by))
    return found


ROWS = _rows()


@cache
def _functions_of(file: str) -> frozenset[str]:
    """The functions and methods a test file defines, a method as `Class::name`."""
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    names = set()
    for node in tree_of(path).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for each in inner:
            if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
                names.add(prefix + each.name)
    return frozenset(names)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_row_is_there_once(section: str) -> None:
    there = [number for number, *_ in ROWS if number.rstrip("0123456789") == section]
    expected = [f"{section}{n}" for n in range(1, SECTIONS[section] + 1)]
    assert there == expected


def test_no_other_rows() -> None:
    assert {number.rstrip("0123456789") for number, *_ in ROWS} <= set(SECTIONS)


def test_stars() -> None:
    assert {number for number, star, *_ in ROWS if star} == STARRED


@pytest.mark.parametrize(("number", "star", "behaviour", "shown_by"), ROWS, ids=[row[0] for row in ROWS])
def test_row_says_what_shows_it(number: str, star: bool, behaviour: str, shown_by: str) -> None:
    assert behaviour
    assert shown_by, "neither a test nor a reason"
    if shown_by.startswith("n/a:"):
        reason = shown_by.removeprefix("n/a:").strip()
        assert reason
        assert not star or len(reason) >= SHORTEST_REASON, "a starred row needs a real reason"
        return
    for name in shown_by.split("<br>"):
        match = TEST.match(name.strip().strip("`"))
        assert match, f"not a test's name: {name}"
        file, group, function, _ = match.groups()
        assert function.startswith("test_")
        assert (f"{group}::{function}" if group else function) in _functions_of(file), f"there is no {name}"
