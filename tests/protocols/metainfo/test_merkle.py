from __future__ import annotations

from hashlib import sha256

import pytest
from evtorrent.protocols.metainfo.merkle import (
    block_hashes,
    file_root,
    has_piece_layer,
    merkle_root,
    num_blocks,
    pad_hash,
    parent_layer,
    piece_hash,
    piece_height,
    proof,
    root_at,
    root_from_proof,
    tree_height,
    verify_piece_layer,
)
from hypothesis import given
from hypothesis import strategies as st

BLOCK = 16 * 1024


def pair(left: bytes, right: bytes) -> bytes:
    return sha256(left + right).digest()


def full_root(leaves: list[bytes], size: int) -> bytes:
    """The root by the book: every leaf there, zeros for padding."""
    layer = leaves + [bytes(32)] * (size - len(leaves))
    while len(layer) > 1:
        layer = [pair(layer[i], layer[i + 1]) for i in range(0, len(layer), 2)]
    return layer[0]


def leaves(count: int) -> list[bytes]:
    return [sha256(bytes([i])).digest() for i in range(count)]


def test_arithmetic() -> None:
    assert [num_blocks(size) for size in (0, 1, BLOCK, BLOCK + 1)] == [0, 1, 1, 2]
    assert [tree_height(count) for count in (0, 1, 2, 3, 4, 5, 8, 9)] == [0, 0, 1, 2, 2, 3, 3, 4]
    assert [piece_height(length) for length in (BLOCK, 2 * BLOCK, 64 * BLOCK)] == [0, 1, 6]
    assert (has_piece_layer(BLOCK, BLOCK), has_piece_layer(BLOCK + 1, BLOCK)) == (False, True)


def test_padding() -> None:
    assert pad_hash(0) == bytes(32)
    assert pad_hash(1) == pair(bytes(32), bytes(32))
    assert pad_hash(3) == full_root([], 8)


def test_leaves_of_data() -> None:
    data = bytes(BLOCK) + b"x"
    assert block_hashes(memoryview(data)) == [sha256(bytes(BLOCK)).digest(), sha256(b"x").digest()]
    assert block_hashes(b"") == []


@pytest.mark.parametrize("count", range(1, 18))
def test_roots(count: int) -> None:
    expected = full_root(leaves(count), 1 << tree_height(count))
    assert merkle_root(leaves(count)) == expected
    layer = parent_layer(parent_layer(leaves(count)), 1)
    if count > 2:
        assert merkle_root(layer, 2) == expected


def test_no_leaves_no_root() -> None:
    with pytest.raises(ValueError, match="at least one leaf"):
        merkle_root([])


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 11])
def test_root_from_pieces_is_the_root_from_blocks(count: int) -> None:
    length = 4 * BLOCK
    blocks = leaves(count)
    if count <= 4:
        pieces = [piece_hash(blocks, length, whole_file=count < 4)]
    else:
        pieces = [piece_hash(blocks[at : at + 4], length) for at in range(0, count, 4)]
    assert file_root(pieces, length) == merkle_root(blocks)


def test_a_short_last_piece_is_filled_up() -> None:
    assert piece_hash(leaves(1), 4 * BLOCK) == full_root(leaves(1), 4)
    assert piece_hash(leaves(1), 4 * BLOCK, whole_file=True) == leaves(1)[0]
    assert piece_hash(leaves(1), BLOCK) == leaves(1)[0]


def test_checking_a_piece_layer() -> None:
    length = 2 * BLOCK
    pieces = leaves(3)
    root = file_root(pieces, length)
    layer = b"".join(pieces)
    assert verify_piece_layer(root, layer, 5 * BLOCK, length)
    assert verify_piece_layer(root, layer, 4 * BLOCK + 1, length)
    assert not verify_piece_layer(root, layer, 4 * BLOCK, length)
    assert not verify_piece_layer(root, layer[:-1], 5 * BLOCK, length)
    assert not verify_piece_layer(root, layer[32:] + layer[:32], 5 * BLOCK, length)
    assert not verify_piece_layer(root, b"", 0, length)


@given(st.integers(1, 20), st.data())
def test_proofs(count: int, data: st.DataObject) -> None:
    layer = leaves(count)
    index = data.draw(st.integers(0, count - 1))
    height = data.draw(st.integers(0, 3))
    siblings = proof(layer, index, height)
    assert len(siblings) == tree_height(count)
    assert root_from_proof(layer[index], index, siblings) == merkle_root(layer, height)
    if count > 1:
        assert root_from_proof(layer[index - 1], index, siblings) != merkle_root(layer, height)


@pytest.mark.parametrize("index", [-1, 3])
def test_no_proof_of_what_is_not_there(index: int) -> None:
    with pytest.raises(IndexError, match="of a layer of 3"):
        proof(leaves(3), index)


@given(st.integers(1, 20), st.integers(0, 3))
def test_a_tree_of_any_height(count: int, more: int) -> None:
    height = tree_height(count) + more
    assert root_at(leaves(count), height) == full_root(leaves(count), 1 << height)
