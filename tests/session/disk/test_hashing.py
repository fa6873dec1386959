from __future__ import annotations

import hashlib
import random
from itertools import pairwise

import pytest
from evtorrent.protocols.metainfo.merkle import block_hashes, num_blocks, root_at, tree_height
from evtorrent.session.disk.hashing import (
    ExpectedPiece,
    MerkleHasher,
    PieceStream,
    is_hash_of_zeros,
    matches,
)
from hypothesis import given
from hypothesis import strategies as st


def v2_hash(data: bytes, height: int) -> bytes:
    return root_at(block_hashes(data), height)


def test_matches() -> None:
    data = bytearray(b"piece")
    digest = hashlib.sha1(data).digest()
    assert matches(memoryview(data), digest)
    data[0] ^= 1
    assert not matches(data, digest)


@pytest.mark.parametrize(("length", "height"), [(1, 0), (16_384, 0), (16_385, 1), (40_000, 2), (40_000, 5)])
def test_matches_a_tree(length: int, height: int) -> None:
    data = bytearray(random.Random(1).randbytes(length))
    digest = v2_hash(data, height)
    assert matches(memoryview(data), digest, height)
    assert not matches(memoryview(data), digest, height + 1)
    data[-1] ^= 1
    assert not matches(data, digest, height)


@pytest.mark.parametrize("length", [0, 1, 256 * 1024, 256 * 1024 + 1, 1_000_000])
def test_hash_of_zeros(length: int) -> None:
    digest = hashlib.sha1(bytes(length)).digest()
    assert is_hash_of_zeros(length, digest)
    assert not is_hash_of_zeros(length + 1, digest)


@pytest.mark.parametrize("length", [1, 256 * 1024, 256 * 1024 + 1, 1_000_000])
def test_tree_of_zeros(length: int) -> None:
    digest = v2_hash(bytes(length), 6)
    assert is_hash_of_zeros(length, digest, 6)
    assert not is_hash_of_zeros(length + 1, digest, 6)
    assert not is_hash_of_zeros(length, digest, 7)


@given(st.integers(1, 100_000), st.integers(0, 2), st.lists(st.integers(0, 100_000), max_size=4))
def test_a_tree_of_parts(length: int, more: int, cuts: list[int]) -> None:
    data = random.Random(length).randbytes(length)
    height = tree_height(num_blocks(length)) + more
    hasher = MerkleHasher(height)
    for start, end in pairwise(sorted([0, *(min(cut, length) for cut in cuts), length])):
        hasher.update(memoryview(data)[start:end])
    assert hasher.digest() == v2_hash(data, height)


def test_a_stream_of_trees() -> None:
    pieces = [b"a" * 20_000, b"b" * 32_768]
    stream = PieceStream(
        ExpectedPiece(number, len(piece), v2_hash(piece, 1 + number), 1)
        for number, piece in enumerate(pieces)
    )
    stream.update(memoryview(b"".join(pieces)))
    assert stream.results == [(0, True), (1, False)]


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=6), st.data())
def test_stream_cut_anywhere(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    bad = data.draw(st.integers(0, len(pieces)))
    hashes = [hashlib.sha1(piece + b"!" * (n == bad)).digest() for n, piece in enumerate(pieces)]
    stream = PieceStream(ExpectedPiece(10 + n, len(piece), hashes[n]) for n, piece in enumerate(pieces))
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=4))
    for start, end in pairwise(sorted([0, *cuts, len(whole)])):
        stream.update(memoryview(whole)[start:end])
    assert stream.results == [(10 + n, n != bad) for n in range(len(pieces))]
