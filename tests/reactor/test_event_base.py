"""What a reactor has of libevent's event base.  Rows B and E of the behaviours it was built from."""

from __future__ import annotations

import asyncio
import math
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from evtorrent.reactor import (
    READ,
    WRITE,
    EventFlags,
    Reactor,
    ReactorBusy,
    ReactorClosed,
    ReactorUsageError,
    RunMode,
)
from evtorrent.reactor.event_base import MAX_PRIORITIES

PERSIST, TIMEOUT, SIGNAL = EventFlags.PERSIST, EventFlags.TIMEOUT, EventFlags.SIGNAL
MODES = [RunMode.DEFAULT, RunMode.ONCE]


def log_event(reactor: Reactor, log: list[Any], name: object, priority: int | None = None) -> Any:
    return reactor.event(-1, 0, lambda fd, what: log.append(name), priority=priority)


@pytest.fixture(params=["direct", "hooked"])
def three(request: pytest.FixtureRequest, loop: asyncio.AbstractEventLoop) -> Iterator[Reactor]:
    """Three priorities, on both ways of turning."""
    with Reactor(priorities=3, loop=loop) as reactor:
        if request.param == "hooked":
            reactor.before_poll(lambda: None)
        yield reactor


# -- priorities


def test_a_new_event_gets_the_middle_priority(loop: asyncio.AbstractEventLoop) -> None:
    with Reactor(loop=loop) as reactor:
        for priorities in (1, 2, 3, 5):
            reactor.set_priorities(priorities)
            assert reactor.event(-1, 0, print).priority == priorities // 2
            assert reactor.priorities == priorities


def test_less_urgent_ones_wait_for_another_poll(three: Reactor, pair: Any) -> None:
    """starvation-is-by-design: a descriptor that became ready in between is served first."""
    left, right = pair
    log: list[str] = []
    urgent = three.event(left.fileno(), READ, lambda fd, what: log.append("urgent"), priority=0)
    urgent.add()
    middle = three.event(-1, 0, lambda fd, what: (log.append("middle"), right.send(b"x")), priority=1)
    middle.activate(READ)
    log_event(three, log, "low", 2).activate(READ)
    assert three.run() is True
    assert log == ["middle", "urgent", "low"]


def test_an_urgent_one_that_never_rests_starves_the_others(three: Reactor) -> None:
    log: list[str] = []

    def again(fd: int, what: EventFlags) -> None:
        log.append("urgent")
        if len(log) < 5:
            urgent.activate(READ)

    urgent = three.event(-1, 0, again, priority=0)
    log_event(three, log, "low", 2).activate(READ)
    urgent.activate(READ)
    assert three.run() is True
    assert log == ["urgent"] * 5 + ["low"]


def test_activating_a_more_urgent_one_interrupts_the_queue(loop: asyncio.AbstractEventLoop) -> None:
    """priority-active-inversion."""
    with Reactor(priorities=8, loop=loop) as reactor:
        log: list[str] = []

        def first(fd: int, what: EventFlags) -> None:
            log.append("4")
            log_event(reactor, log, "another 4", 4).activate(READ)
            log_event(reactor, log, "0", 0).activate(READ)

        reactor.event(-1, 0, first, priority=4).activate(READ)
        assert reactor.run() is True
        assert log == ["4", "0", "another 4"]


@pytest.mark.parametrize("priorities", [0, -1, MAX_PRIORITIES + 1, "3", 1.5])
def test_number_of_priorities_is_checked(reactor: Reactor, priorities: Any) -> None:
    with pytest.raises(ReactorUsageError, match="priorities"):
        reactor.set_priorities(priorities)
    assert reactor.priorities == 1


def test_number_of_priorities_stays_while_something_is_due(reactor: Reactor) -> None:
    call = reactor.call_soon(print)
    with pytest.raises(ReactorBusy, match="due"):
        reactor.set_priorities(3)
    call.cancel()
    assert reactor.run() is True
    reactor.set_priorities(3)
    assert reactor.priorities == 3


def test_event_less_urgent_than_there_are_priorities_now_counts_as_the_last(three: Reactor) -> None:
    log: list[str] = []
    low = log_event(three, log, "low", 2)
    three.set_priorities(2)
    low.activate(READ)
    log_event(three, log, "high", 0).activate(READ)
    assert three.run() is True
    assert log == ["high", "low"]


def test_priority_of_an_event_can_be_changed_until_it_is_due(three: Reactor) -> None:
    log: list[str] = []
    event, other = log_event(three, log, "event", 2), log_event(three, log, "other", 1)
    event.priority = 0
    for wrong in (-1, 3, "0", 0.0):
        with pytest.raises(ReactorUsageError, match="priority"):
            event.priority = wrong  # type: ignore[assignment]
    event.activate(READ)
    other.activate(READ)
    with pytest.raises(ReactorBusy, match="due"):
        event.priority = 2
    assert event.priority == 0
    assert three.run() is True
    assert log == ["event", "other"]


# -- ends and new beginnings


def test_repoll_leaves_the_rest_for_after_another_poll(three: Reactor, pair: Any) -> None:
    """loopcontinue: nothing is lost, priorities are looked at again."""
    left, right = pair
    log: list[str] = []
    urgent = three.event(left.fileno(), READ, lambda fd, what: log.append("urgent"), priority=0)
    urgent.add()

    def first() -> None:
        log.append("first")
        right.send(b"x")
        three.repoll()

    three.call_soon(first)
    three.call_soon(log.append, "second")
    assert three.run() is True
    assert log == ["first", "urgent", "second"]


def test_repoll_does_not_wait(three: Reactor) -> None:
    log: list[str] = []
    far = three.call_later(60.0, print)
    three.call_soon(three.repoll)
    three.call_soon(lambda: (log.append("second"), far.cancel()))
    start = time.monotonic()
    assert three.run() is True
    assert (log, time.monotonic() - start < 30.0) == (["second"], True)


def test_repoll_in_a_round_leaves_the_rest_due(three: Reactor) -> None:
    log: list[str] = []
    three.call_soon(three.repoll)
    three.call_soon(log.append, "second")
    assert three.run(RunMode.NOWAIT) is False
    assert log == []
    assert three.run(RunMode.NOWAIT) is False
    assert log == ["second"]


def test_exit_after_a_while(reactor: Reactor) -> None:
    """loopexit: told apart from a stop until the next run."""
    start = time.monotonic()
    keep = reactor.call_later(60.0, print)
    reactor.exit_later(0.003)
    assert reactor.run() is False
    assert 0.003 <= time.monotonic() - start < 30.0
    assert (reactor.got_exit, reactor.got_stop) == (True, False)
    keep.cancel()
    assert reactor.run() is True
    assert (reactor.got_exit, reactor.got_stop) == (False, False)


def test_stop_is_seen_from_the_call_until_the_next_run(reactor: Reactor) -> None:
    seen: list[bool] = []
    reactor.stop()
    assert reactor.got_stop
    reactor.call_soon(lambda: (seen.append(reactor.got_stop), reactor.stop(), seen.append(reactor.got_stop)))
    assert reactor.run() is False
    assert (seen, reactor.got_stop) == ([False, True], True)
    assert reactor.run() is True
    assert not reactor.got_stop


@pytest.mark.parametrize("mode", [8, -1, "once", 1.0, None])
def test_modes_that_are_none_are_refused(reactor: Reactor, mode: Any) -> None:
    with pytest.raises(ReactorUsageError, match="mode"):
        reactor.run(mode)


def test_once_waits_on_an_empty_reactor_if_told_so(reactor: Reactor) -> None:
    ran: list[int] = []
    reactor.asyncio_loop.call_later(0.002, lambda: reactor.call_soon(ran.append, 1))
    assert reactor.run(RunMode.ONCE | RunMode.NO_EXIT_ON_EMPTY) is False
    assert ran == [1]


# -- limits of a pass


def test_only_so_many_callbacks_before_the_next_poll(three: Reactor, pair: Any) -> None:
    left, right = pair
    log: list[Any] = []
    right.send(b"x")
    three.limit_dispatch(2)
    for number in range(4):
        three.call_soon(log.append, number)
    urgent = three.event(left.fileno(), READ, lambda fd, what: log.append("urgent"), priority=0)
    three.call_soon(urgent.add)
    assert three.run() is True
    assert log.index("urgent") >= 4
    assert [entry for entry in log if entry != "urgent"] == [0, 1, 2, 3]
    three.limit_dispatch(2)
    right.send(b"y")
    urgent.add()
    log.clear()
    for number in range(4):
        three.call_soon(log.append, number)
    assert three.run() is True
    assert log.index("urgent") <= 2


def test_only_so_long_before_the_next_poll(loop: asyncio.AbstractEventLoop) -> None:
    with Reactor(loop=loop) as reactor:
        log: list[Any] = []
        reactor.limit_dispatch(max_interval=0.0, min_priority=0)
        polls = reactor.before_poll(lambda: log.append("poll"))
        for number in range(3):
            reactor.call_soon(log.append, number)
        assert reactor.run() is True
        assert log == ["poll", 0, "poll", 1, "poll", 2]
        polls.close()


def test_urgent_priorities_are_never_cut(three: Reactor) -> None:
    log: list[Any] = []
    three.limit_dispatch(1)
    three.before_poll(lambda: log.append("poll"))
    for number in range(3):
        log_event(three, log, number, 0).activate(READ)
    assert three.run() is True
    assert log == ["poll", 0, 1, 2]


def test_once_still_runs_everything_that_is_due(three: Reactor) -> None:
    log: list[Any] = []
    three.limit_dispatch(1)
    for number in range(3):
        log_event(three, log, number, 2).activate(READ)
    assert three.run(RunMode.NOWAIT) is False
    assert log == [0]
    assert three.run(RunMode.ONCE) is False
    assert log == [0, 1, 2]


def test_limit_is_taken_back(three: Reactor) -> None:
    log: list[Any] = []
    three.limit_dispatch(1)
    three.limit_dispatch()
    for number in range(3):
        log_event(three, log, number, 2).activate(READ)
    three.run(RunMode.NOWAIT)
    assert log == [0, 1, 2]


@pytest.mark.parametrize(
    "limits", [{"max_callbacks": 0}, {"max_callbacks": "1"}, {"max_interval": -1}, {"max_interval": math.nan}]
)
def test_limits_that_are_none_are_refused(reactor: Reactor, limits: Any) -> None:
    with pytest.raises(ReactorUsageError, match=next(iter(limits))):
        reactor.limit_dispatch(**limits)


# -- around the poll


@pytest.mark.parametrize("mode", [RunMode.DEFAULT, RunMode.ONCE, RunMode.NOWAIT])
def test_hooks_run_around_the_poll_and_before_timers_and_events(
    reactor: Reactor, pair: Any, mode: RunMode
) -> None:
    """callback-ordering."""
    left, right = pair
    right.send(b"x")
    log: list[str] = []
    hooks = [
        reactor.before_poll(lambda: log.append("before 1")),
        reactor.after_poll(lambda: log.append("after 1")),
        reactor.before_poll(lambda: log.append("before 2")),
        reactor.after_poll(lambda: log.append("after 2")),
    ]
    reactor.event(left.fileno(), READ, lambda fd, what: log.append("event")).add()
    reactor.call_later(0.0005, log.append, "timer")
    time.sleep(0.001)
    reactor.run(mode)
    assert log[:4] == ["before 1", "before 2", "after 1", "after 2"]
    assert sorted(log[4:6]) == ["event", "timer"]
    assert reactor.statistics().num_hooks == 4
    for hook in hooks:
        hook.close()
    assert reactor.statistics().num_hooks == 0


def test_closing_a_hook_stops_that_one_only(reactor: Reactor) -> None:
    log: list[str] = []

    def first() -> None:
        log.append("first")
        second.close()
        second.close()

    reactor.before_poll(first)
    second = reactor.before_poll(lambda: log.append("second"))
    third = reactor.before_poll(lambda: (log.append("third"), third.close()))
    reactor.call_soon(int)
    reactor.run(RunMode.NOWAIT)
    assert log == ["first", "third"]
    assert (repr(second), repr(third)) == ("<Hook closed>", "<Hook closed>")


def test_hooks_may_use_the_reactor(reactor: Reactor, pair: Any) -> None:
    left, right = pair
    log: list[str] = []

    def before() -> None:
        if not log:
            log.append("before")
            right.send(b"x")
            reactor.event(left.fileno(), READ, lambda fd, what: (log.append("event"), reactor.stop())).add()

    reactor.before_poll(before)
    reactor.after_poll(lambda: log.append("after"))
    keep = reactor.call_later(60.0, print)
    assert reactor.run() is False
    assert log == ["before", "after", "event"]
    keep.cancel()


def test_hook_added_and_taken_away_while_running(reactor: Reactor) -> None:
    log: list[str] = []

    def add() -> None:
        log.append("added")
        hooks.append(reactor.before_poll(lambda: log.append("poll")))
        reactor.call_later(0.001, take_away)

    def take_away() -> None:
        hooks[0].close()
        log.append("closed")
        reactor.call_later(0.001, log.append, "end")

    hooks: list[Any] = []
    reactor.call_later(0.001, add)
    assert reactor.run() is True
    assert log[:2] == ["added", "poll"]
    assert log[-2:] == ["closed", "end"]


def test_hook_does_not_keep_the_reactor_running(reactor: Reactor) -> None:
    log: list[str] = []
    reactor.before_poll(lambda: log.append("poll"))
    assert reactor.run() is True
    assert log == []


def test_hook_that_stops_lets_nothing_run(reactor: Reactor) -> None:
    ran: list[int] = []
    hook = reactor.before_poll(reactor.stop)
    reactor.call_soon(ran.append, 1)
    assert reactor.run() is False
    assert ran == []
    hook.close()
    after = reactor.after_poll(reactor.stop)
    assert reactor.run() is False
    assert ran == []
    after.close()
    assert reactor.run() is True
    assert ran == [1]


def test_hook_that_raises_is_reported(reactor: Reactor) -> None:
    told: list[str] = []
    ran: list[str] = []
    reactor.on_error = lambda context, error: told.append(f"{type(error).__name__}: {context}")
    reactor.before_poll(lambda: int("x"))
    reactor.before_poll(lambda: ran.append("other"))
    reactor.call_soon(ran.append, "call")
    assert reactor.run() is True
    assert told == ["ValueError: exception in a hook around the poll"]
    assert ran == ["other", "call"]


def test_hooked_run_ends_when_somebody_stops_the_loop_underneath(reactor: Reactor) -> None:
    keep = reactor.call_later(60.0, print)
    reactor.before_poll(lambda: None)
    reactor.asyncio_loop.call_later(0.002, reactor.asyncio_loop.stop)
    assert reactor.run() is False
    keep.cancel()


def test_coming_timeout(reactor: Reactor) -> None:
    """timeout-unavailable."""
    seen: list[float | None] = []
    hook = reactor.before_poll(lambda: seen.append(reactor.next_timeout()))
    reactor.asyncio_loop.call_later(0.002, reactor.stop)
    assert reactor.run(RunMode.NO_EXIT_ON_EMPTY) is False
    assert seen == [None]
    timer = reactor.call_later(1.0, print)
    reactor.run(RunMode.NOWAIT)
    assert seen[1] is not None
    assert 0.0 < seen[1] <= 1.0
    reactor.call_soon(int)
    reactor.run(RunMode.NOWAIT)
    assert seen[2] == 0.0
    timer.cancel()
    assert reactor.next_timeout() is None
    overdue = reactor.call_at(reactor.time() - 5.0, int)
    assert reactor.next_timeout() == 0.0
    overdue.cancel()
    hook.close()


# -- one callback, nothing to keep


def test_once_for_each_kind(reactor: Reactor, pair: Any) -> None:
    """event-once."""
    left, right = pair
    right.send(b"x")
    log: list[tuple[str, EventFlags]] = []

    def told(name: str) -> Any:
        return lambda fd, what: log.append((name, what))

    start = time.monotonic()
    reactor.once(left.fileno(), READ, told("read"))
    reactor.once(-1, TIMEOUT, told("none"))
    reactor.once(-1, TIMEOUT, told("zero"), 0)
    reactor.once(
        -1, TIMEOUT, lambda fd, what: log.append((str(time.monotonic() - start >= 0.003), what)), 0.003
    )
    reactor.once(right.fileno(), READ, told("silent"), 0.001)
    assert reactor.run() is True
    assert sorted(name for name, _ in log) == ["True", "none", "read", "silent", "zero"]
    assert dict(log)["read"] == READ
    assert dict(log)["silent"] == TIMEOUT
    assert log.index(("none", TIMEOUT)) < log.index(("zero", TIMEOUT))
    assert log[-1][0] == "True"


@pytest.mark.parametrize(
    "flags", [0, SIGNAL, PERSIST, READ | PERSIST, READ | SIGNAL, EventFlags.ET | READ, 0x100]
)
def test_once_refuses_what_is_no_single_occasion(reactor: Reactor, flags: int) -> None:
    with pytest.raises(ReactorUsageError, match="flags of once"):
        reactor.once(1, flags, print)
    assert reactor.statistics().num_added == 0


def test_once_that_never_came_is_dropped_with_the_reactor(loop: asyncio.AbstractEventLoop, pair: Any) -> None:
    """event-once-never."""
    ran: list[int] = []
    with Reactor(loop=loop) as reactor:
        reactor.once(pair[0].fileno(), READ, lambda fd, what: ran.append(1))
        reactor.once(-1, TIMEOUT, lambda fd, what: ran.append(2))
        reactor.once(-1, TIMEOUT, lambda fd, what: ran.append(3), 5.0)
    assert ran == []


def test_once_can_be_taken_back(reactor: Reactor) -> None:
    ran: list[int] = []
    reactor.once(-1, TIMEOUT, lambda fd, what: ran.append(1)).close()
    assert reactor.run() is True
    assert ran == []


# -- by number


def test_activating_by_descriptor(reactor: Reactor, pair: Any) -> None:
    """active-by-fd."""
    left, right = pair
    log: list[tuple[str, EventFlags]] = []

    def event(sock: socket.socket, flags: int, name: str) -> Any:
        made = reactor.event(sock.fileno(), flags, lambda fd, what: log.append((name, what)))
        made.add(60.0)
        return made

    events = [event(left, READ, "r"), event(left, READ | PERSIST, "persistent"), event(right, READ, "other")]
    reactor.event(left.fileno(), READ, lambda fd, what: log.append(("idle", what)))
    watch = reactor.watch(left.fileno(), READ, lambda ready: log.append(("watch", EventFlags(ready))))
    reactor.activate_descriptor(left.fileno(), READ | WRITE)
    reactor.run(RunMode.NOWAIT)
    assert sorted(log) == [("persistent", READ), ("r", READ)]
    log.clear()
    reactor.activate_descriptor(left.fileno(), TIMEOUT)
    reactor.run(RunMode.NOWAIT)
    assert log == [("persistent", TIMEOUT)]
    watch.close()
    for made in events:
        made.close()


@pytest.mark.parametrize("number", [-1, 0, 10_000, 1 << 40])
def test_activating_by_a_number_nobody_has_is_nothing(reactor: Reactor, number: int) -> None:
    reactor.activate_descriptor(number, READ | WRITE | TIMEOUT)
    reactor.activate_signal(number)
    assert reactor.run() is True


def test_activating_by_signal(reactor: Reactor) -> None:
    log: list[EventFlags] = []
    event = reactor.signal(signal.SIGUSR2, lambda signum, what: log.append(what))
    reactor.activate_signal(signal.SIGUSR2)
    reactor.activate_signal(signal.SIGUSR2)
    reactor.run(RunMode.NOWAIT)
    assert log == [SIGNAL, SIGNAL]
    event.close()


def test_visiting_every_event(reactor: Reactor, pair: Any) -> None:
    """event-foreach: pending and due ones, not idle ones, until one says so."""
    left, right = pair
    events = {
        "descriptor": reactor.event(left.fileno(), READ, print),
        "timer": reactor.event(-1, 0, print),
        "passive": reactor.event(-1, READ, print),
        "signal": reactor.event(signal.SIGUSR2, SIGNAL, print),
        "due": reactor.event(-1, 0, lambda fd, what: None),
    }
    idle = reactor.event(right.fileno(), READ, print)
    events["descriptor"].add(5.0)
    events["timer"].add(5.0)
    events["passive"].add()
    events["signal"].add()
    events["due"].activate(READ)
    reactor.call_later(5.0, print)
    seen: list[Any] = []
    assert reactor.foreach_event(seen.append) is None
    assert sorted(map(id, seen)) == sorted(map(id, events.values()))
    assert idle not in seen
    assert reactor.foreach_event(lambda event: event.fd == signal.SIGUSR2 and event) is events["signal"]
    visited: list[Any] = []
    assert reactor.foreach_event(lambda event: (visited.append(event), event.close())) == (None, None)
    assert len(visited) == 1
    for event in events.values():
        event.close()


def test_callback_can_tell_its_own_event(reactor: Reactor) -> None:
    """event-new-selfarg."""
    seen: list[Any] = []
    events = [reactor.event(-1, 0, lambda fd, what: seen.append(reactor.running_event)) for _ in range(2)]
    for event in events:
        event.activate(READ)
    reactor.call_soon(lambda: seen.append(reactor.running_event))
    assert reactor.running_event is None
    assert reactor.run() is True
    assert seen == [*events, None]
    assert reactor.running_event is None


# -- numbers


def test_counts_follow_and_maxima_stay(reactor: Reactor, pair: Any) -> None:
    """event-base-get-num-events."""
    left, right = pair
    assert (reactor.statistics().num_added, reactor.statistics().num_active) == (0, 0)
    event = reactor.event(left.fileno(), READ, lambda fd, what: None)
    passive = reactor.event(-1, READ, print)
    event.add(5.0)
    passive.add()
    watch = reactor.watch(right.fileno(), READ, print)
    event.activate(READ)
    reactor.submit(int)
    now = reactor.statistics()
    assert (now.num_watches, now.num_timers, now.num_passive, now.num_signals, now.num_added) == (
        2,
        1,
        1,
        0,
        4,
    )
    assert (now.num_active, now.num_jobs) == (1, 1)
    passive.close()
    watch.close()
    assert reactor.run() is True
    now = reactor.statistics(reset=True)
    assert (now.num_watches, now.num_timers, now.num_passive, now.num_active, now.num_jobs) == (0,) * 5
    assert (now.max_watches, now.max_timers, now.max_passive, now.max_jobs) == (2, 1, 1, 1)
    assert now.max_active >= 1
    now = reactor.statistics()
    assert (now.max_watches, now.max_timers, now.max_passive, now.max_active, now.max_jobs) == (0,) * 5


def test_the_time_of_a_round_is_the_same_for_its_callbacks(three: Reactor, pair: Any) -> None:
    """gettimeofday-cached."""
    seen: list[float] = []

    def note() -> None:
        seen.append(three.cached_time())
        time.sleep(0.003)

    three.call_soon(note)
    three.call_soon(note)
    three.run(RunMode.NOWAIT)
    assert seen[0] == seen[1]
    three.call_soon(note)
    three.run(RunMode.NOWAIT)
    assert seen[2] >= seen[1] + 0.003
    three.call_soon(lambda: (note(), seen.append(three.refresh_cached_time()), note()))
    three.run(RunMode.NOWAIT)
    assert seen[4] >= seen[3] + 0.003
    assert seen[5] == seen[4]


def test_the_time_of_a_round_in_watches_the_loop_calls_itself(reactor: Reactor, pair: Any) -> None:
    seen: list[float] = []

    def note(ready: int) -> None:
        seen.append(reactor.cached_time())
        seen.append(reactor.cached_time())
        time.sleep(0.002)
        if len(seen) >= 4:
            watch.close()

    watch = reactor.watch(pair[0].fileno(), WRITE, note)
    assert reactor.run() is True
    assert seen[0] == seen[1]
    assert seen[2] == seen[3] >= seen[0] + 0.002


def test_timers_do_not_count_from_the_cached_time(reactor: Reactor) -> None:
    """Theirs fire early after a slow callback; ours never do."""
    late: list[float] = []

    def slow() -> None:
        reactor.cached_time()
        time.sleep(0.005)
        armed = time.monotonic()
        reactor.call_later(0.004, lambda: late.append(time.monotonic() - armed))

    reactor.call_soon(slow)
    assert reactor.run() is True
    assert late[0] >= 0.004


def test_outside_of_a_run_the_cached_time_is_the_time(reactor: Reactor) -> None:
    before = time.monotonic()
    first = reactor.cached_time()
    time.sleep(0.001)
    assert before <= first < reactor.cached_time()


# -- refusals


@pytest.mark.parametrize("fd", ["3", 1.5, None])
def test_number_must_be_one(reactor: Reactor, fd: Any) -> None:
    with pytest.raises(ReactorUsageError, match="fd must be an integer"):
        reactor.event(fd, READ, print)


@pytest.mark.parametrize(
    "call",
    [
        lambda reactor: reactor.event(-1, 0, None),
        lambda reactor: reactor.once(-1, TIMEOUT, 5),
        lambda reactor: reactor.before_poll("x"),
        lambda reactor: reactor.after_poll(None),
        lambda reactor: reactor.signal(signal.SIGUSR1, None),
    ],
)
def test_what_cannot_be_called_is_refused(reactor: Reactor, call: Any) -> None:
    with pytest.raises(ReactorUsageError, match="callback must be callable"):
        call(reactor)
    assert reactor.statistics().num_added == reactor.statistics().num_hooks == 0
    assert reactor.run() is True


def test_delay_must_be_a_number(reactor: Reactor) -> None:
    for delay in (math.nan, "1", None):
        with pytest.raises(ReactorUsageError, match="delay"):
            reactor.exit_later(delay)  # type: ignore[arg-type]
    assert reactor.run() is True


def test_everything_of_events_is_refused_after_close(reactor: Reactor) -> None:
    event = reactor.event(-1, 0, print)
    reactor.close()
    for call in (
        lambda: reactor.event(-1, 0, print),
        lambda: reactor.once(-1, TIMEOUT, print),
        lambda: reactor.before_poll(print),
        lambda: event.add(1.0),
        lambda: event.activate(READ),
        lambda: event.finalize(print),
        reactor.reinit,
        reactor.run,
    ):
        with pytest.raises(ReactorClosed):
            call()
    event.remove()
    event.remove_timeout()
    event.close()
    reactor.stop()


def test_signal_that_is_none_leaves_nothing_behind(reactor: Reactor) -> None:
    for number in (0, signal.SIGKILL, 10_000, 1 << 40):
        with pytest.raises(ReactorUsageError, match=f"signal {int(number)}"):
            reactor.signal(number, print)
    assert reactor.statistics().num_signals == 0
