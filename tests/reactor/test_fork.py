"""A child's reactor and its parent's share nothing.  Row B25 of the behaviours."""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from evtorrent.reactor import READ, EventFlags, Reactor, ReactorUsageError, RunMode, ThreadPool
from evtorrent.reactor.fork import forget_forkable, register_forkable, sever
from support.forked import Fork

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

GIVE_UP_AFTER = 10.0


def run_until(reactor: Reactor, condition: Callable[[], object]) -> None:
    give_up = reactor.call_later(GIVE_UP_AFTER, lambda: None)
    while not condition() and give_up.is_armed:
        reactor.run(RunMode.ONCE)
    give_up.cancel()
    assert condition(), "it never came true"


def raise_usr1() -> None:
    signal.raise_signal(signal.SIGUSR1)


def test_everything_works_in_child_and_parent_independently(reactor: Reactor, pair: Any) -> None:
    """fork: readiness, signals, deadlines and wake-ups from other threads."""
    left, right = pair
    seen: list[str] = []
    event = reactor.event(
        left.fileno(), READ | EventFlags.PERSIST, lambda fd, what: seen.append(left.recv(9).decode())
    )
    event.add()
    handler = reactor.signal(signal.SIGUSR1, lambda signum, what: seen.append("signal"))
    timer = reactor.event(-1, 0, lambda fd, what: seen.append("timer"))
    timer.add(0.01)
    reactor.run(RunMode.NOWAIT)

    def use() -> list[str]:
        raise_usr1()
        thread = threading.Thread(target=reactor.call_soon_threadsafe, args=(seen.append, "posted"))
        thread.start()
        run_until(reactor, lambda: len(seen) == 4)
        thread.join()
        return sorted(seen)

    with Fork() as fork:
        if fork():
            reactor.reinit()
            reactor.reinit()
            right.send(b"child")
            fork.answer(use())
        assert fork.result() == ["child", "posted", "signal", "timer"]
    right.send(b"parent")
    assert use() == ["parent", "posted", "signal", "timer"]
    event.close()
    handler.close()


def test_descriptors_the_child_removes_stay_with_the_parent(reactor: Reactor, pair: Any) -> None:
    """The kernel's registrations are one object for both until the child is cut from them."""
    left, right = pair
    seen: list[bytes] = []
    watch = reactor.watch(left.fileno(), READ, lambda ready: seen.append(left.recv(9)))
    reactor.run(RunMode.NOWAIT)
    with Fork() as fork:
        if fork():
            reactor.reinit()
            watch.close()
            reactor.run(RunMode.NOWAIT)
            reactor.close()
            left.close()
            fork.answer("gone")
        assert fork.result() == "gone"
    right.send(b"x")
    run_until(reactor, lambda: seen)
    assert seen == [b"x"]
    watch.close()


def test_child_that_only_closes_disturbs_nobody(reactor: Reactor, pair: Any) -> None:
    left, right = pair
    seen: list[bytes] = []
    watch = reactor.watch(left.fileno(), READ, lambda ready: seen.append(left.recv(9)))
    reactor.run(RunMode.NOWAIT)
    with Fork() as fork:
        if fork():
            with pytest.raises(ReactorUsageError, match="reinit"):
                reactor.run()
            reactor.call_soon_threadsafe(print)
            reactor.close()
            fork.answer("closed")
        assert fork.result() == "closed"
    right.send(b"x")
    run_until(reactor, lambda: seen)
    watch.close()


@pytest.mark.parametrize("hooked", [False, True], ids=["direct", "rounds"])
def test_run_goes_on_in_the_child_whose_callback_forked(reactor: Reactor, pair: Any, hooked: bool) -> None:
    left, right = pair
    seen: list[str] = []
    if hooked:
        reactor.before_poll(lambda: None)

    def on_ready(ready: int) -> None:
        seen.append(left.recv(1).decode())
        if seen[-1] == "q":
            reactor.stop()

    def split() -> None:
        if fork():
            reactor.reinit()
            reactor.call_later(0.001, right.send, b"c")
            reactor.call_later(0.002, right.send, b"q")
        else:
            # The child reads what it sends itself: the parent must not be running meanwhile.
            told.append(fork.result())
            right.send(b"q")

    told: list[object] = []
    watch = reactor.watch(left.fileno(), READ, on_ready)
    with Fork() as fork:
        reactor.call_soon(split)
        reactor.call_soon(seen.append, "due")
        ended = reactor.run()
        if not told:
            fork.answer([ended, seen, reactor.got_stop])
    assert told == [[False, ["due", "c", "q"], True]]
    assert (ended, seen) == (False, ["due", "q"])
    watch.close()


def test_child_that_runs_on_without_reinit_is_told(reactor: Reactor) -> None:
    ran: list[str] = []

    def split() -> None:
        if fork():
            reactor.call_soon(ran.append, "in the void")
        else:
            told.append(fork.result())

    told: list[object] = []
    with Fork() as fork:
        reactor.call_soon(split)
        try:
            reactor.run()
        except ReactorUsageError as error:
            fork.answer([str(error), ran])
    assert told == [["the process was forked; call reinit before the reactor runs in the child", []]]


def test_stop_in_the_child_before_it_goes_on(reactor: Reactor) -> None:
    def split() -> None:
        if fork():
            reactor.reinit()
            reactor.stop()
        else:
            told.append(fork.result())

    told: list[object] = []
    with Fork() as fork:
        reactor.call_soon(split)
        keep = reactor.call_later(60.0, lambda: None)
        reactor.call_later(0.001, lambda: told and reactor.stop())
        ended = reactor.run()
        if not told:
            fork.answer([ended, reactor.got_stop])
    assert told == [[False, True]]
    keep.cancel()


def test_forked_by_another_thread_than_the_loops() -> None:
    told: list[object] = []
    with Reactor() as reactor, Fork() as fork:
        runner = threading.Thread(target=reactor.run, args=(RunMode.NO_EXIT_ON_EMPTY,))
        runner.start()
        ready = threading.Event()
        reactor.call_soon_threadsafe(ready.set)
        ready.wait(GIVE_UP_AFTER)
        if fork():
            reactor.reinit()
            ran: list[int] = []
            reactor.call_soon(ran.append, 1)
            ended = reactor.run()
            fork.answer([ended, ran])
        told.append(fork.result())
        reactor.stop()
        runner.join()
    assert told == [[True, [1]]]


def test_jobs_belong_to_the_parent_and_the_child_gets_new_workers(reactor: Reactor) -> None:
    done: list[str] = []
    release = threading.Event()
    reactor.submit(release.wait, GIVE_UP_AFTER, on_done=lambda result, error: done.append("first"))
    with Fork() as fork:
        if fork():
            reactor.reinit()
            emptied = reactor.run()
            reactor.submit(int, on_done=lambda result, error: done.append("second"))
            reactor.run()
            fork.answer([emptied, done])
        assert fork.result() == [True, ["second"]]
    release.set()
    assert reactor.run() is True
    assert done == ["first"]


def test_pool_of_the_parent_in_the_child(reactor: Reactor) -> None:
    pool = ThreadPool(1)
    done: list[object] = []
    pool.submit(reactor, int, on_done=lambda result, error: done.append(result))
    run_until(reactor, lambda: done)
    with Fork() as fork:
        if fork():
            reactor.reinit()
            pool.submit(reactor, len, "abc", on_done=lambda result, error: done.append(result))
            run_until(reactor, lambda: len(done) == 2)
            fork.answer([done, pool.close(GIVE_UP_AFTER)])
        assert fork.result() == [[0, 3], True]
    assert pool.close(GIVE_UP_AFTER)


def test_descriptor_the_child_closed_first_is_reported(reactor: Reactor) -> None:
    gone, other = socket.socketpair()
    watch = reactor.watch(gone.fileno(), READ, print)
    reactor.run(RunMode.NOWAIT)
    with Fork() as fork:
        if fork():
            told: list[str] = []
            reactor.on_error = lambda context, error: told.append(f"{context}: {type(error).__name__}")
            fd = gone.fileno()
            gone.close()
            reactor.reinit()
            fork.answer([told == [f"descriptor {fd} cannot be polled on: OSError"], reactor.run()])
        assert fork.result() == [True, True]
    watch.close()
    gone.close()
    other.close()


def test_without_a_fork_nothing_happens(reactor: Reactor) -> None:
    loop = reactor.asyncio_loop
    reactor.reinit()
    assert reactor.asyncio_loop is loop


def test_only_what_is_registered_is_told() -> None:
    class Thing:
        def __init__(self) -> None:
            self.told = 0

        def on_forked(self) -> None:
            self.told += 1

    known, forgotten = Thing(), Thing()
    for thing in (known, forgotten):
        register_forkable(thing)
    forget_forkable(forgotten)
    with Fork() as fork:
        if fork():
            fork.answer([known.told, forgotten.told])
        assert fork.result() == [1, 0]
    assert known.told == 0


def test_loops_that_share_nothing_with_the_kernel_are_left_alone() -> None:
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    sever(loop)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    sever(loop)
