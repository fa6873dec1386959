from __future__ import annotations

import os
from pathlib import Path

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.session import load_torrent_file
from evtorrent.session.cli.exit_status import CommandFailed
from evtorrent.session.cli.folder_lock import FolderLocks, Locked
from evtorrent.session.cli.top.state_folder import StateFolder, default_state_folder
from support.command_line import make_sample


@pytest.fixture
def state(tmp_path):
    with FolderLocks() as locks:
        folder = StateFolder(tmp_path / "deep" / "state")
        folder.open(locks)
        yield folder


def saved(state, place, name):
    """A torrent whose files are all there, saved as half done with a limit."""
    sample = make_sample(place, name, size=50_000)
    params = load_torrent_file(sample.torrent)
    params.save_path = str(sample.folder)
    params.have_pieces = Bitfield(params.ti.num_pieces, 0b11)
    params.download_limit = 1000
    params.file_priorities = [4, 0, 4]
    state.save(params)
    return params


def test_what_was_saved_comes_back_in_order(state, tmp_path):
    keys = [str(saved(state, tmp_path, name).ti.info_hashes.best()) for name in ("a", "b", "c")]
    state.save_order([keys[2], keys[0]])
    found, problems = state.load()
    assert [params.ti.name for params in found] == ["c", "a", "b"]
    assert problems == []
    assert (found[0].download_limit, found[0].file_priorities) == (1000, [4, 0, 4])
    assert found[0].have_pieces.count() == 2
    assert found[0].save_path == str(tmp_path / "origin")


def test_files_that_changed_are_not_believed(state, tmp_path):
    params = saved(state, tmp_path, "a")
    (Path(params.save_path) / "a" / "big.bin").write_bytes(bytes(50_000))
    ((found,), _) = state.load()
    assert not found.have_pieces.any()


def test_damage_is_told_and_the_rest_is_there(state, tmp_path):
    saved(state, tmp_path, "a")
    (state.folder / f"{'0' * 40}.resume").write_bytes(b"nonsense")
    (state.folder / f"{'1' * 40}.resume").mkdir()
    found, problems = state.load()
    assert len(found) == 1 and len(problems) == 2
    state.remove("", found[0].ti.info_hashes)
    assert state.load()[0] == []


def test_one_session_at_a_time(state):
    with FolderLocks() as other, pytest.raises(Locked, match="the state of a live session is in use"):
        StateFolder(state.folder).open(other)


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    with FolderLocks() as locks, pytest.raises(CommandFailed) as failed:
        StateFolder(tmp_path / "file" / "state").open(locks)
    assert failed.value.status == 4


def test_where_it_is_by_default(monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_state_folder() == Path("/state/evtorrent")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert default_state_folder() == Path(os.path.expanduser("~/.local/state/evtorrent"))
