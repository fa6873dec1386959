"""Run modes, ends and wake-ups.  Rows B, T of the behaviours the loop was built from."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from typing import Any

import pytest
from evtorrent.reactor import READ, WRITE, EventFlags, Reactor, ReactorBusy, ReactorClosed, RunMode

PERSIST = EventFlags.PERSIST


@pytest.mark.parametrize("mode", [RunMode.DEFAULT, RunMode.ONCE, RunMode.NOWAIT])
def test_nothing_to_wait_for_returns_true_at_once(reactor: Reactor, mode: RunMode) -> None:
    assert reactor.run(mode) is True


def test_default_returns_true_when_everything_ended(reactor: Reactor) -> None:
    reactor.call_later(0.001, lambda: None)
    assert reactor.run() is True
    assert (reactor.got_exit, reactor.got_stop) == (False, False)


def test_once_and_nowait_return_false_with_work_left(reactor: Reactor, pair: Any) -> None:
    left, right = pair
    watch = reactor.watch(left.fileno(), READ, lambda ready: left.recv(10))
    right.send(b"x")
    assert reactor.run(RunMode.ONCE) is False
    assert reactor.run(RunMode.NOWAIT) is False
    watch.close()
    assert reactor.run(RunMode.NOWAIT) is True


def test_reentry_is_refused_and_the_outer_run_goes_on(reactor: Reactor) -> None:
    """bad-reentrant."""
    caught: list[BaseException] = []
    ran: list[str] = []

    def reenter() -> None:
        with pytest.raises(ReactorBusy) as info:
            reactor.run(RunMode.NOWAIT)
        caught.append(info.value)
        reactor.call_soon(ran.append, "after")

    reactor.call_soon(reenter)
    assert reactor.run() is True
    assert len(caught) == 1
    assert ran == ["after"]


def test_run_inside_another_loop_is_refused(reactor: Reactor) -> None:
    async def main() -> None:
        with pytest.raises(ReactorBusy, match="another loop"):
            reactor.run()

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(main())


def test_once_runs_all_that_is_active_of_every_priority(loop: asyncio.AbstractEventLoop, pair: Any) -> None:
    """once-is-not-one-callback."""
    with Reactor(priorities=3, loop=loop) as reactor:
        log: list[int] = []
        left, right = pair
        events = [
            reactor.event(sock.fileno(), WRITE, lambda fd, what, p=p: log.append(p), priority=p)
            for p, sock in ((2, left), (0, right))
        ]
        for event in events:
            event.add()
        reactor.call_soon(log.append, 1)
        assert reactor.run(RunMode.ONCE) is False
        assert sorted(log) == [0, 1, 2]
        assert log.index(0) < log.index(2)


def test_once_waits_for_a_deadline(reactor: Reactor) -> None:
    start = time.monotonic()
    fired: list[float] = []
    reactor.call_later(0.01, lambda: fired.append(time.monotonic() - start))
    assert reactor.run(RunMode.ONCE) is False
    assert 0.01 <= fired[0] < 1.0


def test_once_waits_for_another_thread(reactor: Reactor, pair: Any) -> None:
    seen: list[str] = []
    watch = reactor.watch(pair[0].fileno(), READ, lambda ready: None)
    thread = threading.Timer(0.005, reactor.call_soon_threadsafe, (seen.append, "posted"))
    thread.start()
    assert reactor.run(RunMode.ONCE) is False
    assert seen == ["posted"]
    thread.join()
    watch.close()


def test_wake_ups_of_the_loop_itself_do_not_end_once(reactor: Reactor) -> None:
    """once-does-not-count-internal-wake-ups."""
    fired: list[str] = []
    cancelled = reactor.call_later(0.002, fired.append, "cancelled")
    reactor.call_later(0.01, fired.append, "real")
    cancelled.cancel()  # its alarm still rings inside
    reactor.asyncio_loop.call_later(0.004, lambda: None)
    assert reactor.run(RunMode.ONCE) is False
    assert fired == ["real"]


def test_once_ends_when_the_last_thing_to_wait_for_goes(reactor: Reactor, pair: Any) -> None:
    watch = reactor.watch(pair[0].fileno(), READ, lambda ready: None)
    reactor.asyncio_loop.call_later(0.002, watch.close)
    assert reactor.run(RunMode.ONCE) is True


def test_nowait_is_one_round(reactor: Reactor, pair: Any) -> None:
    """nonblock-spins: a descriptor that is always ready is called once."""
    calls: list[str] = []
    watch = reactor.watch(pair[0].fileno(), WRITE, lambda ready: calls.append("watch"))
    event = reactor.event(pair[1].fileno(), WRITE | PERSIST, lambda fd, what: calls.append("event"))
    event.add()
    for count in range(1, 4):
        assert reactor.run(RunMode.NOWAIT) is False
        assert sorted(calls) == ["event"] * count + ["watch"] * count
    watch.close()
    event.close()


def test_once_calls_a_ready_descriptor_once(reactor: Reactor, pair: Any) -> None:
    calls: list[int] = []
    reactor.run(RunMode.ONCE)
    watch = reactor.watch(pair[0].fileno(), WRITE, calls.append)
    reactor.run(RunMode.ONCE)
    assert calls == [WRITE]
    watch.close()


def test_nowait_does_not_wait(reactor: Reactor) -> None:
    reactor.call_later(60.0, lambda: None)
    start = time.monotonic()
    assert reactor.run(RunMode.NOWAIT) is False
    assert time.monotonic() - start < 5.0


def test_seventy_descriptors_ready_at_once_are_each_called_once(reactor: Reactor) -> None:
    pairs = [socket.socketpair() for _ in range(70)]
    calls: list[int] = []
    for left, right in pairs:
        right.send(b"x")
        reactor.event(left.fileno(), READ, lambda fd, what: calls.append(fd)).add()
    reactor.run(RunMode.NOWAIT)
    assert sorted(calls) == sorted(left.fileno() for left, _ in pairs)
    for left, right in pairs:
        left.close()
        right.close()


def test_switching_between_modes_loses_nothing(reactor: Reactor, pair: Any) -> None:
    left, right = pair
    seen: list[bytes] = []

    def on_ready(ready: int) -> None:
        seen.append(left.recv(1))
        if len(seen) % 2 == 0:
            reactor.stop()

    watch = reactor.watch(left.fileno(), READ, on_ready)
    right.send(b"abcdef")
    for mode in (RunMode.DEFAULT, RunMode.NOWAIT, RunMode.ONCE, RunMode.DEFAULT):
        reactor.run(mode)
    assert b"".join(seen) == b"abcdef"
    watch.close()


# -- ends


def test_stop_before_run_has_no_effect(reactor: Reactor) -> None:
    """loopbreak-before-loop."""
    ran: list[int] = []
    reactor.stop()
    reactor.call_soon(ran.append, 1)
    assert reactor.run() is True
    assert ran == [1]


def test_stop_finishes_the_callback_and_leaves_the_rest_due(reactor: Reactor) -> None:
    log: list[str] = []

    def first() -> None:
        reactor.stop()
        log.append("first")

    reactor.call_soon(first)
    reactor.call_soon(log.append, "second")
    assert reactor.run() is False
    assert (log, reactor.got_stop, reactor.got_exit) == (["first"], True, False)
    assert reactor.run() is True
    assert (log, reactor.got_stop) == (["first", "second"], False)


@pytest.mark.parametrize("mode", [RunMode.DEFAULT, RunMode.ONCE])
def test_stop_in_a_watch_lets_no_other_watch_run(reactor: Reactor, pair: Any, mode: RunMode) -> None:
    calls: list[int] = []

    def on_ready(ready: int) -> None:
        calls.append(ready)
        reactor.stop()

    watches = [reactor.watch(sock.fileno(), WRITE, on_ready) for sock in pair]
    assert reactor.run(mode) is False
    assert calls == [WRITE]
    assert reactor.run(mode) is False
    assert calls == [WRITE, WRITE]
    for watch in watches:
        watch.close()


def test_exit_before_run_takes_effect(reactor: Reactor) -> None:
    """loopexit-before-loop: what is due still runs."""
    log: list[str] = []
    watch_forever = reactor.call_later(60.0, lambda: None)
    reactor.exit_later()
    reactor.call_soon(log.append, "due")
    assert reactor.run() is False
    assert (log, reactor.got_exit, reactor.got_stop) == (["due"], True, False)
    watch_forever.cancel()


def test_exit_runs_its_own_priority_and_more_urgent_ones_only(loop: asyncio.AbstractEventLoop) -> None:
    with Reactor(priorities=3, loop=loop) as reactor:
        log: list[int] = []

        def activate() -> None:
            for event in events:
                event.activate(EventFlags.TIMEOUT)
            reactor.exit_later()

        events = [reactor.event(-1, 0, lambda fd, what, p=p: log.append(p), priority=p) for p in (2, 1, 0)]
        reactor.call_soon(activate)
        assert reactor.run() is False
        assert log == [0, 1]
        assert reactor.run(RunMode.NOWAIT) is False
        assert log == [0, 1, 2]


def test_exit_in_a_round_leaves_less_urgent_ones(loop: asyncio.AbstractEventLoop) -> None:
    with Reactor(priorities=2, loop=loop) as reactor:
        log: list[int] = []
        low = reactor.event(-1, 0, lambda fd, what: log.append(1), priority=1)
        high = reactor.event(-1, 0, lambda fd, what: reactor.stop(), priority=0)
        low.activate(EventFlags.TIMEOUT)
        high.activate(EventFlags.TIMEOUT)
        assert reactor.run(RunMode.ONCE) is False
        assert log == []
        assert reactor.run(RunMode.ONCE) is False
        assert log == [1]


def test_later_of_two_exits_ends_a_later_run(reactor: Reactor) -> None:
    """loopexit-multiple."""
    start = time.monotonic()
    reactor.exit_later(0.002)
    reactor.exit_later(0.1)
    assert reactor.run() is False
    assert time.monotonic() - start >= 0.002
    assert reactor.got_exit
    keep = reactor.call_later(60.0, lambda: None)
    assert reactor.run() is False
    assert time.monotonic() - start >= 0.02
    keep.cancel()
    assert reactor.run() is True
    assert not reactor.got_exit


def test_exit_lets_no_watch_run_afterwards(reactor: Reactor, pair: Any) -> None:
    calls: list[float] = []
    exited: list[float] = []
    watch = reactor.watch(pair[0].fileno(), WRITE, lambda ready: calls.append(time.monotonic()))
    reactor.call_later(0.003, lambda: (reactor.exit_later(), exited.append(time.monotonic())))
    reactor.run()
    ended = time.monotonic()
    assert calls
    assert ended - max(calls) >= 0
    count = len(calls)
    reactor.asyncio_loop.run_until_complete(asyncio.sleep(0))
    assert len(calls) >= count  # driven by hand, watches work again
    watch.close()


def test_no_exit_on_empty_waits_for_another_thread(reactor: Reactor) -> None:
    ran: list[str] = []

    def poke() -> None:
        reactor.call_soon_threadsafe(ran.append, "posted")
        reactor.stop()

    thread = threading.Timer(0.005, poke)
    reactor.call_soon(thread.start)  # Not before: a stop that comes before the run does not count.
    assert reactor.run(RunMode.NO_EXIT_ON_EMPTY) is False
    assert ran == ["posted"]
    thread.join()


def test_exit_from_another_thread(reactor: Reactor) -> None:
    thread = threading.Timer(0.002, reactor.exit_later, (0.002,))
    thread.start()
    assert reactor.run(RunMode.NO_EXIT_ON_EMPTY) is False
    assert reactor.got_exit
    thread.join()


def test_exit_now_from_another_thread(reactor: Reactor) -> None:
    thread = threading.Timer(0.002, reactor.exit_later)
    thread.start()
    assert reactor.run(RunMode.NO_EXIT_ON_EMPTY) is False
    thread.join()


def test_loop_stopped_underneath_ends_the_run(reactor: Reactor) -> None:
    keep = reactor.call_later(60.0, lambda: None)
    reactor.asyncio_loop.call_later(0.001, reactor.asyncio_loop.stop)
    assert reactor.run() is False
    reactor.asyncio_loop.call_later(
        0.05, reactor.asyncio_loop.stop
    )  # not in the first round, which does not wait
    assert reactor.run(RunMode.ONCE) is False
    keep.cancel()


def test_closing_the_last_watch_and_opening_another_does_not_end_the_run(reactor: Reactor, pair: Any) -> None:
    left, right = pair
    seen: list[str] = []

    def second(ready: int) -> None:
        seen.append("second")
        watches[1].close()

    def first(ready: int) -> None:
        seen.append("first")
        watches[0].close()
        watches.append(reactor.watch(right.fileno(), WRITE, second))

    watches = [reactor.watch(left.fileno(), WRITE, first)]
    assert reactor.run() is True
    assert seen == ["first", "second"]


def test_keyboard_interrupt_leaves_the_loop_usable(reactor: Reactor) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    ran: list[int] = []
    reactor.call_soon(interrupt)
    reactor.call_soon(ran.append, 1)
    with pytest.raises(KeyboardInterrupt):
        reactor.run()
    assert reactor.run() is True
    assert ran == [1]


# -- other threads


def test_a_hundred_threads_post_calls_and_none_is_lost(reactor: Reactor) -> None:
    """thread-basic."""
    done: list[int] = []

    def post(number: int) -> None:
        for _ in range(20):
            reactor.call_soon_threadsafe(done.append, number)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    while len(done) < 2000:
        reactor.run(RunMode.ONCE)
    for thread in threads:
        thread.join()
    reactor.run()
    assert len(done) == 2000


def test_posted_calls_keep_their_order(reactor: Reactor) -> None:
    order: list[int] = []
    for number in range(5):
        reactor.call_soon_threadsafe(order.append, number)
    assert reactor.run() is True
    assert order == [0, 1, 2, 3, 4]


def test_post_after_close_is_refused(reactor: Reactor) -> None:
    reactor.close()
    with pytest.raises(ReactorClosed):
        reactor.call_soon_threadsafe(print)
    with pytest.raises(ReactorClosed):
        reactor.run()


def test_post_to_a_loop_closed_underneath_is_refused(reactor: Reactor) -> None:
    reactor.asyncio_loop.close()
    with pytest.raises(ReactorClosed):
        reactor.call_soon_threadsafe(print)


# -- driven through asyncio


def test_everything_works_when_code_that_awaits_runs_the_loop(reactor: Reactor, pair: Any) -> None:
    left, right = pair
    seen: list[object] = []
    watch = reactor.watch(left.fileno(), READ, lambda ready: seen.append(left.recv(10)))
    reactor.call_later(0.001, seen.append, "timer")
    reactor.call_soon(right.send, b"x")

    async def main() -> None:
        while len(seen) < 2:  # noqa: ASYNC110 - the reactor's callbacks know nothing of awaiting
            await asyncio.sleep(0.001)

    reactor.stop()
    for _ in range(2):
        reactor.asyncio_loop.run_until_complete(main())
        reactor.run(RunMode.NOWAIT)
    assert sorted(map(str, seen)) == ["b'x'", "timer"]
    watch.close()


def test_round_after_stop_in_a_round_still_knows_its_timers(reactor: Reactor) -> None:
    fired: list[int] = []
    reactor.call_soon(reactor.stop)
    reactor.call_later(0.002, fired.append, 1)
    time.sleep(0.003)
    assert reactor.run(RunMode.NOWAIT) is False
    assert reactor.run() is True
    assert fired == [1]


def test_signals_are_withdrawn_with_the_reactor(loop: asyncio.AbstractEventLoop) -> None:
    before = signal.getsignal(signal.SIGUSR2)
    with Reactor(loop=loop) as reactor:
        reactor.signal(signal.SIGUSR2, lambda number, what: None)
        reactor.signal(signal.SIGUSR2, lambda number, what: None)
        assert signal.getsignal(signal.SIGUSR2) is not before
    assert signal.getsignal(signal.SIGUSR2) is before
