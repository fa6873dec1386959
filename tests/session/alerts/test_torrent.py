from __future__ import annotations

import pytest
from evtorrent.protocols.types import InfoHashes, Sha1Hash
from evtorrent.session.alerts import torrent as alerts
from evtorrent.session.errors import ErrorCode, TorrentErrc
from evtorrent.session.params import AddTorrentParams
from evtorrent.session.status import TorrentState

FULL = ErrorCode.from_errno(28)
HASHES = InfoHashes(Sha1Hash(b"\x11" * 20))


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("AddTorrentAlert", [AddTorrentParams(name="y")], "added torrent: x"),
        (
            "AddTorrentAlert",
            [AddTorrentParams(), ErrorCode.of(TorrentErrc.duplicate_torrent)],
            'failed to add torrent "x": [libtorrent] torrent already exists in session',
        ),
        ("TorrentRemovedAlert", [HASHES], "x removed"),
        (
            "StateChangedAlert",
            [TorrentState.downloading, TorrentState.checking_files],
            "x: state changed to: downloading",
        ),
        ("StateChangedAlert", [TorrentState.checking_resume_data, 3], "x: state changed to: checking (r)"),
        ("TorrentFinishedAlert", [], "x torrent finished downloading"),
        ("TorrentCheckedAlert", [], "x checked"),
        ("TorrentPausedAlert", [], "x paused"),
        ("TorrentResumedAlert", [], "x resumed"),
        ("TorrentErrorAlert", [FULL, "/d/f"], "x ERROR: (28 No space left on device) /d/f"),
        ("TorrentErrorAlert", [FULL], "x ERROR: (28 No space left on device)"),
        ("MetadataReceivedAlert", [], "x metadata successfully received"),
        (
            "MetadataFailedAlert",
            [ErrorCode.of(TorrentErrc.mismatching_info_hash)],
            "x invalid metadata received: mismatching info-hash",
        ),
        ("TorrentConflictAlert", [None, None], "x conflicts with another torrent"),
        ("PieceFinishedAlert", [3], "x piece: 3 finished downloading"),
        ("HashFailedAlert", [3], "x hash for piece 3 failed"),
        (
            "PerformanceAlert",
            [alerts.PerformanceWarning.upload_limit_too_low],
            "x: performance warning: upload limit too low",
        ),
        ("TorrentLogAlert", ["hello"], "x: hello"),
        ("PeerInfoAlert", [[1, 2]], "x peer info: 2 peers"),
        ("PieceInfoAlert", [[1]], "x piece info: 1 pieces"),
        ("PieceAvailabilityAlert", [[0, 1, 2]], "x piece availability: 3 pieces"),
        ("TrackerListAlert", [[]], "x tracker list: 0 trackers"),
    ],
)
def test_message(kind, fields, message):
    assert getattr(alerts, kind)(None, *fields, torrent_name="x").message() == message


def test_a_torrent_that_was_never_named_is_called_by_its_hash():
    assert alerts.TorrentRemovedAlert(None, HASHES).message() == f"{'11' * 20} removed"
    params = AddTorrentParams(name="from the link")
    assert alerts.AddTorrentAlert(None, params).message() == "added torrent: from the link"


def test_log_message_is_the_bare_line():
    assert alerts.TorrentLogAlert(None, "hello", torrent_name="x").log_message() == "hello"
