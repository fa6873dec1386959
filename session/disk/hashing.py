"""Piece hashes: one piece in memory, or a stream of pieces.  hashlib releases the interpreter lock meanwhile.

A piece of a v1 torrent has a SHA-1; one of a v2 torrent the root of a tree above the SHA-256 of its blocks (BEP 52).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, Protocol

from ...protocols.metainfo.merkle import block_hashes, root_at
from ...protocols.types import BLOCK_SIZE, Buffer

__all__ = ["ExpectedPiece", "MerkleHasher", "PieceStream", "is_hash_of_zeros", "matches"]

_SHA256_SIZE = 32
_ZEROS = bytes(256 * 1024)


class ExpectedPiece(NamedTuple):
    """What a piece should be."""

    piece: int
    size: int
    hash: bytes
    height: int = 0
    """Of the tree, when the hash is the root of one."""


class Hasher(Protocol):
    """What hashlib's objects are like."""

    def update(self, data: Buffer, /) -> None: ...
    def digest(self) -> bytes: ...


class MerkleHasher:
    """The root of a tree above blocks (BEP 52), of bytes that come in parts of any size."""

    __slots__ = ("_block", "_filled", "_height", "_leaves")

    def __init__(self, height: int) -> None:
        self._height = height
        self._leaves: list[bytes] = []
        self._block = hashlib.sha256()
        self._filled = 0

    def update(self, data: Buffer) -> None:
        """The piece goes on."""
        view, position = memoryview(data), 0
        while position < len(view):
            part = view[position : position + BLOCK_SIZE - self._filled]
            self._block.update(part)
            position += len(part)
            self._filled += len(part)
            if self._filled == BLOCK_SIZE:
                self._end_block()

    def digest(self) -> bytes:
        """The root, after at least one byte; nothing follows."""
        if self._filled:
            self._end_block()
        return root_at(self._leaves, self._height)

    def _end_block(self) -> None:
        self._leaves.append(self._block.digest())
        self._block = hashlib.sha256()
        self._filled = 0


def matches(buffer: Buffer, expected: bytes, height: int = 0) -> bool:
    """`expected` is the SHA-1 of `buffer`; or, when it has 32 bytes, the root of a tree of that height above its blocks."""
    if len(expected) == _SHA256_SIZE:
        return root_at(block_hashes(buffer), height) == expected
    return hashlib.sha1(buffer, usedforsecurity=False).digest() == expected


def is_hash_of_zeros(length: int, expected: bytes, height: int = 0) -> bool:
    """`expected` is the hash of `length` zeros.  Cheap: the few lengths that occur are remembered."""
    return _hash_of_zeros(length, len(expected), height) == expected


class PieceStream:
    """Hashes consecutive pieces that arrive in chunks cut anywhere."""

    __slots__ = ("_hasher", "_left", "_pieces", "_this", "results")

    def __init__(self, pieces: Iterable[ExpectedPiece]) -> None:
        self.results: list[tuple[int, bool]] = []
        """(index, whether the hash matched) of every piece completed, in order."""
        self._pieces = iter(pieces)
        self._this = ExpectedPiece(-1, 0, b"")
        self._left = 0
        self._hasher = _new_hasher(self._this)

    def update(self, chunk: memoryview) -> None:
        """The stream goes on; no longer than the pieces announced."""
        position, size = 0, len(chunk)
        while position < size:
            if not self._left:
                self._this = next(self._pieces)
                self._left = self._this.size
                self._hasher = _new_hasher(self._this)
            stop = min(position + self._left, size)
            self._hasher.update(chunk[position:stop])
            self._left -= stop - position
            position = stop
            if not self._left:
                self.results.append((self._this.piece, self._hasher.digest() == self._this.hash))


def _new_hasher(piece: ExpectedPiece) -> Hasher:
    if len(piece.hash) == _SHA256_SIZE:
        return MerkleHasher(piece.height)
    return hashlib.sha1(usedforsecurity=False)


@lru_cache(maxsize=64)
def _hash_of_zeros(length: int, digest_size: int, height: int) -> bytes:
    hasher = _new_hasher(ExpectedPiece(0, length, bytes(digest_size), height))
    for start in range(0, length, len(_ZEROS)):
        hasher.update(memoryview(_ZEROS)[: length - start])
    return hasher.digest()
