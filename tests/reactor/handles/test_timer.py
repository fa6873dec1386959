"""Deadlines: order, exactness, cancelling."""

from __future__ import annotations

import asyncio
import random
import time

import pytest
from evtorrent.reactor.handles.timer import COMPACT_ABOVE, Deadline, TimerQueue


class Noted(Deadline):
    __slots__ = ("log", "name")

    def __init__(self, log: list[str], name: str) -> None:
        super().__init__()
        self.log, self.name = log, name

    def expire(self) -> None:
        assert not self.is_armed
        self.log.append(self.name)


class Host:
    """A queue on a loop, run until it is empty."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.num_alarms = 0
        self.queue = TimerQueue(loop, self.on_due)

    def on_due(self) -> None:
        self.num_alarms += 1
        self.queue.expire_due()
        if not self.queue:
            self.loop.stop()


@pytest.fixture
def host(loop: asyncio.AbstractEventLoop) -> Host:
    return Host(loop)


def test_deadlines_expire_in_order_never_early(host: Host) -> None:
    log: list[str] = []
    now = time.monotonic()
    for name, delay in (("c", 0.0034), ("a", 0.0011), ("b2", 0.0021), ("b1", 0.0020)):
        host.queue.arm(Noted(log, name), now + delay)
    assert len(host.queue) == 4
    host.loop.run_forever()
    assert log == ["a", "b1", "b2", "c"]
    assert time.monotonic() >= now + 0.0034


def test_equal_deadlines_keep_the_order_of_arming(host: Host) -> None:
    log: list[str] = []
    when = time.monotonic() + 0.001
    for name in "dbca":
        host.queue.arm(Noted(log, name), when)
    host.loop.run_forever()
    assert "".join(log) == "dbca"


def test_disarmed_does_not_expire(host: Host) -> None:
    log: list[str] = []
    gone, kept = Noted(log, "gone"), Noted(log, "kept")
    when = time.monotonic() + 0.001
    host.queue.arm(gone, when)
    host.queue.arm(kept, when)
    assert gone.is_armed
    for _ in range(2):
        host.queue.disarm(gone)
    assert (len(host.queue), gone.is_armed) == (1, False)
    host.loop.run_forever()
    assert log == ["kept"]


def test_moving_a_deadline_leaves_one(host: Host) -> None:
    log: list[str] = []
    now = time.monotonic()
    moved = Noted(log, "moved")
    host.queue.arm(moved, now + 60.0)
    host.queue.arm(moved, now + 0.002)
    host.queue.arm(Noted(log, "first"), now + 0.001)
    assert len(host.queue) == 2
    host.loop.run_forever()
    assert log == ["first", "moved"]


def test_earlier_deadline_moves_the_alarm(host: Host) -> None:
    log: list[str] = []
    late = Noted(log, "late")
    host.queue.arm(late, time.monotonic() + 60.0)
    host.queue.arm(Noted(log, "soon"), time.monotonic() + 0.001)
    host.loop.call_later(0.02, host.loop.stop)
    host.loop.run_forever()
    assert log == ["soon"]
    host.queue.clear()
    assert (len(host.queue), late.is_armed) == (0, False)


def test_dead_entries_are_swept(host: Host) -> None:
    log: list[str] = []
    now = time.monotonic()
    rng = random.Random(7)
    live = {f"{n:03}": now + 60.0 + rng.random() for n in range(20)}
    for name, when in live.items():
        host.queue.arm(Noted(log, name), when)
    for _ in range(10 * COMPACT_ABOVE):
        dead = Noted(log, "dead")
        host.queue.arm(dead, now + rng.random())
        host.queue.disarm(dead)
        assert len(host.queue._heap) <= 2 * (len(host.queue) + 1) + COMPACT_ABOVE
    host.queue.expire_due()
    assert log == []
    assert len(host.queue) == 20
    host.queue.clear()


def test_many_moves_of_one_deadline_stay_bounded(host: Host) -> None:
    moved = Noted([], "moved")
    for _ in range(1000):
        host.queue.arm(moved, time.monotonic() + 60.0)
        assert len(host.queue._heap) <= COMPACT_ABOVE + 3
    assert len(host.queue) == 1
    host.queue.clear()


def test_base_class_must_say_what_expires() -> None:
    with pytest.raises(NotImplementedError):
        Deadline().expire()


def test_what_is_armed_moves_to_another_loop(host: Host) -> None:
    log: list[str] = []
    gone = Noted(log, "gone")
    host.queue.arm(Noted(log, "kept"), time.monotonic() + 0.001)
    host.queue.arm(gone, time.monotonic())
    host.queue.disarm(gone)
    other = asyncio.SelectorEventLoop()
    try:
        host.queue.move(other)
        host.loop = other
        other.run_forever()
    finally:
        other.close()
    assert log == ["kept"]


def test_next_deadline_and_all_of_them(host: Host) -> None:
    assert host.queue.next_when() is None
    when = time.monotonic() + 60.0
    early, late = Noted([], "early"), Noted([], "late")
    host.queue.arm(late, when + 1.0)
    host.queue.arm(early, when)
    assert (host.queue.next_when(), set(host.queue)) == (when, {early, late})
    host.queue.disarm(early)
    assert (host.queue.next_when(), list(host.queue)) == (when + 1.0, [late])
    host.queue.clear()
    assert (host.queue.next_when(), list(host.queue)) == (None, [])
