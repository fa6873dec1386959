from __future__ import annotations

from random import Random

import pytest
from evtorrent.session.flags import DeadlineFlags
from evtorrent.session.torrent.piece_picker import PiecePicker
from evtorrent.session.torrent.time_critical import MAX_QUEUE_TIME, TimeCritical

NONE = DeadlineFlags(0)
BLOCK = 16384
ALL = (1 << 10) - 1


class Peer:
    """A peer that sends `rate` bytes a second."""

    def __init__(self, name: str, rate: float, *, bits: int = ALL, room: int = 1000) -> None:
        self.peer = name
        self.rate = rate
        self.bits = bits
        self.room = room
        self.blocks: list[tuple[int, int]] = []

    @property
    def queue_time(self) -> float:
        return (len(self.blocks) + 1) * BLOCK / self.rate

    def asked(self, runs) -> None:
        for piece, first, count in runs:
            self.blocks += [(piece, block) for block in range(first, first + count)]


@pytest.fixture
def picker() -> PiecePicker:
    return PiecePicker(10, 4, 4, rng=Random(1))


def pieces_of(peer: Peer) -> set[int]:
    return {piece for piece, _ in peer.blocks}


def test_kept_by_deadline() -> None:
    critical = TimeCritical()
    for piece, deadline in ((1, 30.0), (2, 10.0), (3, 20.0)):
        critical.set(piece, deadline, NONE)
    assert [each.piece for each in critical] == [2, 3, 1]
    critical.set(1, 5.0, DeadlineFlags.alert_when_available)
    assert next((each.piece, each.flags) for each in critical) == (1, DeadlineFlags.alert_when_available)
    assert len(critical) == 3
    assert 2 in critical
    assert critical.remove(2) is not None
    assert critical.remove(2) is None
    assert 2 not in critical


def test_due_is_the_first_and_what_is_near() -> None:
    critical = TimeCritical()
    for piece, deadline in ((0, 100.0), (1, 101.0), (2, 200.0)):
        critical.set(piece, deadline, NONE)
    assert [each.piece for each in critical.due(0.0)] == [0]
    assert [each.piece for each in critical.due(100.5)] == [0, 1]


def test_what_pieces_took_moves_the_horizon(picker: PiecePicker) -> None:
    critical = TimeCritical()
    critical.set(0, 0.0, NONE)
    critical.ask([Peer("a", 1e6)], picker, 0.0)
    assert critical.finished(0, 8.0) is not None
    assert critical.usual_time == 8.0
    critical.set(1, 100.0, NONE)
    critical.set(2, 101.0, NONE)
    assert len(critical.due(91.0)) == 1
    assert len(critical.due(92.5)) == 2
    critical.ask([Peer("a", 1e6)], picker, 100.0)
    critical.finished(1, 118.0)
    assert critical.usual_time == pytest.approx(9.0)
    assert critical.finished(1, 118.0) is None


def test_a_piece_got_without_asking_says_nothing_about_time() -> None:
    critical = TimeCritical()
    critical.set(0, 0.0, NONE)
    assert critical.finished(0, 50.0) is not None
    assert critical.usual_time == 0.0


def test_blocks_go_to_who_is_quickest(picker: PiecePicker) -> None:
    critical = TimeCritical()
    critical.set(3, 1.0, NONE)
    fast, slow = Peer("fast", 400_000), Peer("slow", 100_000)
    critical.ask([slow, fast], picker, 0.0)
    assert len(fast.blocks) == 4 - len(slow.blocks)
    assert len(fast.blocks) >= 3
    assert pieces_of(fast) == {3}
    picker.check_invariant()


def test_nobody_is_asked_for_more_than_two_seconds(picker: PiecePicker) -> None:
    critical = TimeCritical()
    critical.set(0, 0.0, NONE)
    critical.set(1, 0.0, NONE)
    only = Peer("a", 2.5 * BLOCK)
    critical.ask([only], picker, 0.0)
    assert len(only.blocks) * BLOCK / only.rate <= MAX_QUEUE_TIME
    assert len(only.blocks) == 5


def test_the_nearest_deadline_comes_first(picker: PiecePicker) -> None:
    critical = TimeCritical()
    critical.set(7, 0.9, NONE)
    critical.set(2, 0.1, NONE)
    peer = Peer("a", 3 * BLOCK)
    critical.ask([peer], picker, 0.0)
    assert peer.blocks[:4] == [(2, 0), (2, 1), (2, 2), (2, 3)]
    assert pieces_of(peer) == {2, 7}


def test_a_piece_the_peer_lacks_is_left_to_others(picker: PiecePicker) -> None:
    critical = TimeCritical()
    critical.set(0, 0.0, NONE)
    critical.set(1, 0.0, NONE)
    peer = Peer("a", 1e6, bits=0b10)
    critical.ask([peer], picker, 0.0)
    assert pieces_of(peer) == {1}


def test_a_peer_without_room_is_not_asked(picker: PiecePicker) -> None:
    critical = TimeCritical()
    critical.set(0, 0.0, NONE)
    full, other = Peer("full", 1e6, room=1), Peer("other", 5e5)
    critical.ask([full, other], picker, 0.0)
    assert len(full.blocks) == 1
    assert len(other.blocks) == 3


def test_outliers_are_not_asked(picker: PiecePicker) -> None:
    critical = TimeCritical()
    for piece in range(10):
        critical.set(piece, 0.0, NONE)
    peers = [Peer(str(index), 1e6) for index in range(9)] + [Peer("slow", 20_000)]
    critical.ask(peers, picker, 0.0)
    assert peers[-1].blocks == []
    assert sum(len(peer.blocks) for peer in peers) == 40


def test_a_late_piece_is_asked_of_one_more(picker: PiecePicker) -> None:
    critical = TimeCritical()
    critical.set(0, 0.0, NONE)
    critical.ask([Peer("x", 1e6)], picker, 0.0)
    critical.finished(0, 4.0)
    critical.set(1, 5.0, NONE)
    stuck, other, third = Peer("stuck", 1e6), Peer("other", 1e5), Peer("third", 1e5)
    critical.ask([stuck], picker, 10.0)
    assert len(stuck.blocks) == 4
    critical.ask([stuck, other], picker, 13.0)
    assert other.blocks == [], "it is not late yet"
    critical.ask([stuck, other], picker, 14.5)
    assert sorted(other.blocks) == [(1, 0), (1, 1), (1, 2), (1, 3)]
    critical.ask([stuck, third], picker, 15.0)
    assert third.blocks == [], "two are asked already"
    critical.ask([stuck, third], picker, 18.5)
    assert len(third.blocks) == 4
    assert len(stuck.blocks) == 4, "nobody is asked twice for a block"
    picker.check_invariant()


def test_what_is_on_order_already_is_not_late_before_its_time(picker: PiecePicker) -> None:
    critical = TimeCritical()
    critical.set(0, 0.0, NONE)
    critical.ask([Peer("x", 1e6)], picker, 0.0)
    critical.finished(0, 1.0)
    picker.pick(0b10, 4, "early")
    critical.set(1, 0.0, NONE)
    late = Peer("late", 1e6)
    critical.ask([late], picker, 10.0)
    assert late.blocks == []
    critical.ask([late], picker, 11.5)
    assert len(late.blocks) == 4


def test_a_reserved_piece_is_shared(picker: PiecePicker) -> None:
    from evtorrent.session.torrent.picker_modes import PickMode

    picker.pick(0b1, 1, "owner", mode=PickMode.WHOLE_PIECES)
    critical = TimeCritical()
    critical.set(0, 0.0, NONE)
    peer = Peer("a", 1e6)
    critical.ask([peer], picker, 0.0)
    assert peer.blocks == [(0, 1), (0, 2), (0, 3)]
    picker.check_invariant()
