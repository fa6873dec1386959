from __future__ import annotations

import os
import random

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.session import AddTorrentParams, load_torrent_file, read_resume_data
from evtorrent.session.cli import resume_store
from evtorrent.session.cli.resume_store import ResumeStore, UnusableResumeData
from support.command_line import make_sample


@pytest.fixture
def saved(tmp_path):
    """(store, .torrent, save path) of a download that ended cleanly with everything."""
    sample = make_sample(tmp_path, size=200_000)
    params = fresh(sample)
    params.have_pieces = Bitfield.full(params.ti.num_pieces)
    params.total_downloaded = 12345
    params.peers = [("10.0.0.1", 5)]
    store = ResumeStore()
    store.save(params)
    return store, sample


def fresh(sample) -> AddTorrentParams:
    params = load_torrent_file(sample.torrent)
    params.save_path = str(sample.folder)
    return params


def resume_file(store, sample):
    return store.path(str(sample.folder), fresh(sample).ti.info_hashes)


def test_unchanged_files_are_believed(saved):
    store, sample = saved
    params = fresh(sample)
    params.peers = [("10.0.0.9", 9)]
    assert store.take_up(params)
    assert params.have_pieces.all()
    assert params.total_downloaded == 12345
    assert params.peers == [("10.0.0.9", 9), ("10.0.0.1", 5)]


def test_a_changed_file_is_not(saved):
    store, sample = saved
    path = sample.root / "deep" / "ünï.txt"
    path.write_bytes(random.Random(0).randbytes(path.stat().st_size))
    os.utime(path, ns=(1, 1))
    params = fresh(sample)
    assert store.take_up(params)
    files = params.ti.files
    (changed,) = [i for i in files if files.path(i).endswith(".txt")]
    claimed = set(params.have_pieces.indices())
    assert claimed == set(range(params.ti.num_pieces)) - set(files.pieces_of(changed))


def test_a_file_that_vanished_is_not(saved):
    store, sample = saved
    (sample.root / "big.bin").unlink()
    params = fresh(sample)
    store.take_up(params)
    assert params.have_pieces.count() < params.ti.num_pieces


def test_a_changed_part_file_takes_unwanted_files_with_it(saved):
    store, sample = saved
    params = fresh(sample)
    params.have_pieces = Bitfield.full(params.ti.num_pieces)
    files = params.ti.files
    (unwanted,) = [i for i in files if files.path(i).endswith(".txt")]
    params.file_priorities = [0 if i == unwanted else 4 for i in files]
    store.save(params)
    (sample.folder / f".{params.ti.info_hashes.best()}.parts").write_bytes(b"x")
    again = fresh(sample)
    store.take_up(again)
    assert set(range(again.ti.num_pieces)) - set(again.have_pieces.indices()) == set(
        files.pieces_of(unwanted)
    )


def test_the_command_line_says_what_is_wanted(saved):
    store, sample = saved
    params = fresh(sample)
    params.have_pieces = Bitfield.full(params.ti.num_pieces)
    params.upload_limit = 5
    params.trackers = ["http://old/"]
    params.file_priorities = [0, 0, 0]
    store.save(params)
    again = fresh(sample)
    store.take_up(again)
    assert (again.upload_limit, again.trackers, again.file_priorities) == (-1, [], [])


def test_a_magnet_link_gets_its_metadata_back(saved):
    store, sample = saved
    info = fresh(sample).ti
    params = AddTorrentParams(info_hashes=info.info_hashes, save_path=str(sample.folder))
    assert store.take_up(params)
    assert params.ti.info_section == info.info_section
    assert params.have_pieces.all()


def test_before_the_metadata_there_is_little_to_save(tmp_path, saved):
    store, sample = saved
    hashes = fresh(sample).ti.info_hashes
    store.save(
        AddTorrentParams(
            info_hashes=hashes, save_path=str(tmp_path / "new" / "folder"), peers=[("10.0.0.1", 5)]
        )
    )
    params = AddTorrentParams(info_hashes=hashes, save_path=str(tmp_path / "new" / "folder"))
    assert store.take_up(params)
    assert (params.ti, params.have_pieces, params.peers) == (None, None, [("10.0.0.1", 5)])


def test_it_is_resume_data_as_others_write_it(saved):
    store, sample = saved
    assert read_resume_data(resume_file(store, sample).read_bytes()).have_pieces.all()


def test_nothing_saved_and_removed(saved):
    store, sample = saved
    store.remove(str(sample.folder), fresh(sample).ti.info_hashes)
    store.remove(str(sample.folder), fresh(sample).ti.info_hashes)
    assert not store.take_up(fresh(sample))
    assert not resume_file(store, sample).exists()


@pytest.mark.parametrize("damage", [b"", b"garbage", b"d1:ae", b"de"])
def test_damaged_data_is_refused(saved, damage):
    store, sample = saved
    resume_file(store, sample).write_bytes(damage)
    with pytest.raises(UnusableResumeData, match="evtorrent"):
        store.take_up(fresh(sample))


def test_cut_data_is_refused(saved):
    store, sample = saved
    path = resume_file(store, sample)
    whole = path.read_bytes()
    for length in range(0, len(whole), 997):
        path.write_bytes(whole[:length])
        with pytest.raises(UnusableResumeData):
            store.take_up(fresh(sample))


def test_data_of_another_torrent_is_refused(saved, tmp_path):
    store, sample = saved
    other = make_sample(tmp_path, "other", size=50_000)
    resume_file(store, other).write_bytes(resume_file(store, sample).read_bytes())
    with pytest.raises(UnusableResumeData, match="another torrent"):
        store.take_up(fresh(other))


def test_a_write_that_fails_leaves_what_was_there(saved, monkeypatch):
    store, sample = saved
    before = resume_file(store, sample).read_bytes()

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(resume_store.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.save(fresh(sample))
    assert resume_file(store, sample).read_bytes() == before
    assert not list(sample.folder.glob("*.tmp"))
