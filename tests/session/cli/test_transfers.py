from __future__ import annotations

import math
import os
import signal
from types import SimpleNamespace

import pytest
from evtorrent.session import (
    AddTorrentParams,
    ErrorCode,
    FastresumeRejectedAlert,
    HashFailedAlert,
    Session,
    SessionErrorAlert,
    TorrentErrorAlert,
    TrackerErrorAlert,
    TrackerWarningAlert,
    load_torrent_file,
)
from evtorrent.session.cli.exit_status import ExitStatus
from evtorrent.session.cli.interrupts import Interrupts
from evtorrent.session.cli.reporters import JsonLines
from evtorrent.session.cli.resume_store import ResumeStore
from evtorrent.session.cli.selection import Selection
from evtorrent.session.cli.transfers import TransferPlan, Transfers
from support.command_line import event, make_sample, seeding


@pytest.fixture
def begin():
    """`begin(plan)` → transfers in a session of their own, closed at the end."""
    made = []

    def begin(plan=TransferPlan(), **options) -> Transfers:
        transfers = Transfers(
            Session({"listen_interfaces": "127.0.0.1:0", "enable_lsd": False, "enable_dht": False}),
            JsonLines(interval=0),
            Interrupts(),
            plan,
            **options,
        )
        made.append(transfers)
        return transfers

    yield begin
    for transfers in made:
        transfers.close()


def params_of(sample, folder) -> AddTorrentParams:
    params = load_torrent_file(sample.torrent)
    params.save_path = str(folder)
    return params


@pytest.fixture
def sample(tmp_path):
    return make_sample(tmp_path, size=100_000)


def test_what_is_there_is_complete(begin, sample, capsys):
    transfers = begin()
    assert transfers.add(params_of(sample, sample.folder))
    assert not transfers.add(params_of(sample, sample.folder))
    assert transfers.run() == ExitStatus.DONE
    out = capsys.readouterr().out
    assert event(out, "complete")["size"] == 120_000
    assert event(out, "progress")["state"] == "complete"
    assert event(out, "progress")["average_rate"] is None, "nothing came"


def test_what_came_has_an_average(begin, sample, tmp_path, capsys):
    transfers = begin()
    with seeding(sample) as peer:
        host, _, port = peer.rpartition(":")
        transfers.add(params_of(sample, tmp_path / "dl"), peers=[(host, int(port))])
        assert transfers.run() == ExitStatus.DONE
    out = capsys.readouterr().out
    seconds = event(out, "complete")["seconds"]
    assert event(out, "progress")["average_rate"] == pytest.approx(120_000 / seconds, rel=0.05)
    assert event(out, "progress")["download_rate"] == 0


def test_a_seed_must_have_everything(begin, sample):
    (sample.root / "big.bin").write_bytes(bytes(100_000))
    transfers = begin(TransferPlan(seed_time=math.inf, must_be_complete=True))
    transfers.add(params_of(sample, sample.folder))
    assert transfers.run() == ExitStatus.DISK
    assert transfers.transfers[0].note.startswith("only ")


def test_time_runs_out(begin, sample, tmp_path):
    transfers = begin(TransferPlan(timeout=0.0))
    transfers.add(params_of(sample, tmp_path / "elsewhere"))
    assert transfers.run() == ExitStatus.TIMEOUT


def test_seeding_has_an_end(begin, sample, capsys):
    transfers = begin(TransferPlan(seed_time=0.2))
    transfers.add(params_of(sample, sample.folder))
    assert transfers.run() == ExitStatus.DONE
    assert event(capsys.readouterr().out, "progress")["state"] == "seeding"


def test_an_interrupt_is_a_failure_only_while_there_is_work(begin, sample, tmp_path):
    transfers = begin(TransferPlan(seed_time=math.inf))
    transfers.add(params_of(sample, sample.folder))
    while not transfers.transfers[0].is_done:
        assert transfers.step() is None
    transfers._interrupts.received = signal.SIGINT
    assert transfers.step() == ExitStatus.DONE
    other = begin()
    other.add(params_of(sample, tmp_path / "elsewhere"))
    other._interrupts.received = signal.SIGTERM
    assert other.run() == 143


def test_a_selection_waits_for_metadata(begin, sample, tmp_path):
    transfers = begin()
    hashes = load_torrent_file(sample.torrent).info_hashes
    transfers.add(AddTorrentParams(info_hashes=hashes, save_path=str(tmp_path)), Selection(("0",)))
    assert transfers.step() is None
    assert transfers.views()[0].state == "getting metadata"
    assert transfers.transfers[0].selection is not None


def test_a_vanished_file_is_found_out(begin, sample, monkeypatch):
    transfers = begin()
    transfers.add(params_of(sample, sample.folder))
    gone = SimpleNamespace(
        path=os.path, stat=lambda path: (_ for _ in ()).throw(FileNotFoundError(2, "gone"))
    )
    monkeypatch.setattr("evtorrent.session.cli.transfers.os", gone)
    assert transfers.run() == ExitStatus.DISK
    assert "missing or incomplete" in transfers.transfers[0].note


def test_troubles_are_told_once(begin, sample, tmp_path, capsys):
    transfers = begin()
    transfers.add(params_of(sample, tmp_path / "elsewhere"))
    handle = transfers.transfers[0].handle
    error = ErrorCode(1, "generic", "no\x1b way")
    for _ in range(2):
        transfers._take(TrackerErrorAlert(handle, "http://t/", 1, error))
        transfers._take(TrackerWarningAlert(handle, "http://t/", "careful"))
        transfers._take(HashFailedAlert(handle, 3))
        transfers._take(FastresumeRejectedAlert(handle, error))
    transfers._take(SessionErrorAlert(error))
    err = capsys.readouterr().err
    assert err.count("tracker http://t/: no\\x1b way") == 1
    assert [
        word
        for word in ("warns: careful", "piece 3", "does not fit", "session error")
        if err.count(word) != 1
    ] == []


def test_one_failure_does_not_stop_the_others(begin, sample, tmp_path):
    other = make_sample(tmp_path, "other", size=50_000)
    transfers = begin()
    transfers.add(params_of(other, tmp_path / "elsewhere"))
    transfers.add(params_of(sample, sample.folder))
    transfers._take(TorrentErrorAlert(transfers.transfers[0].handle, ErrorCode(1, "generic", "broken"), "/x"))
    assert transfers.run() == ExitStatus.FAILED
    assert [t.is_done for t in transfers.transfers] == [False, True]
    assert transfers.views()[0].state == "failed"


def test_what_is_unfinished_is_saved_and_what_is_finished_is_not(sample, tmp_path, begin):
    store = ResumeStore()
    other = make_sample(tmp_path, "other", size=50_000)
    transfers = begin(store=store)
    transfers.add(params_of(other, tmp_path / "elsewhere"))
    transfers.add(params_of(sample, sample.folder))
    while not transfers.transfers[1].is_done:
        transfers.step()
    transfers.close()
    assert [path.parent.name for path in tmp_path.rglob(".*.evtorrent")] == ["elsewhere"]


def test_a_torrent_that_gave_enough_stops_and_the_rest_goes_on(begin, sample, tmp_path, monkeypatch):
    other = make_sample(tmp_path, "other", size=50_000)
    transfers = begin(TransferPlan(seed_time=math.inf, seed_ratio=0.5))
    generous = params_of(sample, sample.folder)
    generous.total_uploaded = 60_000  # half of it, in an earlier run
    transfers.add(generous)
    transfers.add(params_of(other, other.folder))
    while not transfers.transfers[0].has_given or not transfers.transfers[1].is_done:
        assert transfers.step() is None
    assert [view.state for view in transfers.views()] == ["complete", "seeding"]
    while not transfers.transfers[0].handle.status().is_paused:
        assert transfers.step() is None
    monkeypatch.setattr(transfers, "_plan", TransferPlan(seed_time=math.inf, seed_ratio=0.0))
    assert transfers.run() == ExitStatus.DONE
