from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from evtorrent.protocols.bencode import encode
from evtorrent.protocols.metainfo import (
    FileFlags,
    LoadLimits,
    MetainfoError,
    TorrentInfo,
    parse_torrent,
)
from evtorrent.protocols.metainfo.merkle import file_root
from support.info_tables import PIECE, changed, hashes, info_of, single_info, torrent

ROOT = b"r" * 32
PIECES = [sha256(bytes([i])).digest() for i in range(3)]
BIG_ROOT = file_root(PIECES, PIECE)


def leaf(length: int, root: bytes | None = ROOT, **more: Any) -> dict[str, Any]:
    description: dict[str, Any] = {"length": length}
    if root is not None and length > 0:
        description["pieces root"] = root
    return {"": description | {key.replace("_", " "): value for key, value in more.items()}}


TREE = {"a": leaf(5), "d": {"b": leaf(2 * PIECE + 1, BIG_ROOT), "c": leaf(0)}, "e": leaf(7)}


def v2_info(tree: Any = TREE, **changes: Any) -> dict[str, Any]:
    return changed({"name": "top", "piece length": PIECE, "meta version": 2, "file tree": tree}, changes)


def hybrid_info(**changes: Any) -> dict[str, Any]:
    files = [
        {"path": ["a"], "length": 5},
        {"path": [".pad", str(PIECE - 5)], "length": PIECE - 5, "attr": "p"},
        {"path": ["d", "b"], "length": 2 * PIECE + 1},
        {"path": [".pad", str(PIECE - 1)], "length": PIECE - 1, "attr": "p"},
        {"path": ["d", "c"], "length": 0},
        {"path": ["e"], "length": 7},
    ]
    return v2_info(**({"files": files, "pieces": hashes(5)} | changes))


def read(table: dict[str, Any], **options: Any) -> TorrentInfo:
    return info_of(table, **options)


def test_a_tree_is_laid_out_by_pieces() -> None:
    info = read(v2_info())
    files = info.files
    assert [(files.path(i), files.size(i), files.offset(i)) for i in files] == [
        ("top/a", 5, 0),
        (f"top/.pad/{PIECE - 5}", PIECE - 5, 5),
        ("top/d/b", 2 * PIECE + 1, PIECE),
        ("top/d/c", 0, 3 * PIECE + 1),
        (f"top/.pad/{PIECE - 1}", PIECE - 1, 3 * PIECE + 1),
        ("top/e", 7, 4 * PIECE),
    ]
    assert [files.root(i) for i in files] == [ROOT, None, BIG_ROOT, None, None, ROOT]
    assert info.num_pieces == 5
    assert info.info_hashes.v1 is None
    assert info.info_hashes.v2 == sha256(info.info_section).digest()
    with pytest.raises(IndexError):
        info.piece_hash(0)


def test_pieces_end_with_their_file() -> None:
    info = read(v2_info())
    assert info.short_pieces == {0: 5, 3: 1, 4: 7}
    assert [info.piece_size(piece) for piece in range(5)] == [5, PIECE, PIECE, 1, 7]
    assert info.bytes_of(0b11111) == 2 * PIECE + 13
    assert info.bytes_of(0b01010) == PIECE + 1
    assert info.bytes_of(0) == 0


def test_pieces_of_a_hybrid_have_padding() -> None:
    info = read(hybrid_info())
    assert info.short_pieces == {}
    assert [info.piece_size(piece) for piece in range(5)] == [PIECE] * 4 + [7]
    assert info.bytes_of(0b11111) == 4 * PIECE + 7
    assert info.bytes_of(0b00011) == 2 * PIECE


def test_a_single_file() -> None:
    info = read(v2_info({"file.bin": leaf(5)}, name="file.bin"))
    assert [info.files.path(i) for i in info.files] == ["file.bin"]
    assert not info.is_multi_file


def test_a_single_file_in_a_folder() -> None:
    info = read(v2_info({"d": {"x": leaf(5)}}))
    assert [info.files.path(i) for i in info.files] == ["top/d/x"]
    assert info.is_multi_file


def test_names_are_made_safe_and_kept() -> None:
    files = read(v2_info({"..": {"/x": leaf(5)}})).files
    assert (files.path(0), files.original_path(0)) == ("top/_/x", "top/..//x")


def test_attributes_and_links() -> None:
    tree = {
        "a": leaf(5, attr="x", mtime=4),
        "l": {"": {"attr": "l", "symlink path": ["a"]}},
        "m": {"": {"attr": "l", "length": 9}},
    }
    files = read(v2_info(tree)).files
    assert files.flags(0) == FileFlags.EXECUTABLE
    assert files.mtime(0) == 4
    assert (files.symlink(1), files.flags(1)) == ("top/a", FileFlags.SYMLINK)
    assert (files.symlink(2), files.flags(2), files.size(2)) == ("", FileFlags(0), 0)


def test_a_hybrid_is_used_by_its_v1_part() -> None:
    info = info_of(hybrid_info())
    files = info.files
    assert info.info_hashes.has_v1
    assert info.info_hashes.has_v2
    assert [files.path(i) for i in files][::2] == ["top/a", "top/d/b", "top/d/c"]
    assert [files.root(i) for i in files] == [ROOT, None, BIG_ROOT, None, None, ROOT]
    assert info.piece_hash(4) == hashes(5)[80:]


def test_a_hybrid_of_one_file() -> None:
    info = info_of(single_info(file_tree={"file.bin": leaf(PIECE * 5 // 2)}, meta_version=2))
    assert [info.files.path(i) for i in info.files] == ["file.bin"]
    assert info.files.root(0) == ROOT
    assert info.num_pieces == 3


@pytest.mark.parametrize(
    "tree",
    [
        {"a": leaf(5), "d": {"b": leaf(2 * PIECE + 1)}},
        TREE | {"a": leaf(6)},
        TREE | {"f": leaf(7), "e": leaf(0)},
        {"A": leaf(5), "d": TREE["d"], "e": leaf(7)},
    ],
)
def test_a_hybrid_must_agree_with_itself(tree: dict[str, Any]) -> None:
    with pytest.raises(MetainfoError) as caught:
        info_of(hybrid_info(file_tree=tree))
    assert caught.value.reason == "torrent_inconsistent_files"


def test_a_hybrid_must_be_aligned() -> None:
    files = [{"path": ["a"], "length": 5}, {"path": ["b"], "length": 7}]
    with pytest.raises(MetainfoError, match="differ"):
        info_of(v2_info({"a": leaf(5), "b": leaf(7)}, files=files, pieces=hashes(1)))


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (v2_info(file_tree=None), "torrent_missing_file_tree"),
        (v2_info(meta_version=None), "torrent_missing_meta_version"),
        (v2_info(meta_version=3), "torrent_unknown_version"),
        (v2_info(piece_length=PIECE * 3), "torrent_missing_piece_length"),
        (v2_info(piece_length=PIECE // 2), "torrent_missing_piece_length"),
        (v2_info({}), "no_files_in_torrent"),
        (v2_info({"d": {}}), "no_files_in_torrent"),
        (v2_info(5), "no_files_in_torrent"),
        (v2_info({"a": leaf(0)}), "torrent_invalid_length"),
        (v2_info({"a": 5}), "torrent_file_parse_failed"),
        (v2_info({"a": {"": 5}}), "torrent_file_parse_failed"),
        (v2_info({"": leaf(5)}), "torrent_file_parse_failed"),
        (v2_info({"a": {"": {"length": 5}, "b": leaf(5)}}), "torrent_file_parse_failed"),
        (v2_info({"a": {"": {}}}), "torrent_invalid_length"),
        (v2_info({"a": leaf(-1)}), "torrent_invalid_length"),
        (v2_info({"a": leaf(5, None)}), "torrent_missing_pieces_root"),
        (v2_info({"a": leaf(5, b"r" * 31)}), "torrent_missing_pieces_root"),
        (v2_info({"a": leaf(5, bytes(32))}), "torrent_missing_pieces_root"),
        (v2_info({"a": leaf(5, attr="p")}), "torrent_invalid_pad_file"),
    ],
)
def test_refused(table: dict[str, Any], reason: str) -> None:
    with pytest.raises(MetainfoError) as caught:
        read(table)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("old", "new"), [(b"i2e", b"i02e"), (b"4:name3:top12:piece lengthi", b"12:piece lengthi")]
)
def test_v2_has_one_encoding(old: bytes, new: bytes) -> None:
    raw = encode(v2_info())
    assert old in raw
    changed_raw = raw.replace(old, new)
    if b"4:name" not in changed_raw:
        changed_raw = changed_raw[:-1] + b"4:name3:tope"
    with pytest.raises(MetainfoError) as caught:
        TorrentInfo.from_info(changed_raw)
    assert caught.value.reason == "invalid_bencoding"


def test_folders_at_the_limit() -> None:
    def nested(depth: int) -> dict[str, Any]:
        tree: dict[str, Any] = {"x": leaf(5)}
        for _ in range(depth):
            tree = {"d": tree}
        return v2_info(tree)

    limits = LoadLimits(max_directory_depth=4)
    assert read(nested(4), limits=limits).num_files == 1
    with pytest.raises(MetainfoError) as caught:
        read(nested(5), limits=limits)
    assert caught.value.reason == "torrent_directory_too_deep"


def test_piece_layers() -> None:
    layer = b"".join(PIECES)
    meta = parse_torrent(torrent(hybrid_info(), piece_layers={BIG_ROOT: layer}))
    assert meta.piece_layers == {BIG_ROOT: layer}
    assert parse_torrent(torrent(hybrid_info())).piece_layers == {}
    assert parse_torrent(torrent(single_info(), piece_layers={b"x": b"y"})).piece_layers == {}


@pytest.mark.parametrize(
    "layers",
    [
        {ROOT: b"".join(PIECES)},
        {BIG_ROOT: 5},
        {BIG_ROOT: b"".join(PIECES[:2])},
        {BIG_ROOT: b"".join(PIECES)[1:]},
        {BIG_ROOT: b"".join(PIECES[::-1])},
        {b"x" * 32: b"".join(PIECES)},
    ],
)
def test_piece_layers_that_are_wrong(layers: dict[bytes, Any]) -> None:
    with pytest.raises(MetainfoError) as caught:
        parse_torrent(torrent(hybrid_info(), piece_layers=layers))
    assert caught.value.reason == "torrent_invalid_piece_layer"
