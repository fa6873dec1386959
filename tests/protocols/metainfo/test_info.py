from __future__ import annotations

import sys
from hashlib import sha1
from typing import Any

import pytest
from evtorrent.protocols.bencode import BencodeError, encode
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.metainfo import LoadLimits, MetainfoError, TorrentInfo
from evtorrent.protocols.metainfo.limits import MAX_PIECE_SIZE
from hypothesis import given
from hypothesis import strategies as st
from support.info_tables import PIECE, hashes, info_of, multi_info, single_info


def test_numbers() -> None:
    info = info_of(single_info())
    assert (info.name, info.piece_length, info.num_pieces, info.total_size) == (
        "file.bin",
        PIECE,
        3,
        PIECE * 5 // 2,
    )
    assert [info.piece_size(i) for i in range(3)] == [PIECE, PIECE, PIECE // 2]
    assert repr(info) == "TorrentInfo('file.bin', 3 pieces, 40960 bytes)"


def test_a_full_last_piece() -> None:
    assert info_of(single_info(length=PIECE * 3)).piece_size(2) == PIECE


def test_the_hash_is_that_of_the_raw_bytes() -> None:
    raw = encode(single_info())
    info = TorrentInfo.from_info(raw)
    assert info.info_section == raw
    assert info.info_hashes.v1 == sha1(raw).digest()
    assert info.info_hashes.v2 is None


def test_piece_hashes() -> None:
    info = info_of(single_info())
    assert b"".join(info.piece_hash(i) for i in range(3)) == hashes(3)
    for index in (-1, 3):
        with pytest.raises(IndexError, match=f"no v1 hash of piece {index}"):
            info.piece_hash(index)


def test_piece_hashes_are_not_mistaken_for_text() -> None:
    info = info_of(single_info(comment="6:pieces60:" + "x" * 60, xyz={"pieces": b"z" * 60}))
    assert info.piece_hash(0) == hashes(1)


def test_rare_keys() -> None:
    info = info_of(
        single_info(
            private=1,
            source="Tracker",
            ssl_cert="PEM",
            similar=[b"s" * 20, b"short", 5],
            collections=["one", 5, b"\xff"],
        )
    )
    # the key of certificates has a hyphen
    assert info.ssl_cert == b""
    assert info_of(single_info() | {"ssl-cert": "PEM"}).ssl_cert == b"PEM"
    assert info.is_private
    assert (info.source, info.similar, info.collections) == ("Tracker", [b"s" * 20], ["one", "_"])
    plain = info_of(single_info(private=0))
    assert (plain.is_private, plain.source, plain.ssl_cert, plain.similar, plain.collections) == (
        False,
        "",
        b"",
        [],
        [],
    )


@pytest.mark.parametrize(
    ("name", "safe"),
    [("x", "x"), ("a/b", "ab"), ("", None), ("..", None), ("/", None), (b"\xff", "_")],
)
def test_names(name: Any, safe: str | None) -> None:
    folder = info_of(multi_info([("a", 1)], name=name))
    assert folder.name == (safe or str(folder.info_hashes.v1))
    assert folder.files.path(0) == f"{folder.name}/a"
    if safe is None:
        with pytest.raises(MetainfoError) as caught:
            info_of(single_info(name=name))
        assert caught.value.reason == "torrent_missing_name"
    else:
        assert info_of(single_info(name=name)).files.path(0) == safe


def test_the_utf8_name_comes_first() -> None:
    info = info_of(single_info() | {"name.utf-8": "better"})
    assert (info.name, info.files.original_path(0)) == ("better", "better")


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (single_info(name=None), "torrent_missing_name"),
        (single_info(name=5), "torrent_missing_name"),
        (single_info(piece_length=None), "torrent_missing_piece_length"),
        (single_info(piece_length=0), "torrent_missing_piece_length"),
        (single_info(piece_length=-5), "torrent_missing_piece_length"),
        (single_info(piece_length=MAX_PIECE_SIZE + 1), "torrent_missing_piece_length"),
        (single_info(pieces=None), "torrent_missing_pieces"),
        (single_info(pieces=5), "torrent_missing_pieces"),
        (single_info(pieces=hashes(2)), "torrent_invalid_hashes"),
        (single_info(pieces=hashes(4)), "torrent_invalid_hashes"),
        (single_info(pieces=hashes(3)[1:]), "torrent_invalid_hashes"),
        (single_info(meta_version=3), "torrent_unknown_version"),
        (single_info(meta_version=2), "torrent_missing_file_tree"),
        (single_info(file_tree={}), "torrent_missing_meta_version"),
    ],
)
def test_refused(table: dict[str, Any], reason: str) -> None:
    with pytest.raises(MetainfoError) as caught:
        info_of(table)
    assert caught.value.reason == reason


def test_what_is_no_info_section() -> None:
    for raw, reason in (
        (b"le", "torrent_info_no_dict"),
        (encode(single_info()) + b"\n", "invalid_bencoding"),
    ):
        with pytest.raises(MetainfoError) as caught:
            TorrentInfo.from_info(raw)
        assert caught.value.reason == reason
    with pytest.raises(BencodeError):
        TorrentInfo.from_info(b"")


def test_piece_lengths_are_free_in_v1() -> None:
    for length in (1, 1000, PIECE + 1, MAX_PIECE_SIZE):
        pieces = -(-5000 // length)
        assert (
            info_of(single_info(piece_length=length, length=5000, pieces=hashes(pieces))).num_pieces == pieces
        )


def test_pieces_at_the_limit() -> None:
    assert info_of(single_info(), limits=LoadLimits(max_pieces=3)).num_pieces == 3
    with pytest.raises(MetainfoError) as caught:
        info_of(single_info(), limits=LoadLimits(max_pieces=2))
    assert caught.value.reason == "too_many_pieces_in_torrent"


def test_tokens_and_depth_at_the_limit() -> None:
    table = single_info()  # a dictionary, four keys and their values
    assert info_of(table, limits=LoadLimits(max_decode_tokens=9, max_decode_depth=1))
    with pytest.raises(BencodeError, match="more items"):
        info_of(table, limits=LoadLimits(max_decode_tokens=8))
    with pytest.raises(BencodeError, match="nested deeper"):
        info_of(table, limits=LoadLimits(max_decode_depth=0))


def test_of_unordered_and_repeated_keys_the_first_counts() -> None:
    raw = encode(single_info())
    twice = raw[:-1] + b"6:lengthi1e6:pieces20:" + b"x" * 20 + b"4:name1:ye"
    info = TorrentInfo.from_info(twice)
    assert (info.name, info.total_size, info.piece_hash(2)) == ("file.bin", PIECE * 5 // 2, hashes(3)[40:])
    assert info.files.size(0) == info.total_size


def test_an_object_is_small() -> None:
    info = info_of(single_info(length=PIECE * 1000, pieces=hashes(1000)))
    own = sys.getsizeof(info) + sum(
        sys.getsizeof(value)
        for value in (info.name, info.piece_length, info.total_size, info.info_hashes, info.info_hashes.v1)
    )
    assert own < 1024
    assert not hasattr(info, "__dict__")


mutations = st.lists(st.tuples(st.integers(0, 10_000), st.binary(min_size=0, max_size=3)), max_size=4)


@given(mutations, st.sampled_from([single_info(), multi_info([("a", 5), ("b/c", 7)])]))
def test_damage_gives_a_torrent_or_an_error(changes: list[tuple[int, bytes]], table: dict[str, Any]) -> None:
    raw = bytearray(encode(table))
    for position, new in changes:
        at = position % len(raw)
        raw[at : at + len(new)] = new
    try:
        info = TorrentInfo.from_info(bytes(raw))
    except RemoteProtocolError:
        return
    files = info.files
    assert sum(files.size(i) for i in files) == info.total_size == files.total_size
    for index in files:
        assert ".." not in files.path(index).split("/")
        assert not files.path(index).startswith("/")
