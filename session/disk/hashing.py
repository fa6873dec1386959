"""Piece hashes: one piece in memory, or a stream of pieces.  hashlib releases the interpreter lock meanwhile."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ...protocols.types import Buffer

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["ExpectedPiece", "PieceStream", "is_hash_of_zeros", "matches"]

_SHA256_SIZE = 32
_ZEROS = bytes(256 * 1024)


class ExpectedPiece(NamedTuple):
    """What a piece should be."""

    piece: int
    size: int
    hash: bytes


def matches(buffer: Buffer, expected: bytes) -> bool:
    """`expected` is the hash of `buffer`: SHA-1, or SHA-256 when it has 32 bytes."""
    hasher = _new_hasher(len(expected))
    hasher.update(buffer)
    return hasher.digest() == expected


def is_hash_of_zeros(length: int, expected: bytes) -> bool:
    """`expected` is the hash of `length` zeros.  Cheap: the few lengths that occur are remembered."""
    return _hash_of_zeros(length, len(expected)) == expected


class PieceStream:
    """Hashes consecutive pieces that arrive in chunks cut anywhere."""

    __slots__ = ("_hasher", "_left", "_pieces", "_this", "results")

    def __init__(self, pieces: Iterable[ExpectedPiece]) -> None:
        self.results: list[tuple[int, bool]] = []
        """(index, whether the hash matched) of every piece completed, in order."""
        self._pieces = iter(pieces)
        self._this = ExpectedPiece(-1, 0, b"")
        self._left = 0
        self._hasher = _new_hasher(0)

    def update(self, chunk: memoryview) -> None:
        """The stream goes on; no longer than the pieces announced."""
        position, size = 0, len(chunk)
        while position < size:
            if not self._left:
                self._this = next(self._pieces)
                self._left = self._this.size
                self._hasher = _new_hasher(len(self._this.hash))
            stop = min(position + self._left, size)
            self._hasher.update(chunk[position:stop])
            self._left -= stop - position
            position = stop
            if not self._left:
                self.results.append((self._this.piece, self._hasher.digest() == self._this.hash))


def _new_hasher(digest_size: int) -> _Hash:
    if digest_size == _SHA256_SIZE:
        return hashlib.sha256(usedforsecurity=False)
    return hashlib.sha1(usedforsecurity=False)


@lru_cache(maxsize=64)
def _hash_of_zeros(length: int, digest_size: int) -> bytes:
    hasher = _new_hasher(digest_size)
    for start in range(0, length, len(_ZEROS)):
        hasher.update(memoryview(_ZEROS)[: length - start])
    return hasher.digest()
