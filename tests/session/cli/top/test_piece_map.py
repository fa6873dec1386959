from __future__ import annotations

import pytest
from evtorrent.session.cli.top.frame import Style, width_of
from evtorrent.session.cli.top.piece_map import picture, summary
from evtorrent.session.cli.top.records import PieceCounts


def drawn(pieces: PieceCounts, width: int, height: int) -> list[str]:
    return ["".join(span.text for span in line).rstrip() for line in picture(pieces, width, height)]


@pytest.mark.parametrize(
    ("have", "width", "height", "expected"),
    [
        ("", 10, 3, []),
        ("1", 0, 3, []),
        ("1101", 10, 3, ["██·█"]),
        ("1101", 2, 2, ["██", "·█"]),
        ("11110000100011001110", 5, 1, ["█·░▒▓"]),
        ("11111", 2, 1, ["██"]),  # the last cell stands for fewer
    ],
)
def test_pictures(have, width, height, expected):
    assert drawn(PieceCounts(have), width, height) == expected


def test_a_piece_under_way_is_seen_whatever_its_cell_stands_for():
    assert drawn(PieceCounts("1100", frozenset({3, 99})), 2, 1) == ["█▶"]


def test_what_nobody_has_is_marked():
    (line,) = picture(PieceCounts("100", availability=(0, 0, 2)), 3, 1)
    assert [span.style for span in line] == [Style.GOOD, Style.BAD, Style.DIM]


def test_a_hundred_thousand_pieces_fit():
    lines = picture(PieceCounts("10" * 50_000), 80, 20)
    assert len(lines) <= 20
    assert all(width_of("".join(span.text for span in line)) == 80 for line in lines)


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (PieceCounts(), "no metadata yet: nobody knows the pieces"),
        (PieceCounts("1101", frozenset({2})), "3 of 4 pieces, 1 under way"),
        (PieceCounts("1100", availability=(0, 0, 3, 0)), "2 of 4 pieces, 0 under way, 1 that no peer has"),
        (PieceCounts("1100", availability=(0, 0, 3, 1)), "2 of 4 pieces, 0 under way, the rarest at 1 peer"),
        (PieceCounts("00", availability=(3, 2)), "0 of 2 pieces, 0 under way, the rarest at 2 peers"),
    ],
)
def test_in_words(pieces, words):
    assert "".join(span.text for span in summary(pieces, 70)).rstrip() == words
