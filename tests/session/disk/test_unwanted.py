from __future__ import annotations

import errno
from pathlib import Path
from typing import Self

import pytest
from evtorrent.session.disk.arriving import ArrivingFile
from evtorrent.session.disk.descriptors import FilePool
from evtorrent.session.disk.errors import StorageError
from evtorrent.session.disk.params import StorageParams
from evtorrent.session.disk.part_file import PartFile
from evtorrent.session.disk.paths import Place
from evtorrent.session.disk.placement import Placement
from evtorrent.session.disk.unwanted import UnwantedFiles
from support.disk import make_torrent

INFO, _ = make_torrent([("a", 50), ("empty", 0), ("pad", 14, "p"), ("b", 20), ("c", 50)])


def make(folder: Path, priorities: list[int]) -> UnwantedFiles:
    placement = Placement(StorageParams(INFO, str(folder), file_priorities=priorities))
    part_file = PartFile(FilePool(4), Place(str(folder), "p"), INFO.num_pieces, INFO.piece_length)
    return UnwantedFiles(placement, part_file)


class Written:
    """Files that are made, and what is written to them; those in `broken` cannot be."""

    def __init__(self, folder: Path, *broken: int) -> None:
        self.folder = folder
        self.writes: list[tuple[int, int, bytes]] = []
        self.broken = broken

    def __call__(self, index: int) -> ArrivingFile:
        file = ArrivingFile(Place(str(self.folder), f"new/{index}"), "x", mode=0o666, reserve=lambda fd: None)
        return Recording(self, index, file)  # type: ignore[return-value]


class Recording:
    def __init__(self, log: Written, index: int, file: ArrivingFile) -> None:
        self._log, self._index, self._file = log, index, file

    def write(self, views: list[memoryview], position: int) -> None:
        if self._index in self._log.broken:
            raise StorageError("write", "x", OSError(errno.ENOSPC, "full"))
        self._log.writes.append((self._index, position, b"".join(views)))
        self._file.write(views, position)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.__exit__(*error)

    @property
    def was_written(self) -> bool:
        return self._file.was_written


def refuse(index: int) -> ArrivingFile:
    def no_room(fd: int) -> None:
        raise AssertionError("nothing is there to be written")

    return ArrivingFile(Place("/nowhere", "x"), "y", mode=0o666, reserve=no_room)


def test_only_absent_files_with_bytes_are_in_the_part_file(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t/c").touch()
    assert make(tmp_path, [0] * 5).indices() == {0, 3}
    assert make(tmp_path, [0, 0, 0, 0, 0, 0, 0]).indices() == {0, 3}, "more priorities than files"
    assert make(tmp_path, []).indices() == set()


def test_the_disk_is_asked_once(tmp_path: Path) -> None:
    unwanted = make(tmp_path, [0])
    assert unwanted.indices() == {0}
    (tmp_path / "t").mkdir()
    (tmp_path / "t/a").touch()
    assert unwanted.indices() == {0}
    unwanted.look_again(unwanted.part_file)
    assert unwanted.indices() == set()


def test_changes(tmp_path: Path) -> None:
    unwanted = make(tmp_path, [0, 4, 4, 0])
    unwanted.set_priorities([4, 4, 4, 0, 0], refuse)
    assert unwanted.indices() == {3, 4}
    unwanted.set_priorities([0], refuse)
    assert unwanted.indices() == {0, 3, 4}, "the others keep theirs"
    assert not (tmp_path / "p").exists()


def test_a_piece_leaves_when_no_file_needs_it(tmp_path: Path) -> None:
    unwanted = make(tmp_path, [4, 4, 4, 0, 0])
    part_file = unwanted.part_file
    part_file.write([b"b" * 20], 64)
    part_file.write([b"c" * 12], 84)
    part_file.write([b"c" * 32], 96)
    files = Written(tmp_path)
    unwanted.set_priorities([4, 4, 4, 4], files)
    assert files.writes == [(3, 0, b"b" * 20)]
    assert part_file.pieces() == [2, 3], "c still has bytes in piece 2"
    unwanted.set_priorities([4, 4, 4, 4, 4], files)
    assert files.writes[1:] == [(4, 0, b"c" * 12), (4, 12, b"c" * 32)]
    assert part_file.pieces() == []


def test_a_file_that_left_before_another_failed_is_used_as_it_is(tmp_path: Path) -> None:
    unwanted = make(tmp_path, [4, 4, 4, 0, 0])
    part_file = unwanted.part_file
    part_file.write([b"b" * 20], 64)
    part_file.write([b"c" * 12], 84)
    files = Written(tmp_path, 4)
    with pytest.raises(StorageError, match="full"):
        unwanted.set_priorities([4, 4, 4, 4, 4], files)
    assert unwanted.indices() == {4}
    files.broken = ()
    unwanted.set_priorities([4, 4, 4, 4, 4], files)
    assert files.writes == [(3, 0, b"b" * 20), (4, 0, b"c" * 12)], "each once"
