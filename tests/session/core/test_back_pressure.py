from __future__ import annotations

from typing import Any

from evtorrent.session.core.back_pressure import BackPressure
from evtorrent.session.torrent.peer_link import ReadBlock


class Wire:
    """A transport, as far as reading goes."""

    def __init__(self) -> None:
        self.read_suspended = 0
        self.calls: list[str] = []

    def suspend_reading(self, reason: int) -> None:
        self.read_suspended |= reason
        self.calls.append("suspend")

    def resume_reading(self, reason: int) -> None:
        self.read_suspended &= ~reason
        self.calls.append("resume")


class Torrent:
    """Which of its connections owe blocks, and whether it may ask for more."""

    def __init__(self, *owing: Wire) -> None:
        self.owing = list(owing)
        self.is_held = False

    def hold(self, held: bool) -> None:
        self.is_held = held

    def reading(self) -> list[Wire]:
        return self.owing


class Core:
    def __init__(self, *torrents: Torrent) -> None:
        self.lively: dict[Any, None] = dict.fromkeys(torrents)


def test_who_owes_is_held_once_and_let_go() -> None:
    early, late = Wire(), Wire()
    torrent = Torrent(early)
    pressure = BackPressure(Core(torrent))  # type: ignore[arg-type]
    pressure.hold()
    assert torrent.is_held
    torrent.owing.append(late)
    pressure.hold()
    assert early.read_suspended == late.read_suspended == ReadBlock.DISK
    assert early.calls == ["suspend"]
    pressure.let_go()
    assert not torrent.is_held
    assert early.calls == late.calls == ["suspend", "resume"]
    pressure.let_go()
    assert early.calls == ["suspend", "resume"]


def test_what_came_to_rest_meanwhile_is_let_go_too() -> None:
    torrent, core = Torrent(Wire()), Core()
    core.lively[torrent] = None
    pressure = BackPressure(core)  # type: ignore[arg-type]
    pressure.hold()
    core.lively.clear()
    (wire,) = torrent.owing
    torrent.owing.clear()
    pressure.let_go()
    assert not torrent.is_held
    assert not wire.read_suspended


def test_other_reasons_stay() -> None:
    wire = Wire()
    wire.read_suspended = ReadBlock.BANDWIDTH
    pressure = BackPressure(Core(Torrent(wire)))  # type: ignore[arg-type]
    pressure.hold()
    pressure.let_go()
    assert wire.read_suspended == ReadBlock.BANDWIDTH
