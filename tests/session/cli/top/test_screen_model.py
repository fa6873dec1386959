from __future__ import annotations

import itertools

import pytest
from evtorrent.session.cli.top.actions import KEYS, Action, Command
from evtorrent.session.cli.top.frame import Style, width_of
from evtorrent.session.cli.top.records import (
    Details,
    FileRow,
    Pane,
    PeerRow,
    PieceCounts,
    Snapshot,
    TorrentRow,
    TrackerRow,
)
from evtorrent.session.cli.top.screen_model import ScreenModel
from hypothesis import given, settings
from hypothesis import strategies as st

ROWS = tuple(
    TorrentRow(f"k{n}", name, "downloading", n / 10, queue=n)
    for n, name in enumerate(["alpha", "全角の名前", "evil\x1b[31m\x07\u202e", "delta"])
)
PEERS = tuple(PeerRow(f"10.0.0.{n}:1", f"client{n}") for n in range(40))
FILES = (FileRow(0, "a", 9, 9, 4), FileRow(3, "b\x1b", 9, 0, 0))


def snapshot(model: ScreenModel, rows=ROWS) -> Snapshot:
    """As `Gathering` would fill it."""
    key, pane = model.shown_pane
    details = Details(
        key,
        pane,
        peers=PEERS if pane is Pane.PEERS else (),
        files=FILES if pane is Pane.FILES else (),
        trackers=(TrackerRow("http://t/", 0, "working"),) if pane is Pane.TRACKERS else (),
        pieces=PieceCounts("1100") if pane is Pane.PIECES else PieceCounts(),
    )
    return Snapshot(rows, details)


def shown(model: ScreenModel, rows=ROWS, size=(80, 24)):
    """The frame, drawn as the loop does: again when the drawing selected something."""
    model.frame(snapshot(model, rows), *size)
    return model.frame(snapshot(model, rows), *size)


def press(model: ScreenModel, *keys: str, rows=ROWS) -> Action | None:
    action = None
    for key in keys:
        action = model.press(key, snapshot(model, rows))
        shown(model, rows)
    return action


def selected(frame, style=Style.SELECTED) -> list[str]:
    """The rows of that style, a word of each."""
    return [line[0].text.split()[0] for line in frame.lines if {span.style for span in line} == {style}]


def test_the_first_look():
    lines = shown(ScreenModel()).text().splitlines()
    assert lines[0].startswith(" evtorrent  4 torrents")
    assert lines[1].split() == ["Name", "Done", "Down", "Up", "ETA", "Peers", "State"]
    assert [line.split()[0] for line in lines[2:6]] == [
        "alpha",
        "全角の名前",
        "evil\\x1b[31m\\x07\\u20…",
        "delta",
    ]
    assert lines[7].split()[:2] == ["1", "Overview"]
    assert lines[8].split() == ["Name", "alpha"]
    assert "? keys" in lines[23]


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (20, 4), (43, 9), (100, 12)])
@pytest.mark.parametrize("pane", list(Pane))
def test_a_frame_is_as_large_as_the_screen(size, pane):
    model = ScreenModel()
    press(model, str(list(Pane).index(pane) + 1))
    for rows in (ROWS, (), ROWS * 30):
        frame = shown(model, rows, size)
        assert len(frame.lines) == size[1]
        assert {width_of("".join(span.text for span in line)) for line in frame.lines} == {size[0]}


def test_a_tiny_one_says_so():
    assert ScreenModel().frame(Snapshot(), 10, 2).text() == "too small\ntoo small"


def test_no_torrents():
    model = ScreenModel()
    assert "a adds one" in shown(model, ()).text()
    assert press(model, "p", rows=()) is None
    assert "there is no torrent" in shown(model, ()).text()
    assert press(model, "tab", "down", "end", "x", rows=()) is None


def test_the_selection_stays_with_its_torrent():
    model = ScreenModel()
    shown(model)
    press(model, "down", "down")
    assert model.selected == "k2"
    assert selected(shown(model)) == ["evil\\x1b[31m\\x07\\u20…"]
    assert press(model, "r", rows=tuple(reversed(ROWS))) == Action(Command.RECHECK, "k2")
    # The torrent is removed: what took its place is selected.
    shown(model, (ROWS[0], ROWS[1], ROWS[3]))
    assert model.selected == "k3"


@pytest.mark.parametrize(
    ("key", "action"),
    [
        ("r", Action(Command.RECHECK, "k0")),
        ("F", Action(Command.FORCE, "k0")),
        ("A", Action(Command.ANNOUNCE, "k0")),
        ("+", Action(Command.QUEUE_UP, "k0")),
        ("-", Action(Command.QUEUE_DOWN, "k0")),
        ("T", Action(Command.QUEUE_TOP, "k0")),
        ("B", Action(Command.QUEUE_BOTTOM, "k0")),
        ("p", Action(Command.PAUSE, "k0", number=1)),
        (" ", Action(Command.PAUSE, "k0", number=1)),
        ("s", Action(Command.SEQUENTIAL, "k0", number=1)),
        ("q", Action(Command.QUIT)),
        ("ctrl-l", Action(Command.REDRAW)),
        ("%", None),
        ("escape", None),
    ],
)
def test_keys(key, action):
    model = ScreenModel()
    shown(model)
    assert press(model, key) == action


@pytest.mark.parametrize(
    ("state", "pausing"), [("downloading", 1), ("paused", 0), ("queued", 0), ("error", 0)]
)
def test_pause_is_a_switch(state, pausing):
    rows = (TorrentRow("k", "name", state),)
    model = ScreenModel()
    shown(model, rows)
    assert press(model, "p", rows=rows) == Action(Command.PAUSE, "k", number=pausing)


@pytest.mark.parametrize(
    ("keys", "action"),
    [
        (["l", *"500k", "enter"], Action(Command.LIMIT_DOWN, "k0", number=512_000)),
        (["u", "0", "enter"], Action(Command.LIMIT_UP, "k0")),
        (["L", *"1MiB", "enter"], Action(Command.SESSION_DOWN, number=1 << 20)),
        (["U", *"1k", "escape"], None),
        (["l", *"fast", "enter"], None),
        (["l", *"9999999999", "enter"], None),
        (["a", *" x.torrent ", "enter"], Action(Command.ADD, text="x.torrent")),
        (["a", *"quit", "escape"], None),
        (["a", "enter"], None),
        (["x", "y"], Action(Command.REMOVE, "k0")),
        (["x", "d"], Action(Command.DELETE, "k0")),
        (["x", "n"], None),
        (["x", "q"], None),
    ],
)
def test_questions(keys, action):
    model = ScreenModel()
    shown(model)
    assert press(model, *keys) == action
    assert shown(model).cursor is None, "it is over"


def test_a_question_is_on_the_last_line():
    model = ScreenModel()
    shown(model)
    press(model, "down", "down", "x")
    frame = shown(model)
    assert frame.text().splitlines()[-1].endswith("else no): evil\\x1b[31m\\x07\\u20…")
    assert frame.cursor is not None
    # What the question is about stays the same, whatever is selected when it is answered.
    model.selected = "k0"
    assert press(model, "y") == Action(Command.REMOVE, "k2")


def test_complaints_stay_until_a_key():
    model = ScreenModel()
    model.tell("disk\x1b full", is_bad=True)
    line = shown(model).lines[-1]
    assert (line[0].text.strip(), line[0].style) == ("disk\\x1b full", Style.BAD)
    press(model, "down")
    assert "disk" not in shown(model).text()
    shown(model)
    press(model, "l", *"fast", "enter")
    assert "is no size" in shown(model).text()


def test_panes():
    model = ScreenModel()
    shown(model)
    opened = [(press(model, "right"), model.pane)[1] for _ in range(5)]
    assert opened == [*list(Pane)[1:], Pane.OVERVIEW]
    press(model, "left")
    assert model.pane is Pane.PIECES
    assert "2 of 4 pieces" in shown(model).text()
    press(model, "4")
    assert "http://t/" in shown(model).text()
    press(model, "enter")
    assert model.shown_pane == ("", Pane.TRACKERS)
    assert "http://t/" not in shown(model).text()
    press(model, "2")
    assert "client0" in shown(model).text()


def test_details_of_another_torrent_are_not_shown_as_its_own():
    model = ScreenModel()
    shown(model)
    old = snapshot(model)
    model.press("down", old)
    text = model.frame(old, 80, 24).text()
    assert "Info" not in text and "1 Overview" in text


def test_keys_in_the_details():
    model = ScreenModel()
    shown(model)
    press(model, "2", "tab", "down", "down")
    frame = shown(model)
    assert selected(frame, Style.MARKED) == ["alpha"]
    assert "10.0.0.2:1" in selected(frame)
    assert model.selected == "k0", "the list stays"
    press(model, "end")
    assert "client39" in shown(model).text()
    press(model, "tab", "down")
    assert model.selected == "k1"
    assert "client0 " in shown(model).text(), "from the top again"


def test_files_are_wanted_or_not():
    model = ScreenModel()
    shown(model)
    press(model, "3")
    assert press(model, " ") == Action(Command.PAUSE, "k0", number=1), "the list has the keys"
    press(model, "tab", "down")
    assert press(model, " ") == Action(Command.WANT_FILE, "k0", number=3)
    model.press("1", snapshot(model))
    model.press("3", snapshot(model))
    assert model.press(" ", Snapshot(ROWS)) is None, "not known yet"


def test_help():
    model = ScreenModel()
    shown(model)
    press(model, "?")
    assert "hash everything again" in shown(model, size=(80, 50)).text()
    press(model, "page-down", "page-down", "page-down")
    text = shown(model).text()
    assert "one up" not in text and "local network" in text
    assert press(model, "r") is None, "it only closes the page"
    assert "Overview" in shown(model).text()
    press(model, "h")
    assert press(model, "q") == Action(Command.QUIT)


def test_orders():
    model = ScreenModel()
    shown(model)
    press(model, "o")
    assert "by name" in shown(model).text()
    names = [line.split()[0] for line in shown(model).text().splitlines()[2:6]]
    assert names == ["alpha", "delta", "evil\\x1b[31m\\x07\\u20…", "全角の名前"]
    assert model.selected == "k0"


def test_many_torrents_scroll():
    rows = tuple(TorrentRow(f"k{n}", f"torrent{n}", "queued", queue=n) for n in range(100))
    model = ScreenModel()
    shown(model, rows)
    press(model, "end", rows=rows)
    text = shown(model, rows).text()
    assert "torrent99" in text and "torrent0 " not in text
    press(model, "home", rows=rows)
    assert "torrent0 " in shown(model, rows).text()


ALL_KEYS = [*itertools.chain.from_iterable(row.keys for row in KEYS), "1", "5", "y", "escape", "backspace"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(ALL_KEYS), max_size=30), st.sampled_from([(80, 24), (20, 4), (120, 9)]))
def test_any_keys_in_any_order(keys, size):
    model = ScreenModel()
    for at, key in enumerate(keys):
        rows = ROWS[: (at * 7) % 5]
        action = model.press(key, snapshot(model, rows))
        assert action is None or isinstance(action, Action)
        frame = model.frame(snapshot(model, rows), *size)
        assert len(frame.lines) == size[1]
        assert not set(frame.text()) & set("\x1b\x07\u202e")
