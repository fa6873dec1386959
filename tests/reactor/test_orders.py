"""What other threads ask of a loop.  Rows T of the behaviours it was built from."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from evtorrent.reactor import READ, WRITE, EventFlags, Reactor, ReactorClosed, ReactorUsageError, RunMode
from evtorrent.reactor.orders import Orders

PERSIST, TIMEOUT = EventFlags.PERSIST, EventFlags.TIMEOUT
LONG = 10.0


@contextmanager
def running(reactor: Reactor) -> Iterator[threading.Thread]:
    """The reactor on a thread of its own, ended with the block."""
    started = threading.Event()
    reactor.call_soon(started.set)
    thread = threading.Thread(target=reactor.run, args=(RunMode.NO_EXIT_ON_EMPTY,))
    thread.start()
    assert started.wait(LONG)
    try:
        yield thread
    finally:
        reactor.stop()
        thread.join()


def in_thread(function: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=function)
    thread.start()
    return thread


def test_removal_waits_for_the_callback_under_way(reactor: Reactor) -> None:
    """del-wait."""
    entered, release = threading.Event(), threading.Event()
    log: list[str] = []

    def callback(fd: int, what: EventFlags) -> None:
        entered.set()
        release.wait(LONG)
        log.append("callback")

    event = reactor.event(-1, PERSIST, callback)
    with running(reactor):
        event.activate(READ)
        assert entered.wait(LONG)
        remover = in_thread(lambda: (event.remove(), log.append("removed")))
        event.remove(wait=False)
        log.append("not waited")
        release.set()
        remover.join()
        assert log == ["not waited", "callback", "removed"]
        assert not event.pending


def test_removal_without_waiting_lets_no_callback_start(reactor: Reactor) -> None:
    entered, release = threading.Event(), threading.Event()
    ran: list[str] = []
    event = reactor.event(-1, 0, lambda fd, what: ran.append("removed one"))

    def block() -> None:
        event.activate(READ)
        entered.set()
        release.wait(LONG)

    with running(reactor):
        reactor.call_soon_threadsafe(block)
        assert entered.wait(LONG)
        event.remove(wait=False)
        release.set()
        after = threading.Event()
        reactor.call_soon_threadsafe(after.set)
        assert after.wait(LONG)
    assert ran == []


def test_removal_without_waiting_cancels_signals_not_yet_told(reactor: Reactor) -> None:
    entered, release = threading.Event(), threading.Event()
    ran: list[int] = []

    def callback(fd: int, what: EventFlags) -> None:
        ran.append(1)
        entered.set()
        release.wait(LONG)

    event = reactor.event(-1, 0, callback)
    with running(reactor):
        reactor.call_soon_threadsafe(lambda: (event.on_signal(), event.on_signal()))
        assert entered.wait(LONG)
        event.remove(wait=False)
        release.set()
    assert ran == [1]


def test_added_again_after_a_removal_from_the_same_thread(reactor: Reactor) -> None:
    told = threading.Event()
    event = reactor.event(-1, 0, lambda fd, what: told.set())
    with running(reactor):
        event.add(60.0)
        event.remove(wait=False)
        event.add(0.0)
        assert told.wait(LONG)


@pytest.mark.parametrize("kind", ["descriptor", "timer"])
def test_removing_the_last_event_ends_a_run_that_waits(reactor: Reactor, pair: Any, kind: str) -> None:
    """del-notify, del-timeout-notify."""
    event = (
        reactor.event(pair[0].fileno(), READ, print) if kind == "descriptor" else reactor.event(-1, 0, print)
    )
    event.add(60.0)
    ended: list[bool] = []
    entered = threading.Event()
    reactor.call_soon(entered.set)
    thread = in_thread(lambda: ended.append(reactor.run()))
    assert entered.wait(LONG)
    start = time.monotonic()
    event.remove()
    thread.join()
    assert ended == [True]
    assert time.monotonic() - start < 30.0


def test_a_hundred_threads_add_timers_and_none_is_lost(reactor: Reactor) -> None:
    """thread-basic."""
    fired: list[int] = []

    def add(number: int) -> None:
        for event in events[number]:
            event.add(0.001)

    events = [
        [reactor.event(-1, 0, lambda fd, what, n=number: fired.append(n)) for _ in range(100)]
        for number in range(100)
    ]
    threads = [threading.Thread(target=add, args=(number,)) for number in range(100)]
    with running(reactor):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    reactor.run()
    assert sorted(fired) == sorted(list(range(100)) * 100)


def test_everything_of_an_event_from_another_thread(reactor: Reactor, pair: Any) -> None:
    left, _ = pair
    told: list[Any] = []
    got = threading.Semaphore(0)

    def callback(fd: int, what: EventFlags) -> None:
        told.append((what, threading.get_ident()))
        got.release()

    event = reactor.event(left.fileno(), WRITE, callback)
    finalized = threading.Event()
    with running(reactor) as thread:
        event.add(60.0)
        assert got.acquire(timeout=LONG)
        event.remove_timeout()
        event.remove()
        event.activate(READ)
        assert got.acquire(timeout=LONG)
        event.finalize(lambda event: finalized.set())
        assert finalized.wait(LONG)
        assert {ident for _, ident in told} == {thread.ident}
        assert [what for what, _ in told] == [WRITE, READ]
    assert not event.pending


def test_activation_by_number_from_another_thread(reactor: Reactor, pair: Any) -> None:
    told = threading.Event()
    event = reactor.event(pair[0].fileno(), READ, lambda fd, what: told.set())
    event.add()
    with running(reactor):
        reactor.activate_descriptor(pair[0].fileno(), READ)
        assert told.wait(LONG)
    signalled: list[EventFlags] = []
    handler = reactor.signal(signal.SIGUSR2, lambda signum, what: signalled.append(what))
    with running(reactor):
        reactor.activate_signal(signal.SIGUSR2)
    reactor.run(RunMode.NOWAIT)
    assert signalled == [EventFlags.SIGNAL]
    handler.close()


def test_refused_descriptor_is_told_to_the_thread_that_asked(reactor: Reactor, tmp_path: Any) -> None:
    with open(tmp_path / "file", "w") as file, running(reactor):
        event = reactor.event(file.fileno(), READ, print)
        with pytest.raises(PermissionError):
            event.add()
        assert not event.pending
    assert reactor.statistics().num_added == 0


def test_error_of_an_order_nobody_waits_for_is_reported(reactor: Reactor) -> None:
    told: list[str] = []
    reactor.on_error = lambda context, error: told.append(f"{context}: {error}")
    event = reactor.event(-1, 0, print)
    with running(reactor):
        entered, release = threading.Event(), threading.Event()
        reactor.call_soon_threadsafe(lambda: (entered.set(), release.wait(LONG), event.close()))
        assert entered.wait(LONG)
        event.add(1.0)  # the loop closes the event before it comes to this
        release.set()
    assert told == ["exception in an order of another thread: the event is closed"]


def test_earlier_timer_from_another_thread_wakes_the_loop(reactor: Reactor) -> None:
    told = threading.Event()
    late = reactor.event(-1, 0, print)
    early = reactor.event(-1, 0, lambda fd, what: told.set())
    late.add(60.0)
    with running(reactor):
        early.add(0.001)
        assert told.wait(LONG)
    late.close()


def test_order_given_as_the_run_ends_is_carried_out(reactor: Reactor) -> None:
    """Whoever waits for it must not wait for another run."""
    done: list[str] = []
    event = reactor.event(-1, READ, print)
    threads: list[threading.Thread] = []
    asking = threading.Event()

    def last() -> None:
        threads.append(in_thread(lambda: (asking.set(), event.add(), done.append("added"))))
        asking.wait(LONG)
        while not reactor._core.orders.queue:
            time.sleep(0)
        reactor.stop()

    reactor.call_soon(last)
    assert reactor.run() is False
    threads[0].join(LONG)
    assert done == ["added"]
    assert event.pending == EventFlags.READ
    event.close()


def test_order_to_a_loop_that_code_that_awaits_ran(reactor: Reactor) -> None:
    done: list[str] = []
    event = reactor.event(-1, READ, print)
    loop = reactor.asyncio_loop

    def last() -> None:
        thread = in_thread(lambda: (event.add(), done.append("added")))
        while not reactor._core.orders.queue:
            time.sleep(0)
        loop.stop()
        threads.append(thread)

    threads: list[threading.Thread] = []
    loop.call_soon(last)
    loop.run_forever()
    threads[0].join(LONG)
    assert done == ["added"]
    event.close()


def test_stop_from_another_thread_ends_no_later_run(reactor: Reactor) -> None:
    ran: list[int] = []
    call = reactor.call_later(60.0, print)

    def last() -> None:
        thread = in_thread(reactor.stop)
        thread.join()
        reactor.stop()

    reactor.call_soon(last)
    assert reactor.run() is False
    call.cancel()
    reactor.call_soon(ran.append, 1)
    assert reactor.run() is True
    assert ran == [1]


def test_many_orders_are_one_wake_up(reactor: Reactor) -> None:
    woken: list[int] = []
    ran: list[int] = []
    orders = reactor._core.orders

    class Counted(Orders):
        def _wake(self) -> None:
            woken.append(1)
            super()._wake()

    orders.__class__ = Counted
    for number in range(50):
        reactor.call_soon_threadsafe(ran.append, number)
    assert reactor.run() is True
    assert (len(woken), ran) == (1, list(range(50)))


@pytest.mark.parametrize(
    "call",
    [
        lambda reactor, fd: reactor.watch(fd, READ, print),
        lambda reactor, fd: reactor.call_soon(print),
        lambda reactor, fd: reactor.call_later(1.0, print),
        lambda reactor, fd: reactor.call_at(1.0, print),
        lambda reactor, fd: reactor.submit(print),
        lambda reactor, fd: reactor.before_poll(print),
    ],
)
def test_what_belongs_to_the_loops_thread_is_refused_elsewhere(
    reactor: Reactor, pair: Any, call: Any
) -> None:
    with running(reactor):
        with pytest.raises(ReactorUsageError, match="another thread"):
            call(reactor, pair[0].fileno())
    assert reactor.statistics().num_added == 0


def test_nothing_is_taken_after_close(reactor: Reactor) -> None:
    reactor.close()
    with pytest.raises(ReactorClosed):
        reactor.call_soon_threadsafe(print)
