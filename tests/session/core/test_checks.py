from __future__ import annotations

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
