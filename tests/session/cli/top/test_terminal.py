from __future__ import annotations

import curses
import sys

import pytest
from evtorrent.session.cli.exit_status import CommandFailed
from evtorrent.session.cli.top import terminal
from evtorrent.session.cli.top.frame import Frame, Span, Style
from evtorrent.session.cli.top.terminal import Terminal
from support.terminal_screen import TerminalProgram, script

SHOW = """
import sys
from evtorrent.session.cli.top.frame import Frame, Span, Style, fit, text_of
from evtorrent.session.cli.top.terminal import Terminal

with Terminal() as terminal:
    seen = []
    while "q" not in seen:
        width, height = terminal.size()
        lines = [text_of(f"{width}x{height}", width, Style.TITLE), text_of("全角の名前" * 30, width)]
        lines += [text_of(f"line {n}" + "x" * width, width, list(Style)[n % 5]) for n in range(height - 3)]
        lines.append(text_of("keys " + " ".join(seen), width))
        terminal.draw(Frame(tuple(lines), (1, 2)))
        seen += terminal.keys(0.2)
        if "b" in seen:
            raise RuntimeError("a bug")
"""


class Window:
    """What `Terminal` needs of curses' window."""

    encoding = "ascii"

    def __init__(self, typed=(), size=(5, 20)) -> None:
        self.typed, self.size = list(typed), size
        self.calls: list[tuple] = []

    def getmaxyx(self):
        return self.size

    def get_wch(self):
        if not self.typed:
            raise curses.error("no input")
        return self.typed.pop(0)

    def addstr(self, text, look):
        self.calls.append(("addstr", text))
        if text == "corner":
            raise curses.error("the last cell")

    def __getattr__(self, name):
        return lambda *arguments: self.calls.append((name, *arguments))


@pytest.fixture
def on(monkeypatch):
    """`on(window)` → a terminal in use there."""
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(
        curses, "keyname", lambda code: {1: b"KEY_UP", 2: b"KEY_RESIZE"}.get(code, b"KEY_F(1)")
    )
    monkeypatch.setattr(curses, "curs_set", lambda visible: visible)

    def on(window: Window) -> Terminal:
        made = Terminal()
        made._window = window
        made._looks = dict.fromkeys(Style, 0)
        return made

    return on


def test_only_lines_that_changed_are_drawn(on):
    window = Window()
    made = on(window)
    one, two = (Span("one"),), (Span("ünï"), Span("corner"))
    made.draw(Frame((one, two)))
    assert [call[1] for call in window.calls if call[0] == "addstr"] == ["one", "?n?", "corner"]
    window.calls.clear()
    made.draw(Frame((one, one), (1, 2)))
    assert [call for call in window.calls if call[0] in ("addstr", "move")] == [
        ("move", 1, 0), ("addstr", "one"), ("move", 1, 2)
    ]  # fmt: skip
    window.calls.clear()
    made.redraw()
    made.draw(Frame((one,) * 9))
    assert [call for call in window.calls if call[0] == "addstr"] == [("addstr", "one")] * 5


def test_keys_have_names(on):
    made = on(Window(["a", "é", "\t", "\n", "\x1b", "\x7f", "\x15", "\x07", 1, 9, " "]))
    assert made.keys(0.1) == ["a", "é", "tab", "enter", "escape", "backspace", "ctrl-u", "up", " "]
    assert made.keys(0.1) == []


def test_a_new_size_is_a_frame_at_once(on):
    window = Window(["a", 2, "b"])
    made = on(window)
    assert made.keys(0.1) == ["a"]
    assert ("clear",) in window.calls
    assert made.keys(0.1) == ["b"]


def test_where_there_is_no_terminal(monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(CommandFailed, match="top needs a terminal; for scripts there is --json"):
        Terminal()
    monkeypatch.setattr(terminal, "_HAS_CURSES", False)
    with pytest.raises(CommandFailed, match="no curses"):
        Terminal()


@pytest.mark.slow
def test_it_draws_resizes_and_restores(tmp_path):
    with TerminalProgram(script(tmp_path, SHOW), size=(40, 10)) as program:
        shown = program.wait_for(lambda text: "40x10" in text and "keys" in text).splitlines()
        assert shown[1].startswith("全角の名前全角") and shown[1].endswith("…")
        assert shown[2].startswith("line 0xxx")
        program.type("a\x1b[A\x1bOB")
        program.wait_for(lambda text: "keys a up down" in text or "keys a escape" in text)
        program.resize(100, 30)
        text = program.wait_for(lambda text: "100x30" in text and "line 26" in text and "keys" in text)
        assert len(text.splitlines()) == 30
        assert not program.is_restored
        program.type("q")
        assert program.wait() == 0
        assert program.is_restored


@pytest.mark.slow
def test_a_bug_leaves_the_terminal_as_it_was(tmp_path):
    with TerminalProgram(script(tmp_path, SHOW), size=(60, 10)) as program:
        program.wait_for(lambda text: "60x10" in text)
        program.type("b")
        assert program.wait() == 1
        assert program.is_restored
        assert "RuntimeError: a bug" in program.screen.text()


@pytest.mark.parametrize(
    ("found", "words"),
    [(curses.error("nothing found"), "TERM is 'odd'"), (None, "'odd' cannot move its cursor")],
)
def test_terminals_that_cannot_be_used(on, monkeypatch, found, words):
    def look() -> None:
        if found is not None:
            raise found

    monkeypatch.setenv("TERM", "odd")
    monkeypatch.setattr(curses, "setupterm", look)
    monkeypatch.setattr(curses, "tigetstr", lambda name: found)
    with pytest.raises(CommandFailed) as failed, on(Window()):
        pass
    assert words in str(failed.value)
    assert failed.value.status == 2
