from __future__ import annotations

from hashlib import sha256

import pytest
from evtorrent.protocols.metainfo import FileStorage
from evtorrent.protocols.metainfo.files import FileFlags
from evtorrent.protocols.metainfo.hash_request import HashRequest
from evtorrent.protocols.metainfo.merkle import block_hashes, file_root, merkle_root
from evtorrent.protocols.metainfo.torrent_hashes import TorrentHashes
from evtorrent.protocols.types import Sha256Hash

PIECE = 16 * 1024
LARGE = [bytes([number]) * PIECE for number in range(3)]
LAYER = [sha256(piece).digest() for piece in LARGE]
LARGE_ROOT = Sha256Hash(file_root(LAYER, PIECE))
SMALL_ROOT = Sha256Hash(merkle_root(block_hashes(b"small")))


def files_of_it() -> FileStorage:
    """A small file, nothing, a large one, and the large one again."""
    files = FileStorage(PIECE, "t")
    files.add_file("t/a", 5, root=SMALL_ROOT)
    files.add_file("t/.pad/1", PIECE - 5, FileFlags.PAD)
    files.add_file("t/empty", 0)
    files.add_file("t/b", 3 * PIECE, root=LARGE_ROOT)
    files.add_file("t/c", 3 * PIECE, root=LARGE_ROOT)
    return files


def test_hashes_of_pieces() -> None:
    hashes = TorrentHashes(files_of_it())
    assert not hashes.is_complete
    assert hashes.expected(0) == (SMALL_ROOT, 0)
    with pytest.raises(IndexError, match="not known yet"):
        hashes.expected(1)
    hashes.set_layers({LARGE_ROOT: b"".join(LAYER), SMALL_ROOT: SMALL_ROOT, Sha256Hash(): b""})
    assert hashes.is_complete
    assert [hashes.expected(piece).digest for piece in range(1, 7)] == LAYER * 2
    assert hashes.layers() == {LARGE_ROOT: b"".join(LAYER)}
    for beyond in (-1, 7):
        with pytest.raises(IndexError, match="no piece"):
            hashes.expected(beyond)


def test_a_wrong_layer_changes_nothing() -> None:
    hashes = TorrentHashes(files_of_it())
    hashes.set_layers({LARGE_ROOT: b"".join(LAYER[::-1])})
    assert not hashes.is_complete
    assert hashes.layers() == {}


def test_hashes_from_peers() -> None:
    seed, leech = TorrentHashes(files_of_it()), TorrentHashes(files_of_it())
    seed.set_layers({LARGE_ROOT: b"".join(LAYER)})
    (request,) = leech.missing()
    tree = seed.file(request.root)
    assert tree is not None
    answer = tree.answer(request)
    assert answer is not None
    assert not leech.add(HashRequest(Sha256Hash(), 0, 0, 2, 0), answer)
    assert not leech.add(request, answer[:-1] + b"?")
    assert not leech.is_complete
    assert leech.add(request, answer)
    assert leech.is_complete
    assert leech.add(request, answer)
    assert list(leech.missing()) == []


def test_where_files_are() -> None:
    hashes = TorrentHashes(files_of_it())
    assert hashes.place_of(SMALL_ROOT) == 0
    assert hashes.place_of(LARGE_ROOT) == PIECE
    assert hashes.file(bytes(32)) is None
    with pytest.raises(KeyError):
        hashes.place_of(bytes(32))


def test_hashes_of_blocks() -> None:
    """Pieces of one block say it all; a piece of two has something to ask for."""
    assert TorrentHashes(files_of_it()).blocks_of(1) is None
    files = FileStorage(2 * PIECE, "t")
    files.add_file("t/a", 1, root=SMALL_ROOT)
    files.add_file("t/.pad/1", 2 * PIECE - 1, FileFlags.PAD)
    files.add_file("t/b", 5 * PIECE, root=LARGE_ROOT)
    assert TorrentHashes(files).blocks_of(2) == HashRequest(LARGE_ROOT, 0, 2, 2, 2)


def test_a_file_in_several_portions() -> None:
    leaves = [sha256(bytes([number % 256])).digest() for number in range(600)]
    root = Sha256Hash(file_root(leaves, PIECE))
    files = FileStorage(PIECE, "t")
    files.add_file("t", 600 * PIECE, root=root)
    seed, leech = TorrentHashes(files), TorrentHashes(files)
    seed.set_layers({root: b"".join(leaves)})
    tree = seed.file(root)
    assert tree is not None
    first, second = leech.missing()
    for request, is_complete in ((first, False), (second, True)):
        answer = tree.answer(request)
        assert answer is not None
        assert leech.add(request, answer)
        assert leech.is_complete == is_complete
