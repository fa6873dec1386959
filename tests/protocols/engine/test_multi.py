"""The engine as a host sees it.  Names of the form C13 are rows of curl's observed behaviour."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import evtorrent.protocols as protocols
import pytest
from evtorrent.protocols.engine import READ, WRITE, Handle, Multi
from evtorrent.protocols.engine import constants as c
from evtorrent.protocols.engine.dispatcher import MAX_NESTED_CALLS
from evtorrent.protocols.errors import EngineError
from support.engine_kit import FakePlatform, Host, make_engine


class Watcher(Handle):
    """Watches some descriptors from its start and does what it is told."""

    def __init__(self, *fds: int, mask: int = READ, delay: float | None = None) -> None:
        self.fds = fds
        self.wanted_mask = mask
        self.delay = delay
        self.events: list[tuple[int, int]] = []
        self.on_event: Callable[[int, int], object] = lambda fd, events: None
        self.num_stops = 0

    def start(self, engine: Multi) -> None:
        self.watched = [
            self.watch(fd, self.wanted_mask, lambda ev, fd=fd: self._ready(fd, ev)) for fd in self.fds
        ]
        if self.delay is not None:
            self.call_later(self.delay, self.finish, "timed out")

    def stop(self) -> None:
        self.num_stops += 1

    def _ready(self, fd: int, events: int) -> None:
        self.events.append((fd, events))
        self.on_event(fd, events)


def code_of(call: Callable[[], object]) -> int:
    """The number of the EngineError that `call` raises."""
    with pytest.raises(EngineError) as caught:
        call()
    return caught.value.code


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


# Driving


def test_c1_adding_starts_nothing_and_asks_for_a_timeout_at_once(multi: Multi, host: Host) -> None:
    assert multi.timeout() == -1
    handle = Watcher(7)
    multi.add_handle(handle)
    assert host.take() == [("timer", 0)]
    assert multi.timeout() == 0
    assert handle.events == []


def test_c2_each_add_says_zero(multi: Multi, host: Host) -> None:
    multi.add_handle(Watcher(7))
    multi.add_handle(Watcher(8))
    assert host.take() == [("timer", 0), ("timer", 0)]


def test_c3_the_timer_function_comes_last(multi: Multi, host: Host) -> None:
    multi.add_handle(Watcher(7, 8, delay=2.5))
    host.take()
    assert host.timeout() == (0, 1)
    assert host.take() == [("IN", 7, None), ("IN", 8, None), ("timer", 2500)]


def test_c4_unknown_descriptors_are_harmless(multi: Multi, host: Host) -> None:
    multi.add_handle(Watcher(7))
    host.timeout()
    host.take()
    assert multi.socket_action(12345, c.CSELECT_IN) == (0, 1)
    assert multi.socket_action(-77, c.CSELECT_ERR) == (0, 1)
    assert host.take() == []


@pytest.mark.parametrize("mask", [READ, WRITE, READ | WRITE])
@pytest.mark.parametrize("bits", range(16))
def test_c5_event_bits_are_a_hint(multi: Multi, host: Host, mask: int, bits: int) -> None:
    handle = Watcher(7, mask=mask)
    multi.add_handle(handle)
    host.timeout()
    host.take()
    assert multi.socket_action(7, bits) == (0, 1)
    ((_, events),) = handle.events
    assert events and not events & ~mask
    if bits & 3 and not bits & c.CSELECT_ERR and (bits & 3) << 1 & mask:
        assert events == (bits & 3) << 1 & mask
    else:
        assert events == mask
    assert host.take() == []


def test_c6_an_action_on_a_descriptor_runs_due_timers(
    multi: Multi, platform: FakePlatform, host: Host
) -> None:
    calls: list[str] = []
    multi.add_handle(Watcher(7))
    host.timeout()
    multi.call_later(1.0, lambda: (calls.append("due"), multi.call_later(0.0, calls.append, "newly due")))
    platform.now += 1.0
    multi.socket_action(7, c.CSELECT_IN)
    assert calls == ["due", "newly due"]


def test_c7_a_timeout_action_too_early_repeats_the_rest(
    multi: Multi, platform: FakePlatform, host: Host
) -> None:
    calls: list[str] = []
    multi.call_later(1.0, calls.append, "x")
    assert host.take() == [("timer", 1000)]
    platform.now += 0.4
    host.timeout()
    assert calls == []
    assert host.take() == [("timer", 600)]


def test_c8_the_running_count_is_down_before_the_message_is_read(multi: Multi, host: Host) -> None:
    one, two = Watcher(7), Watcher(8)
    multi.add_handle(one)
    multi.add_handle(two)
    assert host.timeout() == (0, 2)
    one.on_event = lambda fd, events: (one.finish(1), two.fail(ValueError("no")))
    assert multi.socket_action(7, c.CSELECT_IN) == (0, 0)
    assert multi.info_read(1) == (1, [one], [])
    assert multi.info_read() == (0, [], [(two, c.E_ABORTED_BY_CALLBACK, "no")])
    assert multi.info_read() == (0, [], [])


def test_c9_an_event_of_the_one_before_is_spurious_for_the_new_owner_of_a_number(
    multi: Multi, host: Host
) -> None:
    """One batch of the host has descriptors 7 and 8 ready; acting on 7 closes 8, whose number is taken at once."""
    first, second, third = Watcher(7), Watcher(8), Watcher(8)
    multi.add_handle(first)
    multi.add_handle(second)
    host.timeout()
    host.take()

    def hand_over(fd: int, events: int) -> None:
        second.finish()
        multi.add_handle(third)

    first.on_event = hand_over
    multi.socket_action(7, c.CSELECT_IN)
    assert host.take_sockets() == [("REMOVE", 8, None), ("IN", 8, None)]
    assert multi.socket_action(8, c.CSELECT_IN) == (0, 2)
    assert second.events == []
    assert third.events == [(8, READ)]


def test_c10_functions_installed_late_hear_everything(multi: Multi) -> None:
    multi.add_handle(Watcher(7, delay=3.0))
    multi.socket_action(c.SOCKET_TIMEOUT, 0)
    host = Host(multi)
    assert host.take() == []
    host.timeout()
    assert host.take() == [("IN", 7, None), ("timer", 3000)]


def test_c11_a_function_taken_away_is_not_called(multi: Multi, host: Host) -> None:
    handle = Watcher(7)
    multi.add_handle(handle)
    host.timeout()
    host.take()
    multi.setopt(multi.M_SOCKETFUNCTION, None)
    multi.setopt(multi.M_TIMERFUNCTION, None)
    assert code_of(lambda: multi.assign(99, "x")) == c.E_MULTI_BAD_SOCKET
    handle.watched[0].modify(WRITE)
    handle.call_later(1.0, handle.finish)
    multi.socket_action(7, c.CSELECT_IN)
    assert handle.events == [(7, WRITE)]
    handle.watched[0].close()
    assert host.take() == []


def test_a_second_host_hears_everything_from_the_start(multi: Multi, host: Host) -> None:
    multi.add_handle(Watcher(7))
    host.timeout()
    multi.assign(7, "old")
    multi.setopt(multi.M_SOCKETFUNCTION, None)
    second = Host(multi)
    second.timeout()
    assert second.take() == [("IN", 7, None)]


# The socket function


def test_c13_only_differences_are_told(multi: Multi, host: Host) -> None:
    handle = Watcher(7)
    multi.add_handle(handle)
    host.timeout()
    assert host.take_sockets() == [("IN", 7, None)]
    for _ in range(3):
        multi.socket_action(7, c.CSELECT_IN)
        host.timeout()
    handle.on_event = lambda fd, ev: (handle.watched[0].modify(WRITE), handle.watched[0].modify(READ))
    multi.socket_action(7, c.CSELECT_IN)
    assert host.take() == []


def test_c14_interest_is_replaced_without_removal(multi: Multi, host: Host) -> None:
    handle = Watcher(7, mask=WRITE)
    multi.add_handle(handle)
    host.timeout()
    handle.on_event = lambda fd, events: handle.watched[0].modify(READ)
    multi.socket_action(7, c.CSELECT_OUT)
    handle.on_event = lambda fd, events: handle.watched[0].modify(READ | WRITE)
    multi.socket_action(7, c.CSELECT_IN)
    assert host.take_sockets() == [("OUT", 7, None), ("IN", 7, None), ("INOUT", 7, None)]


def test_c15_several_users_of_one_descriptor_are_one_interest(multi: Multi, host: Host) -> None:
    reader, writer, other = Watcher(7), Watcher(7, mask=WRITE), Watcher(7)
    for handle in (reader, writer, other):
        multi.add_handle(handle)
    host.timeout()
    assert host.take_sockets() == [("INOUT", 7, None)]
    multi.remove_handle(writer)
    host.timeout()
    assert ("IN", 7, None) in host.take()
    multi.remove_handle(reader)
    host.timeout()
    assert host.take_sockets() == []
    multi.remove_handle(other)
    assert ("REMOVE", 7, None) in host.take()


def test_c15_events_go_to_those_who_want_them(multi: Multi, host: Host) -> None:
    reader, writer = Watcher(7), Watcher(7, mask=WRITE)
    multi.add_handle(reader)
    multi.add_handle(writer)
    host.timeout()
    multi.socket_action(7, c.CSELECT_OUT)
    assert (reader.events, writer.events) == ([], [(7, WRITE)])
    multi.socket_action(7, c.CSELECT_ERR)
    assert (reader.events, writer.events) == ([(7, READ)], [(7, WRITE), (7, WRITE)])
    reader.watched[0].modify(0)
    multi.socket_action(7, c.CSELECT_IN)  # nobody wants it any more: a hint that fits nothing
    assert (reader.events, len(writer.events)) == ([(7, READ)], 3)


def test_a_watch_closed_by_another_of_its_descriptor_stays_silent(multi: Multi, host: Host) -> None:
    first, second = Watcher(7), Watcher(7)
    multi.add_handle(first)
    multi.add_handle(second)
    host.timeout()
    first.on_event = lambda fd, events: second.finish()
    multi.socket_action(7, c.CSELECT_IN)
    assert second.events == []


def test_c16_removal_is_not_the_end_of_a_descriptor(multi: Multi, host: Host) -> None:
    """A connection kept for later is not watched meanwhile; its next user announces it anew."""
    first, second = Watcher(7), Watcher(7)
    host.on_socket = lambda what, fd, data: multi.assign(fd, "first") if fd == 7 and what == 1 else None
    multi.add_handle(first)
    host.timeout()
    first.finish()
    host.on_socket = lambda what, fd, data: None
    multi.add_handle(second)
    host.timeout()
    assert host.take_sockets() == [("IN", 7, None), ("REMOVE", 7, "first"), ("IN", 7, None)]
    multi.socket_action(7, c.CSELECT_IN)
    assert (first.events, second.events) == ([], [(7, READ)])


def test_c17_removal_is_told_before_close_returns(multi: Multi, host: Host) -> None:
    watch = multi.watch(7, READ, lambda events: None)
    host.timeout()
    host.take()
    watch.close()
    assert host.take() == [("REMOVE", 7, None)]
    watch.close()
    assert host.take() == []


def test_c17_inside_an_action_too(multi: Multi, host: Host) -> None:
    order: list[Any] = []

    def on_ready(events: int) -> None:
        host.take()
        watch.close()
        order.append(host.take())

    watch = multi.watch(7, READ, on_ready)
    host.timeout()
    multi.socket_action(7, c.CSELECT_IN)
    assert order == [[("REMOVE", 7, None)]]


def test_c18_a_number_reused_within_one_action_is_removed_and_announced(multi: Multi, host: Host) -> None:
    def on_ready(events: int) -> None:
        watch.close()
        multi.watch(7, WRITE, lambda events: None)

    watch = multi.watch(7, READ, on_ready)
    host.timeout()
    host.take()
    multi.socket_action(7, c.CSELECT_IN)
    assert host.take() == [("REMOVE", 7, None), ("OUT", 7, None)]


def test_c19_removing_a_running_handle_withdraws_it_at_once(multi: Multi, host: Host) -> None:
    handle = Watcher(7, delay=5.0)
    multi.add_handle(handle)
    host.timeout()
    host.take()
    multi.remove_handle(handle)
    assert host.take() == [("REMOVE", 7, None), ("timer", -1)]
    assert handle.num_stops == 1
    assert handle.engine is None


def test_c21_the_inner_descriptor_is_announced_like_any(multi: Multi) -> None:
    host = Host(multi)
    host.timeout()
    assert host.told == [("IN", FakePlatform.WAKEUP_FD, None)]
    multi.close()
    assert host.told[-1] == ("REMOVE", FakePlatform.WAKEUP_FD, None)


def test_c22_close_calls_the_host(multi: Multi, platform: FakePlatform, host: Host) -> None:
    handle = Watcher(7, delay=1.0)
    multi.add_handle(handle)
    host.timeout()
    multi.assign(7, "mine")
    bare = multi.watch(8, WRITE, lambda events: None)
    host.timeout()
    host.take()
    multi.close()
    assert host.take() == [("REMOVE", 7, "mine"), ("REMOVE", 8, None), ("timer", -1)]
    assert handle.num_stops == 1
    assert platform.wakeups[0].is_closed
    bare.modify(READ)
    bare.close()


def test_c23_a_polite_end_goes_on_after_the_message(multi: Multi, host: Host) -> None:
    class Farewell(Handle):
        reports = False

        def start(self, engine: Multi) -> None:
            self.watch(7, WRITE, lambda events: self.finish())

    handle = Watcher(7)
    multi.add_handle(handle)
    host.timeout()
    handle.on_event = lambda fd, events: (multi.add_handle(Farewell()), handle.finish("done"))
    assert multi.socket_action(7, c.CSELECT_IN) == (0, 0)
    assert multi.info_read() == (0, [handle], [])
    assert host.take_sockets() == [("IN", 7, None), ("REMOVE", 7, None), ("OUT", 7, None)]
    multi.socket_action(7, c.CSELECT_OUT)
    assert host.take_sockets() == [("REMOVE", 7, None)]


def test_c24_none_is_never_said(multi: Multi, host: Host) -> None:
    handle = Watcher(7, mask=0)
    multi.add_handle(handle)
    host.timeout()
    for mask in (READ, 0, WRITE, READ | WRITE, 0, READ):
        handle.watched[0].modify(mask)
        host.timeout()
    handle.finish()
    said = [word for word, *_ in host.take_sockets()]
    assert said == ["IN", "REMOVE", "OUT", "INOUT", "REMOVE", "IN", "REMOVE"]


def test_c25_no_interest_is_removal_and_comes_back(multi: Multi, host: Host) -> None:
    handle = Watcher(7)
    multi.add_handle(handle)
    host.timeout()
    host.take()
    handle.on_event = lambda fd, events: handle.watched[0].modify(0)
    multi.socket_action(7, c.CSELECT_IN)
    assert host.take() == [("REMOVE", 7, None)]
    multi.socket_action(7, c.CSELECT_IN)
    assert len(handle.events) == 1
    handle.watched[0].modify(READ)
    assert host.take() == [("timer", 0)]
    host.timeout()
    assert host.take()[0] == ("IN", 7, None)


def test_changes_outside_an_action_wait_for_the_next(multi: Multi, host: Host) -> None:
    watch = multi.watch(7, READ, lambda events: None)
    assert host.take() == [("timer", 0)]
    multi.watch(8, READ, lambda events: None)
    watch.modify(WRITE)
    assert host.take() == []
    host.timeout()
    assert host.take() == [("OUT", 7, None), ("IN", 8, None), ("timer", -1)]


# The assigned object


def test_c26_c27_an_object_assigned_in_the_first_call_comes_with_the_next(multi: Multi, host: Host) -> None:
    handle = Watcher(7)
    host.on_socket = lambda what, fd, data: multi.assign(fd, "state") if what == multi.POLL_IN else None
    multi.add_handle(handle)
    host.timeout()
    handle.watched[0].modify(READ | WRITE)
    host.timeout()
    multi.remove_handle(handle)
    assert host.take_sockets() == [
        ("IN", 7, None),
        ("INOUT", 7, "state"),
        ("REMOVE", 7, "state"),
    ]


def test_c28_the_association_dies_with_removal(multi: Multi, host: Host) -> None:
    handle = Watcher(7)
    host.on_socket = lambda what, fd, data: multi.assign(fd, f"given at {what}") if fd == 7 else None
    multi.add_handle(handle)
    host.timeout()
    handle.watched[0].modify(0)
    host.timeout()
    handle.watched[0].modify(READ)
    host.timeout()
    handle.finish()
    multi.watch(7, READ, lambda events: None)
    host.timeout()
    assert host.take_sockets() == [
        ("IN", 7, None),
        ("REMOVE", 7, "given at 1"),
        ("IN", 7, None),
        ("REMOVE", 7, "given at 1"),
        ("IN", 7, None),
    ]


def test_c29_c30_assign(multi: Multi, host: Host) -> None:
    assert code_of(lambda: multi.assign(7, "x")) == c.E_MULTI_BAD_SOCKET
    watch = multi.watch(7, READ, lambda events: None)
    assert code_of(lambda: multi.assign(7, "x")) == c.E_MULTI_BAD_SOCKET  # the host was not told yet
    host.timeout()
    multi.assign(7, "one")
    multi.assign(7, "two")
    multi.unassign(7)
    multi.assign(7, "three")
    host.take()
    watch.close()
    assert host.take() == [("REMOVE", 7, "three")]


def test_q12_the_object_is_released_at_removal(multi: Multi, host: Host) -> None:
    class Thing:
        pass

    host._socket = None  # type: ignore[assignment]  # the log would keep it alive
    multi.setopt(multi.M_SOCKETFUNCTION, lambda *args: None)
    watch = multi.watch(7, READ, lambda events: None)
    host.timeout()
    thing = Thing()
    reference = weakref.ref(thing)
    multi.assign(7, thing)
    del thing
    gc.collect()
    assert reference() is not None
    watch.close()
    gc.collect()
    assert reference() is None


# The timer function


def test_c32_c33_minus_one_only_after_a_timer(multi: Multi, host: Host) -> None:
    timer = multi.call_later(1.0, print)
    timer.cancel()
    host.timeout()
    host.timeout()
    assert host.take() == [("timer", 1000), ("timer", -1)]


def test_c34_the_same_deadline_is_said_once(multi: Multi, platform: FakePlatform, host: Host) -> None:
    multi.add_handle(Watcher(7))
    multi.call_later(10.0, print)
    host.timeout()
    host.take()
    for _ in range(3):
        platform.now += 1.0
        multi.socket_action(7, c.CSELECT_IN)
    assert host.take() == []
    multi.call_later(7.0, print)  # the same 7000 ms to go, armed later: the same moment
    assert host.take() == []
    multi.call_later(3.0, print)
    assert host.take() == [("timer", 3000)]


def test_c34_another_deadline_with_as_many_milliseconds_is_said(
    multi: Multi, platform: FakePlatform, host: Host
) -> None:
    timer = multi.call_later(10.0, print)
    platform.now += 1.0
    multi.add_handle(Watcher(7))
    host.timeout()
    host.take()
    handle = multi.get_handles()[0]
    assert isinstance(handle, Watcher)

    def again(fd: int, events: int) -> None:
        timer.cancel()
        multi.call_later(9.0, print)

    handle.on_event = again
    platform.now += 1.0
    multi.socket_action(7, c.CSELECT_IN)
    assert host.take() == [("timer", 9000)]


def test_c35_a_timer_that_fired_is_used_up_and_asked_for_again(
    multi: Multi, platform: FakePlatform, host: Host
) -> None:
    multi.call_later(1.0, print)
    multi.call_later(3.0, print)
    host.take()
    platform.now += 1.0
    host.timeout()
    assert host.take() == [("timer", 2000)]
    platform.now += 2.0
    host.timeout()
    assert host.take() == [("timer", -1)]


def test_c37_a_host_with_another_clock_reads_the_timeout_after_each_action(
    multi: Multi, platform: FakePlatform, host: Host
) -> None:
    """Its timers fire early; it asks `timeout()` and re-arms, and the call comes once and in time."""
    calls: list[float] = []
    multi.call_later(1.0, lambda: calls.append(platform.now))
    start = platform.now
    rests = []
    while (rest := multi.timeout()) >= 0:
        rests.append(rest)
        platform.now += max(rest, 1) / 1000 * 0.75
        host.timeout()
    assert rests == sorted(rests, reverse=True)
    assert len(calls) == 1
    assert 1.0 - 1e-6 <= calls[0] - start < 1.01


def test_c36_minus_one_in_the_action_in_which_the_last_handle_ends(multi: Multi, host: Host) -> None:
    handle = Watcher(7, delay=5.0)
    multi.add_handle(handle)
    host.timeout()
    host.take()
    handle.on_event = lambda fd, events: handle.finish()
    multi.socket_action(7, c.CSELECT_IN)
    assert host.take() == [("REMOVE", 7, None), ("timer", -1)]


def test_a_deadline_in_the_past_is_zero(multi: Multi, platform: FakePlatform, host: Host) -> None:
    multi.call_at(platform.now - 5.0, print)
    assert host.take() == [("timer", 0)]
    assert multi.timeout() == 0


@pytest.mark.parametrize("delay", [0.03, 0.1, 0.7, 1.1, 5.05])
def test_milliseconds_are_exact_and_then_it_is_due(
    multi: Multi, platform: FakePlatform, host: Host, delay: float
) -> None:
    """A host that sleeps exactly what it is told must find the timer due, or it would be told 0 for ever."""
    calls: list[int] = []
    multi.call_later(delay, calls.append, 1)
    ((_, ms),) = host.take()
    assert ms == round(delay * 1000)
    platform.now += ms / 1000
    host.timeout()
    assert calls == [1]


# Recursion and error codes


def calls_into(multi: Multi) -> list[Callable[[], object]]:
    return [
        lambda: multi.socket_action(-1, 0),
        multi.perform,
        lambda: multi.add_handle(Watcher()),
        lambda: multi.remove_handle(Watcher()),
        lambda: multi.setopt(multi.M_TIMERFUNCTION, None),
        multi.timeout,
        lambda: multi.poll(0),
        multi.fdset,
        multi.waitfds,
        multi.close,
        lambda: multi.watch(55, READ, print),
        lambda: multi.call_soon(print),
        lambda: multi.call_later(1.0, print),
        lambda: multi.call_at(1.0, print),
    ]


@pytest.mark.parametrize("number", range(14))
@pytest.mark.parametrize("is_inside_action", [True, False])
def test_c38_calls_back_in_are_refused_and_change_nothing(
    multi: Multi, host: Host, number: int, is_inside_action: bool
) -> None:
    codes: list[int] = []

    def probe(*args: Any) -> None:
        codes.append(code_of(calls_into(multi)[number]))

    host.on_socket = probe
    host.on_timer = probe
    handle = Watcher(7)
    if is_inside_action:
        multi.add_handle(handle)
        assert host.timeout() == (0, 1)
    else:
        watch = multi.watch(7, READ, print)
    host.on_socket = host.on_timer = lambda *args: None
    assert codes and set(codes) == {c.E_MULTI_RECURSIVE_API_CALL}
    assert multi.get_handles() == ([handle] if is_inside_action else [])
    if not is_inside_action:
        watch.close()


def test_c38_c31_what_is_allowed_inside_a_host_function(
    multi: Multi, platform: FakePlatform, host: Host
) -> None:
    seen: list[Any] = []

    def allowed(what: int, fd: int, data: Any) -> None:
        multi.assign(fd, "x")
        multi.unassign(fd)
        multi.notify_enable(multi.M_NOTIFY_INFO_READ)
        multi.notify_disable(multi.M_NOTIFY_INFO_READ)
        assert handle in multi
        assert not multi.closed
        seen.append((multi.info_read(), multi.get_handles(), multi.time()))
        multi.call_soon_threadsafe(seen.append, "posted")
        multi.wakeup()

    host.on_socket = allowed
    handle = Watcher(7)
    multi.add_handle(handle)
    host.timeout()
    assert seen == [((0, [], []), [handle], platform.now)]
    host.timeout()
    assert seen[1:] == ["posted"]


def test_ending_or_changing_things_inside_a_host_function_is_refused(multi: Multi, host: Host) -> None:
    handle = Watcher(7)
    codes: list[int] = []
    multi.add_handle(handle)

    def probe(what: int, fd: int, data: Any) -> None:
        watch = handle.watched[0]
        codes.extend(map(code_of, [handle.finish, watch.close, lambda: watch.modify(WRITE)]))

    host.on_socket = probe
    host.timeout()
    host.on_socket = lambda what, fd, data: None
    assert codes == [c.E_MULTI_RECURSIVE_API_CALL] * 3
    assert not handle.is_done


def test_no_action_inside_an_action(multi: Multi, host: Host) -> None:
    codes: list[int] = []

    def probe(fd: int, events: int) -> None:
        codes.extend(map(code_of, [lambda: multi.socket_action(7, 0), multi.close, multi.perform]))
        multi.add_handle(Watcher(8))
        assert multi.timeout() == 0
        multi.setopt(multi.M_NOTIFYFUNCTION, None)

    handle = Watcher(7)
    handle.on_event = probe
    multi.add_handle(handle)
    host.timeout()
    assert multi.socket_action(7, c.CSELECT_IN) == (0, 2)
    assert codes == [c.E_MULTI_RECURSIVE_API_CALL] * 3
    assert ("IN", 8, None) in host.take()  # added inside, it even started inside


def test_c39_a_closed_engine(multi: Multi, host: Host) -> None:
    multi.close()
    multi.close()
    multi.call_soon_threadsafe(print)
    multi.wakeup()
    multi.setopt(multi.M_SOCKETFUNCTION, None)
    for call in (multi.timeout, lambda: multi.socket_action(-1), lambda: multi.watch(1, READ, print)):
        assert code_of(call) == c.E_MULTI_BAD_HANDLE
    assert code_of(lambda: multi.setopt(multi.M_SOCKETFUNCTION, print)) == c.E_MULTI_BAD_HANDLE


def test_c40_c41_c42_adding_and_removing(multi: Multi) -> None:
    other, _ = make_engine()
    handle = Watcher()
    multi.remove_handle(handle)
    for call in (multi.add_handle, multi.remove_handle):
        assert code_of(lambda call=call: call("not a handle")) == c.E_MULTI_BAD_EASY_HANDLE  # type: ignore[misc]
    multi.add_handle(handle)
    assert code_of(lambda: multi.add_handle(handle)) == c.E_MULTI_ADDED_ALREADY
    assert code_of(lambda: other.add_handle(handle)) == c.E_MULTI_ADDED_ALREADY
    assert code_of(lambda: other.remove_handle(handle)) == c.E_MULTI_BAD_EASY_HANDLE
    multi.remove_handle(handle)
    multi.remove_handle(handle)
    other.add_handle(handle)
    assert handle.engine is other


def test_c43_options(multi: Multi) -> None:
    assert code_of(lambda: multi.setopt(31337, print)) == c.E_MULTI_UNKNOWN_OPTION
    assert code_of(lambda: multi.setopt(multi.M_TIMERFUNCTION, 5)) == c.E_MULTI_BAD_FUNCTION_ARGUMENT


def test_c44_ends_inside_one_another_are_bounded(multi: Multi, host: Host) -> None:
    class Link(Handle):
        then: Handle | None = None

        def stop(self) -> None:
            if self.then is not None:
                multi.remove_handle(self.then)

    reported: list[BaseException] = []
    multi.on_error = lambda context, error: reported.append(error)
    links = [Link() for _ in range(MAX_NESTED_CALLS + 5)]
    for link in links:
        multi.add_handle(link)
    for link, after in pairwise(links):
        link.then = after
    host.timeout()
    multi.remove_handle(links[0])
    (error,) = reported
    assert isinstance(error, EngineError)
    assert error.code == c.E_MULTI_RECURSIVE_API_CALL
    assert multi.get_handles() == links[MAX_NESTED_CALLS:]
    multi.remove_handle(links[MAX_NESTED_CALLS])  # nothing of it stays behind
    assert multi.get_handles() == []


# A host function fails


@pytest.mark.parametrize("answer", [-1, "text", 1.5, RuntimeError("boom")])
def test_c45_a_failing_socket_function_kills_the_engine(multi: Multi, host: Host, answer: object) -> None:
    reported: list[str] = []
    multi.on_error = lambda context, error: reported.append(f"{context}: {error}")

    def fail(what: int, fd: int, data: Any) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    one, two = Watcher(7), Watcher(8)
    multi.add_handle(one)
    multi.add_handle(two)
    host.on_socket = fail
    assert code_of(host.timeout) == c.E_MULTI_ABORTED_BY_CALLBACK
    assert len(reported) == 1 and reported[0].startswith("socket function: ")
    host.on_socket = lambda what, fd, data: None
    # C48: no timer, no waiting.
    host.take()
    assert multi.timeout() == 0
    # C47 and Q10: the next action is fine and ends everything.
    assert multi.socket_action(12345, 0) == (0, 0)
    _, good, bad = multi.info_read()
    assert good == []
    assert [(handle, code) for handle, code, _ in bad] == [
        (one, c.E_ABORTED_BY_CALLBACK),
        (two, c.E_ABORTED_BY_CALLBACK),
    ]
    # C50: neither was ever announced.
    assert host.take() == []
    # C49: refused until all are gone, then alive again.
    third = Watcher(9)
    assert code_of(lambda: multi.add_handle(third)) == c.E_MULTI_ABORTED_BY_CALLBACK
    multi.remove_handle(one)
    assert code_of(lambda: multi.add_handle(third)) == c.E_MULTI_ABORTED_BY_CALLBACK
    multi.remove_handle(two)
    multi.add_handle(third)
    assert host.take() == [("timer", 0)]
    assert host.timeout() == (0, 1)
    assert ("IN", 9, None) in host.take()


@pytest.mark.parametrize("answer", [42, None, 0, True, False])
def test_c46_other_answers_are_success(multi: Multi, host: Host, answer: object) -> None:
    host.on_socket = lambda what, fd, data: answer
    host.on_timer = lambda ms: answer
    multi.add_handle(Watcher(7, delay=1.0))
    assert host.timeout() == (0, 1)


def test_what_was_announced_is_removed_from_a_dead_engine(multi: Multi, host: Host) -> None:
    multi.on_error = lambda context, error: None
    handle = Watcher(7, 8)
    multi.add_handle(handle)
    host.on_socket = lambda what, fd, data: -1 if fd == 8 else None
    assert code_of(host.timeout) == c.E_MULTI_ABORTED_BY_CALLBACK
    host.take()
    host.on_socket = lambda what, fd, data: None
    host.timeout()
    assert host.take() == [("REMOVE", 7, None)]


def test_bare_watches_and_timers_of_a_dead_engine_wait_for_its_revival(multi: Multi, host: Host) -> None:
    multi.on_error = lambda context, error: None
    calls: list[object] = []
    bare = multi.watch(7, READ, calls.append)
    multi.call_later(0.0, calls.append, "timer")
    host.on_timer = lambda ms: -1
    host.on_socket = lambda what, fd, data: -1
    assert code_of(host.timeout) == c.E_MULTI_ABORTED_BY_CALLBACK
    assert calls == ["timer"]
    multi.call_later(0.0, calls.append, "later")
    bare.modify(WRITE)
    assert multi.socket_action(7, c.CSELECT_IN) == (0, 0)
    assert calls == ["timer"]
    host.on_timer = lambda ms: None
    host.on_socket = lambda what, fd, data: None
    host.take()
    multi.add_handle(Watcher())
    host.timeout()
    assert calls == ["timer", "later"]
    assert ("OUT", 7, None) in host.take()


def test_c51_a_failing_timer_function_makes_add_fail_and_leaves_nothing(multi: Multi, host: Host) -> None:
    multi.on_error = lambda context, error: None
    host.on_timer = lambda ms: -1
    handle = Watcher(7)
    assert code_of(lambda: multi.add_handle(handle)) == c.E_MULTI_ABORTED_BY_CALLBACK
    assert handle.engine is None
    host.on_timer = lambda ms: None
    multi.add_handle(handle)
    assert host.timeout() == (0, 1)


def test_a_failing_removal_in_remove_handle_is_raised_and_it_is_removed(multi: Multi, host: Host) -> None:
    multi.on_error = lambda context, error: None
    handle = Watcher(7)
    multi.add_handle(handle)
    host.timeout()
    host.on_socket = lambda what, fd, data: -1
    assert code_of(lambda: multi.remove_handle(handle)) == c.E_MULTI_ABORTED_BY_CALLBACK
    assert handle.engine is None
    multi.remove_handle(handle)


def test_a_failing_removal_inside_an_action_ends_it_with_an_error(multi: Multi, host: Host) -> None:
    multi.on_error = lambda context, error: None
    handle, inner = Watcher(7), Watcher(9)
    codes: list[int] = []

    def leave(fd: int, events: int) -> None:
        handle.finish()
        codes.append(code_of(lambda: multi.add_handle(inner)))  # dying, and not dead before the action ends
        multi.remove_handle(handle)

    handle.on_event = leave
    multi.add_handle(handle)
    host.timeout()
    host.on_socket = lambda what, fd, data: -1
    assert code_of(lambda: multi.socket_action(7, c.CSELECT_IN)) == c.E_MULTI_ABORTED_BY_CALLBACK
    assert codes == [c.E_MULTI_ABORTED_BY_CALLBACK]


def test_a_failing_timer_function_outside_an_action_shows_in_the_next(multi: Multi, host: Host) -> None:
    multi.on_error = lambda context, error: None
    handle = Watcher(7)
    multi.add_handle(handle)
    host.timeout()
    host.on_timer = lambda ms: -1
    multi.call_soon(print)
    assert host.timeout() == (0, 0)
    assert handle.is_done


def test_p3_keyboard_interrupt_passes_and_nothing_is_lost(multi: Multi, host: Host) -> None:
    def interrupt(what: int, fd: int, data: Any) -> None:
        raise KeyboardInterrupt

    multi.watch(7, READ, lambda events: None)
    host.on_socket = interrupt
    with pytest.raises(KeyboardInterrupt):
        host.timeout()
    host.take()
    host.on_socket = lambda what, fd, data: None
    host.timeout()
    assert ("IN", 7, None) in host.take()


def test_a_dead_engine_closes_quietly(multi: Multi, host: Host) -> None:
    multi.on_error = lambda context, error: None
    multi.add_handle(Watcher(7))
    host.on_socket = lambda what, fd, data: -1
    assert code_of(host.timeout) == c.E_MULTI_ABORTED_BY_CALLBACK
    host.take()
    multi.close()
    assert host.take() == []


# Messages, blocking helpers, wake-up


def test_c54_a_message_outlives_the_removal_of_its_handle(multi: Multi, host: Host) -> None:
    good, bad = Watcher(), Watcher()
    multi.add_handle(good)
    multi.add_handle(bad)
    host.timeout()
    good.finish("result")
    bad.fail(ValueError("no"))
    _, succeeded, failed = multi.info_read()
    for handle in (good, bad):
        multi.remove_handle(handle)
    multi.close()
    assert [handle.result for handle in succeeded] == ["result"]
    assert failed == [(bad, c.E_ABORTED_BY_CALLBACK, "no")]


def test_c56_the_last_end_has_its_message_when_nothing_runs_any_more(
    multi: Multi, platform: FakePlatform, host: Host
) -> None:
    handle = Watcher(delay=1.0)
    multi.add_handle(handle)
    host.timeout()
    platform.now += 1.0
    assert host.timeout() == (0, 0)
    assert multi.info_read() == (0, [handle], [])


def test_c55_a_removed_handle_takes_its_message_along(multi: Multi, host: Host) -> None:
    handle = Watcher()
    multi.add_handle(handle)
    host.timeout()
    handle.finish()
    multi.remove_handle(handle)
    assert multi.info_read() == (0, [], [])


def test_a_handle_may_end_before_it_started(multi: Multi, host: Host) -> None:
    handle = Watcher(7)
    multi.add_handle(handle)
    handle.finish("early")
    assert host.timeout() == (0, 0)
    assert multi.info_read() == (0, [handle], [])
    assert handle.num_stops == 0
    multi.remove_handle(handle)
    multi.add_handle(handle)
    assert (handle.is_done, handle.result) == (False, None)
    assert host.timeout() == (0, 1)


# Notifications


@pytest.fixture
def notes(multi: Multi) -> list[tuple[int, Handle | None]]:
    notes: list[tuple[int, Handle | None]] = []
    multi.setopt(multi.M_NOTIFYFUNCTION, lambda kind, handle: notes.append((kind, handle)))
    return notes


def ended(multi: Multi, count: int) -> list[Watcher]:
    """Handles that end in the next action."""
    handles = [Watcher() for _ in range(count)]
    for handle in handles:
        multi.add_handle(handle)
    multi.socket_action(-1)
    for handle in handles:
        multi.call_soon(handle.finish)
    return handles


def test_c62_nothing_enabled_nothing_collected(multi: Multi, notes: list[Any]) -> None:
    ended(multi, 2)
    multi.socket_action(-1)
    assert notes == []


def test_c63_info_read_is_told_on_empty_to_non_empty_only(multi: Multi, notes: list[Any]) -> None:
    multi.notify_enable(multi.M_NOTIFY_INFO_READ)
    ended(multi, 3)
    multi.socket_action(-1)
    assert notes == [(multi.M_NOTIFY_INFO_READ, None)]
    ended(multi, 1)
    multi.socket_action(-1)
    assert len(notes) == 1
    multi.info_read()
    ended(multi, 1)
    multi.socket_action(-1)
    assert len(notes) == 2


def test_c64_easy_done_is_told_for_each(multi: Multi, notes: list[Any]) -> None:
    multi.notify_enable(multi.M_NOTIFY_EASY_DONE)
    handles = ended(multi, 2)
    multi.socket_action(-1)
    assert notes == [(multi.M_NOTIFY_EASY_DONE, handle) for handle in handles]


def test_c65_c67_inside_a_notification_the_engine_may_be_changed(multi: Multi, host: Host) -> None:
    seen: list[Any] = []

    def on_note(kind: int, handle: Handle | None) -> None:
        seen.append(multi.info_read()[1])
        seen.append(code_of(lambda: multi.socket_action(-1)))
        seen.append(code_of(multi.close))
        for done in multi.get_handles():
            multi.remove_handle(done)
        if len(seen) == 3:
            early = Watcher(3)
            multi.add_handle(early)
            early.finish()  # collected and delivered in this same dispatch
            multi.watch(7, READ, print)
        multi.poll(0)
        multi.setopt(multi.M_TIMERFUNCTION, host._timer)

    multi.setopt(multi.M_NOTIFYFUNCTION, on_note)
    multi.notify_enable(multi.M_NOTIFY_INFO_READ)
    (first,) = ended(multi, 1)
    host.take()
    multi.socket_action(-1)
    assert seen[:3] == [[first], c.E_MULTI_RECURSIVE_API_CALL, c.E_MULTI_RECURSIVE_API_CALL]
    assert len(seen) == 6
    assert ("IN", 7, None) in host.take()


def test_c65_notifications_come_before_the_timer_function(multi: Multi, host: Host) -> None:
    multi.setopt(multi.M_NOTIFYFUNCTION, lambda kind, handle: host.told.append(("note", 0, kind)))
    multi.notify_enable(multi.M_NOTIFY_EASY_DONE)
    handle = Watcher(7, delay=1.0)
    multi.add_handle(handle)
    host.timeout()
    host.take()
    handle.on_event = lambda fd, events: handle.finish()
    multi.socket_action(7, c.CSELECT_IN)
    assert host.take() == [("REMOVE", 7, None), ("note", 0, multi.M_NOTIFY_EASY_DONE), ("timer", -1)]


def test_c66_disabled_in_between_and_unknown(multi: Multi, notes: list[Any]) -> None:
    multi.notify_enable(multi.M_NOTIFY_INFO_READ, multi.M_NOTIFY_EASY_DONE)
    (handle,) = ended(multi, 1)
    multi.call_soon(multi.notify_disable, multi.M_NOTIFY_INFO_READ)
    multi.socket_action(-1)
    assert notes == [(multi.M_NOTIFY_EASY_DONE, handle)]
    for call in (multi.notify_enable, multi.notify_disable):
        assert code_of(lambda call=call: call(77)) == c.E_MULTI_UNKNOWN_OPTION  # type: ignore[misc]


def test_notifications_of_an_end_outside_an_action_ask_for_one(
    multi: Multi, host: Host, notes: list[Any]
) -> None:
    multi.notify_enable(multi.M_NOTIFY_INFO_READ)
    handle = Watcher()
    multi.add_handle(handle)
    host.timeout()
    host.take()
    handle.finish()
    assert host.take() == [("timer", 0)]
    assert notes == []
    host.timeout()
    assert notes == [(multi.M_NOTIFY_INFO_READ, None)]


def test_p3_an_exception_in_the_notify_function_is_reported(multi: Multi) -> None:
    reported: list[str] = []
    multi.on_error = lambda context, error: reported.append(f"{context}: {error}")

    def fail(kind: int, handle: Handle | None) -> None:
        raise RuntimeError("boom")

    multi.setopt(multi.M_NOTIFYFUNCTION, fail)
    multi.notify_enable(multi.M_NOTIFY_INFO_READ)
    ended(multi, 1)
    assert multi.socket_action(-1) == (0, 0)
    assert reported == ["notify function: boom"]


# The face


def test_public_names_are_resolved_on_use() -> None:
    assert protocols.Multi is Multi
    assert set(protocols.__all__) <= set(dir(protocols))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = protocols.nonsense


def test_importing_protocols_loads_nothing() -> None:
    code = "import sys, evtorrent.protocols; sys.exit('evtorrent.protocols.engine' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_a_platform_it_lives_in_the_real_world() -> None:
    multi = Multi()
    assert type(multi.platform).__name__ == "SystemPlatform"
    assert abs(multi.time() - multi.platform.time()) < 5
    multi.close()


def test_p9_an_engine_dropped_without_close_calls_nobody_and_gives_its_wake_up_back() -> None:
    multi, platform = make_engine()
    host = Host(multi)
    multi.add_handle(Watcher(7, delay=1.0))
    host.timeout()
    told = host.told
    told.clear()
    del multi, host
    gc.collect()
    assert told == []
    assert platform.wakeups[0].is_closed


def test_p8_close_handles_closes_those_that_are_attached_and_survives_them() -> None:
    class Stubborn(Watcher):
        def close(self) -> None:
            raise ValueError("no")

    platform = FakePlatform()
    multi = Multi(platform, close_handles=True)
    reported: list[str] = []
    multi.on_error = lambda context, error: reported.append(context)
    removed, stubborn, last = Watcher(), Stubborn(), Watcher()
    for handle in (removed, stubborn, last):
        multi.add_handle(handle)
    multi.remove_handle(removed)
    with multi:
        assert stubborn in multi
        assert removed not in multi
    assert multi.closed
    assert (removed.is_closed, last.is_closed) == (False, True)
    assert reported == ["close of Stubborn"]
