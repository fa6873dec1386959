from __future__ import annotations

import dataclasses

import pytest
from evtorrent.protocols import bencode
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.metainfo import LoadLimits, MetainfoError
from evtorrent.protocols.types import InfoHashes, Sha1Hash, Sha256Hash
from evtorrent.session.errors import ErrorCode, TorrentErrc, TorrentParamsError
from evtorrent.session.flags import TorrentFlags, WriteTorrentFlags
from evtorrent.session.loading import (
    load_torrent_buffer,
    load_torrent_file,
    load_torrent_parsed,
    make_magnet_uri,
    parse_magnet_uri,
    write_torrent_file,
    write_torrent_file_buf,
)
from evtorrent.session.params import AddTorrentParams
from evtorrent.session.resume_data import read_resume_data, write_resume_data_buf
from hypothesis import given
from hypothesis import strategies as st
from support.disk import make_torrent
from support.torrents import PIECE_LENGTH, hybrid_torrent, v1_info

HASH = "11" * 20


def v1_torrent(**extra):
    return bencode.encode({"info": bencode.RawValue(v1_info().info_section), **extra})


FULL = {
    "announce-list": [["http://a/", "http://b/"], ["udp://c:1/x"]],
    "url-list": ["http://w/file"],
    "nodes": [["router", 6881]],
    "comment": "hello",
    "created by": "me",
    "creation date": 1_700_000_000,
}


def test_everything_a_torrent_file_says_is_in_the_parameters():
    params = load_torrent_buffer(v1_torrent(**FULL))
    assert params.ti is not None
    assert params.info_hashes == params.ti.info_hashes
    assert params.trackers == ["http://a/", "http://b/", "udp://c:1/x"]
    assert params.tracker_tiers == [0, 0, 1]
    assert params.url_seeds == ["http://w/file"]
    assert params.dht_nodes == [("router", 6881)]
    assert (params.comment, params.created_by, params.creation_date) == ("hello", "me", 1_700_000_000)
    assert params.have_pieces is None


def test_a_file_is_read(tmp_path):
    path = tmp_path / "x.torrent"
    path.write_bytes(v1_torrent())
    assert load_torrent_file(path).info_hashes == v1_info().info_hashes
    assert load_torrent_file(str(path)).ti.name == "file"
    with pytest.raises(FileNotFoundError):
        load_torrent_file(tmp_path / "missing")


def test_a_file_that_is_too_long_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "x.torrent"
    path.write_bytes(v1_torrent())
    size = path.stat().st_size
    assert load_torrent_file(path, LoadLimits(max_buffer_size=size)).ti is not None
    with pytest.raises(MetainfoError):
        load_torrent_file(path, LoadLimits(max_buffer_size=size - 1))


def test_a_decoded_file_is_taken_too():
    table = bencode.decode(v1_torrent(**FULL))
    assert load_torrent_parsed(table).trackers == ["http://a/", "http://b/", "udp://c:1/x"]


def test_what_is_written_reads_the_same():
    params = load_torrent_buffer(v1_torrent(**FULL))
    again = load_torrent_buffer(write_torrent_file_buf(params, WriteTorrentFlags.include_dht_nodes))
    for field in dataclasses.fields(AddTorrentParams):
        if field.name != "ti":
            assert getattr(again, field.name) == getattr(params, field.name), field.name
    assert again.ti.info_section == params.ti.info_section


def test_flags_say_what_is_left_out():
    params = load_torrent_buffer(v1_torrent(**FULL))
    table = write_torrent_file(params)
    assert b"nodes" not in table
    assert b"url-list" in table
    assert b"url-list" not in write_torrent_file(params, WriteTorrentFlags.no_http_seeds)
    assert table[b"info"] == bencode.decode(params.ti.info_section)


def test_without_metadata_there_is_nothing_to_write():
    with pytest.raises(TorrentParamsError) as caught:
        write_torrent_file_buf(AddTorrentParams())
    assert caught.value.code == ErrorCode.of(TorrentErrc.torrent_missing_info)


def test_a_hybrid_keeps_its_piece_layers():
    data = hybrid_torrent(PIECE_LENGTH * 2, 5)
    params = load_torrent_buffer(data)
    assert params.info_hashes.has_v2
    assert load_torrent_buffer(write_torrent_file_buf(params)).merkle_trees == params.merkle_trees
    assert bencode.decode(write_torrent_file_buf(params)) == bencode.decode(data)


def test_a_missing_piece_layer_is_an_error_unless_allowed():
    params = load_torrent_buffer(hybrid_torrent(PIECE_LENGTH * 2, 5))
    params.merkle_trees = []
    with pytest.raises(TorrentParamsError):
        write_torrent_file_buf(params)
    table = write_torrent_file(params, WriteTorrentFlags.allow_missing_piece_layer)
    assert not table.get(b"piece layers")


def v2_torrent():
    table = bencode.decode(hybrid_torrent(PIECE_LENGTH * 2))
    del table[b"info"][b"pieces"], table[b"info"][b"files"]
    return bencode.encode(table)


def test_a_torrent_of_v2_only():
    params = load_torrent_buffer(v2_torrent())
    assert params.info_hashes.v1 is None
    assert make_magnet_uri(params) == f"magnet:?xt=urn:btmh:1220{params.info_hashes.v2}&dn=folder"


def test_a_magnet_link_becomes_parameters():
    params = parse_magnet_uri(
        f"magnet:?xt=urn:btih:{HASH}&dn=a+name&tr=http%3A%2F%2Fa%2F&tr=udp%3A%2F%2Fb%3A1&ws=http%3A%2F%2Fw%2F"
        "&x.pe=10.0.0.1:5&dht=router:6881&so=0,2-3"
    )
    assert params.ti is None
    assert params.info_hashes == InfoHashes(Sha1Hash(b"\x11" * 20))
    assert params.name == "a name"
    assert params.trackers == ["http://a/", "udp://b:1"]
    assert params.tracker_tiers == [0, 1]
    assert params.url_seeds == ["http://w/"]
    assert params.peers == [("10.0.0.1", 5)]
    assert params.dht_nodes == [("router", 6881)]
    assert params.file_priorities == [4, 0, 4, 4]
    assert params.flags == TorrentFlags.default_flags | TorrentFlags.default_dont_download


def test_a_plain_magnet_link_wants_every_file():
    params = parse_magnet_uri(f"magnet:?xt=urn:btih:{HASH}")
    assert params.file_priorities == []
    assert params.flags == TorrentFlags.default_flags


def test_making_a_magnet_link():
    hashes = InfoHashes(Sha1Hash(b"\x11" * 20), Sha256Hash(b"\x22" * 32))
    params = AddTorrentParams(
        info_hashes=hashes, name="x y", trackers=["http://a/?b=c"], url_seeds=["http://w/"]
    )
    uri = make_magnet_uri(params)
    again = parse_magnet_uri(uri)
    assert (again.info_hashes, again.name, again.trackers) == (hashes, "x y", params.trackers)
    assert again.url_seeds == params.url_seeds
    info = v1_info()
    assert make_magnet_uri(info) == f"magnet:?xt=urn:btih:{info.info_hashes.v1}&dn=file"
    with pytest.raises(TorrentParamsError):
        make_magnet_uri(AddTorrentParams())


def test_a_magnet_link_names_peers_and_the_files_wanted():
    link = f"magnet:?xt=urn:btih:{HASH}&x.pe=10.0.0.1:5&x.pe=[2001:db8::1]:6&so=0,2-3"
    assert make_magnet_uri(parse_magnet_uri(link)) == link


@pytest.mark.parametrize(
    ("priorities", "flags", "selection"),
    [
        ([], 0, ""),
        ([4, 7], 0, ""),
        ([0, 4], 0, "&so=1-3"),
        ([4, 4, 4, 0], 0, "&so=0-2"),
        ([], TorrentFlags.default_dont_download, "&so="),
        ([4], TorrentFlags.default_dont_download, "&so=0"),
        ([4, 4, 4, 4], TorrentFlags.default_dont_download, ""),
    ],
)
def test_what_a_link_selects(priorities, flags, selection):
    info, _ = make_torrent([("a", 10), ("b", 10), ("c", 10), ("d", 10)])
    params = AddTorrentParams(ti=info, file_priorities=priorities, flags=TorrentFlags(flags))
    assert make_magnet_uri(params).partition("&dn=t")[2] == selection


@pytest.mark.interop
def test_libtorrent_reads_what_we_write_and_writes_what_we_read(require_peer):
    lt = require_peer("libtorrent")
    params = load_torrent_buffer(v1_torrent(**FULL))
    theirs = lt.load_torrent_buffer(write_torrent_file_buf(params))
    assert theirs.trackers == params.trackers
    assert theirs.tracker_tiers == params.tracker_tiers
    assert theirs.url_seeds == params.url_seeds
    assert theirs.info_hashes.v1.to_bytes() == bytes(params.info_hashes.v1)
    again = load_torrent_buffer(lt.bencode(lt.write_torrent_file(theirs)))
    assert again.trackers == params.trackers
    assert again.comment == params.comment
    hybrid = hybrid_torrent(PIECE_LENGTH * 3, 5)
    theirs = lt.load_torrent_buffer(write_torrent_file_buf(load_torrent_buffer(hybrid)))
    assert theirs.info_hashes.v2.to_bytes() == bytes(load_torrent_buffer(hybrid).info_hashes.v2)


@pytest.mark.interop
def test_magnet_links_are_libtorrents(require_peer):
    lt = require_peer("libtorrent")
    uri = f"magnet:?xt=urn:btih:{HASH}&dn=a%20b&tr=http%3a%2f%2fa%2f&ws=http%3a%2f%2fw%2f&so=1-2&x.pe=10.0.0.1:5"
    ours, theirs = parse_magnet_uri(uri), lt.parse_magnet_uri(uri)
    for name in ("name", "trackers", "tracker_tiers", "url_seeds", "peers", "file_priorities"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.flags & 1 << 23 == theirs.flags & 1 << 23
    assert parse_magnet_uri(lt.make_magnet_uri(theirs)).trackers == ours.trackers


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_garbage_is_a_remote_error(data):
    with pytest.raises(RemoteProtocolError):
        load_torrent_buffer(data)
    with pytest.raises(RemoteProtocolError):
        parse_magnet_uri(data.decode("latin-1"))


@pytest.mark.parametrize(
    ("url", "is_i2p"), [("http://x.i2p/announce", True), ("http://x.i2p.example.org/announce", False)]
)
def test_a_tracker_on_i2p_makes_it_a_torrent_there(url, is_i2p):
    info, _ = make_torrent(1000, 16384)
    file = write_torrent_file_buf(AddTorrentParams(ti=info, trackers=["http://example.org/announce", url]))
    resumed = write_resume_data_buf(
        AddTorrentParams(ti=info, save_path="/disk", trackers=["http://example.org/announce", url])
    )
    link = f"magnet:?xt=urn:btih:{'a' * 40}&tr=http://example.org/announce&tr={url}"
    for params in (load_torrent_buffer(file), parse_magnet_uri(link), read_resume_data(resumed)):
        assert bool(params.flags & TorrentFlags.i2p_torrent) is is_i2p
