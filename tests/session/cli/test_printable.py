from __future__ import annotations

import pytest
from evtorrent.session.cli.printable import MAX_LINE, one_line, printable, shortened
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünï 漢字 🎉", "plain ünï 漢字 🎉"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("a\u202etxt.exe", "a\\u202etxt.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("bad\udcffbyte", "bad\\xffbyte"),
        ("lone\ud800", "lone\\ud800"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("two\nlines", "two\\x0alines"),
    ],
)
def test_what_a_terminal_would_act_upon_is_written_out(text, shown):
    assert printable(text) == shown


@given(st.text())
def test_nothing_unsafe_is_left(text):
    shown = one_line(text)
    assert len(shown) <= MAX_LINE
    shown.encode("utf-8")
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)


def test_a_message_is_one_line_of_bounded_length():
    assert one_line("a\r\n  b\tc ") == "a b c"
    assert len(one_line("x" * MAX_LINE)) == MAX_LINE
    assert one_line("x" * (MAX_LINE + 1)).endswith("x…")


def test_shortened():
    assert shortened("abc", 3) == "abc"
    assert shortened("abcd", 3) == "ab…"
    assert shortened("abcd", 0) == "…"
