from __future__ import annotations

import dataclasses

import pytest
from evtorrent.protocols import bencode
from evtorrent.protocols.bits import Bitfield
from evtorrent.protocols.metainfo import LoadLimits
from evtorrent.protocols.types import InfoHashes, Sha1Hash, Sha256Hash
from evtorrent.session import resume_data
from evtorrent.session.errors import ResumeDataError, TorrentErrc
from evtorrent.session.flags import StorageMode, TorrentFlags
from evtorrent.session.loading import load_torrent_buffer
from evtorrent.session.params import AddTorrentParams
from evtorrent.session.resume_data import read_resume_data, write_resume_data, write_resume_data_buf
from hypothesis import given
from hypothesis import strategies as st
from support.torrents import PIECE_LENGTH, hybrid_torrent, v1_info

INFO = v1_info()  # 4 pieces of 2 blocks; the last has one
READ_SETS = TorrentFlags.override_trackers | TorrentFlags.override_web_seeds
"""Flags that reading sets, since the lists are always written."""
FLAGS = (
    TorrentFlags.paused
    | TorrentFlags.sequential_download
    | TorrentFlags.disable_pex
    | TorrentFlags.update_subscribe  # not written: every torrent has it when it is read
)
DEPRECATED_FLAGS = 1 << 14 | 1 << 16 | 1 << 18
"""Defaults of libtorrent's without a meaning here."""


def full() -> AddTorrentParams:
    return AddTorrentParams(
        save_path="/data/ünï",
        ti=INFO,
        info_hashes=INFO.info_hashes,
        name="a name",
        flags=FLAGS | READ_SETS,
        trackers=["http://a/", "http://b/", "udp://c:1/"],
        tracker_tiers=[0, 0, 1],
        url_seeds=["http://w/"],
        peers=[("10.0.0.1", 6881), ("2001:db8::1", 1)],
        banned_peers=[("10.0.0.2", 2), ("2001:db8::2", 65_535)],
        storage_mode=StorageMode.storage_mode_allocate,
        part_file_dir="parts",
        file_priorities=[7],
        piece_priorities=[0, 1, 4, 7],
        renamed_files={0: "folder/other"},
        max_uploads=3,
        max_connections=4,
        upload_limit=5,
        download_limit=6,
        total_uploaded=2**40,
        total_downloaded=8,
        active_time=9,
        finished_time=10,
        seeding_time=11,
        added_time=12,
        completed_time=13,
        last_seen_complete=14,
        last_download=15,
        last_upload=16,
        num_complete=17,
        num_incomplete=18,
        num_downloaded=19,
        have_pieces=Bitfield(4, 0b0101),
        verified_pieces=Bitfield(4, 0b0001),
        unfinished_pieces={1: Bitfield(2, 0b10), 3: Bitfield(1, 1)},
        comment="c",
        created_by="d",
        creation_date=20,
        root_certificate="pem",
    )


def differences(one: AddTorrentParams, other: AddTorrentParams) -> dict[str, tuple[object, object]]:
    found = {}
    for field in dataclasses.fields(AddTorrentParams):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name == "ti":
            a, b = a and a.info_section, b and b.info_section
        if a != b:
            found[field.name] = (a, b)
    return found


def test_everything_survives():
    assert differences(read_resume_data(write_resume_data_buf(full())), full()) == {}


def test_the_dictionary_reads_the_same():
    table = write_resume_data(full())
    assert table[b"file-format"] == b"libtorrent resume file"
    assert table[b"info"][b"name"] == b"file"
    assert differences(read_resume_data(table), full()) == {}
    assert b"info" not in write_resume_data(AddTorrentParams(info_hashes=INFO.info_hashes))


def test_what_is_empty_stays_empty():
    params = AddTorrentParams(info_hashes=INFO.info_hashes, flags=TorrentFlags.update_subscribe)
    again = read_resume_data(write_resume_data_buf(params))
    assert differences(again, params).keys() == {"flags"}
    assert again.flags == TorrentFlags.update_subscribe | READ_SETS
    assert again.have_pieces is None


def test_reading_leaves_nothing_to_save():
    params = AddTorrentParams(info_hashes=INFO.info_hashes)
    assert params.flags & TorrentFlags.need_save_resume
    assert not read_resume_data(write_resume_data_buf(params)).flags & TorrentFlags.need_save_resume


def test_hash_trees_survive():
    params = load_torrent_buffer(hybrid_torrent(PIECE_LENGTH * 4, PIECE_LENGTH, 5))
    params.verified_leaf_hashes[0] = Bitfield(8, 0b11)
    again = read_resume_data(write_resume_data_buf(params))
    assert again.info_hashes == params.info_hashes
    assert again.merkle_trees == params.merkle_trees
    for ours, theirs in zip(params.merkle_tree_mask, again.merkle_tree_mask, strict=True):
        assert ours.bits == theirs.bits
    assert again.verified_leaf_hashes[0] == Bitfield(8, 0b11)


def test_without_metadata_bits_are_rounded_up_and_fit_later():
    params = full()
    params.ti = None
    again = read_resume_data(write_resume_data_buf(params))
    assert again.ti is None
    assert len(again.have_pieces) == 8
    assert len(again.unfinished_pieces[1]) == 8
    again.fit_to(INFO)
    assert differences(again, params) == {}


def test_a_path_that_is_not_text_survives():
    path = b"/data/\xff".decode("utf-8", "surrogateescape")
    params = AddTorrentParams(info_hashes=INFO.info_hashes, save_path=path)
    assert read_resume_data(write_resume_data_buf(params)).save_path == path


def test_tiers_are_limited_and_gaps_kept_empty():
    params = AddTorrentParams(info_hashes=INFO.info_hashes, trackers=["a", "b"], tracker_tiers=[-1, 10**9])
    table = write_resume_data(params)
    assert len(table[b"trackers"]) == resume_data.MAX_TRACKER_TIER + 1
    assert read_resume_data(table).tracker_tiers == [0, 1024]


# What is read is not trusted.


def resume(**changes):
    """Resume data of nothing in particular with some keys replaced; None takes a key away."""
    table = {
        "file-format": "libtorrent resume file",
        "file-version": 2,
        "info-hash": bytes(INFO.info_hashes.v1),
        "info": bencode.RawValue(INFO.info_section),
    }
    table |= {key.replace("_", " ") if key in SPACED else key: value for key, value in changes.items()}
    return bencode.encode({key.replace("~", "-"): value for key, value in table.items() if value is not None})


SPACED = {"creation_date", "created_by"}


def refused(data: bytes) -> int:
    with pytest.raises(ResumeDataError) as caught:
        read_resume_data(data)
    assert str(caught.value)
    return caught.value.code.value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"", TorrentErrc.invalid_bencoding),
        (b"le", TorrentErrc.not_a_dictionary),
        (b"de", TorrentErrc.invalid_file_tag),
        (resume() + b"x", TorrentErrc.invalid_bencoding),
        (resume()[:-1], TorrentErrc.invalid_bencoding),
        (resume(**{"file-format": "other"}), TorrentErrc.invalid_file_tag),
        (resume(**{"file-version": 3}), TorrentErrc.invalid_file_tag),
        (resume(**{"file-version": b"2"}), TorrentErrc.invalid_file_tag),
        (resume(**{"info-hash": b"short"}), TorrentErrc.missing_info_hash),
        (resume(**{"info-hash": bytes(20), "info": None}), TorrentErrc.missing_info_hash),
        (resume(**{"info-hash": b"\x01" * 20}), TorrentErrc.mismatching_info_hash),
        (resume(**{"info-hash2": b"\x01" * 32}), TorrentErrc.mismatching_info_hash),
        (resume(**{"info-hash": bytes(20), "info": {"name": "x"}}), TorrentErrc.torrent_missing_piece_length),
        (resume(mapped_files=["../../etc/passwd"]), TorrentErrc.invalid_save_path),
        (resume(mapped_files=["", "/etc/passwd"]), TorrentErrc.invalid_save_path),
        (resume(mapped_files=["C:\\x"]), TorrentErrc.invalid_save_path),
        (resume(part_file_dir="../x"), TorrentErrc.invalid_save_path),
    ],
)
def test_what_is_no_resume_data_is_refused(data, value):
    assert refused(data) == value


def test_limits(monkeypatch):
    data = resume()
    monkeypatch.setattr(resume_data, "MAX_RESUME_DATA", len(data))
    assert read_resume_data(data).ti is not None
    monkeypatch.setattr(resume_data, "MAX_RESUME_DATA", len(data) - 1)
    assert refused(data) == TorrentErrc.limit_exceeded
    monkeypatch.undo()
    with pytest.raises(ResumeDataError):
        read_resume_data(data, LoadLimits(max_decode_tokens=3))
    with pytest.raises(ResumeDataError):
        read_resume_data(data, LoadLimits(max_pieces=INFO.num_pieces - 1))
    assert read_resume_data(data, LoadLimits(max_pieces=INFO.num_pieces)).ti is not None


def test_metadata_of_a_wrong_type_counts_as_missing():
    assert read_resume_data(resume(info=b"nonsense")).ti is None


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"total_uploaded": -5}, "total_uploaded", 0),
        ({"total_uploaded": b"many"}, "total_uploaded", 0),
        ({"max_uploads": -9}, "max_uploads", -1),
        ({"num_complete": -1}, "num_complete", -1),
        ({"save_path": 5}, "save_path", ""),
        ({"url-list": ["http://w/", "", 5, b"\xff"]}, "url_seeds", ["http://w/"]),
        ({"trackers": [["a"], 5, [6, "b"], [], ["c"]]}, "tracker_tiers", [0, 1, 3]),
        ({"file_priority": [-1, 9, "x", 3]}, "file_priorities", [0, 7, 4, 3]),
        ({"piece_priority": b"\x00\x09"}, "piece_priorities", [0, 7]),
        ({"peers": b"\x7f\x00\x00\x01\x1a\xe1" + b"\x01" * 5}, "peers", [("127.0.0.1", 6881)]),
        ({"peers": b"\x7f\x00\x00\x01\x00\x00"}, "peers", []),
        ({"peers6": bytes(15) + b"\x01\x00\x07\x01"}, "peers", [("::1", 7)]),
        ({"mapped_files": [5, "", "x"]}, "renamed_files", {2: "x"}),
        ({"pieces": b"\xff\xff"}, "have_pieces", Bitfield(4, 0b1111)),
        ({"pieces": b""}, "have_pieces", None),
        ({"pieces": b"\0"}, "have_pieces", Bitfield(4)),
        ({"verified": b"\0"}, "verified_pieces", None),
        ({"pieces": 7}, "have_pieces", None),
        ({"unfinished": [{"piece": 99, "bitmask": b"\xff"}]}, "unfinished_pieces", {}),
        ({"unfinished": [{"piece": -1, "bitmask": b"\xff"}, 5, {"piece": 1}]}, "unfinished_pieces", {}),
        ({"unfinished": [{"piece": 3, "bitmask": b"\xff"}]}, "unfinished_pieces", {3: Bitfield(1, 1)}),
        ({"allocation": "full"}, "storage_mode", StorageMode.storage_mode_allocate),
        ({"trees": [{"hashes": bytes(31)}, {"hashes": bytes(32)}]}, "merkle_trees", []),
        ({"trees": [{"hashes": bytes(32)}, 5, {"hashes": b""}]}, "merkle_trees", [[Sha256Hash()]]),
    ],
)
def test_odd_values_are_put_right(changes, field, expected):
    assert getattr(read_resume_data(resume(**changes)), field) == expected


def test_flags_that_are_not_said_keep_their_default():
    params = read_resume_data(resume(seed_mode=1, paused=0))
    assert params.flags & TorrentFlags.seed_mode
    assert not params.flags & TorrentFlags.paused
    assert params.flags & TorrentFlags.auto_managed
    assert not params.flags & READ_SETS


def test_a_file_that_is_not_wanted_ends_seed_mode():
    assert not read_resume_data(resume(seed_mode=1, file_priority=[0])).flags & TorrentFlags.seed_mode


def test_the_first_version_of_the_format():
    data = resume(
        **{
            "file-version": 1,
            "pieces": b"\x01\x02\x03\x00",
            "trees": [{"hashes": bytes(32), "mask": b"011", "verified": b"10"}],
        }
    )
    params = read_resume_data(data)
    assert params.have_pieces == Bitfield(4, 0b0101)
    assert params.verified_pieces == Bitfield(4, 0b0110)
    assert params.merkle_tree_mask == [Bitfield(3, 0b110)]
    assert params.verified_leaf_hashes == [Bitfield(2, 0b01)]
    params = read_resume_data(resume(**{"file-version": 1, "pieces": b"\x01"}))
    assert params.verified_pieces is None


VALUES = st.recursive(
    st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(sorted(write_resume_data(full()).keys() - {b"file-format", b"info-hash"} | {b"trees"}))


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_value_of_any_key_is_read_or_refused(changes):
    table = {b"file-format": b"libtorrent resume file", b"file-version": 2, b"info-hash": INFO.info_hashes.v1}
    try:
        params = read_resume_data(bencode.encode(table | changes))
    except ResumeDataError:
        return
    again = read_resume_data(write_resume_data_buf(params))
    assert differences(again, params).keys() <= {"tracker_tiers", "flags"}


@given(st.binary(max_size=100))
def test_garbage_is_refused(data):
    with pytest.raises(ResumeDataError):
        read_resume_data(data)


# Interchange with libtorrent

COMPARED = (
    "save_path", "name", "trackers", "tracker_tiers", "url_seeds", "peers", "banned_peers", "part_file_dir",
    "file_priorities", "piece_priorities", "renamed_files", "max_uploads", "max_connections", "upload_limit",
    "download_limit", "total_uploaded", "total_downloaded", "active_time", "finished_time", "seeding_time",
    "added_time", "completed_time", "last_seen_complete", "last_download", "last_upload", "num_complete",
    "num_incomplete", "num_downloaded", "comment", "created_by", "creation_date", "root_certificate",
)  # fmt: skip


def bits(field: Bitfield, size: int) -> list[bool]:
    return [index < len(field) and field[index] for index in range(size)]


@pytest.mark.interop
def test_libtorrent_reads_ours(require_peer):
    lt = require_peer("libtorrent")
    ours = full()
    theirs = lt.read_resume_data(write_resume_data_buf(ours))
    for name in COMPARED:
        assert getattr(theirs, name) == getattr(ours, name), name
    assert theirs.have_pieces == bits(ours.have_pieces, 8)
    assert theirs.verified_pieces == bits(ours.verified_pieces, 8)
    assert theirs.unfinished_pieces == {1: bits(ours.unfinished_pieces[1], 8), 3: bits(Bitfield(1, 1), 8)}
    assert theirs.ti.info_hashes().v1.to_bytes() == bytes(ours.info_hashes.v1)
    assert theirs.flags & ~DEPRECATED_FLAGS == ours.flags
    assert int(theirs.storage_mode) == ours.storage_mode


@pytest.mark.interop
def test_we_read_libtorrents(require_peer):
    lt = require_peer("libtorrent")
    ours = full()
    theirs = lt.read_resume_data(write_resume_data_buf(ours))
    assert differences(read_resume_data(lt.write_resume_data_buf(theirs)), ours) == {}


@pytest.mark.interop
def test_a_magnet_link_travels_both_ways(require_peer):
    lt = require_peer("libtorrent")
    hashes = InfoHashes(Sha1Hash(b"\x11" * 20), Sha256Hash(b"\x22" * 32))
    theirs = lt.read_resume_data(write_resume_data_buf(AddTorrentParams(info_hashes=hashes, name="x")))
    assert theirs.ti is None
    assert theirs.info_hashes.v2.to_bytes() == bytes(hashes.v2)
    again = read_resume_data(lt.write_resume_data_buf(theirs))
    assert again.info_hashes == hashes
    assert again.name == "x"
