from __future__ import annotations

import pytest
from evtorrent.session import flags
from evtorrent.session.flags import AlertCategory, PeerFlags, ResumeDataFlags, StatusFlags, TorrentFlags


def test_default_flags_are_the_documented_ones():
    assert TorrentFlags.default_flags == (
        TorrentFlags.update_subscribe
        | TorrentFlags.auto_managed
        | TorrentFlags.paused
        | TorrentFlags.apply_ip_filter
        | TorrentFlags.need_save_resume
    )


def test_only_if_modified_is_every_kind_of_change():
    assert int(ResumeDataFlags.only_if_modified) == 248


def test_all_category_takes_every_bit():
    assert all(category & AlertCategory.all for category in AlertCategory)


def _same_values(ours, theirs):
    compared = 0
    for name in dir(theirs):
        member = getattr(ours, name, None)
        if not name.startswith("_") and isinstance(member, int) and name != "default_flags":
            assert int(member) == int(getattr(theirs, name)), name
            compared += 1
    return compared


@pytest.mark.interop
@pytest.mark.parametrize(
    ("ours", "theirs", "least"),
    [
        ("TorrentFlags", "torrent_flags", 17),
        ("AlertCategory", "alert_category", 20),
        ("StatusFlags", "status_flags_t", 5),
        ("ResumeDataFlags", "save_resume_flags_t", 3),
        ("ReannounceFlags", "reannounce_flags_t", 1),
        ("DeadlineFlags", "deadline_flags_t", 1),
        ("FileProgressFlags", "file_progress_flags_t", 1),
        ("AddPieceFlags", "add_piece_flags_t", 1),
        ("WriteTorrentFlags", "write_flags", 3),
        ("MoveFlags", "move_flags_t", 5),
        ("StorageMode", "storage_mode_t", 2),
        ("TrackerEvent", "event_t", 5),
        ("SeedChokingAlgorithm", "seed_choking_algorithm_t", 3),
        ("SuggestMode", "suggest_mode_t", 2),
        ("AnnounceFlags", "announce_flags_t", 3),
        ("EncPolicy", "enc_policy", 3),
        ("EncLevel", "enc_level", 3),
    ],
)
def test_values_are_libtorrents(require_peer, ours, theirs, least):
    lt = require_peer("libtorrent")
    assert _same_values(getattr(flags, ours), getattr(lt, theirs)) >= least


@pytest.mark.interop
def test_peer_flags_are_libtorrents(require_peer):
    lt = require_peer("libtorrent")
    assert _same_values(PeerFlags, lt.peer_info) >= 15


def test_status_flags_cover_all_fields():
    combined = 0
    for flag in StatusFlags:
        combined |= flag
    assert combined == StatusFlags.all_fields
