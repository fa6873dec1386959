"""What every backend must do: files on disk, memory, made-up content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.protocols.metainfo import TorrentInfo
from evtorrent.session.disk import MemoryBackend, PosixBackend, StorageError, SyntheticBackend
from evtorrent.session.flags import MoveFlags, RemoveFlags
from support.disk import Disk, make_torrent

LAYOUTS: dict[str, Any] = {
    "single": 300,
    "many": [("a", 100), ("sub/b", 0), ("sub/c", 33), ("sub/d", 1), ("e", 200)],
    "padded": [("a", 100), ("pad", 28, "p"), ("b", 64), ("c", 5)],
    "exact": [("a", 64), ("b", 32)],
}


@pytest.fixture(params=LAYOUTS)
def torrent(request: pytest.FixtureRequest) -> tuple[TorrentInfo, bytes]:
    return make_torrent(LAYOUTS[request.param], 32)


@pytest.fixture(params=["posix", "memory", "synthetic"])
def disk(request: pytest.FixtureRequest, torrent: tuple[TorrentInfo, bytes], tmp_path: Path) -> Disk:
    info, content = torrent
    made: dict[str, Any] = {
        "posix": PosixBackend,
        "memory": MemoryBackend,
        "synthetic": lambda params, pool: SyntheticBackend(
            params, pool, content=lambda offset, length: content[offset : offset + length]
        ),
    }
    return Disk(info, tmp_path, make_backend=made[request.param])


def test_round_trip(disk: Disk, torrent: tuple[TorrentInfo, bytes]) -> None:
    _, content = torrent
    assert all(result.ok for result in disk.write(content))
    assert disk.read(0, len(content)) == content
    for start in range(0, len(content), 13):
        length = min(57, len(content) - start)
        assert disk.read(start, length) == content[start : start + length]


def test_nowait_after_a_read(disk: Disk, torrent: tuple[TorrentInfo, bytes]) -> None:
    _, content = torrent
    disk.write(content)
    disk.read(0, len(content))
    for start in range(0, len(content), 13):
        length = min(57, len(content) - start)
        assert disk.read_nowait(start, length, cuts=3) == content[start : start + length]


def test_what_was_never_written(disk: Disk, torrent: tuple[TorrentInfo, bytes]) -> None:
    _, content = torrent
    assert disk.read_nowait(0, 40) is None
    with pytest.raises(StorageError):
        disk.read(0, 40)
    assert set(disk.check().values()) == {False}
    disk.write(content, [1])
    assert disk.read(32, 32) == content[32:64]


def test_check_finds_what_was_written(disk: Disk, torrent: tuple[TorrentInfo, bytes]) -> None:
    info, content = torrent
    written = list(range(0, info.num_pieces, 2))
    disk.write(content, written)
    assert [piece for piece, ok in sorted(disk.check().items()) if ok] == written
    wanted = Bitfield.from_indices(info.num_pieces, [0, 1])
    assert disk.check(wanted) == {0: True, 1: False}


def test_verify(disk: Disk, torrent: tuple[TorrentInfo, bytes]) -> None:
    info, content = torrent
    disk.check_error(disk.io.submit_verify, Bitfield(info.num_pieces))
    with pytest.raises(StorageError):
        disk.check_error(disk.io.submit_verify, Bitfield.full(info.num_pieces))
    disk.write(content)
    disk.check_error(disk.io.submit_verify, Bitfield.full(info.num_pieces))


def test_delete(disk: Disk, torrent: tuple[TorrentInfo, bytes]) -> None:
    _, content = torrent
    disk.write(content)
    disk.check_error(disk.io.submit_delete, RemoveFlags.delete_files)
    assert set(disk.check().values()) == {False}
    disk.write(content)
    assert disk.read(0, len(content)) == content


def test_content_survives_upkeep(disk: Disk, torrent: tuple[TorrentInfo, bytes], tmp_path: Path) -> None:
    _, content = torrent
    disk.write(content)
    disk.check_error(disk.io.submit_flush)
    disk.check_error(disk.io.submit_flush, sync=True)
    disk.check_error(disk.io.submit_release)
    disk.check_error(disk.io.submit_prepare)
    disk.check_error(disk.io.submit_rename, 0, "renamed")
    disk.check_error(disk.io.submit_set_priorities, [7])
    result = disk.wait_move(tmp_path / "moved", MoveFlags.always_replace_files)
    assert result.save_path == str(tmp_path / "moved")
    assert disk.read(0, len(content)) == content
    disk.io.close()
