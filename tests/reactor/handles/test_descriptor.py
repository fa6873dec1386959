"""Several watches on one number, and the gate they pass."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from evtorrent.reactor import READ, WRITE, Reactor, RunMode
from evtorrent.reactor.handles.descriptor import DescriptorTable, Gate


class Keeper:
    def __init__(self) -> None:
        self.told: list[str] = []

    def on_knock(self) -> None:
        self.told.append("knock")

    def on_passed(self) -> None:
        self.told.append("passed")

    def on_withdrawn(self) -> None:
        self.told.append("withdrawn")

    def report(self, context: str, error: BaseException) -> None:
        self.told.append(f"{type(error).__name__} in {context}")


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
def table(loop: asyncio.AbstractEventLoop, keeper: Keeper) -> DescriptorTable:
    return DescriptorTable(loop, keeper)


def spin(table: DescriptorTable) -> None:
    table.loop.stop()
    table.loop.run_forever()


def test_union_of_interest_is_polled_and_each_gets_its_part(table: DescriptorTable, pair: Any) -> None:
    left, right = pair
    fd = left.fileno()
    reads: list[int] = []
    writes: list[int] = []
    reader = table.watch(fd, READ, reads.append)
    writer = table.watch(fd, WRITE, writes.append)
    assert table.gauge.value == 2
    spin(table)
    assert (reads, writes) == ([], [WRITE])
    writer.modify(0)
    assert table.gauge.value == 1
    right.send(b"x")
    spin(table)
    assert (reads, writes) == ([READ], [WRITE])
    writer.close()
    writer.modify(READ)
    spin(table)
    assert (reads, writes) == ([READ, READ], [WRITE])
    reader.close()
    reader.close()
    assert table.gauge.value == 0
    spin(table)
    assert len(reads) == 2


def test_watch_closed_by_another_on_the_same_number_is_not_called(
    table: DescriptorTable, keeper: Keeper, pair: Any
) -> None:
    fd = pair[0].fileno()
    seen: list[str] = []
    first = table.watch(fd, WRITE, lambda ready: (seen.append("first"), second.close()))
    second = table.watch(fd, WRITE, lambda ready: seen.append("second"))
    spin(table)
    assert seen == ["first"]
    first.close()


def test_watch_opened_in_a_callback_waits_for_the_next_poll(table: DescriptorTable, pair: Any) -> None:
    fd = pair[0].fileno()
    seen: list[str] = []

    def open_another(ready: int) -> None:
        seen.append("first")
        first.close()
        watches.append(table.watch(fd, WRITE, lambda ready: seen.append("late")))

    first = table.watch(fd, WRITE, open_another)
    watches = [table.watch(fd, WRITE, lambda ready: seen.append("second"))]
    spin(table)
    assert seen == ["first", "second"]
    spin(table)
    assert seen == ["first", "second", "second", "late"]
    table.close()


def test_one_that_raises_does_not_cost_the_others(table: DescriptorTable, keeper: Keeper, pair: Any) -> None:
    fd = pair[0].fileno()
    seen: list[int] = []
    table.watch(fd, WRITE, lambda ready: [][0])
    table.watch(fd, WRITE, seen.append)
    spin(table)
    assert seen == [WRITE]
    assert f"IndexError in exception in a watch of descriptor {fd}" in keeper.told
    table.close()
    assert table.gauge.value == 0


def test_gates(table: DescriptorTable, keeper: Keeper, pair: Any) -> None:
    seen: list[int] = []
    watch = table.watch(pair[0].fileno(), WRITE, seen.append)
    spin(table)
    assert (seen, keeper.told) == ([WRITE], [])
    table.set_gate(Gate.SHUT)
    spin(table)
    assert (seen, keeper.told) == ([WRITE], [])
    table.set_gate(Gate.PROBE)
    spin(table)
    assert (seen, keeper.told) == ([WRITE], ["knock"])
    table.set_gate(Gate.OPEN)
    spin(table)
    assert (seen, keeper.told) == ([WRITE, WRITE], ["knock", "passed"])
    table.set_gate(Gate.DIRECT)
    spin(table)
    assert (len(seen), keeper.told) == (3, ["knock", "passed"])
    watch.close()
    assert keeper.told[-1] == "withdrawn"


def test_refused_descriptor_leaves_nothing_behind(table: DescriptorTable, tmp_path: Any) -> None:
    with open(tmp_path / "file", "w") as file:
        for _ in range(2):
            with pytest.raises(PermissionError):
                table.watch(file.fileno(), READ, print)
    assert table.gauge.value == 0
    assert table._descriptors == {}


def test_repr(table: DescriptorTable, pair: Any) -> None:
    fd = pair[0].fileno()
    watch = table.watch(fd, READ, print)
    assert repr(watch) == f"<Watch fd={fd} mask=0x2>"
    watch.close()
    assert repr(watch) == f"<Watch fd={fd} closed>"


def test_watch_that_asks_for_nothing_does_not_keep_the_loop(reactor: Reactor, pair: Any) -> None:
    watch = reactor.watch(pair[0].fileno(), 0, print)
    assert reactor.run() is True
    watch.modify(READ)
    assert reactor.run(RunMode.NOWAIT) is False
    watch.close()


def test_watches_move_to_another_loop(table: DescriptorTable, pair: Any) -> None:
    left, right = pair
    fd = left.fileno()
    seen: list[str] = []
    watches = [
        table.watch(fd, READ, lambda ready: seen.append("reader")),
        table.watch(fd, WRITE, lambda ready: seen.append("writer")),
    ]
    assert (table.of(fd), list(table), table.of(fd + 1000)) == (tuple(watches), watches, ())
    right.send(b"x")
    old, other = table.loop, asyncio.SelectorEventLoop()
    table.move(other)
    spin(table)
    assert sorted(seen) == ["reader", "writer"]
    table.move(old)
    other.close()
    spin(table)
    assert sorted(seen) == ["reader", "reader", "writer", "writer"]
    table.close()


def test_change_of_interest_that_fails_leaves_what_there_was(table: DescriptorTable, tmp_path: Any) -> None:
    with open(tmp_path / "file", "w") as file:
        watch = table.watch(file.fileno(), 0, print)
        with pytest.raises(PermissionError):
            watch.modify(READ | WRITE)
        assert (watch.mask, table.gauge.value) == (0, 0)
        watch.close()
    assert list(table) == []
