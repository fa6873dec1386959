from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from evtorrent.session.disk.batch import GATHERING, MOST_AT_ONCE, MOST_TOGETHER, JobBatch


class Loop:
    """A base, and a pool whose jobs wait."""

    def __init__(self) -> None:
        self.soon: list[tuple[Any, ...]] = []
        self.jobs: list[tuple[Callable[..., Any], tuple[Any, ...], Callable[..., Any]]] = []
        self.later: list[tuple[float, tuple[Any, ...]]] = []
        self.is_closed = False
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def call_soon(self, *call: Any) -> None:
        self.soon.append(call)

    def call_later(self, delay: float, *call: Any) -> None:
        self.later.append((self.now + delay, call))

    def submit(self, base: Any, function: Any, *args: Any, on_done: Any) -> None:
        if self.is_closed:
            raise RuntimeError("closed")
        self.jobs.append((function, args, on_done))

    def turn(self) -> None:
        calls, self.soon = self.soon, []
        calls += [call for when, call in self.later if when <= self.now]
        self.later = [(when, call) for when, call in self.later if when > self.now]
        for function, *args in calls:
            function(*args)

    def work(self) -> None:
        jobs, self.jobs = self.jobs, []
        for function, args, on_done in jobs:
            on_done(function(*args), None)


def fail() -> None:
    raise ValueError("not there")


def test_jobs_of_a_turn_go_together() -> None:
    loop, heard = Loop(), []
    batch = JobBatch(loop, loop.submit)  # type: ignore[arg-type]
    for number in range(3):
        batch.add(lambda number=number: number, lambda result, error: heard.append((result, error)))
    assert loop.jobs == []
    loop.turn()
    assert len(loop.jobs) == 1
    loop.work()
    assert heard == [(0, None), (1, None), (2, None)]


def test_when_many_come_they_gather() -> None:
    loop, heard = Loop(), []
    batch = JobBatch(loop, loop.submit)  # type: ignore[arg-type]
    for number in range(MOST_AT_ONCE + 4):
        batch.add(lambda number=number: number, lambda result, error: heard.append(result))
        loop.turn()
    assert len(loop.jobs) == MOST_AT_ONCE
    loop.now += GATHERING
    loop.turn()
    assert len(loop.jobs) == MOST_AT_ONCE + 1
    loop.work()
    assert heard == list(range(MOST_AT_ONCE + 4))
    loop.now += 2 * GATHERING
    for _ in range(3):
        batch.add(int, lambda result, error: heard.append("more"))
        loop.turn()
    assert len(loop.jobs) == 3


def test_a_full_one_does_not_wait() -> None:
    loop, heard = Loop(), []
    batch = JobBatch(loop, loop.submit)  # type: ignore[arg-type]
    for number in range(2 * MOST_TOGETHER):
        batch.add(lambda number=number: number, lambda result, error: heard.append(result))
    assert len(loop.jobs) == 2
    loop.now += GATHERING
    loop.turn()
    loop.work()
    assert heard == list(range(2 * MOST_TOGETHER))


def test_one_that_fails_is_alone_with_that() -> None:
    loop, heard = Loop(), []
    batch = JobBatch(loop, loop.submit)  # type: ignore[arg-type]
    for function in (int, fail, int):
        batch.add(function, lambda result, error: heard.append((result, type(error))))
    loop.turn()
    loop.work()
    assert heard == [(0, type(None)), (None, ValueError), (0, type(None))]


def test_a_callback_that_raises_takes_nobody_along() -> None:
    loop, heard = Loop(), []

    def broken(result: object, error: object) -> None:
        raise ZeroDivisionError

    batch = JobBatch(loop, loop.submit)  # type: ignore[arg-type]
    batch.add(int, broken)
    batch.add(int, lambda result, error: heard.append(result))
    batch.add(int, broken)
    batch.add(int, lambda result, error: heard.append(result))
    loop.turn()
    with pytest.raises(ZeroDivisionError):
        loop.work()
    with pytest.raises(ZeroDivisionError):
        loop.turn()
    loop.turn()
    assert heard == [0, 0]


def test_a_pool_that_is_closed() -> None:
    loop, heard = Loop(), []
    loop.is_closed = True
    batch = JobBatch(loop, loop.submit)  # type: ignore[arg-type]
    for _ in range(2):
        batch.add(int, lambda result, error: heard.append(str(error)))
    loop.turn()
    assert heard == []
    loop.turn()
    assert heard == ["closed", "closed"]
    assert loop.jobs == []
