"""What is done by the clock."""

from __future__ import annotations

from random import Random

from evtorrent.protocols.dht.timetable import INTERVALS, Task, Timetable


def test_every_task_comes_back() -> None:
    table = Timetable(Random(1), now=0.0)
    count = dict.fromkeys(Task, 0)
    while (now := table.next_due()) < 6000:
        for task in table.take_due(now):
            count[task] += 1
    for task, interval in INTERVALS.items():
        assert abs(count[task] - 6000 / interval) <= 1


def test_nodes_do_not_march_in_step() -> None:
    assert Timetable(Random(1), now=0.0).next_due() != Timetable(Random(2), now=0.0).next_due()


def test_moving_a_task() -> None:
    table = Timetable(Random(1), now=0.0)
    table.postpone(Task.REFRESH, 1000.0)
    assert Task.REFRESH not in table.take_due(999.0)
    table.hasten(Task.REFRESH, 1001.0)
    assert Task.REFRESH in table.take_due(1000.0)
    table.hasten(Task.REFRESH, 1001.0)
    assert Task.REFRESH in table.take_due(1001.0)
