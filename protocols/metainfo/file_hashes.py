"""The hash tree of one file of a v2 torrent (BEP 52), as far as it is known: its root, and the layer of its pieces.

A file no longer than a piece has a root and nothing else.  What comes of the piece layer is proven against the root
before it is kept, so what is known is true.  Layers above it are made when a peer first asks for one; those below it
follow from the file's bytes, whose block hashes whoever has the bytes hands in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ..types import BLOCK_SIZE, Sha256Hash
from .hash_request import HASHES_AT_ONCE, MAX_HASHES, HashRequest
from .merkle import (
    has_piece_layer,
    num_blocks,
    pad_hash,
    parent_layer,
    piece_height,
    root_at,
    root_from_proof,
    tree_height,
    verify_piece_layer,
)
from .piece_hashes import ExpectedHash

__all__ = ["MAX_HASHED_BLOCKS", "FileHashes"]

MAX_HASHED_BLOCKS: Final = 2048
"""Blocks to be read for one answer about the layers below the pieces: 32 MiB."""

_SIZE: Final = Sha256Hash.LENGTH
_NO_LAYER: Final = bytearray()
_NONE_MISSING: Final[dict[int, HashRequest]] = {}
"""Shared by the many small files that have neither."""


class FileHashes:
    """One file's tree."""

    __slots__ = ("_height", "_layer", "_layers", "_missing", "_piece_height", "num_pieces", "root", "size")

    def __init__(self, root: Sha256Hash, size: int, piece_length: int) -> None:
        """Of a file that is not empty."""
        self.root = root
        self.size = size
        self.num_pieces = -(-size // piece_length)
        self._height = tree_height(num_blocks(size))
        self._piece_height = piece_height(piece_length)
        self._layer, self._missing = _NO_LAYER, _NONE_MISSING
        self._layers: list[bytes] | None = None
        if has_piece_layer(size, piece_length):
            self._layer = bytearray(_SIZE * self.num_pieces)
            firsts = range(0, self.num_pieces, HASHES_AT_ONCE)
            self._missing = {first: self._request_of(first) for first in firsts}

    @property
    def is_complete(self) -> bool:
        """The hash of every piece is known."""
        return not self._missing

    @property
    def layer(self) -> bytes:
        """The hashes of all pieces; nothing where the root says it all, or while some are missing."""
        return b"" if self._missing else bytes(self._layer)

    def missing(self) -> Iterable[HashRequest]:
        """What to ask peers for.  Nothing may be added while it is looked at."""
        return self._missing.values()

    def blocks_of(self, piece: int) -> HashRequest | None:
        """What to ask peers for to know the hash of each block of a piece.  None: it is one block, or has too many."""
        height = min(self._piece_height, self._height)
        if not 0 < height < MAX_HASHES.bit_length():
            return None
        return HashRequest(self.root, 0, piece << height, 1 << height, self._height - 1)

    def expected(self, piece: int) -> ExpectedHash:
        """The hash of a piece of the file.  IndexError when it is not known."""
        if not self._layer:
            return ExpectedHash(self.root, self._height)
        if piece // HASHES_AT_ONCE * HASHES_AT_ONCE in self._missing:
            raise IndexError(f"the hash of piece {piece} of a file is not known yet")
        return ExpectedHash(bytes(self._layer[_SIZE * piece : _SIZE * (piece + 1)]), self._piece_height)

    def set_layer(self, layer: bytes) -> bool:
        """The hashes of all pieces, from a .torrent file or resume data.  False when they do not lead to the root."""
        if not self._layer or not verify_piece_layer(
            self.root, layer, self.size, BLOCK_SIZE << self._piece_height
        ):
            return False
        self._layer[:] = layer
        self._missing.clear()
        return True

    def add(self, request: HashRequest, hashes: Sequence[bytes]) -> bool:
        """A peer's answer to one of `missing`.  False when it does not lead to the root; True and no more when it is late."""
        if len(hashes) != request.count + request.num_uncles:
            return False
        base, uncles = hashes[: request.count], hashes[request.count :]
        subtree = base
        for layer in range(request.height):
            subtree = parent_layer(subtree, request.base_layer + layer)
        if root_from_proof(subtree[0], request.index // request.count, uncles) != self.root:
            return False
        if self._missing.get(request.index) == request:
            del self._missing[request.index]
            known = base[: self.num_pieces - request.index]
            self._layer[_SIZE * request.index : _SIZE * (request.index + len(known))] = b"".join(known)
        return True

    # -- for peers that ask

    def has(self, request: HashRequest) -> bool:
        """There are such hashes in the tree."""
        level = self._height - request.base_layer
        if level <= 0 or request.index + request.count > 1 << level:
            return False
        return request.proof_layers < level

    def blocks_for(self, request: HashRequest) -> range | None:
        """The blocks whose hashes `answer` needs: none for the layers of the pieces and above.  None: that is refused."""
        if not self.has(request) or self._missing:
            return None
        if self._layer and request.base_layer >= self._piece_height:
            return range(0)
        if request.base_layer:  # BEP 52: "Clients are only required to support … the leaf and piece layers."
            return None
        around = max(request.count, 1 << min(self._piece_height, self._height))
        first = request.index // around * around
        blocks = range(first, min(first + around, num_blocks(self.size)))
        return blocks if 0 < len(blocks) <= MAX_HASHED_BLOCKS else None

    def answer(self, request: HashRequest, blocks: Sequence[bytes] = ()) -> bytes | None:
        """The hashes and their proof, `blocks` being those of `blocks_for`.  None when the blocks are not the file's."""
        span = self.blocks_for(request)
        if span is None or len(span) != len(blocks):
            return None
        below: list[list[bytes]] = []
        if span:
            below = self._layers_below(span, blocks)
            if not below:
                return None
        hashes = [
            self._node(request.base_layer, i, span, below)
            for i in range(request.index, request.index + request.count)
        ]
        for step in range(request.num_uncles):
            layer = request.base_layer + request.height + step
            place = (request.index >> request.height + step) ^ 1
            hashes.append(self._node(layer, place, span, below))
        return b"".join(hashes)

    # -- private

    def _request_of(self, first: int) -> HashRequest:
        # At least two, as BEP 52 wants it; and no more than are not all padding, of which others know nothing.
        rest = min(HASHES_AT_ONCE, self.num_pieces - first)
        count = max(2, 1 << tree_height(rest))
        proof = self._height - self._piece_height - 1
        return HashRequest(self.root, self._piece_height, first, count, proof)

    def _layers_below(self, span: range, blocks: Sequence[bytes]) -> list[list[bytes]]:
        """The layers of the pieces that have these blocks, leaves first; nothing when the blocks are not the file's."""
        top = min(self._piece_height, self._height)
        for at in range(0, len(blocks), 1 << top):
            wanted = self.expected((span.start + at) >> self._piece_height)
            if root_at(blocks[at : at + (1 << top)], wanted.height) != wanted.digest:
                return []
        layers = [list(blocks)]
        for height in range(top):
            layers.append(parent_layer(layers[-1], height))
        return layers

    def _node(self, layer: int, index: int, span: range, below: list[list[bytes]]) -> bytes:
        if layer < len(below) and (layer < self._piece_height or not self._layer):
            nodes: Sequence[bytes] = below[layer]
            place = index - (span.start >> layer)
            return nodes[place] if place < len(nodes) else pad_hash(layer)
        if self._layers is None:
            self._layers = self._upper_layers()
        row = self._layers[layer - self._piece_height]
        return row[_SIZE * index : _SIZE * (index + 1)] or pad_hash(layer)

    def _upper_layers(self) -> list[bytes]:
        layers = []
        row = [bytes(self._layer[at : at + _SIZE]) for at in range(0, len(self._layer), _SIZE)]
        for height in range(self._piece_height, self._height):
            layers.append(b"".join(row))
            row = parent_layer(row, height)
        return layers
