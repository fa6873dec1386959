from __future__ import annotations

import random

import pytest
from evtorrent.session.torrent.block_cutter import BlockCutter

BLOCK = 16384


def cut(data: bytes, piece_length: int, sizes: list[int], start: int = 0) -> list[tuple[int, int, bytes]]:
    """Feed `data` from `start` on in parts of `sizes`, over and over."""
    cutter = BlockCutter(piece_length, len(data))
    cutter.start(start)
    blocks = []
    at, turn = start, 0
    while at < len(data):
        part = data[at : at + sizes[turn % len(sizes)]]
        blocks += [(piece, begin, bytes(block)) for piece, begin, block in cutter.feed(memoryview(part))]
        at += len(part)
        turn += 1
        assert cutter.offset == at
    return blocks


@pytest.mark.parametrize("piece_length", [BLOCK, 4 * BLOCK, BLOCK + 5, 100])
@pytest.mark.parametrize("sizes", [[1 << 20], [BLOCK], [BLOCK - 1, 3], [7000, 50_000, 1], [16_385]])
def test_cut_anywhere(piece_length: int, sizes: list[int]) -> None:
    data = random.Random(1).randbytes(200_003)
    expected = []
    for start in range(0, len(data), piece_length):
        piece = data[start : start + piece_length]
        expected += [
            (start // piece_length, begin, piece[begin : begin + BLOCK])
            for begin in range(0, len(piece), BLOCK)
        ]
    assert cut(data, piece_length, sizes) == expected


def test_whole_blocks_are_views_of_what_came() -> None:
    cutter = BlockCutter(4 * BLOCK, 4 * BLOCK)
    data = bytearray(2 * BLOCK)
    (_, _, first), _ = cutter.feed(memoryview(data))
    data[0] = 9
    assert first[0] == 9


def test_a_new_start_drops_half_a_block() -> None:
    data = random.Random(2).randbytes(4 * BLOCK)
    cutter = BlockCutter(2 * BLOCK, len(data))
    assert cutter.feed(memoryview(data)[:5000]) == []
    cutter.start(3 * BLOCK)
    assert cutter.offset == 3 * BLOCK
    ((piece, begin, block),) = cutter.feed(memoryview(data)[3 * BLOCK :])
    assert (piece, begin, bytes(block)) == (1, BLOCK, data[3 * BLOCK :])


def test_short_pieces_have_a_gap_behind_them() -> None:
    """Of a v2 torrent: a file of BLOCK + 5 bytes, and one of 7 that begins the next piece (BEP 52)."""
    cutter = BlockCutter(2 * BLOCK, 2 * BLOCK + 7, {0: BLOCK + 5, 1: 7})
    cutter.start(0)
    data = memoryview(bytes(BLOCK + 5))
    assert [(piece, begin, len(block)) for piece, begin, block in cutter.feed(data)] == [
        (0, 0, BLOCK),
        (0, BLOCK, 5),
    ]
    cutter.start(2 * BLOCK)
    assert [(piece, begin, len(block)) for piece, begin, block in cutter.feed(data[:7])] == [(1, 0, 7)]
