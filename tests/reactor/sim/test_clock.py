from __future__ import annotations

import math

import pytest
from evtorrent.reactor import ReactorUsageError
from evtorrent.reactor.sim.clock import Clock
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans())))
def test_order_is_by_time_then_by_asking(asked: list[tuple[int, bool, bool]]) -> None:
    clock = Clock(2.0)
    done: list[tuple[float, int]] = []
    expected = []
    for number, (when, is_cancellable, is_cancelled) in enumerate(asked):
        if is_cancellable:
            call = clock.at(when, lambda number=number: done.append((clock.now, number)))
            if is_cancelled:
                call.cancel()
                continue
        else:
            clock.post(when, lambda number=number: done.append((clock.now, number)))
        expected.append((max(float(when), 2.0), number))
    clock.run(10.0)
    assert done == sorted(expected)
    assert clock.num_events == len(expected)


def test_what_is_asked_for_now_comes_after_what_the_moment_holds() -> None:
    clock = Clock(0)
    order: list[str] = []
    clock.post(1, lambda: (order.append("first"), clock.post(1, order.append, "asked now")))
    clock.post(1, order.append, "second")
    clock.run(1)
    assert order == ["first", "second", "asked now"]


def test_step_makes_one_call_and_no_further_than_until() -> None:
    clock = Clock(0)
    done: list[int] = []
    clock.post(1, done.append, 1)
    clock.at(2, done.append, 2)
    assert clock.step(1) and not clock.step(1)
    assert (done, clock.now, clock.next_time()) == ([1], 1.0, 2)
    assert clock.step(5)
    assert (done, clock.now, clock.next_time()) == ([1, 2], 2.0, None)


def test_run_stops_when_there_is_news() -> None:
    clock = Clock(0)
    news: list[int] = []
    clock.post(1, news.append, 1)
    clock.post(1, news.append, 2)
    assert clock.run(1, news)
    assert news == [1]
    assert not clock.run(1)


def test_an_error_leaves_the_clock_usable() -> None:
    clock = Clock(0)
    done: list[int] = []
    clock.post(1, lambda: 1 / 0)
    clock.post(1, done.append, 1)
    with pytest.raises(ZeroDivisionError):
        clock.run(1)
    clock.run(1)
    assert done == [1]


def test_cancelled_calls_do_not_pile_up() -> None:
    clock = Clock(0)
    calls = [clock.at(100, print) for _ in range(5000)]
    for call in calls:
        call.cancel()
        call.cancel()
    assert len(clock._heap) < 2500
    assert clock.next_time() is None
    assert not clock.run(200)


def test_cancel_from_inside_the_call_is_harmless() -> None:
    clock = Clock(0)
    call = clock.at(0, lambda: call.cancel())
    clock.run(0)
    assert repr(call) == "SimCall(at 0.000000, over)"


@pytest.mark.parametrize("start", [-1.0, math.nan, math.inf])
def test_start_must_be_a_time(start: float) -> None:
    with pytest.raises(ReactorUsageError, match="start must be a finite number of at least 0"):
        Clock(start)


def test_nan_is_refused() -> None:
    with pytest.raises(ReactorUsageError, match="when must be a moment"):
        Clock(0).at(math.nan, print)
