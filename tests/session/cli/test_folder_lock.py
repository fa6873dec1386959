from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from evtorrent.protocols.types import InfoHashes, Sha1Hash, Sha256Hash
from evtorrent.session.cli import folder_lock
from evtorrent.session.cli.folder_lock import FolderLocks, Locked

V1 = InfoHashes(Sha1Hash(b"1" * 20))
HYBRID = InfoHashes(Sha1Hash(b"1" * 20), Sha256Hash(b"2" * 32))


def test_one_at_a_time_by_name_of_the_other(tmp_path):
    with FolderLocks() as mine, FolderLocks() as other:
        mine.lock(str(tmp_path), V1, "sample")
        mine.lock(str(tmp_path), V1, "sample")  # ours already
        with pytest.raises(Locked) as refused:
            other.lock(str(tmp_path), V1, "sample")
        assert refused.value.owner == f"process {os.getpid()}"
        assert str(refused.value).startswith(f"sample is in use in {tmp_path} by process {os.getpid()}")
        assert refused.value.status == 4
        mine.unlock(str(tmp_path), V1)
        mine.unlock(str(tmp_path), V1)
        other.lock(str(tmp_path), V1, "sample")
    assert not list(tmp_path.iterdir())


def test_a_link_to_the_folder_is_the_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with FolderLocks() as mine, FolderLocks() as other:
        mine.lock(str(tmp_path / "real"), V1, "x")
        with pytest.raises(Locked):
            other.lock(str(tmp_path / "link"), V1, "x")


def test_a_hybrid_torrent_is_locked_under_both_names(tmp_path):
    with FolderLocks() as mine, FolderLocks() as other:
        mine.lock(str(tmp_path), V1, "x")
        with pytest.raises(Locked):
            other.lock(str(tmp_path), HYBRID, "x")
        other.lock(str(tmp_path), InfoHashes(v2=HYBRID.v2), "x")


def test_different_folders_and_torrents_do_not_meet(tmp_path):
    (tmp_path / "a").mkdir()
    with FolderLocks() as mine, FolderLocks() as other:
        mine.lock(str(tmp_path), V1, "x")
        other.lock(str(tmp_path / "a"), V1, "x")
        other.lock(str(tmp_path), InfoHashes(Sha1Hash(b"3" * 20)), "y")


def test_a_file_left_behind_locks_nobody_out(tmp_path):
    code = (
        "import sys, os\n"
        "from evtorrent.session.cli.folder_lock import FolderLocks\n"
        "from pathlib import Path\n"
        "FolderLocks().lock_file(Path(sys.argv[1]), 'x')\n"
        "os._exit(0)\n"
    )
    path = tmp_path / "left.lock"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=60)
    assert path.read_text().startswith("process ")
    with FolderLocks() as locks:
        locks.lock_file(path, "x")
        assert path.read_text() == f"process {os.getpid()}\n"


def test_where_no_file_can_be_made_there_is_no_lock():
    with FolderLocks() as one, FolderLocks() as two:
        one.lock_file(Path("/proc/none/x.lock"), "x")
        two.lock_file(Path("/proc/none/x.lock"), "x")


def test_an_owner_that_leaves_meanwhile(tmp_path, monkeypatch):
    """Its file is removed between our opening and our locking it: what we locked then is nobody's file."""
    path, opened = tmp_path / "x.lock", folder_lock._opened
    calls = []

    def open_and_lose(path: Path) -> int | None:
        descriptor = opened(path)
        calls.append(descriptor)
        if len(calls) < 3:
            path.unlink()
        return descriptor

    monkeypatch.setattr(folder_lock, "_opened", open_and_lose)
    with FolderLocks() as locks:
        locks.lock_file(path, "x")
        assert len(calls) == 3 and path.exists()
        calls.clear()
        monkeypatch.setattr(folder_lock, "_is_still", lambda path, descriptor: False)
        with pytest.raises(Locked):
            locks.lock_file(tmp_path / "y.lock", "y")


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(folder_lock.fcntl, "flock", refuse)
    with FolderLocks() as locks:
        locks.lock_file(tmp_path / "x.lock", "x")
