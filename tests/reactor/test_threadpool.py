"""Workers: where results go, how few wake-ups they need, how it ends."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from evtorrent.reactor import ReactorBusy, ReactorClosed, ReactorUsageError, ThreadPool

WAIT = 5.0


class HandCrankedLoop:
    """Collects what is posted; `turn` runs it, as the loop's thread would."""

    def __init__(self) -> None:
        self.posted: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self.num_wake_ups = 0
        self.wake = threading.Event()

    def call_soon(self, callback: Callable[..., object], *args: Any) -> None:
        self.posted.append((callback, args))

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> None:
        self.num_wake_ups += 1
        self.call_soon(callback, *args)
        self.wake.set()

    def turn(self) -> None:
        assert self.wake.wait(WAIT)
        self.wake.clear()
        while self.posted:
            callback, args = self.posted.popleft()
            callback(*args)


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    pool = ThreadPool(2, name="test-worker")
    yield pool
    assert pool.close(WAIT)


@pytest.fixture
def base() -> HandCrankedLoop:
    return HandCrankedLoop()


class Gate:
    """A job that waits until the test lets it go."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.entered.set()
        assert self.opened.wait(WAIT)
        return threading.current_thread().name


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def test_result_and_error_come_back(pool: ThreadPool, base: HandCrankedLoop) -> None:
    told: list[Any] = []
    pool.submit(base, divmod, 7, 2, on_done=lambda result, error: told.append((result, error)))
    base.turn()
    pool.submit(base, divmod, 7, 0, on_done=lambda result, error: told.append((result, type(error))))
    base.turn()
    assert told == [((3, 1), None), (None, ZeroDivisionError)]


def test_even_system_exit_belongs_to_the_job(pool: ThreadPool, base: HandCrankedLoop) -> None:
    told: list[Any] = []
    pool.submit(base, sys.exit, on_done=lambda result, error: told.append(type(error)))
    base.turn()
    assert told == [SystemExit]


def test_jobs_finished_together_need_one_wake_up(pool: ThreadPool, base: HandCrankedLoop) -> None:
    told: list[int] = []
    for number in range(20):
        pool.submit(base, int, number, on_done=lambda result, error: told.append(result))
    until(lambda: pool._unfinished == 0)
    assert base.num_wake_ups == 1
    base.turn()
    assert sorted(told) == list(range(20))


def test_callback_that_raises_does_not_lose_the_others(pool: ThreadPool, base: HandCrankedLoop) -> None:
    told: list[int] = []

    def on_done(result: int, error: BaseException | None) -> None:
        told.append(result)
        if result == 0:
            raise LookupError("on_done")

    for number in range(3):
        pool.submit(base, int, number, on_done=on_done)
    until(lambda: pool._unfinished == 0)
    with pytest.raises(LookupError):
        base.turn()
    base.wake.set()
    base.turn()
    assert sorted(told) == [0, 1, 2]


def test_threads_start_on_demand_and_never_exceed_the_limit(pool: ThreadPool, base: HandCrankedLoop) -> None:
    assert pool.num_threads == 0
    gates = [Gate() for _ in range(4)]
    names: list[str] = []
    for gate in gates:
        pool.submit(base, gate, on_done=lambda result, error: names.append(result))
    for gate in gates[:2]:
        assert gate.entered.wait(WAIT)
    assert (pool.num_threads, pool.num_queued) == (2, 2)
    for gate in gates:
        gate.opened.set()
    until(lambda: pool._unfinished == 0)
    base.turn()
    assert set(names) == {"test-worker-1", "test-worker-2"}


def test_idle_worker_is_used_before_a_new_one(pool: ThreadPool, base: HandCrankedLoop) -> None:
    for _ in range(3):
        pool.submit(base, int, on_done=lambda result, error: None)
        base.turn()
        until(lambda: pool._unfinished == 0)
    assert pool.num_threads == 1


def test_resize(pool: ThreadPool, base: HandCrankedLoop) -> None:
    pool.resize(3)
    gates = [Gate() for _ in range(3)]
    for gate in gates:
        pool.submit(base, gate, on_done=lambda result, error: None)
    for gate in gates:
        assert gate.entered.wait(WAIT)
    assert pool.num_threads == 3
    pool.resize(1)
    pool.resize(1)
    for gate in gates:
        gate.opened.set()
    until(lambda: sum(t.name.startswith("test-worker") for t in threading.enumerate()) == 1)
    assert pool.num_threads == 1
    told: list[int] = []
    pool.submit(base, int, 5, on_done=lambda result, error: told.append(result))
    until(lambda: pool._unfinished == 0)
    base.turn()
    assert told == [5]
    with pytest.raises(ReactorUsageError):
        pool.resize(0)


def test_queue_is_bounded(base: HandCrankedLoop) -> None:
    pool = ThreadPool(1, max_queued=2)
    gate = Gate()
    pool.submit(base, gate, on_done=lambda result, error: None)
    assert gate.entered.wait(WAIT)
    for _ in range(2):
        pool.submit(base, int, on_done=lambda result, error: None)
    with pytest.raises(ReactorBusy, match="2 jobs"):
        pool.submit(base, int, on_done=lambda result, error: None)
    gate.opened.set()
    assert pool.close(WAIT)


def test_several_loops_share_a_pool(pool: ThreadPool) -> None:
    bases = [HandCrankedLoop() for _ in range(3)]
    told: list[int] = []
    for number, base in enumerate(bases):
        pool.submit(base, int, number, on_done=lambda result, error: told.append(result))
    for base in bases:
        base.turn()
    assert told == [0, 1, 2]


def test_pool_forgets_a_loop_without_jobs(pool: ThreadPool) -> None:
    base = HandCrankedLoop()
    pool.submit(base, int, on_done=lambda result, error: None)
    base.turn()
    gone = weakref.ref(base)
    del base
    gc.collect()
    assert gone() is None


def test_waiting_worker_keeps_nothing_of_its_last_job(pool: ThreadPool, base: HandCrankedLoop) -> None:
    class Buffer:
        pass

    buffer = Buffer()
    gone = weakref.ref(buffer)
    pool.submit(base, id, buffer, on_done=lambda result, error: None)
    base.turn()
    until(lambda: pool._unfinished == 0)
    del buffer
    gc.collect()
    assert gone() is None


def test_close_finishes_queued_jobs(base: HandCrankedLoop) -> None:
    pool = ThreadPool(1)
    done: list[int] = []
    for number in range(5):
        pool.submit(base, done.append, number, on_done=lambda result, error: None)
    assert pool.close(WAIT) is True
    assert done == [0, 1, 2, 3, 4]
    assert pool.close(WAIT) is True
    with pytest.raises(ReactorClosed):
        pool.submit(base, int, on_done=lambda result, error: None)


def test_close_gives_up_at_its_deadline(base: HandCrankedLoop) -> None:
    pool = ThreadPool(1)
    gate = Gate()
    pool.submit(base, gate, on_done=lambda result, error: None)
    assert gate.entered.wait(WAIT)
    assert pool.close(0.001) is False
    gate.opened.set()
    assert pool.close(WAIT) is True


def test_result_for_a_closed_loop_is_dropped(pool: ThreadPool, base: HandCrankedLoop) -> None:
    def refuse(callback: Callable[..., object], *args: Any) -> None:
        refused.set()
        raise RuntimeError("closed")

    refused = threading.Event()
    base.call_soon_threadsafe = refuse  # type: ignore[method-assign]
    pool.submit(base, int, on_done=lambda result, error: None)
    assert refused.wait(WAIT)
    until(lambda: pool._unfinished == 0)


def test_needs_a_worker() -> None:
    with pytest.raises(ReactorUsageError):
        ThreadPool(0)


PROGRAM = """
import asyncio, time
from evtorrent.reactor import ThreadPool
pool = ThreadPool(2)
loop = asyncio.SelectorEventLoop()
pool.submit(loop, time.sleep, 0, on_done=print)
pool.submit(loop, lambda: (time.sleep(0.02), print("finished", flush=True)), on_done=print)
loop.close()
"""


@pytest.mark.slow
def test_interpreter_ends_with_an_open_pool_and_the_job_begun_is_finished() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=True
    )
    assert run.stdout == "finished\n"
    assert run.stderr == ""
