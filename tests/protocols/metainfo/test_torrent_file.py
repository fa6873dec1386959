from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evtorrent.protocols.bencode import BencodeError, decode, encode
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.metainfo import LoadLimits, Metainfo, MetainfoError, parse_torrent, write_torrent
from evtorrent.protocols.types import Sha1Hash
from hypothesis import given
from hypothesis import strategies as st
from support.info_tables import PIECE, hashes, multi_info, single_info, torrent


def parsed(**more: Any) -> Metainfo:
    return parse_torrent(torrent(single_info(), **more))


def test_least_of_all() -> None:
    meta = parsed()
    assert meta.info.name == "file.bin"
    assert meta.info.piece_hash(1) == hashes(2)[20:]
    assert (meta.trackers, meta.web_seeds, meta.nodes, meta.similar, meta.collections) == ([], [], [], [], [])
    assert (meta.comment, meta.created_by, meta.creation_date, meta.encoding) == ("", "", 0, "")


def test_everything() -> None:
    meta = parsed(
        announce="http://ignored/",
        announce_list=[["http://a/"]],
        comment="a comment",
        created_by="me",
        creation_date=1234,
        encoding="UTF-8",
        nodes=[["host", 1]],
        similar=[b"s" * 20],
        collections=["c"],
    )
    assert (meta.comment, meta.created_by, meta.creation_date, meta.encoding) == (
        "a comment",
        "me",
        1234,
        "UTF-8",
    )
    assert (meta.nodes, meta.similar, meta.collections) == ([("host", 1)], [Sha1Hash(b"s" * 20)], ["c"])


def test_the_info_section_is_found_where_it_is() -> None:
    raw = torrent(single_info(name="4:infod6:pieces"), comment="4:infode", zzz={"info": {"pieces": "x"}})
    meta = parse_torrent(memoryview(raw))
    table = decode(meta.info.info_section)
    assert isinstance(table, dict)
    assert table[b"name"] == b"4:infod6:pieces"
    assert meta.info.piece_hash(0) == hashes(1)
    assert parse_torrent(raw + b"\r\n").info.info_hashes == meta.info.info_hashes


@pytest.mark.parametrize(
    ("more", "tiers"),
    [
        ({"announce": "http://a/"}, [["http://a/"]]),
        ({"announce": " http://a/"}, [["http://a/"]]),
        ({"announce": "ftp://a/"}, []),
        ({"announce": b"http://\xff/"}, []),
        ({"announce": 5}, []),
        ({"announce": "http://a/", "announce-list": [["udp://b:1", "http://c/"], ["http://d/"]]},
         [["udp://b:1", "http://c/"], ["http://d/"]]),
        ({"announce": "http://a/", "announce-list": [["junk"], [], 5, [7]]}, [["http://a/"]]),
        ({"announce-list": [["http://a/", "http://a/", "http://b/"], ["junk"], ["http://c/"]]},
         [["http://a/", "http://b/"], ["http://c/"]]),
        ({"announce-list": 5}, []),
    ],
)  # fmt: skip
def test_trackers(more: dict[str, Any], tiers: list[list[str]]) -> None:
    assert parse_torrent(encode({"info": single_info()} | more)).trackers == tiers


@pytest.mark.parametrize(
    ("value", "single", "multi"),
    [
        ("http://w/a b", ["http://w/a%20b"], ["http://w/a%20b/"]),
        (["http://w/", "http://w/", "", 5], ["http://w/"], ["http://w/"]),
        ("", [], []),
        (5, [], []),
        (["http://w/x", "http://v/"], ["http://w/x", "http://v/"], ["http://w/x/", "http://v/"]),
    ],
)
def test_web_seeds(value: Any, single: list[str], multi: list[str]) -> None:
    assert parse_torrent(encode({"info": single_info(), "url-list": value})).web_seeds == single
    table = multi_info([("a", 1), ("b", 1)])
    assert parse_torrent(encode({"info": table, "url-list": value})).web_seeds == multi


def test_nodes_of_another_form_are_passed_over() -> None:
    nodes = [["a", 1], ["b", 65535, "more"], ["c"], ["d", 0], ["e", 65536], [5, 5], "f", ["g", "1"]]
    assert parsed(nodes=nodes).nodes == [("a", 1), ("b", 65535)]


def test_text() -> None:
    meta = parse_torrent(
        encode(
            {
                "info": single_info(),
                "comment": b"a\xffb",
                "created by": "x",
                "created by.utf-8": "y",
                "creation date": -5,
            }
        )
    )
    assert (meta.comment, meta.created_by, meta.creation_date) == ("a_b", "y", 0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"le", "torrent_is_no_dict"),
        (b"i5e", "torrent_is_no_dict"),
        (b"de", "torrent_missing_info"),
        (b"d4:infolee", "torrent_missing_info"),
        (b"d4:infodee", "torrent_missing_piece_length"),
        (encode({"magnet-uri": "magnet:?xt=urn:btih:" + "a" * 40}), "torrent_missing_info"),
    ],
)
def test_refused(data: bytes, reason: str) -> None:
    with pytest.raises(MetainfoError) as caught:
        parse_torrent(data)
    assert caught.value.reason == reason


def test_broken_bencoding_is_refused() -> None:
    raw = torrent(single_info())
    for cut in range(len(raw)):
        with pytest.raises(BencodeError):
            parse_torrent(raw[:cut])


def test_size_at_the_limit() -> None:
    raw = torrent(single_info())
    assert parse_torrent(raw, LoadLimits(max_buffer_size=len(raw)))
    with pytest.raises(MetainfoError) as caught:
        parse_torrent(raw, LoadLimits(max_buffer_size=len(raw) - 1))
    assert caught.value.reason == "metadata_too_large"


def test_entries_at_the_limit() -> None:
    raw = encode(
        {
            "info": single_info(),
            "announce-list": [["http://a/", "http://b/"], ["http://c/"], ["http://d/"]],
            "url-list": ["http://a/", "http://b/", "http://c/", "http://d/"],
            "nodes": [["a", 1], ["b", 1], ["c", 1], ["d", 1]],
        }
    )
    meta = parse_torrent(raw, LoadLimits(max_trackers=3, max_web_seeds=3, max_nodes=3))
    assert meta.trackers == [["http://a/", "http://b/"], ["http://c/"]]
    assert meta.web_seeds == ["http://a/", "http://b/", "http://c/"]
    assert meta.nodes == [("a", 1), ("b", 1), ("c", 1)]
    assert (
        parse_torrent(torrent(single_info(), announce="http://a/"), LoadLimits(max_trackers=0)).trackers == []
    )


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"announce": "http://a/"},
        {"announce": "http://a/", "announce-list": [["http://a/", "http://b/"]], "url-list": "http://w/"},
        {
            "announce": "http://a/",
            "announce-list": [["http://a/"], ["http://b/"]],
            "url-list": ["http://w/", "http://v/"],
            "nodes": [["h", 1]],
            "comment": "c",
            "created by": "me",
            "creation date": 5,
            "encoding": "UTF-8",
            "similar": [b"s" * 20],
            "collections": ["c"],
        },
    ],
)
def test_writing_what_was_read(more: dict[str, Any]) -> None:
    raw = encode({"info": single_info()} | more)
    assert write_torrent(parse_torrent(raw)) == raw


def test_the_info_section_is_written_as_it_was() -> None:
    raw = b"d4:info" + encode(single_info())[:-1] + b"4:name1:xe" + b"e"
    meta = parse_torrent(raw)
    assert write_torrent(meta) == raw
    assert parse_torrent(write_torrent(meta)).info.info_hashes == meta.info.info_hashes


@given(st.binary(max_size=40), st.integers(0, 500))
def test_damage_gives_a_torrent_or_an_error(new: bytes, at: int) -> None:
    raw = bytearray(
        torrent(multi_info([("a", 5), ("b", 6)]), announce="http://a/", nodes=[["h", 1]], comment="c")
    )
    raw[at : at + len(new)] = new
    try:
        parse_torrent(raw)
    except RemoteProtocolError:
        return


@pytest.mark.interop
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_libtorrent_agrees(require_peer: Any, tmp_path: Path) -> None:
    lt = require_peer("libtorrent")
    raw = encode(
        {
            "info": multi_info([("a", PIECE), ("d/é", 77), ("a", 5)], private=1),
            "announce-list": [["udp://b:1", "http://c/"], ["http://d/"]],
            "url-list": ["http://w/x y"],
            "comment": "ü",
            "creation date": 99,
        }
    )
    meta = parse_torrent(raw)
    params = lt.load_torrent_buffer(raw)
    theirs = params.ti
    assert str(theirs.info_hash()) == str(meta.info.info_hashes.v1)
    assert [theirs.files().file_path(i) for i in range(3)] == [meta.info.files.path(i) for i in range(3)]
    assert params.trackers == [url for tier in meta.trackers for url in tier]
    assert params.url_seeds == meta.web_seeds
    assert [theirs.hash_for_piece(i) for i in range(2)] == [meta.info.piece_hash(i) for i in range(2)]
    assert theirs.priv()
    assert lt.load_torrent_buffer(write_torrent(meta)).ti.info_hash() == theirs.info_hash()
