from __future__ import annotations

from pathlib import Path

from evtorrent.session.disk.descriptors import FilePool
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


def refuse(index: int, views: list[memoryview], position: int) -> None:
    raise AssertionError("nothing is there to be written")


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
    written: list[tuple[int, int, bytes]] = []

    def write_file(index: int, views: list[memoryview], position: int) -> None:
        written.append((index, position, b"".join(views)))

    unwanted.set_priorities([4, 4, 4, 4], write_file)
    assert written == [(3, 0, b"b" * 20)]
    assert part_file.pieces() == [2, 3], "c still has bytes in piece 2"
    unwanted.set_priorities([4, 4, 4, 4, 4], write_file)
    assert written[1:] == [(4, 0, b"c" * 12), (4, 12, b"c" * 32)]
    assert part_file.pieces() == []
