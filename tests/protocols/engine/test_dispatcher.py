"""The engine as its inhabitants see it: a loop with watches, timers and calls from other threads."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from evtorrent.protocols.engine import READ, WRITE, Handle, Multi
from evtorrent.protocols.engine import constants as c
from evtorrent.protocols.timers import MAX_CALLS_PER_RUN
from support.engine_kit import FakePlatform, Host, make_engine


@pytest.fixture
def engine() -> tuple[Multi, FakePlatform]:
    return make_engine()


@pytest.fixture
def multi(engine: tuple[Multi, FakePlatform]) -> Multi:
    return engine[0]


@pytest.fixture
def platform(engine: tuple[Multi, FakePlatform]) -> FakePlatform:
    return engine[1]


@pytest.fixture
def host(multi: Multi) -> Host:
    host = Host(multi)
    host.timeout()
    host.take()
    return host


def test_the_clock_is_read_once_an_action(multi: Multi, platform: FakePlatform, host: Host) -> None:
    seen: list[float] = []

    def look(*args: Any) -> None:
        seen.append(multi.time())
        platform.now += 1.0

    multi.watch(7, READ, look)
    multi.call_soon(look)
    multi.call_later(0.0, look)
    host.on_socket = look
    before = platform.num_clock_reads
    start = platform.now
    host.timeout()
    multi.socket_action(7, c.CSELECT_IN)
    assert seen == [start, start, start, start + 3.0]
    assert platform.num_clock_reads == before + 2
    assert multi.time() == platform.now


def test_call_soon_from_a_callback_runs_in_the_same_action(multi: Multi, host: Host) -> None:
    calls: list[str] = []
    multi.watch(7, READ, lambda events: multi.call_soon(calls.append, "soon"))
    host.timeout()
    host.take()
    multi.socket_action(7, c.CSELECT_IN)
    assert calls == ["soon"]
    assert host.take() == []


def test_more_calls_than_one_action_takes_are_due_at_once(multi: Multi, host: Host) -> None:
    calls: list[int] = []
    for number in range(MAX_CALLS_PER_RUN + 10):
        multi.call_soon(calls.append, number)
    assert host.take() == [("timer", 0)]
    host.timeout()
    assert len(calls) == MAX_CALLS_PER_RUN
    assert host.take() == [("timer", 0)]
    host.timeout()
    assert calls == list(range(MAX_CALLS_PER_RUN + 10))
    assert host.take() == [("timer", -1)]


def test_calls_from_other_threads_share_one_wake_up(multi: Multi, platform: FakePlatform, host: Host) -> None:
    calls: list[int] = []
    thread = threading.Thread(target=lambda: [multi.call_soon_threadsafe(calls.append, i) for i in range(50)])
    thread.start()
    thread.join()
    (wakeup,) = platform.wakeups
    assert wakeup.num_sets == 1
    multi.socket_action(wakeup.fd, c.CSELECT_IN)
    assert calls == list(range(50))
    assert not wakeup.is_set
    multi.call_soon_threadsafe(calls.append, 50)
    assert wakeup.num_sets == 2
    host.timeout()
    assert calls[-1] == 50
    assert not wakeup.is_set


def test_posted_calls_are_bounded_too(multi: Multi, platform: FakePlatform, host: Host) -> None:
    calls: list[int] = []
    for number in range(MAX_CALLS_PER_RUN + 1):
        multi.call_soon_threadsafe(calls.append, number)
    multi.socket_action(platform.wakeups[0].fd, c.CSELECT_IN)
    assert len(calls) == MAX_CALLS_PER_RUN
    assert host.take() == [("timer", 0)]
    host.timeout()
    assert len(calls) == MAX_CALLS_PER_RUN + 1


def test_a_call_posted_before_there_is_a_wake_up_is_found(multi: Multi, platform: FakePlatform) -> None:
    calls: list[int] = []
    multi.call_soon_threadsafe(calls.append, 1)
    assert multi.timeout() == 0
    multi.poll(5.0)
    assert platform.polls[0][1] == 0.0
    multi.perform()
    assert calls == [1]


def test_a_timeout_action_runs_posted_calls_without_any_wake_up(multi: Multi, platform: FakePlatform) -> None:
    calls: list[int] = []
    multi.call_soon_threadsafe(calls.append, 1)
    multi.socket_action(c.SOCKET_TIMEOUT, 0)
    assert calls == [1]
    assert platform.wakeups == []


def test_c59_another_thread_ends_a_real_wait() -> None:
    multi = Multi()
    calls: list[str] = []

    def post() -> None:
        multi.call_soon_threadsafe(calls.append, "posted")

    multi.perform()
    thread = threading.Thread(target=post)
    thread.start()
    while not calls:
        multi.poll(60.0)
        multi.perform()
    thread.join()
    multi.close()


def test_no_posted_call_is_lost_under_contention(multi: Multi, platform: FakePlatform, host: Host) -> None:
    """The wake-up is set whenever something is posted and not yet taken."""
    calls: list[int] = []
    threads = [
        threading.Thread(target=lambda: [multi.call_soon_threadsafe(calls.append, i) for i in range(300)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    (wakeup,) = platform.wakeups
    while any(thread.is_alive() for thread in threads) or wakeup.is_set:
        if wakeup.is_set:
            multi.socket_action(wakeup.fd, c.CSELECT_IN)
    for thread in threads:
        thread.join()
    # What the bound left over is announced as due at once.
    while multi.timeout() == 0:
        host.timeout()
    assert len(calls) == 1200


def test_exceptions_of_nobody_are_reported_and_the_loop_goes_on(multi: Multi, host: Host) -> None:
    reported: list[str] = []
    multi.on_error = lambda context, error: reported.append(f"{context}: {error}")

    def fail(*args: Any) -> None:
        raise ValueError(f"bad {len(reported)}")

    multi.watch(7, READ, fail)
    multi.watch(8, READ, fail)
    multi.watch(8, WRITE, fail)
    multi.call_soon(fail)
    multi.call_later(0.0, fail)
    multi.call_soon_threadsafe(fail)
    host.timeout()
    multi.socket_action(7, c.CSELECT_IN)
    multi.socket_action(8, c.CSELECT_ERR)
    assert reported == [
        "call_soon_threadsafe: bad 0",
        "timer: bad 1",
        "timer: bad 2",
        "watch: bad 3",
        "watch: bad 4",
        "watch: bad 5",
    ]


def test_on_error_that_fails_is_logged(multi: Multi, host: Host, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*args: Any) -> None:
        raise ValueError("bad")

    multi.on_error = fail
    multi.call_soon(fail)
    with caplog.at_level(logging.ERROR):
        host.timeout()
    assert "on_error failed on: timer" in caplog.text


def test_by_default_errors_are_logged(multi: Multi, host: Host, caplog: pytest.LogCaptureFixture) -> None:
    multi.call_soon(lambda: 1 / 0)
    with caplog.at_level(logging.ERROR):
        host.timeout()
    assert "exception in timer" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_an_inner_handle_counts_nowhere(multi: Multi, host: Host) -> None:
    class Inner(Handle):
        reports = False

    handle = Inner()
    multi.add_handle(handle)
    assert host.timeout() == (0, 0)
    assert multi.get_handles() == []
    handle.finish(5)
    assert handle.engine is None
    assert handle.result == 5
    assert multi.info_read() == (0, [], [])
    multi.add_handle(handle)
    multi.remove_handle(handle)
    assert host.timeout() == (0, 0)


def test_keyboard_interrupt_leaves_the_engine_usable(multi: Multi, host: Host) -> None:
    calls: list[str] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    multi.call_soon(interrupt)
    multi.call_soon(calls.append, "after")
    with pytest.raises(KeyboardInterrupt):
        host.timeout()
    host.timeout()
    assert calls == ["after"]


def test_the_same_steps_give_the_same_trace() -> None:
    def run() -> list[tuple[Any, ...]]:
        multi, platform = make_engine()
        host = Host(multi)
        watches = {fd: multi.watch(fd, READ, lambda events: None) for fd in (9, 5, 7)}
        for delay in (0.5, 0.1, 0.3):
            multi.call_later(delay, lambda: watches[7].modify(WRITE))
        for _ in range(10):
            platform.now += 0.1
            host.timeout()
            multi.socket_action(5, c.CSELECT_IN)
        multi.close()
        return host.told

    assert run() == run()
