from __future__ import annotations

import io
import sys

import pytest
from evtorrent.session.cli.screen import Screen
from evtorrent.session.cli.views import TransferView
from rich.console import Console


def view(name: str = "na[red]me\x1b", **changes) -> TransferView:
    fields = {
        "name": name, "info_hash": name, "state": "downloading", "progress": 0.5, "done": 512, "wanted": 1024,
        "down_rate": 100.0, "up_rate": 0.0, "eta": 5.12, "num_peers": 3, "num_seeds": 1, "num_pieces": 1,
        "total_pieces": 2, "downloaded": 512, "uploaded": 0,
    }  # fmt: skip
    return TransferView(**(fields | changes))


def drawn(views, *, height: int = 24) -> str:
    """The text of the last frame."""
    console = Console(file=io.StringIO(), width=90, height=height, force_terminal=True, color_system=None)
    screen = Screen(console, clock=lambda: 0.0)
    screen._views = views
    with console.capture() as capture:
        console.print(screen._frame())
    return capture.get()


def test_one_torrent_has_three_lines():
    lines = drawn([view()]).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("na[red]me\\x1b") and lines[0].rstrip().endswith("downloading")
    assert "50.0%" in lines[1] and "512 B of 1.00 KiB" in lines[1]
    assert (
        "↓ 100 B/s" in lines[2]
        and "ETA 0:05" in lines[2]
        and "peers 3 (1 seeds)" in lines[2]
        and "pieces 1/2" in lines[2]
    )


def test_what_is_complete_shows_how_fast_it_came():
    over = view(state="complete", average=2048.0, down_rate=0.0)
    assert "↓ 2.00 KiB/s on average" in drawn([over])
    assert "2.00 KiB/s" in drawn([over] * 7)


def test_notes_are_shown():
    assert "disk full" in drawn([view(state="failed", note="disk full")])
    assert "tracker down" in drawn([view(note="tracker down")])


def test_many_torrents_share_the_room():
    views = [view(f"torrent{i}") for i in range(7)]
    lines = drawn(views).splitlines()
    assert len(lines) == 7 * 3 + 1
    assert lines[-1].startswith("0 of 7 complete")
    assert len(drawn([*views, view("x")]).splitlines()) == 9  # one line each, and the total


def test_more_than_fit_are_counted_and_the_finished_go_first():
    views = [view(f"torrent{i}", state="complete" if i < 20 else "downloading") for i in range(30)]
    text = drawn(views, height=15)
    assert "… and 18 more" in text
    assert all(f"torrent{i}" in text for i in range(20, 30))
    assert len(text.splitlines()) <= 15


def test_a_screen_is_drawn_and_left(capsys):
    out = io.StringIO()
    with Screen(Console(file=out, width=80, force_terminal=True)) as screen:
        screen.progress([])
        screen.progress([view("first")])
        screen.progress([view("second")])
        screen.event("added", "an\x1b event")
        screen.event("end", "")
        screen.complain("warning", "a complaint")
    text = out.getvalue()
    assert "an\\x1b event" in text
    assert "second" in text[text.rindex("an\\x1b event") :]
    assert text.rstrip().endswith("\x1b[?25h")  # the cursor is back
    assert capsys.readouterr().err == "evtorrent: a complaint\n"
    screen.close()


def test_on_one_terminal_complaints_are_part_of_the_screen(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    out = io.StringIO()
    with Screen(Console(file=out, width=80, force_terminal=True)) as screen:
        screen.progress([view()])
        screen.complain("warning", "a [bold]complaint")
    assert "evtorrent: a [bold]complaint" in out.getvalue()


@pytest.mark.parametrize("width", [20, 76, 200])
def test_no_line_is_wider_than_the_terminal(width):
    console = Console(file=io.StringIO(), width=width, height=24, force_terminal=True, color_system=None)
    screen = Screen(console)
    screen._views = [view("long name " * 30), view("b")]
    with console.capture() as capture:
        console.print(screen._frame())
    assert all(len(line) <= width for line in capture.get().splitlines())
