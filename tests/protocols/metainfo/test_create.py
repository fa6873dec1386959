from __future__ import annotations

from hashlib import sha1, sha256
from typing import Any

import pytest
from evtorrent.protocols.bencode import encode
from evtorrent.protocols.metainfo import (
    CreateError,
    CreateFile,
    CreateFlags,
    CreateTorrent,
    FileFlags,
    FileStorage,
    parse_torrent,
)
from evtorrent.protocols.metainfo.create import MAX_PIECE_SIZE, automatic_piece_size
from evtorrent.protocols.metainfo.limits import MAX_FILE_OFFSET
from evtorrent.protocols.types import Sha1Hash
from hypothesis import given, settings
from hypothesis import strategies as st
from support.info_tables import PIECE

V1 = CreateFlags.V1_ONLY
FILES = [CreateFile("t/b", 5), CreateFile("t/a/x", PIECE), CreateFile("t/a-y", 3)]


def fill(torrent: Any, *, v1: bool = True, v2: bool = True) -> Any:
    """Give every piece a made-up hash; for ours and libtorrent's alike."""
    if v1:
        for index in range(
            torrent.num_pieces if isinstance(torrent, CreateTorrent) else torrent.num_pieces()
        ):
            torrent.set_hash(index, sha1(b"%d" % index).digest())
    if v2:
        for file_index, entry in enumerate(torrent.entries):
            for index in range(0 if entry.flags & FileFlags.PAD else -(-entry.size // torrent.piece_length)):
                torrent.set_hash2(file_index, index, sha256(b"%d %d" % (file_index, index)).digest())
    return torrent


def created(
    files: list[CreateFile], flags: CreateFlags | int = V1, piece_size: int = PIECE
) -> dict[bytes, Any]:
    torrent = CreateTorrent(files, piece_size, flags)
    return fill(torrent, v1=not torrent.is_v2_only, v2=not torrent.is_v1_only).generate()  # type: ignore[no-any-return]


def test_a_single_file() -> None:
    assert created([CreateFile("x", PIECE + 1)]) == {
        b"info": {
            b"name": "x",
            b"piece length": PIECE,
            b"length": PIECE + 1,
            b"pieces": sha1(b"0").digest() + sha1(b"1").digest(),
        }
    }


def test_many_files_keep_their_order() -> None:
    info = created(FILES)[b"info"]
    assert info[b"name"] == "t"
    assert info[b"files"] == [
        {b"path": ["b"], b"length": 5},
        {b"path": ["a", "x"], b"length": PIECE},
        {b"path": ["a-y"], b"length": 3},
    ]


def test_one_file_in_a_folder() -> None:
    assert created([CreateFile("t/x", 1)])[b"info"][b"files"] == [{b"path": ["x"], b"length": 1}]


def test_what_is_said_besides() -> None:
    torrent = fill(CreateTorrent([CreateFile("x", 1)], PIECE, V1), v2=False)
    torrent.add_tracker("http://c/", 2)
    torrent.add_tracker("http://a/")
    torrent.add_tracker("http://b/")
    torrent.add_tracker("http://a/", 1)
    torrent.add_url_seed("http://w/")
    torrent.add_node("host", 6881)
    torrent.set_comment("a comment")
    torrent.set_creator("me")
    torrent.set_creation_date(1234)
    assert not torrent.priv
    torrent.set_priv(True)
    assert torrent.priv
    torrent.set_root_cert("PEM")
    torrent.add_similar_torrent(Sha1Hash(b"s" * 20))
    torrent.add_collection("c")
    meta = parse_torrent(torrent.generate_buf())
    assert meta.trackers == [["http://a/", "http://b/"], ["http://c/"]]
    assert (meta.web_seeds, meta.nodes) == (["http://w/"], [("host", 6881)])
    assert (meta.comment, meta.created_by, meta.creation_date) == ("a comment", "me", 1234)
    info = meta.info
    assert (info.is_private, info.ssl_cert, info.similar, info.collections) == (
        True,
        b"PEM",
        [b"s" * 20],
        ["c"],
    )
    torrent.add_url_seed("http://v/")
    assert torrent.generate()[b"url-list"] == ["http://w/", "http://v/"]


def test_one_tracker_needs_no_list() -> None:
    torrent = fill(CreateTorrent([CreateFile("x", 1)], PIECE, V1), v2=False)
    torrent.add_tracker("http://a/", 3)
    assert {key for key in torrent.generate() if key.startswith(b"announce")} == {b"announce"}


def test_attributes() -> None:
    files = [
        CreateFile("t/a", 5, FileFlags.EXECUTABLE | FileFlags.HIDDEN, mtime=7),
        CreateFile("t/.pad/3", 3, FileFlags.PAD),
        CreateFile("t/l", 0, FileFlags.SYMLINK | FileFlags.EXECUTABLE, symlink="d//a"),
    ]
    plain = created(files)[b"info"][b"files"]
    assert [entry.get(b"attr") for entry in plain] == ["hx", "p", "x"]
    assert not any(b"mtime" in entry or b"symlink path" in entry for entry in plain)
    full = created(files, V1 | CreateFlags.MODIFICATION_TIME | CreateFlags.SYMLINKS)[b"info"][b"files"]
    assert [entry.get(b"attr") for entry in full] == ["hx", "p", "xl"]
    assert [entry.get(b"mtime") for entry in full] == [7, None, None]
    assert full[2][b"symlink path"] == ["d", "a"]


def test_a_link_in_a_v2_tree_has_a_target_and_no_length() -> None:
    files = [CreateFile("t/a", 5), CreateFile("t/l", 0, FileFlags.SYMLINK, symlink="a")]
    tree = created(files, CreateFlags.V2_ONLY | CreateFlags.SYMLINKS)[b"info"][b"file tree"]
    assert tree["l"] == {"": {b"attr": "l", b"symlink path": ["a"]}}
    assert tree["a"][""][b"length"] == 5


def test_canonical_v1_files_are_sorted_and_padded() -> None:
    def layout(flags: int) -> list[tuple[str, int]]:
        return [(entry.path, entry.size) for entry in CreateTorrent(FILES, PIECE, flags).entries]

    padded = [("t/a-y", 3), (f"t/.pad/{PIECE - 3}", PIECE - 3), ("t/a/x", PIECE), ("t/b", 5)]
    assert layout(V1 | CreateFlags.CANONICAL_FILES) == [*padded, (f"t/.pad/{PIECE - 5}", PIECE - 5)]
    assert layout(V1 | CreateFlags.CANONICAL_FILES_NO_TAIL_PADDING) == padded


def test_padding_is_made_anew() -> None:
    files = [CreateFile("t/a", 5), CreateFile("t/.pad/9", 9, FileFlags.PAD), CreateFile("t/b", 0)]
    entries = CreateTorrent(files, PIECE, V1 | CreateFlags.CANONICAL_FILES).entries
    assert [entry.path for entry in entries] == ["t/a", f"t/.pad/{PIECE - 5}", "t/b"]


@pytest.mark.parametrize("flags", [0, CreateFlags.V2_ONLY])
def test_v2_is_in_the_order_of_the_tree(flags: int) -> None:
    torrent = CreateTorrent(FILES, PIECE, flags)
    assert [entry.path for entry in torrent.entries if not entry.flags] == ["t/a/x", "t/a-y", "t/b"]
    fill(torrent, v1=not flags)
    info = parse_torrent(torrent.generate_buf()).info
    assert info.info_hashes.has_v2
    assert info.info_hashes.has_v1 == (flags == 0)
    assert [info.files.path(i) for i in info.files if not info.files.is_pad(i)] == ["t/a/x", "t/a-y", "t/b"]


def test_v2_of_one_file_and_of_empty_ones() -> None:
    meta = parse_torrent(encode(created([CreateFile("x", 3 * PIECE)], 0)))
    assert [len(layer) for layer in meta.piece_layers.values()] == [96]
    tree = created([CreateFile("t/a", 0), CreateFile("t/b", 1)], CreateFlags.V2_ONLY)[b"info"][b"file tree"]
    assert tree["a"] == {"": {b"length": 0}}
    assert set(tree["b"][""]) == {b"length", b"pieces root"}


def test_a_file_cannot_be_a_folder() -> None:
    for paths in (("t/a", "t/a/b"), ("t/a/b/c", "t/a"), ("t/a", "t/a")):
        with pytest.raises(CreateError) as caught:
            created([CreateFile(path, 1) for path in paths], 0)
        assert caught.value.reason == "torrent_inconsistent_files"


def test_from_a_storage() -> None:
    files = FileStorage(PIECE, "t")
    files.add_file("t/a", 5, FileFlags.EXECUTABLE, mtime=3)
    files.add_file("t/l", 0, FileFlags.SYMLINK, symlink="t/a")
    torrent = CreateTorrent(files, PIECE, V1)
    assert list(torrent.entries) == [
        CreateFile("t/a", 5, FileFlags.EXECUTABLE, 3),
        CreateFile("t/l", 0, FileFlags.SYMLINK, 0, "a"),
    ]
    again = torrent.files
    assert [(again.path(i), again.size(i), again.mtime(i)) for i in again] == [("t/a", 5, 3), ("t/l", 0, 0)]


def test_piece_sizes() -> None:
    torrent = CreateTorrent([CreateFile("x", PIECE + 1)], PIECE, V1)
    assert (torrent.num_pieces, torrent.piece_size(0), torrent.piece_size(1)) == (2, PIECE, 1)


@pytest.mark.parametrize(
    ("size", "flags", "allowed"),
    [
        (PIECE, V1, True),
        (PIECE * 3, V1, True),
        (1024, V1, True),
        (1000, V1, False),
        (1000, V1 | CreateFlags.ALLOW_ODD_PIECE_SIZE, True),
        (-5, V1 | CreateFlags.ALLOW_ODD_PIECE_SIZE, False),
        (PIECE * 3, 0, False),
        (1024, 0, True),
        (MAX_PIECE_SIZE, V1, True),
        (MAX_PIECE_SIZE * 2, V1, False),
    ],
)
def test_allowed_piece_sizes(size: int, flags: int, allowed: bool) -> None:
    if allowed:
        assert CreateTorrent([CreateFile("x", 1)], size, flags).piece_length == (
            size if flags else max(size, PIECE)
        )
        return
    with pytest.raises(CreateError) as caught:
        CreateTorrent([CreateFile("x", 1)], size, flags)
    assert caught.value.reason == "invalid_piece_size"


@pytest.mark.parametrize(
    ("total", "size"),
    [
        (1, PIECE),
        (2684355, PIECE),
        (2684356, 2 * PIECE),
        (10737418, 2 * PIECE),
        (10737419, 4 * PIECE),
        (703687441777, 512 * PIECE),
        (703687441778, 1024 * PIECE),
        (MAX_FILE_OFFSET, 1024 * PIECE),
    ],
)
def test_automatic_piece_sizes(total: int, size: int) -> None:
    assert automatic_piece_size(total) == size


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([], "no_files_in_torrent"),
        ([CreateFile("x", 0)], "torrent_invalid_length"),
        ([CreateFile("x", MAX_FILE_OFFSET + 1)], "torrent_invalid_length"),
        ([CreateFile("t/x", 1), CreateFile("u/x", 1)], "torrent_inconsistent_files"),
        ([CreateFile("x", 1), CreateFile("y", 1)], "torrent_inconsistent_files"),
        ([CreateFile("", 1)], "torrent_invalid_name"),
        ([CreateFile("/x", 1)], "torrent_invalid_name"),
        ([CreateFile("t/../x", 1)], "torrent_invalid_name"),
        ([CreateFile("t//x", 1)], "torrent_invalid_name"),
    ],
)
def test_refused(files: list[CreateFile], reason: str) -> None:
    with pytest.raises(CreateError) as caught:
        CreateTorrent(files)
    assert caught.value.reason == reason


def test_hashes_must_fit() -> None:
    torrent = CreateTorrent([CreateFile("x", PIECE)], PIECE)
    for index in (-1, 1):
        with pytest.raises(IndexError):
            torrent.set_hash(index, bytes(20))
        with pytest.raises(IndexError):
            torrent.set_hash2(0, index, bytes(32))
    with pytest.raises(ValueError, match="not a hash of 20"):
        torrent.set_hash(0, bytes(32))
    with pytest.raises(ValueError, match="not a hash of 32"):
        torrent.set_hash2(0, 0, bytes(20))


def test_hashes_must_be_complete() -> None:
    torrent = CreateTorrent([CreateFile("x", 2 * PIECE)], PIECE, V1)
    torrent.set_hash(0, b"1" * 20)
    with pytest.raises(CreateError, match="not every piece has a hash"):
        torrent.generate()
    torrent.set_hash(1, b"2" * 20)
    assert torrent.generate_buf()


def test_a_hybrid_with_hashes_of_one_kind_is_of_that_kind() -> None:
    v1 = fill(CreateTorrent([CreateFile("x", PIECE)], PIECE), v2=False).generate()
    assert b"file tree" not in v1[b"info"]
    v2 = fill(CreateTorrent([CreateFile("x", PIECE)], PIECE), v1=False).generate()
    assert b"pieces" not in v2[b"info"]


names = st.sampled_from(["a", "b.txt", "sub/ü", "sub/d/z", "c/d", "x"])
entries = st.lists(
    st.tuples(names, st.integers(0, 3 * PIECE), st.sampled_from([0, 2, 4, 6]), st.integers(0, 99)),
    min_size=1,
    max_size=5,
    unique_by=lambda entry: entry[0],
).filter(lambda files: any(size for _, size, _, _ in files))


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@settings(deadline=None)
@given(
    files=entries,
    flags=st.sampled_from([64, 64 | 4, 64 | 128, 64 | 512]),
    size=st.sampled_from([0, PIECE, 3 * PIECE]),
)
def test_v1_is_libtorrents_byte_for_byte(
    files: list[tuple[str, int, int, int]], flags: int, size: int, require_peer: Any
) -> None:
    lt = require_peer("libtorrent")
    storage = lt.file_storage()
    for name, length, attributes, mtime in files:
        storage.add_file(f"t/{name}", length, attributes, mtime, "")
    theirs = fill(lt.create_torrent(storage, size, flags=flags), v2=False)
    ours = CreateTorrent([CreateFile(f"t/{n}", s, f, m) for n, s, f, m in files], size, flags)
    fill(ours, v2=False)
    for torrent in (theirs, ours):
        torrent.add_tracker("http://b/", 1)
        torrent.add_tracker("http://a/", 0)
        torrent.set_comment("c")
        torrent.set_creator("me")
        torrent.set_creation_date(5)
        torrent.set_priv(True)
        torrent.add_url_seed("http://w/")
    assert ours.generate_buf() == lt.bencode(theirs.generate())
