from __future__ import annotations

import random
from hashlib import sha256

import pytest
from evtorrent.protocols.metainfo import file_hashes
from evtorrent.protocols.metainfo.file_hashes import FileHashes
from evtorrent.protocols.metainfo.hash_request import HashRequest
from evtorrent.protocols.metainfo.merkle import merkle_root, pad_hash, piece_hash, tree_height
from evtorrent.protocols.types import Sha256Hash
from hypothesis import given
from hypothesis import strategies as st

BLOCK = 16 * 1024


class Tree:
    """Every node of a file's tree, by the book: rows of hashes from the leaves up, padding included."""

    def __init__(self, num_blocks: int, blocks_per_piece: int) -> None:
        self.blocks = [sha256(number.to_bytes(4, "big")).digest() for number in range(num_blocks)]
        self.size = num_blocks * BLOCK - 1
        self.piece_length = blocks_per_piece * BLOCK
        self.height = tree_height(num_blocks)
        row = self.blocks + [bytes(32)] * ((1 << self.height) - num_blocks)
        self.rows = [row]
        while len(row) > 1:
            row = [sha256(row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
            self.rows.append(row)
        self.root = Sha256Hash(row[0])
        self.piece_height = tree_height(blocks_per_piece)
        count = -(-num_blocks // blocks_per_piece)
        self.layer = b"".join(self.rows[self.piece_height][:count]) if count > 1 else b""

    def file(self, *, known: bool = True) -> FileHashes:
        file = FileHashes(self.root, self.size, self.piece_length)
        if known and self.layer:
            assert file.set_layer(self.layer)
        return file

    def request(self, base: int, index: int, count: int, proof: int) -> HashRequest:
        return HashRequest(self.root, base, index, count, proof)

    def answer(self, request: HashRequest) -> bytes:
        """What BEP 52 says."""
        hashes = self.rows[request.base_layer][request.index : request.index + request.count]
        layer, index = request.base_layer + request.height, request.index // request.count
        uncles = []
        for _ in range(request.num_uncles):
            uncles.append(self.rows[layer][index ^ 1])
            layer, index = layer + 1, index >> 1
        return b"".join(hashes + uncles)


def split(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + 32] for at in range(0, len(hashes), 32)]


def serve(tree: Tree, file: FileHashes, request: HashRequest) -> bytes | None:
    """As one who has all of the file does."""
    span = file.blocks_for(request)
    return None if span is None else file.answer(request, tree.blocks[span.start : span.stop])


shapes = st.tuples(st.integers(1, 40), st.sampled_from([1, 2, 4, 8]))


@given(shapes)
def test_expected_hashes(shape: tuple[int, int]) -> None:
    tree = Tree(*shape)
    file = tree.file()
    assert file.is_complete
    assert file.layer == tree.layer
    for piece in range(file.num_pieces):
        blocks = tree.blocks[piece * shape[1] : (piece + 1) * shape[1]]
        digest = piece_hash(blocks, tree.piece_length, whole_file=file.num_pieces == 1)
        expected = file.expected(piece)
        assert expected.digest == digest
        assert expected.height == (tree.height if file.num_pieces == 1 else tree.piece_height)


@given(shapes)
def test_from_one_to_another(shape: tuple[int, int]) -> None:
    """What one asks for the other has, and it is proven."""
    tree = Tree(*shape)
    seed, leech = tree.file(), tree.file(known=False)
    for request in list(leech.missing()):
        assert request == request.check()
        hashes = serve(tree, seed, request)
        assert hashes == tree.answer(request)
        assert hashes is not None and leech.add(request, split(hashes))
    assert leech.is_complete
    assert leech.layer == tree.layer


@given(shapes, st.data())
def test_any_request(shape: tuple[int, int], data: st.DataObject) -> None:
    """An answer is what BEP 52 says; without one there is a reason."""
    tree = Tree(*shape)
    file = tree.file()
    count = 1 << data.draw(st.integers(0, 6))
    index = count * data.draw(st.integers(0, 40))
    base, proof = data.draw(st.integers(0, 7)), data.draw(st.integers(0, 8))
    request = tree.request(base, index, count, proof)
    hashes = serve(tree, file, request)
    in_tree = base < tree.height and index + count <= len(tree.rows[base]) and proof < tree.height - base
    assert file.has(request) == in_tree
    if hashes is not None:
        assert in_tree
        assert hashes == tree.answer(request)
    elif in_tree:
        only_padding = base == 0 and index >= len(tree.blocks)
        assert only_padding or 0 < base < tree.piece_height or (base > 0 and not tree.layer)


def test_a_file_of_one_piece_needs_no_layer() -> None:
    tree = Tree(3, 4)
    file = tree.file()
    assert file.is_complete and not list(file.missing()) and file.layer == b""
    assert file.expected(0) == (tree.root, 2)
    assert not file.set_layer(tree.root)
    assert serve(tree, file, tree.request(0, 0, 4, 0)) == b"".join(tree.rows[0])
    assert serve(tree, file, tree.request(0, 2, 2, 1)) == b"".join([*tree.rows[0][2:], tree.rows[1][0]])


def test_missing_hashes_are_asked_for_in_portions() -> None:
    tree = Tree(2 * 513, 2)
    assert [request[1:] for request in tree.file(known=False).missing()] == [(1, 0, 512, 9), (1, 512, 2, 9)]


def test_what_does_not_lead_to_the_root() -> None:
    tree = Tree(20, 2)
    leech = tree.file(known=False)
    (request,) = leech.missing()
    right = split(tree.answer(request))
    for wrong in (
        right[:-1],
        [*right, right[0]],
        right[::-1],
        [bytes(32), *right[1:]],
        [*right[:-1], bytes([1]) * 32],
    ):
        assert not leech.add(request, wrong)
        assert not leech.is_complete
        assert leech.layer == b""
    with pytest.raises(IndexError, match="not known yet"):
        leech.expected(0)
    assert not leech.set_layer(tree.layer[:-32] + bytes(32))
    assert leech.add(request, right)
    assert leech.add(request, right), "once more is late, and true"
    assert leech.is_complete


def test_portions_in_any_order_and_of_others() -> None:
    tree = Tree(2000, 1)
    leech = tree.file(known=False)
    requests = list(leech.missing())
    random.Random(1).shuffle(requests)
    assert leech.add(tree.request(0, 0, 2, 10), split(tree.answer(tree.request(0, 0, 2, 10))))
    assert len(list(leech.missing())) == 4, "true, but not what was asked for"
    for left, request in zip((3, 2, 1, 0), requests, strict=True):
        assert leech.add(request, split(tree.answer(request)))
        assert len(list(leech.missing())) == left
        assert leech.expected(request.index).digest == tree.blocks[request.index]
    assert leech.layer == tree.layer


def test_nothing_is_served_of_what_is_not_known() -> None:
    tree = Tree(20, 2)
    file = tree.file(known=False)
    (request,) = file.missing()
    assert file.blocks_for(request) is None
    assert file.answer(request) is None


def test_blocks_that_are_not_the_files_are_not_served() -> None:
    tree = Tree(20, 4)
    file = tree.file()
    request = tree.request(0, 8, 4, 2)
    assert file.blocks_for(request) == range(8, 12)
    assert file.answer(request, tree.blocks[8:12]) == tree.answer(request)
    assert file.answer(request, tree.blocks[4:8]) is None
    assert file.answer(request, tree.blocks[8:11]) is None


def test_no_more_blocks_are_read_than_is_reasonable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_hashes, "MAX_HASHED_BLOCKS", 8)
    tree = Tree(32, 4)
    file = tree.file()
    assert file.blocks_for(tree.request(0, 8, 8, 0)) == range(8, 16)
    assert file.blocks_for(tree.request(0, 0, 16, 0)) is None


def test_padding_of_the_layer_of_pieces_is_served() -> None:
    tree = Tree(5 * 4, 4)
    file = tree.file()
    request = tree.request(2, 4, 4, 2)
    assert serve(tree, file, request) == b"".join(
        [tree.layer[-32:], *[pad_hash(2)] * 3, merkle_root(split(tree.layer[:128]), 2)]
    )


@given(shapes)
def test_blocks_of_a_piece_from_one_to_another(shape: tuple[int, int]) -> None:
    tree = Tree(*shape)
    file = tree.file()
    for piece in range(file.num_pieces):
        request = file.blocks_of(piece)
        if request is None:
            assert shape[1] == 1 or shape[0] == 1
            continue
        assert request == request.check()
        hashes = serve(tree, file, request)
        assert hashes is not None and file.add(request, split(hashes))
        first = piece * shape[1]
        blocks = tree.blocks[first : first + shape[1]]
        assert split(hashes)[: len(blocks)] == blocks


def test_a_piece_of_too_many_blocks() -> None:
    assert FileHashes(Sha256Hash(), 1 << 40, 128 << 20).blocks_of(0) is not None
    assert FileHashes(Sha256Hash(), 1 << 40, 256 << 20).blocks_of(0) is None


def test_layers_between_leaves_and_pieces_are_not_served() -> None:
    tree = Tree(20, 4)
    file = tree.file()
    request = tree.request(1, 0, 2, 0)
    assert file.has(request)
    assert file.blocks_for(request) is None
    assert file.answer(request) is None
