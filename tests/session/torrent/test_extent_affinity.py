from __future__ import annotations

from evtorrent.session.torrent.extent_affinity import EXTENT_BLOCKS, MAX_EXTENTS, ExtentAffinity
from evtorrent.session.torrent.piece_table import PieceTable

HALF = EXTENT_BLOCKS // 2
"""Blocks of a piece, two of which make a stretch."""


def make(num_pieces: int, blocks_per_piece: int = HALF) -> tuple[PieceTable, ExtentAffinity]:
    table = PieceTable(num_pieces, blocks_per_piece, blocks_per_piece)
    return table, ExtentAffinity(table)


def test_the_rest_of_a_stretch_is_preferred() -> None:
    _, affinity = make(6)
    assert affinity.preferred(0b111111) == 0
    affinity.begun(3)
    assert affinity.preferred(0b110111) == 0b000100
    assert affinity.preferred(0b110011) == 0


def test_the_stretch_begun_first_goes_first() -> None:
    _, affinity = make(6)
    affinity.begun(4)
    affinity.begun(1)
    affinity.begun(0)
    assert affinity.preferred(0b101111) == 0b100000
    assert affinity.preferred(0b001111) == 0b000011


def test_a_stretch_is_left_when_it_is_complete_and_makes_room() -> None:
    table, affinity = make(2 * MAX_EXTENTS + 2)
    for extent in range(MAX_EXTENTS):
        affinity.begun(2 * extent)
    last = 2 * MAX_EXTENTS
    affinity.begun(last)
    assert affinity.preferred(0b11 << last) == 0, "there are enough of them"
    for piece in (0, 1):
        table.we_have(piece)
    assert affinity.preferred(0) == 0
    affinity.begun(last)
    assert affinity.preferred(0b11 << last) == 0b11 << last


def test_what_is_wanted_differently_is_not_drawn_in() -> None:
    table, affinity = make(4)
    table.set_priority(1, 1)
    affinity.begun(0)
    affinity.begun(2)
    assert affinity.preferred(0b1111) == 0b1100


def test_nothing_is_preferred_where_nothing_else_is_missing() -> None:
    table, affinity = make(4)
    table.we_have(1)
    affinity.begun(0)
    assert affinity.preferred(0b1111) == 0


def test_large_pieces_have_no_neighbours() -> None:
    _, affinity = make(4, EXTENT_BLOCKS)
    affinity.begun(0)
    assert affinity.preferred(0b1111) == 0


def test_the_last_stretch_may_be_short() -> None:
    _, affinity = make(5)
    affinity.begun(4)
    assert affinity.preferred(0b11111) == 0, "it has but one piece"
    _, affinity = make(5, EXTENT_BLOCKS // 3)
    affinity.begun(4)
    assert affinity.preferred(0b11111) == 0b11000
