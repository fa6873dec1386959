from __future__ import annotations

import pytest
from evtorrent.session.cli.top.frame import Align, Frame, Span, Style, fit, line_of, text_of, width_of
from hypothesis import given
from hypothesis import strategies as st

HOSTILE = "\x1b[2Jevil\x07\r\n\x9b\u202e\u200b\ud800"


@given(st.text(max_size=60), st.integers(0, 40), st.sampled_from(list(Align)))
def test_a_text_takes_exactly_its_room_and_does_nothing(text, width, align):
    shown = fit(text, width, align)
    assert width_of(shown) == width
    assert not set(shown) & set("\x1b\x07\r\n\t\x9b\u202e\u200b")


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("name", 6, "name  "),
        ("a long name", 6, "a lon…"),
        ("全角文字", 8, "全角文字"),
        ("全角文字", 7, "全角文…"),
        ("全角文字", 6, "全角 …"),
        ("e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"),
        (HOSTILE, 60, "\\x1b[2Jevil\\x07\\x0d\\x0a\\x9b\\u202e\\u200b\\ud800" + " " * 11),
        ("name", 1, "…"),
        ("name", 0, ""),
    ],
)
def test_fitting(text, width, shown):
    assert fit(text, width).rstrip() == shown.rstrip()
    assert width_of(fit(text, width)) == width


def test_to_the_right():
    assert fit("12", 5, Align.RIGHT) == "   12"


def test_lines_are_as_wide_as_the_screen():
    line = line_of([Span("全角"), Span("abc", Style.BAD), Span("never")], 6)
    assert line == (Span("全角"), Span("ab", Style.BAD))
    assert line_of([Span("a")], 3, Style.TITLE) == (Span("a"), Span("  ", Style.TITLE))
    assert line_of([Span("全角")], 3) == (Span("全 "),)
    assert text_of("abc", 2, Style.DIM) == (Span("a…", Style.DIM),)


def test_the_text_of_a_frame():
    assert Frame((text_of("a", 5), (Span("b"), Span("c ")))).text() == "a\nbc"
