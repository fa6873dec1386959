from __future__ import annotations

import pytest
from evtorrent.session import Session, load_torrent_file
from evtorrent.session.cli.folder_lock import FolderLocks
from evtorrent.session.cli.interrupts import Interrupts
from evtorrent.session.cli.reporters import JsonLines
from evtorrent.session.cli.top import showing
from evtorrent.session.cli.top.live_session import LiveSession
from evtorrent.session.cli.top.remarks import Remarks
from evtorrent.session.cli.top.screen_model import ScreenModel
from evtorrent.session.cli.top.showing import show_lines, show_screen
from evtorrent.session.cli.top.state_folder import StateFolder
from support.command_line import event, events, make_sample, wait_until


class Display:
    """A screen that types what it was told, a batch a frame, and remembers what was drawn."""

    def __init__(self, *batches: str | list[str], on_end=lambda: None) -> None:
        self.batches = list(batches)
        self.on_end = on_end
        self.frames: list[str] = []
        self.redrawn = 0

    def size(self):
        return 80, 24

    def draw(self, frame) -> None:
        self.frames.append(frame.text())

    def redraw(self) -> None:
        self.redrawn += 1

    def keys(self, timeout):
        if not self.batches:
            self.on_end()
            return []
        return list(self.batches.pop(0))


@pytest.fixture
def live(tmp_path):
    remarks = Remarks()
    with FolderLocks() as locks:
        state = StateFolder(tmp_path / "state")
        state.open(locks)
        session = Session({"listen_interfaces": "127.0.0.1:0", "enable_lsd": False})
        live = LiveSession(session, state, locks, str(tmp_path / "dl"), remarks.say)
        live.remarks = remarks
        sample = make_sample(tmp_path, size=30_000)
        live.add(load_torrent_file(sample.torrent))
        wait_until(lambda: live.step() or live.gathering.statuses())
        remarks.take()
        yield live
        live.close()


def test_keys_act_and_frames_show_it(live):
    live.remarks.say("hello", False)
    display = Display("", ["l", *"5k", "enter"], ["ctrl-l"], "q")
    show_screen(live, ScreenModel(), display, live.remarks, Interrupts())
    assert "sample" in display.frames[0] and "hello" in display.frames[0]
    assert "Folder" in display.frames[0], "the details are there at the first look"
    assert "download limit 5.00 KiB/s: sample" in display.frames[2]
    assert display.redrawn == 1
    assert len(display.frames) == 4


def test_a_signal_ends_it(live):
    interrupts = Interrupts()

    def interrupt() -> None:
        interrupts.received = 2

    display = Display("", on_end=interrupt)
    show_screen(live, ScreenModel(), display, live.remarks, interrupts)
    assert len(display.frames) == 2


def test_lines_for_machines(live, capsys, monkeypatch):
    interrupts = Interrupts()
    monkeypatch.setattr(showing, "FRAME", 0.0)
    live.say("a message", False)
    live.say("a complaint", True)

    class Until(JsonLines):
        def progress(self, views) -> None:
            super().progress(views)
            interrupts.received = 15

    show_lines(live, Until(interval=0), live.remarks, interrupts)
    captured = capsys.readouterr()
    assert event(captured.out, "progress")["name"] == "sample"
    assert [each["message"] for each in events(captured.out) if each["event"] in ("message", "warning")] == [
        "a message", "a complaint"
    ]  # fmt: skip
    assert captured.err == "evtorrent: a complaint\n"
