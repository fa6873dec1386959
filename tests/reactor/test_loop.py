"""The reactor's face: calls, jobs, errors, life."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Any

import pytest
from evtorrent.reactor import (
    READ,
    EventFlags,
    Reactor,
    ReactorBusy,
    ReactorClosed,
    ReactorUsageError,
    RunMode,
)
from evtorrent.reactor.event_base import MAX_PRIORITIES


def test_calls_run_in_order_with_their_arguments(reactor: Reactor) -> None:
    order: list[object] = []
    reactor.call_later(0.002, order.append, "late")
    reactor.call_at(reactor.time() - 1.0, order.append, "overdue")
    reactor.call_later(-1.0, order.append, "negative is soon")
    reactor.call_soon(order.append, "soon")
    assert reactor.run() is True
    assert order[-1] == "late"
    assert sorted(map(str, order[:-1])) == ["negative is soon", "overdue", "soon"]


def test_cancelled_calls_do_not_run(reactor: Reactor) -> None:
    ran: list[str] = []
    armed = reactor.call_later(60.0, ran.append, "armed")
    due = reactor.call_soon(ran.append, "due")
    done = reactor.call_soon(ran.append, "done")
    assert repr(armed) == "<Call armed>"
    assert repr(due) == "<Call due>"
    for call in (armed, due):
        call.cancel()
        call.cancel()
    assert reactor.run() is True
    assert ran == ["done"]
    done.cancel()
    assert repr(done) == "<Call done>"


def test_call_cancelled_between_its_moment_and_its_turn(reactor: Reactor) -> None:
    ran: list[str] = []
    when = reactor.time() + 0.001
    reactor.call_at(when, lambda: second.cancel())
    second = reactor.call_at(when, ran.append, "second")
    assert reactor.run() is True
    assert ran == []


def test_call_soon_from_a_call_waits_for_the_next_pass(reactor: Reactor, pair: Any) -> None:
    left, right = pair
    right.send(b"x")
    order: list[str] = []

    def again() -> None:
        order.append("call")
        if "watch" not in order:
            reactor.call_soon(again)

    watch = reactor.watch(left.fileno(), READ, lambda ready: (order.append("watch"), watch.close()))
    reactor.call_soon(again)
    assert reactor.run() is True
    assert "watch" in order


def test_time_is_the_monotonic_clock(reactor: Reactor) -> None:
    assert abs(reactor.time() - time.monotonic()) < 1.0


# -- jobs


def test_job_runs_on_another_thread_and_comes_back(reactor: Reactor) -> None:
    told: list[tuple[Any, Any, int]] = []
    reactor.submit(
        threading.get_ident, on_done=lambda result, error: told.append((result, error, threading.get_ident()))
    )
    assert reactor.run() is True
    (worker, error, here) = told[0]
    assert error is None
    assert here == threading.get_ident() != worker


def test_error_of_a_job_goes_to_its_callback(reactor: Reactor) -> None:
    told: list[BaseException | None] = []
    reactor.submit(int, "x", on_done=lambda result, error: told.append(error))
    assert reactor.run() is True
    assert isinstance(told[0], ValueError)


def test_error_of_a_job_nobody_waits_for_is_reported(reactor: Reactor) -> None:
    told: list[tuple[str, BaseException]] = []
    reactor.on_error = lambda context, error: told.append((context, error))
    reactor.submit(int, "x")
    reactor.submit(int, "1")
    assert reactor.run() is True
    assert [(context, type(error)) for context, error in told] == [("exception in a job", ValueError)]


# -- errors


def test_callback_that_raises_is_reported_and_the_loop_goes_on(reactor: Reactor, pair: Any) -> None:
    left, right = pair
    told: list[type[BaseException]] = []
    ran: list[int] = []
    reactor.on_error = lambda context, error: told.append(type(error))

    def broken_watch(ready: int) -> None:
        watch.close()
        raise KeyError("watch")

    def broken_event(fd: int, what: EventFlags) -> None:
        raise IndexError("event")

    watch = reactor.watch(left.fileno(), READ, broken_watch)
    right.send(b"x")
    reactor.call_soon(int, "call")
    reactor.call_later(0.001, int, "timer")
    reactor.event(-1, 0, broken_event).add(0.002)
    reactor.call_later(0.01, ran.append, 1)
    assert reactor.run() is True
    assert sorted(kind.__name__ for kind in told) == ["IndexError", "KeyError", "ValueError", "ValueError"]
    assert ran == [1]


def test_errors_are_logged_by_default(reactor: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    quiet = Reactor()
    quiet.call_soon(int, "x")
    with caplog.at_level(logging.ERROR, logger="evtorrent.reactor.loop"):
        quiet.run()
    quiet.close()
    assert "exception in a callback of the reactor" in caplog.text
    assert "ValueError" in caplog.text


def test_hook_that_raises_does_not_stop_the_loop(reactor: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    def broken_hook(context: str, error: BaseException) -> None:
        raise RuntimeError("hook")

    ran: list[int] = []
    reactor.on_error = broken_hook
    reactor.call_soon(int, "x")
    reactor.call_soon(ran.append, 1)
    assert reactor.run() is True
    assert ran == [1]
    assert "on_error raised" in caplog.text


def test_errors_of_asyncio_code_come_the_same_way(reactor: Reactor) -> None:
    told: list[tuple[str, BaseException]] = []
    reactor.on_error = lambda context, error: told.append((context, error))
    reactor.asyncio_loop.call_exception_handler({"message": "a transport said"})
    reactor.asyncio_loop.call_exception_handler({"exception": KeyError("k")})
    assert [(context, type(error)) for context, error in told] == [
        ("a transport said", RuntimeError),
        ("exception in the loop", KeyError),
    ]


# -- life


@pytest.mark.parametrize("priorities", [0, -1, MAX_PRIORITIES + 1])
def test_number_of_priorities_is_checked(priorities: int) -> None:
    with pytest.raises(ReactorUsageError):
        Reactor(priorities=priorities)


def test_close_leaves_descriptors_open_and_calls_unmade(reactor: Reactor, pair: Any) -> None:
    ran: list[str] = []
    reactor.watch(pair[0].fileno(), READ, lambda ready: ran.append("watch"))
    reactor.call_soon(ran.append, "call")
    reactor.call_later(0.0, ran.append, "timer")
    reactor.event(-1, 0, lambda fd, what: ran.append("event")).add(0.0)
    reactor.close()
    reactor.close()
    assert ran == []
    pair[0].send(b"still open")
    assert pair[1].recv(20) == b"still open"


def test_everything_is_refused_after_close(reactor: Reactor, pair: Any) -> None:
    watch = reactor.watch(pair[0].fileno(), READ, print)
    event = reactor.event(-1, 0, print)
    reactor.close()
    watch.close()
    event.close()
    for call in (
        lambda: reactor.call_soon(print),
        lambda: reactor.call_later(1, print),
        lambda: reactor.watch(0, READ, print),
        lambda: reactor.event(0, READ, print),
        lambda: reactor.submit(print),
        reactor.run,
    ):
        with pytest.raises(ReactorClosed):
            call()


def test_close_while_running_is_refused(reactor: Reactor) -> None:
    caught: list[BaseException] = []

    def close() -> None:
        with pytest.raises(ReactorBusy) as info:
            reactor.close()
        caught.append(info.value)

    reactor.call_soon(close)
    reactor.run()
    assert len(caught) == 1


def test_close_waits_for_jobs_begun(reactor: Reactor) -> None:
    started, finished = threading.Event(), threading.Event()

    def job() -> None:
        started.set()
        time.sleep(0.005)
        finished.set()

    reactor.submit(job)
    started.wait(5.0)
    reactor.close()
    assert finished.is_set()


def test_close_gives_up_on_a_job_that_does_not_end(
    reactor: Reactor, caplog: pytest.LogCaptureFixture
) -> None:
    started, release = threading.Event(), threading.Event()

    def job() -> None:
        started.set()
        release.wait(5.0)

    reactor.submit(job)
    started.wait(5.0)
    reactor.close(timeout=0.001)
    assert "still running" in caplog.text
    release.set()


def test_close_cancels_tasks(reactor: Reactor) -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    task = reactor.asyncio_loop.create_task(forever())
    reactor.call_later(0.001, lambda: None)
    reactor.run()
    reactor.close()
    assert ended == ["cancelled"]
    assert task.cancelled()


def test_context_manager_closes() -> None:
    with Reactor() as reactor:
        reactor.run(RunMode.NOWAIT)
    assert reactor.asyncio_loop.is_closed()
