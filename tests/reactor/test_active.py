"""Order, priority and bounds of what is due."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from evtorrent.reactor.active import ActiveQueues, DispatchLimit


class Item:
    def __init__(self, log: list[str], name: str, then: Callable[[], object] = lambda: None) -> None:
        self.log, self.name, self.then = log, name, then

    def fire(self) -> None:
        self.log.append(self.name)
        self.then()

    def drop(self) -> None:
        self.log.append(f"{self.name} dropped")


def never() -> bool:
    return False


def no_report(context: str, error: BaseException) -> None:
    raise AssertionError(context) from error


def test_most_urgent_first_then_in_order_of_activation() -> None:
    log: list[str] = []
    queues = ActiveQueues(3)
    for name, priority in (("c", 2), ("a1", 0), ("b", 1), ("a2", 0)):
        queues.push(Item(log, name), priority)
    assert (len(queues), queues.most_urgent()) == (4, 0)
    queues.run(2, never, no_report)
    assert log == ["a1", "a2", "b", "c"]
    assert not queues


def test_less_urgent_than_asked_for_stays_due() -> None:
    log: list[str] = []
    queues = ActiveQueues(2)
    queues.push(Item(log, "later"), 1)
    queues.push(Item(log, "now"), 0)
    queues.run(0, never, no_report)
    assert (log, len(queues), queues.most_urgent()) == (["now"], 1, 1)


def test_more_urgent_activated_meanwhile_goes_first() -> None:
    log: list[str] = []
    queues = ActiveQueues(5)

    def activate_both() -> None:
        queues.push(Item(log, "same"), 4)
        queues.push(Item(log, "urgent"), 0)

    queues.push(Item(log, "first", activate_both), 4)
    queues.push(Item(log, "second"), 4)
    queues.run(4, never, no_report)
    assert log == ["first", "urgent"]
    queues.run(4, never, no_report)
    assert log == ["first", "urgent", "second", "same"]


def test_one_pass_is_bounded_when_callbacks_activate_themselves() -> None:
    log: list[str] = []
    queues = ActiveQueues(1)
    item = Item(log, "again")
    item.then = lambda: queues.push(item, 0)
    queues.push(item, 0)
    queues.run(0, never, no_report)
    assert (log, len(queues)) == (["again"], 1)


def test_stop_leaves_the_rest_due() -> None:
    log: list[str] = []
    queues = ActiveQueues(1)
    for name in "abc":
        queues.push(Item(log, name), 0)
    queues.run(0, lambda: len(log) == 2, no_report)
    assert (log, len(queues)) == (["a", "b"], 1)


def test_an_error_is_reported_and_the_others_still_run() -> None:
    log: list[str] = []
    errors: list[BaseException] = []
    queues = ActiveQueues(1)
    queues.push(Item(log, "bad", lambda: [][0]), 0)
    queues.push(Item(log, "good"), 0)
    queues.run(0, never, lambda context, error: errors.append(error))
    assert log == ["bad", "good"]
    assert [type(error) for error in errors] == [IndexError]


def test_nothing_due() -> None:
    queues = ActiveQueues(2)
    queues.run(1, never, no_report)
    with pytest.raises(IndexError, match="nothing is due"):
        queues.most_urgent()
    queues.push(Item([], "x"), 1)
    queues.clear()
    assert len(queues) == 0


def test_items_that_vanish_leave_no_budget_to_wait_for() -> None:
    queues = ActiveQueues(1)
    queues.push(Item([], "a", queues.clear), 0)
    queues.push(Item([], "b"), 0)
    queues.run(0, never, no_report)
    assert not queues


def test_what_is_dropped_is_told_and_counted() -> None:
    log: list[str] = []
    queues = ActiveQueues(2)
    for name in ("a", "b"):
        queues.push(Item(log, name), 1)
    assert len(list(queues)) == 2
    queues.clear()
    assert log == ["a dropped", "b dropped"]
    assert (queues.gauge.value, queues.gauge.maximum) == (0, 2)


def test_number_of_queues_changes_while_nothing_is_due() -> None:
    log: list[str] = []
    queues = ActiveQueues(1)
    queues.resize(3)
    assert queues.priorities == 3
    queues.push(Item(log, "far"), 7)
    assert queues.most_urgent() == 2
    with pytest.raises(AssertionError):
        queues.resize(1)


def test_limit_cuts_a_pass() -> None:
    log: list[str] = []
    queues = ActiveQueues(2)
    queues.limit = DispatchLimit(max_callbacks=1, max_interval=None, min_priority=1)
    for name, priority in (("a", 0), ("b", 0), ("c", 1), ("d", 1)):
        queues.push(Item(log, name), priority)
    queues.run(0, never, no_report)
    assert (log, queues.was_cut) == (["a", "b"], False)
    queues.run(1, never, no_report)
    assert (log, queues.was_cut) == (["a", "b", "c"], True)
    queues.limit = DispatchLimit(max_callbacks=None, max_interval=0.0, min_priority=0)
    queues.push(Item(log, "e"), 1)
    queues.run(1, never, no_report)
    assert (log, queues.was_cut) == (["a", "b", "c", "d"], True)
