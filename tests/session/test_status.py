from __future__ import annotations

import dataclasses

import pytest
from evtorrent.session.errors import NO_ERROR, ErrorCode
from evtorrent.session.flags import PieceState, TorrentFlags
from evtorrent.session.status import (
    AnnounceEndpoint,
    AnnounceEntry,
    AnnounceInfohash,
    BlockInfo,
    ErrorFile,
    PartialPieceInfo,
    PeerInfo,
    TorrentState,
    TorrentStatus,
)


def test_a_new_status_knows_nothing():
    status = TorrentStatus()
    assert status.state is TorrentState.checking_resume_data
    assert status.errc is NO_ERROR
    assert status.error_file == ErrorFile.none
    assert (status.num_complete, status.num_incomplete) == (-1, -1)
    assert not status.is_paused
    assert TorrentStatus(flags=TorrentFlags.paused).is_paused


def test_representations_are_short():
    status = TorrentStatus(name="debian", state=TorrentState.seeding, progress_ppm=1_000_000)
    assert repr(status) == "TorrentStatus('debian', seeding, 100.0 %)"
    peer = PeerInfo(ip=("10.0.0.1", 5), client="qB", progress_ppm=123_456)
    assert repr(peer) == "PeerInfo(10.0.0.1:5, 'qB', 12.3 %)"
    assert peer.remote_endpoint() == ("10.0.0.1", 5)
    assert repr(AnnounceEntry("http://t/", 1)) == "AnnounceEntry('http://t/', tier=1)"


def test_a_tracker_without_endpoints_has_not_been_asked():
    entry = AnnounceEntry("http://t/")
    assert not entry.is_working()
    assert not entry.updating
    assert (entry.fails, entry.message, entry.last_error) == (0, "", NO_ERROR)
    assert (entry.scrape_complete, entry.scrape_incomplete, entry.scrape_downloaded) == (-1, -1, -1)
    assert (entry.next_announce, entry.min_announce) == (None, None)


def test_a_tracker_is_summed_up_from_its_endpoints():
    refused = ErrorCode.from_errno(111)
    failed = AnnounceInfohash("no", refused, 60.0, 10.0, 1, 2, 3, fails=4)
    entry = AnnounceEntry(
        "http://t/",
        endpoints=[
            AnnounceEndpoint(),
            AnnounceEndpoint(info_hashes=[failed]),
            AnnounceEndpoint(info_hashes=[AnnounceInfohash(updating=True)]),
        ],
    )
    assert (entry.message, entry.last_error, entry.fails) == ("no", refused, 4)
    assert (entry.scrape_incomplete, entry.scrape_complete, entry.scrape_downloaded) == (1, 2, 3)
    assert (entry.next_announce, entry.min_announce) == (60.0, 10.0)
    assert entry.updating
    assert entry.is_working()
    entry.endpoints.pop()
    assert not entry.is_working()


def test_a_partial_piece_counts_its_blocks():
    states = [
        PieceState.none,
        PieceState.requested,
        PieceState.writing,
        PieceState.finished,
        PieceState.finished,
    ]
    piece = PartialPieceInfo(7, [BlockInfo(state) for state in states])
    assert (piece.blocks_in_piece, piece.requested, piece.writing, piece.finished) == (5, 1, 1, 2)


LEFT_OUT = {
    # Deprecated in libtorrent, or a field of the flags.
    "active_time", "announce_interval", "auto_managed", "error", "finished_time", "info_hash", "ip_filter_applies",
    "is_loaded", "last_scrape", "need_save_resume", "paused", "priority", "seed_mode", "seeding_time",
    "sequential_download", "share_mode", "stop_when_ready", "super_seeding", "time_since_download",
    "time_since_upload", "upload_mode",
}  # fmt: skip

PEER_LEFT_OUT = {
    "download_limit", "estimated_reciprocation_rate", "load_balancing", "remote_dl_rate", "upload_limit"
}  # fmt: skip


@pytest.mark.interop
@pytest.mark.parametrize(
    ("ours", "theirs", "left_out"),
    [(TorrentStatus, "torrent_status", LEFT_OUT), (PeerInfo, "peer_info", PEER_LEFT_OUT)],
)
def test_fields_are_libtorrents(require_peer, ours, theirs, left_out):
    lt = require_peer("libtorrent")
    kind = getattr(lt, theirs)
    expected = {name for name, value in vars(kind).items() if isinstance(value, property)}
    assert expected - {field.name for field in dataclasses.fields(ours)} == left_out


@pytest.mark.interop
def test_states_are_libtorrents(require_peer):
    lt = require_peer("libtorrent")
    for state in TorrentState:
        assert int(getattr(lt.torrent_status.states, state.name)) == state
