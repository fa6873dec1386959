"""Events as libevent has them.  Rows E and S of the behaviours they were built from."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from evtorrent.reactor import (
    READ,
    WRITE,
    EventFlags,
    Reactor,
    ReactorClosed,
    ReactorUsageError,
    RunMode,
)

PERSIST, TIMEOUT, SIGNAL = EventFlags.PERSIST, EventFlags.TIMEOUT, EventFlags.SIGNAL


class Recorder:
    """A callback that keeps what it was told, and when."""

    def __init__(self) -> None:
        self.flags: list[EventFlags] = []
        self.times: list[float] = []
        self.start = time.monotonic()

    def __call__(self, fd: int, what: EventFlags) -> None:
        self.flags.append(what)
        self.times.append(time.monotonic() - self.start)


@pytest.fixture
def record() -> Recorder:
    return Recorder()


# -- one shot and persistent


def test_one_shot_is_not_pending_in_its_callback_and_may_be_added_again(reactor: Reactor, pair: Any) -> None:
    """nonpersist-readd."""
    pending: list[EventFlags] = []

    def callback(fd: int, what: EventFlags) -> None:
        pending.append(event.pending)
        if len(pending) < 3:
            event.add()

    event = reactor.event(pair[0].fileno(), WRITE, callback)
    event.add()
    assert reactor.run() is True
    assert pending == [EventFlags(0)] * 3


def test_two_one_shots_adding_each_other(reactor: Reactor, pair: Any) -> None:
    """nonpersist-readd: both run once in the round, both are pending after."""
    calls: list[str] = []

    def on_first(fd: int, what: EventFlags) -> None:
        calls.append("first")
        second.add()

    def on_second(fd: int, what: EventFlags) -> None:
        calls.append("second")
        first.add()

    first = reactor.event(pair[0].fileno(), WRITE, on_first)
    second = reactor.event(pair[1].fileno(), WRITE, on_second)
    first.add()
    second.add()
    reactor.run(RunMode.ONCE)
    assert sorted(calls) == ["first", "second"]
    first_ran_first = calls == ["first", "second"]
    # The one that ran first added the other, whose own run then took that away again.
    assert (bool(first.pending), bool(second.pending)) == (first_ran_first, not first_ran_first)
    first.close()
    second.close()


def test_persistent_stays_until_removed(reactor: Reactor, pair: Any, record: Recorder) -> None:
    event = reactor.event(pair[0].fileno(), WRITE | PERSIST, record)
    event.add()
    for _ in range(3):
        reactor.run(RunMode.NOWAIT)
    assert record.flags == [WRITE] * 3
    event.remove()
    event.remove()
    assert reactor.run() is True
    assert len(record.flags) == 3


# -- timeouts


def test_periodic_timeout_does_not_drift(reactor: Reactor, record: Recorder) -> None:
    event = reactor.event(-1, PERSIST, record)
    start = time.monotonic()
    event.add(0.01)
    deadlines = []
    while len(record.flags) < 4:
        reactor.run(RunMode.ONCE)
        deadlines.append(event.when)
    event.close()
    assert record.flags == [TIMEOUT] * 4
    for count, deadline in enumerate(deadlines, 2):
        missed = (deadline - start) / 0.01 - count
        # On an idle machine nothing is missed; on a busy one whole ticks may be.
        assert missed > -0.2


def test_missed_ticks_are_dropped(reactor: Reactor, record: Recorder) -> None:
    """persistent-timeout-jump."""
    event = reactor.event(-1, PERSIST, record)
    event.add(0.005)
    time.sleep(0.03)
    reactor.run(RunMode.NOWAIT)
    assert record.flags == [TIMEOUT]
    assert event.when > time.monotonic()
    reactor.run(RunMode.NOWAIT)
    assert len(record.flags) == 1
    event.close()


def test_activation_restarts_the_timeout(reactor: Reactor, record: Recorder) -> None:
    """persistent-active-timeout."""
    event = reactor.event(-1, PERSIST, record)
    event.add(60.0)
    before = event.when
    event.activate(READ)
    reactor.run(RunMode.NOWAIT)
    assert record.flags == [EventFlags.READ]
    assert before < event.when <= time.monotonic() + 60.0
    event.close()


def test_zero_timeout_of_a_persistent_event_fires_once(reactor: Reactor, record: Recorder) -> None:
    event = reactor.event(-1, PERSIST, record)
    event.add(0)
    assert reactor.run() is True
    assert (record.flags, event.pending) == ([TIMEOUT], EventFlags(0))


def test_descriptor_and_timeout_due_together_give_one_callback(
    reactor: Reactor, pair: Any, record: Recorder
) -> None:
    """event-timeout-lost."""
    left, right = pair
    event = reactor.event(left.fileno(), READ, record)
    event.add(0.003)
    right.send(b"x")
    time.sleep(0.005)
    assert reactor.run() is True
    assert record.flags == [EventFlags.READ | TIMEOUT]


def test_descriptor_and_timeout_due_together_in_a_round(
    reactor: Reactor, pair: Any, record: Recorder
) -> None:
    left, right = pair
    event = reactor.event(left.fileno(), READ, record)
    event.add(0.001)
    right.send(b"x")
    time.sleep(0.002)
    reactor.run(RunMode.NOWAIT)
    assert record.flags == [EventFlags.READ | TIMEOUT]


def test_adding_again_without_a_timeout_keeps_the_old_one(reactor: Reactor, record: Recorder) -> None:
    event = reactor.event(-1, PERSIST, record)
    event.add(5.0)
    deadline = event.when
    event.add()
    assert (event.when, event.pending) == (deadline, TIMEOUT)
    event.add(7.0)
    assert event.when > deadline
    event.close()


def test_removing_the_timeout_keeps_the_event(reactor: Reactor, pair: Any, record: Recorder) -> None:
    """event-remove-timeout."""
    event = reactor.event(pair[0].fileno(), READ | PERSIST, record)
    event.add(0.001)
    event.remove_timeout()
    event.remove_timeout()
    time.sleep(0.002)
    reactor.run(RunMode.NOWAIT)
    assert (record.flags, event.pending) == ([], EventFlags.READ)
    event.close()
    event.remove_timeout()


def test_new_timeout_withdraws_one_not_yet_told(reactor: Reactor, record: Recorder) -> None:
    event = reactor.event(-1, 0, record)

    def add_again(fd: int, what: EventFlags) -> None:
        assert event.pending & TIMEOUT
        event.add(60.0)

    other = reactor.event(-1, 0, add_again)
    other.add(0.001)
    event.add(0.001)
    time.sleep(0.002)
    reactor.run(RunMode.NOWAIT)
    assert (record.flags, event.pending) == ([], TIMEOUT)
    event.close()


def test_timeout_of_a_descriptor_that_stays_silent(reactor: Reactor, pair: Any, record: Recorder) -> None:
    event = reactor.event(pair[0].fileno(), READ, record)
    event.add(0.002)
    assert reactor.run() is True
    assert record.flags == [TIMEOUT]
    assert record.times[0] >= 0.002


def test_timers_fire_in_the_order_of_their_deadlines(reactor: Reactor) -> None:
    order: list[str] = []
    now = reactor.time()
    reactor.call_at(now + 0.0021, order.append, "b")
    reactor.call_at(now + 0.0029, order.append, "d")
    reactor.call_at(now + 0.0020, order.append, "a")
    reactor.call_at(now + 0.0022, order.append, "c1")
    reactor.call_at(now + 0.0022, order.append, "c2")
    assert reactor.run() is True
    assert order == ["a", "b", "c1", "c2", "d"]


# -- activation


def test_activation_without_being_added(reactor: Reactor, record: Recorder) -> None:
    event = reactor.event(-1, 0, record)
    event.activate(WRITE)
    assert event.pending == EventFlags.WRITE
    assert reactor.run() is True
    assert record.flags == [EventFlags.WRITE]


def test_two_activations_are_told_as_one(reactor: Reactor, record: Recorder) -> None:
    event = reactor.event(-1, 0, record)
    event.activate(READ)
    event.activate(WRITE)
    reactor.run()
    assert record.flags == [EventFlags.READ | EventFlags.WRITE]


def test_remove_while_active_withdraws_it(reactor: Reactor, record: Recorder) -> None:
    event = reactor.event(-1, 0, record)
    event.activate(READ)
    event.remove()
    assert not event.pending
    assert reactor.run() is True
    assert record.flags == []


def test_event_closed_while_active_is_not_told(reactor: Reactor, record: Recorder) -> None:
    event = reactor.event(-1, 0, record)
    event.activate(READ)
    event.close()
    event.close()
    assert reactor.run() is True
    assert record.flags == []
    for call in (event.add, lambda: event.activate(READ)):
        with pytest.raises(ReactorClosed):
            call()


def test_event_without_a_descriptor_keeps_the_loop_for_whoever_activates_it(
    reactor: Reactor, record: Recorder
) -> None:
    event = reactor.event(-1, READ, record)
    event.add()
    reactor.asyncio_loop.call_later(0.002, event.activate, READ)
    assert reactor.run() is True
    assert record.flags == [EventFlags.READ]


def test_two_events_on_one_descriptor_each_get_their_own(reactor: Reactor, pair: Any) -> None:
    left, right = pair
    right.send(b"x")
    calls: list[tuple[str, EventFlags]] = []
    events = [
        reactor.event(left.fileno(), flags | PERSIST, lambda fd, what, n=name: calls.append((n, what)))
        for name, flags in (("reader", READ), ("writer", WRITE), ("other reader", READ))
    ]
    for event in events:
        event.add()
    reactor.run(RunMode.NOWAIT)
    assert sorted(calls) == [("other reader", READ), ("reader", READ), ("writer", WRITE)]
    for event in events:
        event.close()


def test_both_directions_ready_are_one_callback(reactor: Reactor, pair: Any, record: Recorder) -> None:
    left, right = pair
    right.send(b"x")
    event = reactor.event(left.fileno(), READ | WRITE, record)
    event.add()
    assert reactor.run() is True
    assert record.flags == [EventFlags.READ | EventFlags.WRITE]


def test_refused_connection_reports_both_directions(reactor: Reactor, record: Recorder) -> None:
    """simpleclose-rw: an error is readable and writable."""
    with socket.socket() as free, socket.socket() as sock:
        free.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        sock.connect_ex(free.getsockname())
        event = reactor.event(sock.fileno(), READ | WRITE, record)
        event.add()
        assert reactor.run() is True
    assert record.flags == [EventFlags.READ | EventFlags.WRITE]


def test_end_of_stream_is_readable(reactor: Reactor, pair: Any, record: Recorder) -> None:
    left, right = pair
    right.shutdown(socket.SHUT_WR)
    event = reactor.event(left.fileno(), READ, record)
    event.add()
    assert reactor.run() is True
    assert record.flags == [EventFlags.READ]
    assert left.recv(1) == b""


def test_pending_tells_what_it_waits_for(reactor: Reactor, pair: Any, record: Recorder) -> None:
    event = reactor.event(pair[0].fileno(), READ | PERSIST, record)
    assert event.pending == EventFlags(0)
    event.add(5.0)
    assert event.pending == EventFlags.READ | TIMEOUT
    event.close()
    assert event.pending == EventFlags(0)


def test_repr_is_short_and_tells_the_state(reactor: Reactor, record: Recorder) -> None:
    event = reactor.event(-1, 0, record)
    assert repr(event) == "<Event fd=-1 idle>"
    event.add(5.0)
    assert repr(event) == "<Event fd=-1 TIMEOUT>"
    event.close()
    assert repr(event) == "<Event fd=-1 closed>"


# -- refusals


@pytest.mark.parametrize("flags", [READ | EventFlags.ET, EventFlags.CLOSED, READ | SIGNAL, WRITE | SIGNAL])
def test_flags_that_cannot_be_are_refused(reactor: Reactor, flags: int) -> None:
    with pytest.raises(ReactorUsageError):
        reactor.event(1, flags, print)


def test_negative_timeout_is_refused(reactor: Reactor) -> None:
    event = reactor.event(-1, 0, print)
    with pytest.raises(ReactorUsageError, match="timeout"):
        event.add(-1)
    assert not event.pending


@pytest.mark.parametrize("priority", [-1, 3])
def test_priority_out_of_range_is_refused(loop: asyncio.AbstractEventLoop, priority: int) -> None:
    with Reactor(priorities=3, loop=loop) as reactor:
        assert reactor.event(-1, 0, print).priority == 1
        with pytest.raises(ReactorUsageError, match="priority"):
            reactor.event(-1, 0, print, priority=priority)


def test_descriptor_that_cannot_be_polled_is_not_added(reactor: Reactor, tmp_path: Any) -> None:
    with open(tmp_path / "file", "w") as file:
        event = reactor.event(file.fileno(), READ, print)
        with pytest.raises(PermissionError):
            event.add()
        assert not event.pending
    assert reactor.run() is True


# -- signals


@pytest.fixture
def usr1() -> Iterator[Any]:
    """A handler of somebody else's, which must be there again afterwards."""
    seen: list[int] = []

    def handler(signum: int, frame: object) -> None:
        seen.append(signum)

    before = signal.signal(signal.SIGUSR1, handler)
    yield seen
    assert signal.getsignal(signal.SIGUSR1) is handler
    signal.signal(signal.SIGUSR1, before)


def raise_usr1() -> None:
    signal.raise_signal(signal.SIGUSR1)


def test_signal_raised_before_the_first_round(reactor: Reactor, record: Recorder, usr1: Any) -> None:
    """immediate-signal."""
    event = reactor.event(signal.SIGUSR1, SIGNAL, record)
    event.add()
    raise_usr1()
    reactor.run(RunMode.NOWAIT)
    assert record.flags == [SIGNAL]
    assert usr1 == []
    raise_usr1()
    assert usr1 == [signal.SIGUSR1]


def test_signal_wakes_a_loop_that_waits(reactor: Reactor, usr1: Any) -> None:
    told: list[int] = []
    event = reactor.signal(signal.SIGUSR1, lambda number, what: (told.append(number), event.close()))
    reactor.submit(raise_usr1)
    assert reactor.run() is True
    assert told == [signal.SIGUSR1]


def test_signal_raised_three_times_is_told_three_times(reactor: Reactor, record: Recorder, usr1: Any) -> None:
    event = reactor.signal(signal.SIGUSR1, record)
    for _ in range(3):
        raise_usr1()
    reactor.run(RunMode.NOWAIT)
    assert record.flags == [SIGNAL] * 3
    event.close()


@pytest.mark.parametrize("how", ["remove", "close", "stop"])
def test_ending_in_the_callback_cancels_the_rest(reactor: Reactor, usr1: Any, how: str) -> None:
    """signal-free-in-callback."""
    told: list[EventFlags] = []

    def callback(number: int, what: EventFlags) -> None:
        told.append(what)
        {"remove": event.remove, "close": event.close, "stop": reactor.stop}[how]()

    event = reactor.signal(signal.SIGUSR1, callback)
    for _ in range(3):
        raise_usr1()
    reactor.run(RunMode.NOWAIT)
    assert told == [SIGNAL]
    event.close()


def test_two_events_of_one_signal_are_both_told(reactor: Reactor, usr1: Any) -> None:
    first, second = Recorder(), Recorder()
    events = [reactor.signal(signal.SIGUSR1, each) for each in (first, second)]
    raise_usr1()
    reactor.run(RunMode.NOWAIT)
    assert first.flags == second.flags == [SIGNAL]
    for event in events:
        event.close()


def test_removed_and_added_again(reactor: Reactor, record: Recorder, usr1: Any) -> None:
    event = reactor.signal(signal.SIGUSR1, record)
    event.remove()
    event.add()
    raise_usr1()
    reactor.run(RunMode.NOWAIT)
    assert record.flags == [SIGNAL]
    event.close()


def test_signal_event_times_out(reactor: Reactor, record: Recorder, usr1: Any) -> None:
    event = reactor.event(signal.SIGUSR1, SIGNAL, record)
    event.add(0.002)
    assert reactor.run() is True
    assert record.flags == [TIMEOUT]


def test_callback_that_raises_the_same_signal(reactor: Reactor, usr1: Any) -> None:
    """signal-while-processing."""
    told: list[int] = []

    def callback(number: int, what: EventFlags) -> None:
        told.append(number)
        if len(told) < 5:
            raise_usr1()
        else:
            event.close()

    event = reactor.signal(signal.SIGUSR1, callback)
    raise_usr1()
    assert reactor.run() is True
    assert len(told) == 5


def test_every_reactor_that_watches_gets_it(usr1: Any) -> None:
    first, second = Recorder(), Recorder()
    with Reactor() as one, Reactor() as other:
        one.signal(signal.SIGUSR1, first)
        other.signal(signal.SIGUSR1, second)
        raise_usr1()
        one.run(RunMode.NOWAIT)
        other.run(RunMode.NOWAIT)
    assert first.flags == second.flags == [SIGNAL]


# -- more of libevent's rows


def test_level_triggering_tells_again_what_was_not_taken(
    reactor: Reactor, pair: Any, record: Recorder
) -> None:
    left, right = pair
    right.send(b"abc")
    event = reactor.event(left.fileno(), READ | PERSIST, lambda fd, what: (record(fd, what), left.recv(1)))
    event.add()
    for _ in range(4):
        reactor.run(RunMode.NOWAIT)
    assert record.flags == [EventFlags.READ] * 3
    event.close()


def test_edge_beside_level_is_refused_and_the_first_stays(
    reactor: Reactor, pair: Any, record: Recorder
) -> None:
    """et-mix-error."""
    left, right = pair
    event = reactor.event(left.fileno(), READ, record)
    event.add()
    with pytest.raises(ReactorUsageError, match="ET"):
        reactor.event(left.fileno(), READ | EventFlags.ET, print)
    right.send(b"x")
    assert reactor.run() is True
    assert record.flags == [EventFlags.READ]


@pytest.mark.parametrize("asked", [READ, WRITE, READ | WRITE])
def test_reset_connection_reports_everything_asked_for(
    reactor: Reactor, record: Recorder, asked: int
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as sock,
    ):
        peer, _ = server.accept()
        # Full, so that only the error makes it writable.
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                sock.send(bytes(65536))
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
        event = reactor.event(sock.fileno(), asked, record)
        event.add(10.0)
        assert reactor.run() is True
    assert record.flags == [EventFlags(asked)]


def test_hang_up_of_both_directions_reports_everything_asked_for(
    reactor: Reactor, pair: Any, record: Recorder
) -> None:
    left, right = pair
    right.close()
    event = reactor.event(left.fileno(), READ | WRITE, record)
    event.add(10.0)
    assert reactor.run() is True
    assert record.flags == [EventFlags.READ | EventFlags.WRITE]


def test_duplicate_closed_after_its_removal_and_the_number_used_again(reactor: Reactor, pair: Any) -> None:
    """dup-fd: what the kernel keeps for the same open file must not come up under the number."""
    left, right = pair
    log: list[tuple[str, int]] = []
    number = os.dup(left.fileno())
    event = reactor.event(number, READ | PERSIST, lambda fd, what: log.append(("duplicate", fd)))
    event.add()
    reactor.run(RunMode.NOWAIT)
    other, peer = socket.socketpair()
    event.close()
    os.close(number)
    os.dup2(other.fileno(), number)
    again = reactor.event(number, READ, lambda fd, what: log.append(("new", fd)))
    first = reactor.event(left.fileno(), READ, lambda fd, what: log.append(("original", fd)))
    again.add()
    first.add()
    right.send(b"x")
    reactor.run(RunMode.ONCE)
    reactor.run(RunMode.NOWAIT)
    assert log == [("original", left.fileno())]
    peer.send(b"y")
    assert reactor.run() is True
    assert log == [("original", left.fileno()), ("new", number)]
    os.close(number)
    other.close()
    peer.close()


def test_events_activating_each_other_do_not_starve_descriptors(reactor: Reactor, pair: Any) -> None:
    """active-later: what is activated in a callback waits for the next poll."""
    counts = {"chain": 0, "io": 0}

    def pass_on(other: int) -> None:
        counts["chain"] += 1
        if counts["io"] < 50:
            events[other].activate(READ)

    def on_io(fd: int, what: EventFlags) -> None:
        counts["io"] += 1
        if counts["io"] == 50:
            io.close()

    events = [reactor.event(-1, 0, lambda fd, what, o=1 - n: pass_on(o)) for n in range(2)]
    io = reactor.event(pair[0].fileno(), WRITE | PERSIST, on_io)
    io.add()
    events[0].activate(READ)
    assert reactor.run() is True
    assert counts["io"] == 50
    assert 25 <= counts["chain"] <= 110


def test_deadline_is_known(reactor: Reactor) -> None:
    event = reactor.event(-1, 0, print)
    before = time.monotonic()
    event.add(5.0)
    assert before + 5.0 <= event.when <= time.monotonic() + 5.0
    event.close()


# -- finalizers


@pytest.mark.parametrize("state", ["idle", "pending", "active"])
def test_only_the_finalizer_runs(reactor: Reactor, pair: Any, record: Recorder, state: str) -> None:
    final: list[Any] = []
    event = reactor.event(pair[0].fileno(), WRITE | PERSIST, record)
    if state != "idle":
        event.add(5.0)
    if state == "active":
        event.activate(READ)
    event.finalize(final.append)
    event.finalize(lambda event: final.append("second"))
    assert final == []
    event.add(1.0)
    event.activate(READ)
    event.close()
    assert reactor.run() is True
    assert (final, record.flags, event.pending) == ([event], [], EventFlags(0))
    event.add(1.0)
    event.activate(READ)
    assert reactor.run() is True
    assert (final, record.flags) == ([event], [])


def test_finalized_in_its_own_callback(reactor: Reactor, pair: Any) -> None:
    log: list[str] = []

    def callback(fd: int, what: EventFlags) -> None:
        log.append("callback")
        event.finalize(lambda event: log.append("finalizer"))
        event.add()
        log.append("end of callback")

    event = reactor.event(pair[0].fileno(), WRITE | PERSIST, callback)
    event.add()
    assert reactor.run() is True
    assert log == ["callback", "end of callback", "finalizer"]


def test_finalizer_runs_at_the_events_priority(loop: asyncio.AbstractEventLoop) -> None:
    with Reactor(priorities=3, loop=loop) as reactor:
        log: list[str] = []
        reactor.event(-1, 0, print, priority=2).finalize(lambda event: log.append("low"))
        reactor.event(-1, 0, print, priority=0).finalize(lambda event: log.append("high"))
        reactor.call_soon(log.append, "middle")
        assert reactor.run() is True
        assert log == ["high", "middle", "low"]


def test_finalizer_runs_when_the_reactor_closes_first(reactor: Reactor) -> None:
    told: list[str] = []
    log: list[str] = []
    reactor.on_error = lambda context, error: told.append(context)
    reactor.event(-1, 0, print).finalize(lambda event: int("x"))
    reactor.event(-1, 0, print).finalize(lambda event: log.append("finalizer"))
    reactor.close()
    assert (log, told) == (["finalizer"], ["exception in a finalizer"])


# -- errors in callbacks


def test_error_in_one_of_several_signals_loses_none(reactor: Reactor, usr1: Any) -> None:
    told: list[int] = []
    errors: list[str] = []
    reactor.on_error = lambda context, error: errors.append(context)

    def callback(number: int, what: EventFlags) -> None:
        told.append(number)
        if len(told) == 1:
            raise ValueError("first")

    event = reactor.signal(signal.SIGUSR1, callback)
    for _ in range(3):
        raise_usr1()
    reactor.run(RunMode.NOWAIT)
    assert told == [signal.SIGUSR1] * 3
    assert errors == ["exception in a callback of the reactor"]
    event.close()


def test_persistent_event_whose_callback_raises_stays(reactor: Reactor, pair: Any) -> None:
    errors: list[BaseException] = []
    reactor.on_error = lambda context, error: errors.append(error)
    event = reactor.event(pair[0].fileno(), WRITE | PERSIST, lambda fd, what: int("x"))
    event.add(60.0)
    for _ in range(2):
        reactor.run(RunMode.NOWAIT)
    assert len(errors) == 2
    assert event.pending == EventFlags.WRITE | TIMEOUT
    event.close()


def test_signal_event_alone_keeps_the_loop_and_leaves_nothing(
    loop: asyncio.AbstractEventLoop, record: Recorder, usr1: Any
) -> None:
    """signal-pipeloss; the descriptors are counted by the fixture every test has."""
    with Reactor(loop=loop) as reactor:
        event = reactor.signal(signal.SIGUSR1, record)
        reactor.asyncio_loop.call_later(0.003, event.close)
        assert reactor.run(RunMode.NOWAIT) is False
        assert reactor.run() is True


def test_one_shot_signal_on_a_thread_of_its_own(reactor: Reactor, record: Recorder, usr1: Any) -> None:
    """Handlers are the main thread's; the one from before is back with the next signal at the latest."""
    event = reactor.event(signal.SIGUSR1, SIGNAL, record)
    event.add()
    thread = threading.Thread(target=reactor.run)
    raise_usr1()
    thread.start()
    thread.join()
    assert record.flags == [SIGNAL]
    raise_usr1()
    assert usr1 == [signal.SIGUSR1]
