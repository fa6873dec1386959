from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.session.disk import DiskSettings, StorageError, positional, posix
from evtorrent.session.flags import MoveFlags, RemoveFlags, StorageMode
from hypothesis import given, settings
from hypothesis import strategies as st
from support.disk import Disk, make_torrent, put_files

MANY = [
    ("a", 100),
    ("empty", 0),
    ("sub/b", 50),
    ("pad", 10, "p"),
    ("run", 77, "x"),
    ("link", 0, "l", "sub/b"),
]
THREE = [("a", 50), ("b", 20), ("c", 50)]
"""Pieces of 32: 0 is a, 1 is a+b, 2 is b+c, 3 is c."""


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture
def many(tmp_path: Path) -> tuple[Disk, bytes]:
    info, content = make_torrent(MANY)
    return Disk(info, tmp_path), content


def test_opening_touches_nothing(tmp_path: Path) -> None:
    info, _ = make_torrent(MANY)
    disk = Disk(info, tmp_path / "not there")
    assert disk.read_nowait(0, 10) is None
    assert list(tmp_path.iterdir()) == []


def test_files_on_disk(many: tuple[Disk, bytes], tmp_path: Path) -> None:
    disk, content = many
    disk.write(content)
    assert listing(tmp_path) == ["t/a", "t/empty", "t/link", "t/run", "t/sub/b"], "no pad file"
    assert (tmp_path / "t/a").read_bytes() == content[:100]
    assert (tmp_path / "t/sub/b").read_bytes() == content[100:150]
    assert (tmp_path / "t/run").read_bytes() == content[160:]
    assert os.readlink(tmp_path / "t/link") == "sub/b"
    assert (tmp_path / "t/run").stat().st_mode & stat.S_IXUSR
    assert not (tmp_path / "t/a").stat().st_mode & stat.S_IXUSR


def test_padding_reads_as_zeros(many: tuple[Disk, bytes]) -> None:
    disk, content = many
    disk.write(content)
    assert disk.read(148, 14) == content[148:162]
    disk.read(0, len(content))
    assert disk.read_nowait(148, 14, cuts=5) == content[148:162]


def test_the_first_write_gives_a_file_its_size(tmp_path: Path) -> None:
    info, content = make_torrent(100)
    disk = Disk(info, tmp_path)
    disk.write(content, [1])
    data = (tmp_path / "t").read_bytes()
    assert data == bytes(32) + content[32:64] + bytes(36)


def test_allocate_reserves_blocks(tmp_path: Path) -> None:
    info, content = make_torrent(1_000_000, 16384)
    Disk(info, tmp_path, storage_mode=StorageMode.storage_mode_allocate).write(content, [1])
    assert (tmp_path / "t").stat().st_size == 1_000_000
    assert (tmp_path / "t").stat().st_blocks * 512 >= 1_000_000


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSPC])
def test_allocating_where_that_is_impossible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    info, content = make_torrent(100)
    (result,) = Disk(info, tmp_path, storage_mode=StorageMode.storage_mode_allocate).write(content, [0])
    if number == errno.ENOSPC:
        assert result.error is not None
        assert (result.error.operation, result.error.errno) == ("allocate", errno.ENOSPC)
    else:
        assert result.ok
        assert (tmp_path / "t").stat().st_size == 100


def test_allocating_where_there_is_no_such_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    info, content = make_torrent(100)
    (result,) = Disk(info, tmp_path, storage_mode=StorageMode.storage_mode_allocate).write(content, [0])
    assert result.ok


def test_longer_files_are_left_alone(tmp_path: Path) -> None:
    info, content = make_torrent(100)
    (tmp_path / "t").write_bytes(content + b"more")
    disk = Disk(info, tmp_path)
    assert all(disk.check().values())
    disk.write(content)
    assert (tmp_path / "t").read_bytes() == content + b"more"


def test_a_file_too_short_to_read(tmp_path: Path) -> None:
    info, content = make_torrent(100)
    (tmp_path / "t").write_bytes(content[:50])
    disk = Disk(info, tmp_path)
    assert disk.read(0, 50) == content[:50]
    assert disk.read_nowait(0, 51) is None
    with pytest.raises(StorageError) as caught:
        disk.read(0, 51)
    assert (caught.value.operation, caught.value.path, caught.value.errno) == (
        "read",
        str(tmp_path / "t"),
        errno.ENODATA,
    )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_write_errors_name_operation_path_and_cause(
    many: tuple[Disk, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    disk, content = many
    disk.write(content, [0])

    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as context:
        context.setattr(positional, "_pwritev", fail)
        results = disk.write(content, [1, 2])
    for result in results:
        assert not result.ok
        assert result.error is not None
        assert str(result.error) == f"write {tmp_path}/t/a: {os.strerror(number)}"
    assert disk.read(0, 32) == content[:32], "what was verified stays"
    assert all(result.ok for result in disk.write(content, [1, 2]))


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    info, content = make_torrent(100)
    (tmp_path / "t").mkdir()
    (result,) = Disk(info, tmp_path).write(content, [0])
    assert result.error is not None
    assert (result.error.operation, result.error.errno) == ("open", errno.EISDIR)


def test_a_link_planted_in_the_save_path_is_not_followed(tmp_path: Path) -> None:
    info, content = make_torrent(MANY)
    (tmp_path / "victim").mkdir()
    (tmp_path / "save").mkdir()
    (tmp_path / "save" / "t").symlink_to(tmp_path / "victim")
    results = Disk(info, tmp_path / "save").write(content)
    assert all(result.error is not None for result in results)
    assert list((tmp_path / "victim").iterdir()) == []


def test_the_pool_limits_open_files(tmp_path: Path) -> None:
    info, content = make_torrent([(f"f{n}", 40) for n in range(10)])
    disk = Disk(info, tmp_path, settings=DiskSettings(file_pool_size=3))
    disk.write(content)
    assert disk.io.files.num_open == 3
    assert disk.read(0, len(content)) == content
    assert disk.io.files.num_open == 3
    assert disk.read_nowait(0, 10) is None, "closed since"
    assert disk.read_nowait(390, 10) == content[390:]
    disk.io.close()
    assert disk.io.files.num_open == 0
    assert disk.read_nowait(390, 10) is None, "the file read last is not kept either"


def test_nowait_needs_kernel_support(many: tuple[Disk, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    disk, content = many
    disk.write(content)
    assert disk.read_nowait(0, 10) == content[:10]
    with monkeypatch.context() as context:
        context.setattr(posix, "RWF_NOWAIT", 0)
        assert disk.read_nowait(0, 10) is None
    for cuts in (1, 2):
        with monkeypatch.context() as context:
            context.setattr(
                os, "preadv", lambda *_: (_ for _ in ()).throw(OSError(errno.EAGAIN, "would block"))
            )
            assert disk.read_nowait(0, 10, cuts) is None
            assert disk.read_nowait(90, 30, cuts) is None
    with monkeypatch.context() as context:
        context.setattr(os, "preadv", lambda *_: 1)
        assert disk.read_nowait(90, 30) is None, "partly cached"
        assert disk.read_nowait(0, 10) is None


def test_verify_wants_files_and_sizes(tmp_path: Path) -> None:
    info, content = make_torrent(THREE)
    put_files(info, content, tmp_path)
    disk = Disk(info, tmp_path)
    full = Bitfield.full(info.num_pieces)
    disk.check_error(disk.io.submit_verify, full)
    (tmp_path / "t/b").write_bytes(b"short")
    with pytest.raises(StorageError) as caught:
        disk.check_error(disk.io.submit_verify, full)
    assert (caught.value.operation, caught.value.path) == ("check_resume", str(tmp_path / "t/b"))
    (tmp_path / "t/b").unlink()
    with pytest.raises(StorageError, match="check_resume"):
        disk.check_error(disk.io.submit_verify, full)
    disk.check_error(disk.io.submit_verify, Bitfield.from_indices(4, [0, 3]))
    with pytest.raises(StorageError):
        disk.check_error(disk.io.submit_verify, Bitfield.from_indices(4, [1]))


def test_sync_reaches_every_file_written(many: tuple[Disk, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    disk, content = many
    disk.write(content)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    disk.check_error(disk.io.submit_flush)
    assert synced == []
    disk.check_error(disk.io.submit_flush, sync=True)
    assert len(synced) == 3
    disk.check_error(disk.io.submit_flush, sync=True)
    assert len(synced) == 3, "nothing new"


def test_sync_reaches_the_part_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info, content = make_torrent([("a", 48), ("b", 48)], 32)
    disk = Disk(info, tmp_path, file_priorities=[4, 0])
    disk.write(content)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_ino))
    disk.check_error(disk.io.submit_flush, sync=True)
    assert sorted(synced) == sorted(
        path.stat().st_ino for path in [tmp_path / "t/a", *tmp_path.glob(".*.parts")]
    )
    disk.io.close()


def test_a_failed_sync_is_reported(many: tuple[Disk, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    disk, content = many
    disk.write(content, [0])

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="sync"):
        disk.check_error(disk.io.submit_flush, sync=True)


class TestPriorities:
    @pytest.fixture
    def torrent(self) -> tuple[Any, bytes]:
        return make_torrent(THREE)

    def test_unwanted_ends_go_to_the_part_file(self, torrent: tuple[Any, bytes], tmp_path: Path) -> None:
        info, content = torrent
        disk = Disk(info, tmp_path, file_priorities=[4, 0, 4])
        disk.write(content)
        name = f".{info.info_hashes.v1.hex()}.parts"
        assert listing(tmp_path) == [name, "t/a", "t/c"]
        assert disk.read(0, len(content)) == content
        assert disk.read_nowait(40, 20) is None
        assert all(disk.check().values())
        again = Disk(info, tmp_path, file_priorities=[4, 0, 4])
        assert all(again.check().values())

    def test_a_file_that_exists_is_used_though_unwanted(
        self, torrent: tuple[Any, bytes], tmp_path: Path
    ) -> None:
        info, content = torrent
        put_files(info, content, tmp_path)
        disk = Disk(info, tmp_path, file_priorities=[4, 0, 0], part_file_name="p")
        assert all(disk.check().values())
        disk.write(content)
        assert listing(tmp_path) == ["t/a", "t/b", "t/c"]

    def test_wanting_a_file_moves_its_data_out(self, torrent: tuple[Any, bytes], tmp_path: Path) -> None:
        info, content = torrent
        disk = Disk(info, tmp_path, file_priorities=[4, 0, 0], part_file_name="p")
        disk.write(content)
        assert listing(tmp_path) == ["p", "t/a"]
        disk.check_error(disk.io.submit_set_priorities, [4, 4])
        assert listing(tmp_path) == ["p", "t/a", "t/b"], "c's is still there"
        assert disk.read(0, len(content)) == content
        disk.check_error(disk.io.submit_set_priorities, [4, 4, 1])
        assert listing(tmp_path) == ["t/a", "t/b", "t/c"], "the part file went with its last piece"
        assert all(disk.check().values())

    def test_not_wanting_a_file_keeps_its_data(self, torrent: tuple[Any, bytes], tmp_path: Path) -> None:
        info, content = torrent
        disk = Disk(info, tmp_path, part_file_name="p")
        disk.write(content, [0, 1])
        disk.check_error(disk.io.submit_set_priorities, [4, 0, 0])
        disk.write(content, [2])
        assert listing(tmp_path) == ["p", "t/a", "t/b"], "b exists, c does not"
        assert disk.read(0, 96) == content[:96]
        assert disk.check() == {0: True, 1: True, 2: True, 3: False}

    def test_empty_files_wait_until_wanted(self, tmp_path: Path) -> None:
        info, content = make_torrent([("a", 40), ("empty", 0)])
        disk = Disk(info, tmp_path, file_priorities=[4, 0])
        disk.write(content)
        assert listing(tmp_path) == ["t/a"]
        disk.check_error(disk.io.submit_set_priorities, [4, 4])
        assert listing(tmp_path) == ["t/a", "t/empty"]

    def test_a_failed_export_changes_nothing(self, torrent: tuple[Any, bytes], tmp_path: Path) -> None:
        info, content = torrent
        disk = Disk(info, tmp_path, file_priorities=[4, 0, 4])
        disk.write(content)
        (tmp_path / "t/b").mkdir()
        with pytest.raises(StorageError, match="open"):
            disk.check_error(disk.io.submit_set_priorities, [4, 4, 4])
        (tmp_path / "t/b").rmdir()
        assert disk.read(0, len(content)) == content

    def test_half_a_piece_in_the_part_file_is_no_piece(
        self, torrent: tuple[Any, bytes], tmp_path: Path
    ) -> None:
        info, content = torrent
        disk = Disk(info, tmp_path, file_priorities=[4, 0, 4], part_file_name="p")
        disk.write(content)
        disk.check_error(disk.io.submit_release)
        os.truncate(tmp_path / "p", 1024 + 20)
        again = Disk(info, tmp_path, file_priorities=[4, 0, 4], part_file_name="p")
        assert again.check() == {0: True, 1: False, 2: False, 3: True}
        again.check_error(again.io.submit_set_priorities, [4, 4, 4])
        assert again.check() == {0: True, 1: False, 2: False, 3: True}

    def test_deleting_only_the_part_file(self, torrent: tuple[Any, bytes], tmp_path: Path) -> None:
        info, content = torrent
        disk = Disk(info, tmp_path, file_priorities=[4, 0, 4], part_file_name="p")
        disk.write(content)
        disk.check_error(disk.io.submit_delete, 0)
        assert listing(tmp_path) == ["p", "t/a", "t/c"]
        disk.check_error(disk.io.submit_delete, RemoveFlags.delete_partfile)
        assert listing(tmp_path) == ["t/a", "t/c"]

    def test_the_part_file_moves_along(self, torrent: tuple[Any, bytes], tmp_path: Path) -> None:
        info, content = torrent
        disk = Disk(info, tmp_path / "old", file_priorities=[4, 0, 4], part_file_name="p")
        disk.write(content)
        disk.wait_move(tmp_path / "new", MoveFlags.always_replace_files)
        assert listing(tmp_path) == ["new/p", "new/t/a", "new/t/c"]
        assert disk.read(0, len(content)) == content


def test_links_are_made_once(
    many: tuple[Disk, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, _ = many
    disk.check_error(disk.io.submit_prepare)
    disk.check_error(disk.io.submit_prepare)
    (tmp_path / "t/link").unlink()
    symlink = os.symlink

    def slow_symlink(*args: Any, **more: Any) -> None:
        symlink(*args, **more)
        symlink(*args, **more)  # another worker's came first

    monkeypatch.setattr(os, "symlink", slow_symlink)
    disk.check_error(disk.io.submit_prepare)
    assert os.readlink(tmp_path / "t/link") == "sub/b"


def test_reset_save_path_looks_elsewhere(tmp_path: Path) -> None:
    info, content = make_torrent(THREE)
    put_files(info, content, tmp_path / "there")
    disk = Disk(info, tmp_path / "here", file_priorities=[4, 0, 4])
    disk.write(content, [0])
    result = disk.wait_move(tmp_path / "there", MoveFlags.reset_save_path)
    assert result.need_full_check
    assert all(disk.check().values()), "b exists there, so it is read though unwanted"
    assert not disk.wait_move(tmp_path / "empty", MoveFlags.reset_save_path_unchecked).need_full_check
    assert (tmp_path / "empty").is_dir()
    assert listing(tmp_path / "here") == ["t/a"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_layout_reads_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    sizes = data.draw(st.lists(st.integers(0, 70), min_size=2, max_size=6).filter(any))
    attrs = [data.draw(st.sampled_from(["", "", "p"])) if size else "" for size in sizes]
    info, content = make_torrent([(f"f{n}", size, attrs[n]) for n, size in enumerate(sizes)], 16)
    priorities = data.draw(st.lists(st.sampled_from([0, 4]), max_size=len(sizes)))
    disk = Disk(info, tmp_path_factory.mktemp("any"), file_priorities=priorities)
    order = data.draw(st.permutations(range(info.num_pieces)))
    assert all(result.ok for result in disk.write(content, order))
    assert disk.read(0, len(content)) == content
    assert all(disk.check().values())
    disk.check_error(
        disk.io.submit_set_priorities, data.draw(st.lists(st.sampled_from([0, 4]), max_size=len(sizes)))
    )
    assert disk.read(0, len(content)) == content
    again = disk.read_nowait(0, len(content), cuts=4)
    assert again in (None, content)
    disk.io.close()
