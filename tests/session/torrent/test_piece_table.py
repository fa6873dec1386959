from __future__ import annotations

import pytest
from evtorrent.session.torrent.piece_blocks import BlockRun
from evtorrent.session.torrent.piece_table import ABANDONED, CLOSED, RESERVED, SHARED, PieceTable
from hypothesis import given
from hypothesis import strategies as st

priorities = st.lists(st.integers(0, 7), min_size=5, max_size=5)


def make() -> PieceTable:
    return PieceTable(5, 2, 1)


@pytest.mark.parametrize("shape", [(0, 1, 1), (1, 0, 0), (1, 2, 3), (1, 2, 0)])
def test_impossible_shapes(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="at least one block"):
        PieceTable(*shape)


def test_having_is_repeatable() -> None:
    table = make()
    for _ in range(2):
        table.we_have(3)
        table.check_invariant()
        assert table.num_have == 1
        assert table.num_wanted == 4
        assert table.have[3]
    for _ in range(2):
        table.we_lost(3)
        table.check_invariant()
        assert table.num_have == 0
        assert table.num_wanted == 5


def test_finished_is_everything_wanted() -> None:
    table = make()
    table.set_priority(0, 0)
    for piece in range(1, 5):
        assert not table.is_finished
        table.we_have(piece)
    assert table.is_finished
    assert not table.is_seed
    table.we_have(0)
    assert table.is_seed
    table.check_invariant()


def test_unwanted_piece_had_and_lost() -> None:
    table = make()
    table.set_priority(2, 0)
    table.we_have(2)
    table.check_invariant()
    table.we_lost(2)
    table.check_invariant()
    assert table.num_wanted == 4


def test_priority_of_a_had_piece() -> None:
    table = make()
    table.we_have(2)
    table.set_priority(2, 0)
    table.check_invariant()
    table.set_priority(2, 7)
    table.check_invariant()
    assert table.priority(2) == 7
    assert table.num_wanted == 4


@given(priorities, priorities, st.integers(0, 31))
def test_priorities_one_by_one_or_at_once(first: list[int], second: list[int], have: int) -> None:
    single, whole = make(), make()
    single.set_have(have)
    whole.set_have(have)
    for given_priorities in (first, second):
        for piece, priority in enumerate(given_priorities):
            single.set_priority(piece, priority)
        whole.set_priorities(given_priorities)
        single.check_invariant()
        whole.check_invariant()
        assert single.wanted_bits == whole.wanted_bits
        assert single.masks == whole.masks
        assert list(whole.priorities) == given_priorities


@pytest.mark.parametrize("bad", [[4] * 4, [4] * 6, [4, 4, 4, 4, 8], [-1, 4, 4, 4, 4]])
def test_impossible_priorities(bad: list[int]) -> None:
    table = make()
    with pytest.raises(ValueError, match="priorit"):
        table.set_priorities(bad)
    table.check_invariant()


@pytest.mark.parametrize("bad", [-1, 8])
def test_impossible_priority(bad: int) -> None:
    with pytest.raises(ValueError, match="priority"):
        make().set_priority(0, bad)


def test_interest_is_in_what_is_wanted() -> None:
    table = make()
    table.set_priority(0, 0)
    table.we_have(1)
    assert not table.is_interesting(0b00011)
    assert table.is_interesting(0b00111)


def test_begun_piece_moves_between_the_sets() -> None:
    table = make()
    runs: list[BlockRun] = []
    blocks = table.begin(1, "fast")
    assert blocks.take(1, "fast", runs) == 1
    table.classify(blocks)
    assert table.sets == [0, 0, 0b10, 0]
    assert blocks.pickable == RESERVED
    blocks.reserved_for = None
    table.classify(blocks)
    assert blocks.pickable == SHARED
    blocks.give_back(0, "fast")
    table.classify(blocks)
    assert blocks.pickable == ABANDONED
    table.set_priority(1, 0)
    assert blocks.pickable == CLOSED
    table.set_priority(1, 3)
    assert blocks.pickable == ABANDONED
    table.set_priorities([4, 0, 4, 4, 4])
    assert blocks.pickable == CLOSED
    table.check_invariant()
    assert table.drop(1) == [None, None]
    table.check_invariant()
    assert not table.open_bits & 0b10
    assert table.drop(1) == []


def test_had_at_once_drops_what_was_begun() -> None:
    table = make()
    for piece in (1, 2):
        blocks = table.begin(piece, None)
        blocks.take(1, "a", [])
        table.classify(blocks)
    table.set_have(0b00010)
    table.check_invariant()
    assert list(table.begun) == [2]
    assert table.open_bits == 0b11001


def test_last_piece_is_shorter() -> None:
    table = make()
    assert table.begin(4, None).size == 1
    assert table.begin(3, None).size == 2


def test_unwanted_piece_may_be_begun() -> None:
    table = make()
    table.set_priority(0, 0)
    table.begin(0, None)
    table.check_invariant()
