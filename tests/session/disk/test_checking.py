from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evtorrent.protocols.bencode import encode
from evtorrent.protocols.bits import Bitfield
from evtorrent.protocols.metainfo import TorrentInfo
from evtorrent.protocols.metainfo.torrent_hashes import TorrentHashes
from evtorrent.session.disk import DiskSettings, StorageError, checking, posix
from evtorrent.session.hash_trees import known_layers
from support.disk import Disk, make_torrent, put_files
from support.v2_content import V2Content

MIXED = [("a", 5000), ("empty", 0), ("b", 3), ("pad", 117, "p"), ("c", 9000)]


@pytest.fixture(params=[(1, 64), (700, 64), (10_000, 333), (1_000_000, 1 << 20)], ids=str)
def any_cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    slice_bytes, read_bytes = request.param
    monkeypatch.setattr(checking, "SLICE_BYTES", slice_bytes)
    monkeypatch.setattr(checking, "READ_BYTES", read_bytes)


@pytest.mark.usefixtures("any_cut")
@pytest.mark.parametrize("files", [MIXED, 14_003])
def test_finds_exactly_the_good_pieces(tmp_path: Path, files: Any) -> None:
    info, content = make_torrent(files, 128)
    put_files(info, content, tmp_path)
    bad = {0, 17, 18, info.num_pieces - 1}
    for piece in bad:
        for part in info.files.map_range(piece * 128, 1):
            path = tmp_path / info.files.path(part.file_index)
            data = bytearray(path.read_bytes())
            data[part.offset] ^= 1
            path.write_bytes(data)
    results = Disk(info, tmp_path).check()
    assert {piece for piece, ok in results.items() if not ok} == bad
    assert len(results) == info.num_pieces


def test_only_wanted_pieces(tmp_path: Path) -> None:
    info, content = make_torrent(1000, 100)
    put_files(info, content, tmp_path)
    disk = Disk(info, tmp_path)
    assert disk.check(Bitfield.from_indices(10, [1, 2, 5])) == {1: True, 2: True, 5: True}
    assert disk.check(Bitfield(10)) == {}


def test_zeros_in_a_hole_are_good_if_they_should_be_zeros(tmp_path: Path) -> None:
    piece_length = 65536
    hashes = [
        hashlib.sha1(bytes(piece_length)).digest(),
        bytes(20),
        hashlib.sha1(bytes(piece_length)).digest(),
    ]
    info = TorrentInfo.from_info(
        encode(
            {
                "name": "t",
                "piece length": piece_length,
                "length": 3 * piece_length,
                "pieces": b"".join(hashes),
            }
        )
    )
    (tmp_path / "t").touch()
    disk = Disk(info, tmp_path)
    assert set(disk.check().values()) == {False}, "an empty file is not a hole"
    disk.write(bytes(3 * piece_length), [0])
    assert disk.check() == {0: True, 1: False, 2: True}


def test_creates_empty_files_at_the_end(tmp_path: Path) -> None:
    info, content = make_torrent(MIXED, 128)
    put_files(info, content, tmp_path)
    (tmp_path / "t/empty").unlink()
    assert all(Disk(info, tmp_path).check().values())
    assert (tmp_path / "t/empty").exists()


@pytest.mark.parametrize(
    ("number", "is_harmless"), [(errno.EROFS, True), (errno.EACCES, True), (errno.EIO, False)]
)
def test_read_only_folders_can_be_seeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_harmless: bool
) -> None:
    info, content = make_torrent(MIXED, 128)
    put_files(info, content, tmp_path)

    def refuse(self: object) -> None:
        raise StorageError("open", "x", OSError(number, "refused"))

    monkeypatch.setattr(posix.PosixBackend, "prepare", refuse)
    if is_harmless:
        assert all(Disk(info, tmp_path).check().values())
    else:
        with pytest.raises(StorageError):
            Disk(info, tmp_path).check()


class TestSlices:
    """Ten slices of one piece, two workers."""

    @pytest.fixture
    def disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
        monkeypatch.setattr(checking, "SLICE_BYTES", 100)
        info, content = make_torrent(1000, 100)
        put_files(info, content, tmp_path)
        self.found: list[tuple[int, bool]] = []
        self.errors: list[StorageError | None] = []
        yield Disk(info, tmp_path, settings=DiskSettings(hashing_threads=2))
        self.errors.clear()  # an error's traceback holds what its frames had open

    def start(self, disk: Disk) -> checking.Check:
        return disk.io.submit_check(disk.storage, None, self.found.extend, self.errors.append)

    def test_one_more_is_queued_than_there_are_workers(self, disk: Disk) -> None:
        check = self.start(disk)
        assert len(disk.pool.jobs) == 3
        disk.pool.run_one()
        assert (len(disk.pool.jobs), self.found) == (3, [(0, True)])
        disk.pool.run()
        assert self.errors == [None]
        assert check.is_done
        assert not check.is_cancelled

    def test_other_jobs_come_in_between(self, disk: Disk) -> None:
        self.start(disk)
        seen: list[int] = []
        disk.io.submit_release(disk.storage, lambda error: seen.append(len(self.found)))
        disk.pool.run()
        assert seen == [3]
        assert len(self.found) == 10

    @pytest.mark.parametrize("steps", [0, 2])
    def test_cancelling_is_the_end_of_callbacks(self, disk: Disk, steps: int) -> None:
        check = self.start(disk)
        for _ in range(steps):
            disk.pool.run_one()
        check.cancel()
        check.cancel()
        disk.pool.run()
        assert (len(self.found), self.errors) == (steps, [])
        assert (check.is_done, check.is_cancelled, disk.storage.num_jobs) == (True, True, 0)

    def test_cancelled_from_its_own_callback(self, disk: Disk) -> None:
        check = disk.io.submit_check(
            disk.storage, None, lambda results: check.cancel(), lambda error: pytest.fail("called")
        )
        disk.pool.run()
        assert check.is_done

    def test_cancelled_within_a_slice(self, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
        work = checking.CheckSlice(disk.storage.backend, disk.info, disk.storage.hashes)
        monkeypatch.setattr(checking, "READ_BYTES", 150)
        read = disk.storage.backend.read

        def cancelling(buffers: Any, offset: int) -> None:
            read(buffers, offset)
            work.is_cancelled = True

        monkeypatch.setattr(posix.PosixBackend, "read", lambda self, *args: cancelling(*args))
        assert work.run(range(10)) == [(0, True)]

    def test_an_error_ends_it(self, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
        read = posix.PosixBackend.read

        def failing(self: Any, buffers: Any, offset: int) -> None:
            if offset >= 400:
                raise StorageError("read", "t", OSError(errno.EIO, "Input/output error"))
            read(self, buffers, offset)

        monkeypatch.setattr(posix.PosixBackend, "read", failing)
        self.start(disk)
        disk.pool.run()
        assert [error.errno for error in self.errors if error] == [errno.EIO], "reported once"
        assert self.found == [(piece, True) for piece in range(4)]


def test_pieces_of_a_v2_torrent_end_with_their_file(tmp_path: Path) -> None:
    """No stretch is read across the gap behind a file, and files of zeros are known without reading."""
    content = V2Content([("a", 70_001), ("b", 3), ("c", 32_768), ("d", 40_000)], 32_768)
    content.write(tmp_path)
    hashes = TorrentHashes(content.info.files)
    hashes.set_layers(known_layers(content.params(tmp_path), content.info.files))
    disk = Disk(content.info, tmp_path, hashes=hashes)
    assert disk.check() == dict.fromkeys(range(7), True)
    with open(tmp_path / "t" / "d", "r+b") as file:
        file.seek(39_999)
        file.write(bytes([content.data[-1] ^ 1]))
    disk.check_error(disk.io.submit_release)
    (tmp_path / "t" / "b").unlink()
    assert [piece for piece, ok in sorted(disk.check().items()) if not ok] == [3, 6]
