from __future__ import annotations

import json

import pytest
from evtorrent.session.cli import reporters
from evtorrent.session.cli.reporters import Aside, JsonLines, Lines, Quiet, reporter_for, summary_of
from evtorrent.session.cli.screen import Screen
from evtorrent.session.cli.views import TransferView


def view(**changes) -> TransferView:
    fields = {
        "name": "na\x1bme", "info_hash": "11", "state": "downloading", "progress": 0.5, "done": 512, "wanted": 1024,
        "down_rate": 100.0, "up_rate": 0.0, "eta": 5.12, "num_peers": 3, "num_seeds": 1, "num_pieces": 1,
        "total_pieces": 2, "downloaded": 512, "uploaded": 0,
    }  # fmt: skip
    return TransferView(**(fields | changes))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line(capsys):
    assert summary_of(view()) == (
        " 50.0%  512 B of 1.00 KiB  down 100 B/s  up 0 B/s  ETA 0:05  peers 3 (1 seeds)  pieces 1/2  downloading  na\\x1bme"
    )
    assert "down 3.00 KiB/s on average  up" in summary_of(view(state="complete", average=3072.0))
    assert "pieces 1/2" in summary_of(view(state="checking"))
    assert "peers 3" in summary_of(view(state="getting metadata"))


def test_lines_come_now_and_then_and_only_when_something_changed(capsys):
    clock = Clock()
    with Lines(interval=2.0, clock=clock) as lines:
        for clock.now in (0.0, 1.9, 2.0, 3.0, 4.0):
            lines.progress([view()])
        assert capsys.readouterr().out.count("\n") == 1
        clock.now = 6.0
        lines.progress([view(progress=0.6)])
        lines.event("complete", "done:\x1b x")
        lines.event("end", "")
        lines.complain("warning", "oh\nno")
    out, err = capsys.readouterr()
    assert out.splitlines()[1:] == ["done:\\x1b x"]
    assert err == "evtorrent: oh no\n"


def test_json(capsys):
    clock = Clock()
    with JsonLines(interval=1.0, clock=clock) as lines:
        for clock.now in (0.0, 0.5, 1.0, 2.0):
            lines.progress([view()])
        lines.event("complete", "for people", size=5)
        lines.complain("failed", "for all\x1b", status=4)
    out, err = capsys.readouterr()
    told = [json.loads(line) for line in out.splitlines()]
    assert [each["event"] for each in told] == ["progress", "complete", "failed"]
    assert told[0]["name"] == "na\x1bme"
    assert "\x1b" not in out
    assert told[1]["size"] == 5
    assert (told[2]["message"], told[2]["status"]) == ("for all\\x1b", 4)
    assert err == "evtorrent: for all\\x1b\n"


def test_quiet_says_only_what_went_wrong(capsys):
    quiet = Quiet()
    quiet.progress([view()])
    quiet.event("complete", "x")
    Aside(quiet).complain("warning", "careful")
    assert capsys.readouterr() == ("", "evtorrent: careful\n")


@pytest.mark.parametrize(
    ("options", "is_terminal", "kind"),
    [
        ({"as_json": True, "quiet": False}, True, JsonLines),
        ({"as_json": False, "quiet": True}, True, Quiet),
        ({"as_json": False, "quiet": False}, False, Lines),
        ({"as_json": False, "quiet": False}, True, Screen),
    ],
)
def test_the_right_one_is_taken(monkeypatch, options, is_terminal, kind):
    monkeypatch.setattr(reporters.sys.stdout, "isatty", lambda: is_terminal, raising=False)
    assert type(reporter_for(**options)) is kind
