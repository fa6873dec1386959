from __future__ import annotations

import weakref

from evtorrent.session.core.checks import CheckQueue


class Checking:
    def __init__(self, name, log, queue=None):
        self.name = name
        self.log = log
        self.ends_at_once = queue

    def run_check(self, wanted):
        self.log.append((self.name, wanted))
        if self.ends_at_once is not None:
            self.ends_at_once.done(self)


def test_one_at_a_time_in_order():
    log, queue = [], CheckQueue()
    one, two, three = (Checking(name, log) for name in "abc")
    queue.submit(one, None)
    queue.submit(two, None)
    queue.submit(three, None)
    assert log == [("a", None)]
    queue.done(one)
    assert log == [("a", None), ("b", None)]
    queue.done(two)
    queue.done(two)
    assert log == [("a", None), ("b", None), ("c", None)]


def test_one_that_does_not_run_frees_nobody_elses_place():
    log, queue = [], CheckQueue()
    one, two = Checking("a", log), Checking("b", log)
    queue.submit(one, None)
    queue.done(two)
    queue.submit(two, None)
    assert log == [("a", None)]


def test_a_check_may_end_inside_run_check():
    log, queue = [], CheckQueue()
    for name in "abc":
        queue.submit(Checking(name, log, queue), None)
    assert [name for name, _ in log] == ["a", "b", "c"]


def test_many_that_end_at_once_need_no_depth():
    log, queue = [], CheckQueue()
    first = Checking("first", log)
    queue.submit(first, None)
    for number in range(3000):
        queue.submit(Checking(number, log, queue), None)
    queue.done(first)
    assert [name for name, _ in log] == ["first", *range(3000)]


def test_who_withdraws_is_forgotten_waiting_or_running():
    log, queue = [], CheckQueue()
    one, two, three = (Checking(name, log) for name in "abc")
    for check in (one, two, three):
        queue.submit(check, None)
    gone = weakref.ref(two)
    queue.withdraw(two)
    del two, check
    assert gone() is None
    queue.withdraw(one)
    queue.withdraw(one)
    assert [name for name, _ in log] == ["a", "c"]


def test_the_limit_can_be_moved():
    log, queue = [], CheckQueue(0)
    for name in "abcd":
        queue.submit(Checking(name, log), None)
    assert log == []
    queue.set_limit(2)
    assert [name for name, _ in log] == ["a", "b"]
    queue.set_limit(-1)
    assert [name for name, _ in log] == ["a", "b", "c", "d"]
