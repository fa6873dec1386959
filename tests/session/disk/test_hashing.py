from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from evtorrent.session.disk.hashing import ExpectedPiece, PieceStream, is_hash_of_zeros, matches
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_matches(algorithm: str) -> None:
    data = bytearray(b"piece")
    digest = hashlib.new(algorithm, data).digest()
    assert matches(memoryview(data), digest)
    data[0] ^= 1
    assert not matches(data, digest)


@pytest.mark.parametrize("length", [0, 1, 256 * 1024, 256 * 1024 + 1, 1_000_000])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_hash_of_zeros(length: int, algorithm: str) -> None:
    digest = hashlib.new(algorithm, bytes(length)).digest()
    assert is_hash_of_zeros(length, digest)
    assert not is_hash_of_zeros(length + 1, digest)


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
