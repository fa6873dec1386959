from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from evtorrent.session.disk import Presence, StorageError, presence
from support.disk import Disk, make_torrent, put_files

BLOCK = 65536
"""Larger than any file system's granularity of holes."""


def sparse_disk(folder: Path) -> Disk:
    """Six pieces: data, three of hole, data, and a last one that is short and data."""
    info, content = make_torrent(BLOCK * 5 + 100, BLOCK)
    disk = Disk(info, folder)
    disk.write(content, [0, 4, 5])
    return disk


def look(disk: Disk, pieces: range) -> list[Presence]:
    scan = disk.storage.backend.scan()
    length = disk.info.piece_length
    return [scan.presence(piece * length, disk.info.piece_size(piece)) for piece in pieces]


def test_holes_are_found(tmp_path: Path) -> None:
    zeros, data = Presence.ZEROS, Presence.DATA
    assert look(sparse_disk(tmp_path), range(6)) == [data, zeros, zeros, zeros, data, data]


def test_a_hole_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = sparse_disk(tmp_path)
    asked: list[int] = []
    lseek = os.lseek

    def counting(fd: int, position: int, how: int) -> int:
        asked.append(position // BLOCK)
        return lseek(fd, position, how)

    monkeypatch.setattr(os, "lseek", counting)
    look(disk, range(6))
    assert asked == [0, 1, 4, 5]


def test_a_hole_up_to_the_end(tmp_path: Path) -> None:
    info, content = make_torrent(BLOCK * 3, BLOCK)
    disk = Disk(info, tmp_path)
    disk.write(content, [0])
    assert look(disk, range(3)) == [Presence.DATA, Presence.ZEROS, Presence.ZEROS]


@pytest.mark.parametrize("can_seek", [True, False])
def test_where_holes_cannot_be_found_all_is_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_seek: bool
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    disk = sparse_disk(tmp_path)
    if can_seek:
        monkeypatch.setattr(os, "lseek", refuse)
    else:
        monkeypatch.setattr(presence, "_SEEK_DATA", None)
    assert look(disk, range(6)) == [Presence.DATA] * 6


def test_dense_files_are_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info, content = make_torrent(BLOCK, BLOCK)
    put_files(info, content, tmp_path)
    disk = Disk(info, tmp_path)
    monkeypatch.setattr(os, "lseek", lambda *_: pytest.fail("asked"))
    assert look(disk, range(1)) == [Presence.DATA]


def test_missing_and_short_files(tmp_path: Path) -> None:
    info, content = make_torrent([("a", 40), ("empty", 0), ("b", 40), ("pad", 16, "p"), ("c", 32)])
    put_files(info, content, tmp_path)
    os.truncate(tmp_path / "t/b", 30)
    disk = Disk(info, tmp_path)
    missing, data = Presence.MISSING, Presence.DATA
    assert look(disk, range(4)) == [data, data, missing, data]
    (tmp_path / "t/a").unlink()
    disk.check_error(disk.io.submit_release)
    assert look(disk, range(4)) == [missing, missing, missing, data]


def test_padding_alone_is_zeros(tmp_path: Path) -> None:
    info, content = make_torrent([("a", 10), ("pad", 54, "p")])
    put_files(info, content, tmp_path)
    assert look(Disk(info, tmp_path), range(2)) == [Presence.DATA, Presence.ZEROS]


def test_errors_other_than_absence_are_errors(tmp_path: Path) -> None:
    info, _ = make_torrent(100)
    (tmp_path / "save").mkdir()
    (tmp_path / "save" / "t").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="leads out"):
        look(Disk(info, tmp_path / "save"), range(1))
    (tmp_path / "file").write_bytes(b"")
    assert look(Disk(info, tmp_path / "file" / "below"), range(1)) == [Presence.MISSING]
