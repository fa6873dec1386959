"""Deadlines and deferred calls."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from evtorrent.protocols.timers import AT_ONCE, MAX_CALLS_PER_RUN, ArmedCall, TimerQueue
from hypothesis import given
from hypothesis import strategies as st


class Log:
    def __init__(self) -> None:
        self.calls: list[object] = []
        self.errors: list[tuple[ArmedCall, Exception]] = []

    def __call__(self, what: object) -> None:
        self.calls.append(what)

    def on_error(self, call: ArmedCall, error: Exception) -> None:
        self.errors.append((call, error))


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def queue() -> TimerQueue:
    return TimerQueue()


def test_fires_at_its_deadline_and_not_before(queue: TimerQueue, log: Log) -> None:
    queue.arm(10.0, log, ("a",))
    assert queue.next_deadline() == 10.0
    queue.run(9.999, log.on_error)
    assert log.calls == []
    queue.run(10.0, log.on_error)
    assert log.calls == ["a"]
    assert queue.next_deadline() is None


def test_equal_deadlines_fire_in_order_of_arming(queue: TimerQueue, log: Log) -> None:
    for name in "abcdefgh":
        queue.arm(5.0, log, (name,))
    queue.arm(4.0, log, ("first",))
    queue.run(5.0, log.on_error)
    assert log.calls == ["first", *"abcdefgh"]


def test_soon_runs_in_order_and_its_deadline_is_at_once(queue: TimerQueue, log: Log) -> None:
    queue.arm(5.0, log, ("later",))
    queue.arm_soon(log, ("one",))
    queue.arm_soon(log, ("two",))
    assert queue.next_deadline() == AT_ONCE
    queue.run(0.0, log.on_error)
    assert log.calls == ["one", "two"]
    assert queue.next_deadline() == 5.0


@pytest.mark.parametrize("when", [math.inf, -math.inf, math.nan])
def test_deadlines_are_finite(queue: TimerQueue, log: Log, when: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        queue.arm(when, log)


def test_cancelled_calls_do_not_happen_and_leave_no_deadline(queue: TimerQueue, log: Log) -> None:
    first = queue.arm(1.0, log, ("x",))
    second = queue.arm(2.0, log, ("y",))
    soon = queue.arm_soon(log, ("z",))
    soon.cancel()
    assert queue.next_deadline() == 1.0
    first.cancel()
    first.cancel()
    assert queue.next_deadline() == 2.0
    second.cancel()
    assert queue.next_deadline() is None
    queue.run(10.0, log.on_error)
    assert log.calls == []
    assert len(queue) == 0


def test_cancel_after_it_ran_is_harmless(queue: TimerQueue, log: Log) -> None:
    call = queue.arm(1.0, log, ("x",))
    assert call.is_pending
    queue.run(1.0, log.on_error)
    assert not call.is_pending
    call.cancel()
    queue.check_invariant()


def test_a_callback_may_cancel_those_behind_it(queue: TimerQueue, log: Log) -> None:
    later: list[ArmedCall] = []
    queue.arm_soon(lambda: [call.cancel() for call in later])
    later += [queue.arm_soon(log, ("soon",)), queue.arm_soon(log, ("soon 2",)), queue.arm(1.0, log, ("due",))]
    queue.run(5.0, log.on_error)
    assert log.calls == []
    assert queue.next_deadline() is None
    queue.check_invariant()


def test_what_callbacks_add_gets_one_more_pass(queue: TimerQueue, log: Log) -> None:
    def again(depth: int) -> None:
        log(depth)
        queue.arm_soon(again, (depth + 1,))

    queue.arm_soon(again, (0,))
    queue.run(0.0, log.on_error)
    assert log.calls == [0, 1]
    assert queue.next_deadline() == AT_ONCE


def test_a_timer_armed_in_the_past_by_a_timer_waits_for_the_next_pass(queue: TimerQueue, log: Log) -> None:
    def first() -> None:
        log("first")
        queue.arm(0.0, log, ("past",))

    queue.arm(1.0, first)
    queue.arm(1.0, log, ("second",))
    queue.run(1.0, log.on_error)
    # The new one is due, older than "second" by deadline, and younger by arming: pass one stops, pass two goes on.
    assert log.calls == ["first", "past", "second"]


def test_one_run_is_bounded(queue: TimerQueue, log: Log) -> None:
    for number in range(MAX_CALLS_PER_RUN + 5):
        queue.arm_soon(log, (number,))
    queue.arm(0.0, log, ("timer",))
    queue.run(1.0, log.on_error)
    assert len(log.calls) == MAX_CALLS_PER_RUN
    assert queue.next_deadline() == AT_ONCE
    queue.run(1.0, log.on_error)
    assert log.calls[-6:] == [*range(MAX_CALLS_PER_RUN, MAX_CALLS_PER_RUN + 5), "timer"]


def test_due_timers_are_bounded_too(queue: TimerQueue, log: Log) -> None:
    for number in range(MAX_CALLS_PER_RUN + 1):
        queue.arm(float(number), log, (number,))
    queue.run(1e9, log.on_error)
    assert len(log.calls) == MAX_CALLS_PER_RUN
    assert queue.next_deadline() == float(MAX_CALLS_PER_RUN)


def test_an_exception_goes_to_the_error_function_and_stops_nobody(queue: TimerQueue, log: Log) -> None:
    def fail() -> None:
        raise KeyError("bad")

    failing = queue.arm_soon(fail, (), "owner")
    queue.arm_soon(log, ("after",))
    queue.run(0.0, log.on_error)
    assert log.calls == ["after"]
    ((call, error),) = log.errors
    assert call is failing
    assert call.owner == "owner"
    assert isinstance(error, KeyError)


def test_dead_entries_are_compacted(queue: TimerQueue, log: Log) -> None:
    keep = queue.arm(1.0, log, ("keep",))
    calls = [queue.arm(100.0 + number, log) for number in range(200)]
    for call in calls:
        call.cancel()
        queue.check_invariant()
    assert len(queue.heap) < 100
    assert len(queue) == 1
    assert keep.is_pending


def test_clear_cancels_everything(queue: TimerQueue, log: Log) -> None:
    calls = [queue.arm(1.0, log), queue.arm_soon(log)]
    queue.clear()
    assert not any(call.is_pending for call in calls)
    assert queue.next_deadline() is None
    queue.check_invariant()


def test_repr_names_the_callback_until_it_ran(queue: TimerQueue, log: Log) -> None:
    call = queue.arm(1.0, test_repr_names_the_callback_until_it_ran)
    assert repr(call) == "ArmedCall(test_repr_names_the_callback_until_it_ran)"
    call.cancel()
    assert repr(call) == "ArmedCall(done)"


@given(
    st.lists(st.tuples(st.sampled_from(["arm", "soon", "cancel", "run"]), st.integers(0, 40)), max_size=120)
)
def test_any_sequence_keeps_the_laws(steps: list[tuple[str, int]]) -> None:
    queue = TimerQueue()
    fired: list[tuple[float, int]] = []
    calls: list[ArmedCall] = []
    expected: dict[int, float] = {}
    clock = [0.0]

    def arm(call: Callable[..., ArmedCall], *when: float) -> None:
        identity = len(calls)
        expected[identity] = max(clock[0], *when, 0.0)
        calls.append(call(*when, lambda: fired.append((clock[0], identity))))

    for name, number in steps:
        if name == "arm":
            arm(queue.arm, float(number))
        elif name == "soon":
            arm(queue.arm_soon)
        elif name == "cancel" and calls:
            victim = number % len(calls)
            if calls[victim].is_pending:
                del expected[victim]
            calls[victim].cancel()
        elif name == "run":
            clock[0] += number
            queue.run(clock[0], lambda call, error: pytest.fail(str(error)))
        queue.check_invariant()
    clock[0] = 1e6
    queue.run(clock[0], lambda call, error: pytest.fail(str(error)))
    assert sorted(identity for _, identity in fired) == sorted(expected)
    assert all(at >= expected[identity] for at, identity in fired)
