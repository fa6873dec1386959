from __future__ import annotations

import pytest
from evtorrent.protocols.types import InfoHashes, Sha1Hash
from evtorrent.session.alerts import storage as alerts
from evtorrent.session.errors import ErrorCode, Operation, TorrentErrc

FULL = ErrorCode.from_errno(28)
HASHES = InfoHashes(Sha1Hash(b"\x11" * 20))


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("FileCompletedAlert", [2], "x: file 2 finished downloading"),
        ("FileRenamedAlert", [2, "new", "old"], 'x: file 2 renamed from "old" to "new"'),
        ("FileRenameFailedAlert", [2, FULL], "x: failed to rename file 2: No space left on device"),
        (
            "FileErrorAlert",
            [FULL, Operation.file_write, "/d/f"],
            "x file_write (/d/f) error: No space left on device",
        ),
        ("FilePrioAlert", [], "x file priorities updated"),
        (
            "FilePrioAlert",
            [FULL, Operation.partfile_write],
            "x file priorities failed: partfile_write: No space left on device",
        ),
        ("OversizedFileAlert", [], "x has an oversized file"),
        ("FileProgressAlert", [[1, 2]], "x file progress: 2 files"),
        ("ReadPieceAlert", [4, b"abc"], "x: read_piece 4 successful"),
        ("ReadPieceAlert", [4, b"", FULL], "x: read_piece 4 failed: No space left on device"),
        ("StorageMovedAlert", ["/b", "/a"], 'x moved storage from "/a" to: "/b"'),
        (
            "StorageMovedFailedAlert",
            [FULL, Operation.file_rename, "/a/f"],
            "x storage move failed. file_rename (/a/f): No space left on device",
        ),
        ("TorrentDeletedAlert", [HASHES], "x deleted"),
        ("TorrentDeleteFailedAlert", [FULL, HASHES], "x torrent deletion failed: No space left on device"),
        ("CacheFlushedAlert", [], "x cache flushed"),
        ("SaveResumeDataAlert", [None], "x resume data generated"),
        (
            "SaveResumeDataFailedAlert",
            [ErrorCode.of(TorrentErrc.resume_data_not_modified)],
            "x resume data was not generated: fastresume not modified since last save",
        ),
        (
            "FastresumeRejectedAlert",
            [ErrorCode.of(TorrentErrc.mismatching_file_size), Operation.check_resume, "/d/f"],
            "x fast resume rejected. check_resume(/d/f): mismatching file size",
        ),
    ],
)
def test_message(kind, fields, message):
    assert getattr(alerts, kind)(None, *fields, torrent_name="x").message() == message


def test_other_ways_to_ask():
    assert alerts.ReadPieceAlert(None, 4, b"abc").size == 3
    assert alerts.FileRenamedAlert(None, 2, "new", "old").new_name() == "new"
    assert alerts.StorageMovedAlert(None, "/b").storage_path() == "/b"
    assert alerts.TorrentDeletedAlert(None, HASHES).message() == f"{'11' * 20} deleted"


def test_answers_to_calls_are_posted_whatever_the_mask():
    for kind in (alerts.SaveResumeDataAlert, alerts.SaveResumeDataFailedAlert, alerts.ReadPieceAlert):
        assert kind.is_mandatory
    assert not alerts.FileErrorAlert.is_mandatory
