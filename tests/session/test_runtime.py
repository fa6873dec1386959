from __future__ import annotations

import threading

import pytest
from evtorrent.session import runtime
from evtorrent.session.errors import InvalidSessionHandle
from evtorrent.session.runtime import CallersLoop, OwnThread, default_workers
from support.engine_kit import Host, make_engine


@pytest.fixture
def own():
    loop = OwnThread(2)
    yield loop
    assert loop.finish(5)


def test_calls_run_on_the_loop_and_give_results(own):
    main = threading.get_ident()
    assert own.call(threading.get_ident) != main
    assert own.call(lambda: own.is_loop_thread)
    assert not own.is_loop_thread
    assert own.call(lambda x, *, y: x + y, 1, y=2) == 3


def test_calls_on_the_loop_run_at_once(own):
    assert own.call(lambda: own.call(lambda: 7)) == 7


@pytest.mark.parametrize("error", [KeyError("x"), TimeoutError("theirs"), SystemExit(3)])
def test_what_a_call_raises_is_raised_here(own, error):
    def fail():
        raise error

    with pytest.raises(type(error)):
        own.call(fail)
    assert own.call(lambda: 1) == 1


def test_posted_calls_run_in_order(own):
    done, seen = threading.Event(), []
    for number in range(5):
        own.post(seen.append, number)
    own.post(done.set)
    assert done.wait(5)
    assert seen == [0, 1, 2, 3, 4]


def test_after_the_end_calls_are_refused_and_posts_forgotten():
    loop = OwnThread(2)
    assert loop.finish(5)
    assert loop.finish(5)
    loop.post(lambda: None)
    with pytest.raises(InvalidSessionHandle):
        loop.call(lambda: 1)


def test_a_loop_that_ends_itself_does_not_wait_for_itself(own):
    assert own.call(own.finish, 1.0) is False


def test_a_caller_whose_call_never_runs_is_told(monkeypatch):
    monkeypatch.setattr(runtime, "_LOOK_UP", 0.01)
    loop = OwnThread(2)
    ended = []

    def end_and_hold():
        loop._reactor.stop()

    real = loop.multi.call_soon_threadsafe
    loop.multi.call_soon_threadsafe = lambda *args: ended.append(args)
    real(end_and_hold)
    with pytest.raises(InvalidSessionHandle):
        loop.call(lambda: 1)
    assert ended or loop._closing.is_set()
    loop.multi.call_soon_threadsafe = real
    assert loop.finish(5)


def test_a_slow_call_is_waited_for(own, monkeypatch):
    monkeypatch.setattr(runtime, "_LOOK_UP", 0.001)
    gate = threading.Event()
    timer = threading.Timer(0.02, gate.set)
    timer.start()
    assert own.call(gate.wait, 5)
    timer.join()


def test_a_thread_that_cannot_start_says_why(monkeypatch):
    def refuse(workers):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(runtime, "SystemPlatform", refuse)
    with pytest.raises(OSError, match="Too many"):
        OwnThread(2)


# -- on the caller's loop


def from_a_thread(function):
    """Run on another thread; gives the thread and the box of its result or error."""
    box = []

    def run():
        try:
            box.append(function())
        except BaseException as error:
            box.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, box


def drive_until(host, thread):
    while thread.is_alive():
        host.timeout()
        thread.join(0.001)


def test_on_the_callers_thread_calls_run_at_once():
    multi, _ = make_engine()
    loop = CallersLoop(multi)
    assert loop.is_loop_thread
    assert loop.call(lambda: 5) == 5
    assert loop.multi is multi


def test_other_threads_wait_for_the_loop():
    multi, _ = make_engine()
    host = Host(multi)
    loop = CallersLoop(multi)
    thread, box = from_a_thread(lambda: loop.call(threading.get_ident))
    drive_until(host, thread)
    assert box == [threading.get_ident()]
    seen = []
    thread, _ = from_a_thread(lambda: loop.post(seen.append, 1))
    drive_until(host, thread)
    host.timeout()
    assert seen == [1]


def test_errors_cross_to_the_thread_that_called():
    multi, _ = make_engine()
    host = Host(multi)
    loop = CallersLoop(multi)
    thread, box = from_a_thread(lambda: loop.call(lambda: {}["x"]))
    drive_until(host, thread)
    assert isinstance(box[0], KeyError)


def test_after_the_end_other_threads_are_refused(monkeypatch):
    monkeypatch.setattr(runtime, "_LOOK_UP", 0.001)
    multi, _ = make_engine()
    loop = CallersLoop(multi)
    waiting, early = from_a_thread(lambda: loop.call(lambda: 1))
    assert loop.finish(None) is True
    waiting.join(5)
    thread, late = from_a_thread(lambda: loop.call(lambda: 1))
    thread.join(5)
    loop.post(lambda: None)
    assert isinstance(early[0], InvalidSessionHandle)
    assert isinstance(late[0], InvalidSessionHandle)


def test_workers_are_at_least_two_and_no_more_than_wanted():
    assert default_workers(1) == 2
    assert 2 <= default_workers(1000) <= 1000
    assert default_workers(3) in (2, 3)
