"""The table of descriptors against a model of what the host must know."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.engine.constants import POLL_REMOVE
from evtorrent.protocols.engine.ports import READ, WRITE
from evtorrent.protocols.engine.sockets import EngineWatch, SocketTable
from hypothesis import given
from hypothesis import strategies as st


def nothing(*args: Any) -> None:
    pass


def make_table() -> tuple[SocketTable, list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []

    def tell(what: int, fd: int, data: Any) -> bool:
        told.append((what, fd))
        return True

    return SocketTable(tell, nothing, nothing), told


@pytest.mark.parametrize("fd", [-1, -2])
def test_impossible_descriptors_are_refused(fd: int) -> None:
    table, _ = make_table()
    with pytest.raises(ValueError, match="not a descriptor"):
        table.open(fd, READ, nothing, None)


@pytest.mark.parametrize("mask", [1, 8, READ | 1, -1])
def test_impossible_masks_are_refused(mask: int) -> None:
    table, _ = make_table()
    with pytest.raises(ValueError, match="READ and WRITE"):
        table.open(5, mask, nothing, None)
    watch = table.open(5, READ, nothing, None)
    with pytest.raises(ValueError, match="READ and WRITE"):
        watch.modify(mask)
    assert watch.mask == READ
    table.check_invariant()


def test_on_dirty_is_called_once_until_the_flush() -> None:
    calls: list[int] = []
    table = SocketTable(lambda *args: True, nothing, lambda: calls.append(1))
    watch = table.open(5, READ, nothing, None)
    watch.modify(WRITE)
    assert len(calls) == 1
    table.flush()
    watch.modify(READ)
    assert len(calls) == 2


def test_a_refused_announcement_stays_to_be_told() -> None:
    answers = [True, False, True, True]
    told: list[tuple[int, int]] = []

    def tell(what: int, fd: int, data: Any) -> bool:
        told.append((what, fd))
        return answers.pop(0)

    table = SocketTable(tell, nothing, nothing)
    watches = [table.open(fd, READ, nothing, None) for fd in (5, 6, 7)]
    table.flush()
    assert told == [(1, 5), (1, 6)]
    table.check_invariant()
    watches[1].close()  # never announced, so never removed
    assert told == [(1, 5), (1, 6)]
    table.flush()
    assert told[2:] == [(1, 7)]


def test_a_refused_change_leaves_what_was_told_before() -> None:
    answers = [True, False, True]
    told: list[tuple[int, int]] = []

    def tell(what: int, fd: int, data: Any) -> bool:
        told.append((what, fd))
        return answers.pop(0)

    table = SocketTable(tell, nothing, nothing)
    watch = table.open(5, READ, nothing, None)
    table.flush()
    table.assign(5, "x")
    watch.modify(READ | WRITE)
    table.flush()
    assert table.entries[5].data == "x"
    watch.close()
    assert told[-1] == (POLL_REMOVE, 5)


def test_reprs() -> None:
    table, _ = make_table()
    watch = table.open(5, READ, nothing, None)
    assert repr(watch) == "EngineWatch(fd 5)"
    assert repr(table.entries[5]) == "SocketEntry(fd 5, wants 1, told 0)"
    watch.close()
    assert repr(watch) == "EngineWatch(closed)"


STEPS = st.lists(
    st.tuples(st.sampled_from(["open", "modify", "close", "flush"]), st.integers(0, 3), st.integers(0, 3)),
    max_size=80,
)


@given(STEPS)
def test_the_host_knows_the_union_after_each_flush(steps: list[tuple[str, int, int]]) -> None:
    table, told = make_table()
    watches: list[tuple[int, EngineWatch]] = []
    known: dict[int, int] = {}
    for name, fd, number in steps:
        mask = number << 1
        if name == "open":
            watches.append((fd, table.open(fd, mask, nothing, None)))
        elif watches and name == "modify":
            watches[number % len(watches)][1].modify(mask)
        elif watches and name == "close":
            owner, watch = watches.pop(number % len(watches))
            watch.close()
            if all(other != owner for other, _ in watches):
                assert (POLL_REMOVE, owner) in told or owner not in known
        elif name == "flush":
            table.flush()
            assert table.dirty == []
        for what, told_fd in told:
            assert known.get(told_fd, 0) != what, "told what it knew"
            if what == POLL_REMOVE:
                del known[told_fd]
            else:
                known[told_fd] = what
        told.clear()
        table.check_invariant()
        if name == "flush":
            union: dict[int, int] = {}
            for owner, watch in watches:
                union[owner] = union.get(owner, 0) | watch.mask >> 1
            assert known == {owner: mask for owner, mask in union.items() if mask}
    table.close()
    assert table.entries == {}
