"""Merkle trees of v2 torrents (BEP 52), as pure functions over lists of 32-byte hashes.

A file's tree has the SHA-256 of its 16 KiB blocks as leaves (height 0), filled up with zero hashes to a power of two.
The *piece layer* is the layer where one hash stands for one piece.  A file no longer than a piece has a root and no
layer.  `pad_hash(height)` is what a subtree of nothing but zero leaves comes to.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256

from ..types import BLOCK_SIZE, Buffer

__all__ = [
    "block_hashes",
    "file_root",
    "has_piece_layer",
    "merkle_root",
    "num_blocks",
    "pad_hash",
    "parent_layer",
    "piece_hash",
    "piece_height",
    "proof",
    "root_at",
    "root_from_proof",
    "tree_height",
    "verify_piece_layer",
]


def num_blocks(size: int) -> int:
    """Blocks of a file, which is how many leaves are not padding."""
    return -(-size // BLOCK_SIZE)


def tree_height(leaves: int) -> int:
    """Height of the root above that many leaves, once they are filled up to a power of two."""
    return max(0, leaves - 1).bit_length()


def piece_height(piece_length: int) -> int:
    """Height of the piece layer; `piece_length` is a power of two, at least a block."""
    return (piece_length // BLOCK_SIZE).bit_length() - 1


@cache
def pad_hash(height: int) -> bytes:
    """Root of a tree of that height with zeros for leaves."""
    if height == 0:
        return bytes(32)
    below = pad_hash(height - 1)
    return sha256(below + below).digest()


def block_hashes(data: Buffer) -> list[bytes]:
    """The leaves for these bytes of a file, the last block being as long as it is."""
    view = memoryview(data)
    return [sha256(view[at : at + BLOCK_SIZE]).digest() for at in range(0, len(view), BLOCK_SIZE)]


def parent_layer(layer: Sequence[bytes], height: int = 0) -> list[bytes]:
    """The layer above one of that height; an odd last hash is paired with padding."""
    if len(layer) % 2:
        layer = [*layer, pad_hash(height)]
    return [sha256(layer[i] + layer[i + 1]).digest() for i in range(0, len(layer), 2)]


def merkle_root(layer: Sequence[bytes], height: int = 0) -> bytes:
    """Root of the smallest tree above a layer of that height.  ValueError when the layer is empty."""
    if not layer:
        raise ValueError("a tree has at least one leaf")
    while len(layer) > 1:
        layer = parent_layer(layer, height)
        height += 1
    return layer[0]


def root_at(leaves: Sequence[bytes], height: int) -> bytes:
    """Root of the tree of that height whose first leaves these are, one to 2**height, the others being padding."""
    layer = leaves
    for level in range(height):
        layer = parent_layer(layer, level)
    return layer[0]


def piece_hash(blocks: Sequence[bytes], piece_length: int, *, whole_file: bool = False) -> bytes:
    """Hash of a piece from those of its blocks.

    A short last piece is filled up to a whole one, but a file shorter than a piece only to a power of two blocks.
    """
    return root_at(blocks, tree_height(len(blocks)) if whole_file else piece_height(piece_length))


def file_root(pieces: Sequence[bytes], piece_length: int) -> bytes:
    """Root of a file from its piece hashes; of a file of one piece that hash is the root."""
    return merkle_root(pieces, piece_height(piece_length))


def has_piece_layer(size: int, piece_length: int) -> bool:
    """Whether a file of this size has an entry in `piece layers`."""
    return size > piece_length


def verify_piece_layer(root: bytes, layer: bytes, size: int, piece_length: int) -> bool:
    """Whether `layer` holds the hashes of all pieces of the file with this root and size."""
    if len(layer) != 32 * -(-size // piece_length):
        return False
    pieces = [layer[at : at + 32] for at in range(0, len(layer), 32)]
    return bool(pieces) and file_root(pieces, piece_length) == root


def proof(layer: Sequence[bytes], index: int, height: int = 0) -> list[bytes]:
    """The siblings on the way from `layer[index]` to the root, lowest first.  IndexError when there is no such hash."""
    if not 0 <= index < len(layer):
        raise IndexError(f"hash {index} of a layer of {len(layer)}")
    siblings = []
    while len(layer) > 1:
        sibling = index ^ 1
        siblings.append(layer[sibling] if sibling < len(layer) else pad_hash(height))
        layer = parent_layer(layer, height)
        index //= 2
        height += 1
    return siblings


def root_from_proof(leaf: bytes, index: int, siblings: Sequence[bytes]) -> bytes:
    """The root a hash leads to with these siblings; compare it with the one that is known."""
    for sibling in siblings:
        pair = sibling + leaf if index & 1 else leaf + sibling
        leaf = sha256(pair).digest()
        index >>= 1
    return leaf
