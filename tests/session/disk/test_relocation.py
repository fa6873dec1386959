from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from evtorrent.session.disk import StorageError, relocation
from evtorrent.session.flags import MoveFlags, RemoveFlags
from support.disk import Disk, make_torrent, put_files

FILES = [("a", 40), ("sub/b", 50), ("sub/deep/c", 30), ("pad", 8, "p"), ("link", 0, "l", "sub/b")]
INFO, CONTENT = make_torrent(FILES)

pytestmark = pytest.mark.usefixtures("no_fd_survives")


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture(params=["one file system", "two file systems"])
def any_device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "two file systems":

        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EXDEV, "Invalid cross-device link")

        monkeypatch.setattr(os, "replace", refuse)


@pytest.fixture
def disk(tmp_path: Path) -> Any:
    disk = Disk(INFO, tmp_path / "old")
    disk.write(CONTENT)
    yield disk
    disk.io.close()


WHOLE = ["t", "t/a", "t/link", "t/sub", "t/sub/b", "t/sub/deep", "t/sub/deep/c"]


@pytest.mark.usefixtures("any_device")
def test_move(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "old/t/sub/b").chmod(0o750)
    result = disk.wait_move(tmp_path / "new/place", MoveFlags.always_replace_files)
    assert (result.save_path, result.need_full_check) == (str(tmp_path / "new/place"), False)
    assert tree(tmp_path / "new/place") == WHOLE
    assert tree(tmp_path / "old") == [], "and no empty folders are left"
    assert os.readlink(tmp_path / "new/place/t/link") == "sub/b"
    assert (tmp_path / "new/place/t/sub/b").stat().st_mode & 0o777 == 0o750
    assert disk.read(0, len(CONTENT)) == CONTENT


@pytest.mark.usefixtures("any_device")
def test_moved_holes_stay_holes(tmp_path: Path) -> None:
    info, content = make_torrent(4 * 1024 * 1024, 65536)
    disk = Disk(info, tmp_path / "old")
    disk.write(content, [0, 20, 21])
    disk.wait_move(tmp_path / "new", MoveFlags.always_replace_files)
    status = (tmp_path / "new/t").stat()
    assert status.st_size == 4 * 1024 * 1024
    assert status.st_blocks * 512 < 1024 * 1024
    assert [piece for piece, ok in disk.check().items() if ok] == [0, 20, 21]
    disk.io.close()


@pytest.mark.usefixtures("any_device")
def test_files_in_the_way(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "new/t").mkdir(parents=True)
    (tmp_path / "new/t/a").write_bytes(b"theirs")
    with pytest.raises(StorageError) as caught:
        disk.wait_move(tmp_path / "new", MoveFlags.fail_if_exist)
    assert (caught.value.errno, caught.value.path) == (errno.EEXIST, str(tmp_path / "new/t/a"))
    assert tree(tmp_path / "old") == WHOLE
    result = disk.wait_move(tmp_path / "new", MoveFlags.dont_replace)
    assert result.need_full_check
    assert (tmp_path / "new/t/a").read_bytes() == b"theirs"
    assert tree(tmp_path / "old") == ["t", "t/a"], "ours stays where it was"


@pytest.mark.usefixtures("any_device")
def test_a_part_file_in_the_way_is_used_as_it_is(tmp_path: Path) -> None:
    info, content = make_torrent([("a", 48), ("b", 48), ("c", 48)], 32)
    there, here = (Disk(info, tmp_path / name, file_priorities=[4, 0, 4]) for name in ("new", "old"))
    there.write(content, [2])
    here.write(content, [1])
    assert here.wait_move(tmp_path / "new", MoveFlags.dont_replace).need_full_check
    assert [piece for piece, ok in here.check().items() if ok] == [2]
    here.write(content, [1])
    again = Disk(info, tmp_path / "new", file_priorities=[4, 0, 4])
    for disk in (here, again):
        assert [piece for piece, ok in disk.check().items() if ok] == [1, 2]
        disk.io.close()
    there.io.close()


@pytest.mark.usefixtures("any_device")
def test_a_part_file_where_ours_was_none_keeps_its_pieces(tmp_path: Path) -> None:
    info, content = make_torrent([("a", 48), ("b", 48), ("c", 48)], 32)
    there, here = (Disk(info, tmp_path / name, file_priorities=[4, 0, 4]) for name in ("new", "old"))
    there.write(content, [2])
    here.write(content, [0])
    assert [piece for piece, ok in here.check().items() if ok] == [0], "there is no part file, and we know it"
    assert not here.wait_move(tmp_path / "new", MoveFlags.always_replace_files).need_full_check
    here.write(content, [1])
    again = Disk(info, tmp_path / "new", file_priorities=[4, 0, 4])
    for disk in (here, again):
        assert [piece for piece, ok in disk.check().items() if ok] == [0, 1, 2]
        disk.io.close()
    there.io.close()


def test_nothing_in_the_way(disk: Disk, tmp_path: Path) -> None:
    disk.wait_move(tmp_path / "new", MoveFlags.fail_if_exist)
    assert tree(tmp_path / "new") == WHOLE


def test_replacing(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "new/t").mkdir(parents=True)
    (tmp_path / "new/t/a").write_bytes(b"theirs")
    disk.wait_move(tmp_path / "new", MoveFlags.always_replace_files)
    assert (tmp_path / "new/t/a").read_bytes() == CONTENT[:40]


@pytest.mark.usefixtures("any_device")
def test_a_failed_move_is_undone(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "new/t/sub/deep/c").mkdir(parents=True)
    with pytest.raises(StorageError) as caught:
        disk.wait_move(tmp_path / "new", MoveFlags.always_replace_files)
    assert caught.value.errno == errno.EISDIR
    assert tree(tmp_path / "old") == WHOLE
    assert [path for path in tree(tmp_path / "new") if not (tmp_path / "new" / path).is_dir()] == []
    assert disk.read(0, len(CONTENT)) == CONTENT


def test_a_copy_that_fails_half_way_leaves_nothing(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_rename(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", no_rename)
    monkeypatch.setattr(relocation, "write_fully", full)
    with pytest.raises(StorageError) as caught:
        disk.wait_move(tmp_path / "new", MoveFlags.always_replace_files)
    assert (caught.value.operation, caught.value.errno) == ("copy", errno.ENOSPC)
    assert not any(path.is_file() for path in (tmp_path / "new").rglob("*"))
    assert disk.read(0, len(CONTENT)) == CONTENT


def test_a_move_that_cannot_be_undone_reports_the_first_error(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, calls = os.replace, []

    def fails_from_the_second_on(*args: Any, **more: Any) -> None:
        calls.append(args)
        if len(calls) > 1:
            raise OSError(errno.EIO if len(calls) == 2 else errno.ENOSPC, "broken")
        replace(*args, **more)

    monkeypatch.setattr(os, "replace", fails_from_the_second_on)
    with pytest.raises(StorageError) as caught:
        disk.wait_move(tmp_path / "new", MoveFlags.always_replace_files)
    assert caught.value.errno == errno.EIO
    assert len(calls) == 3


@pytest.mark.usefixtures("any_device")
def test_sources_that_cannot_be_removed_do_not_matter(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "unlink", refuse)
    disk.wait_move(tmp_path / "new", MoveFlags.always_replace_files)
    assert disk.read(0, len(CONTENT)) == CONTENT


def test_moving_to_where_it_is(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(tmp_path / "old")
    disk.wait_move(tmp_path / "alias", MoveFlags.fail_if_exist)
    assert tree(tmp_path / "old") == WHOLE


def test_files_elsewhere_do_not_move(disk: Disk, tmp_path: Path) -> None:
    disk.check_error(disk.io.submit_rename, 0, str(tmp_path / "far/away"))
    disk.wait_move(tmp_path / "new", MoveFlags.always_replace_files)
    assert (tmp_path / "far/away").read_bytes() == CONTENT[:40]
    assert disk.read(0, len(CONTENT)) == CONTENT


@pytest.mark.usefixtures("any_device")
def test_rename(disk: Disk, tmp_path: Path) -> None:
    disk.check_error(disk.io.submit_rename, 1, "other/b2")
    assert (tmp_path / "old/other/b2").read_bytes() == CONTENT[40:90]
    assert not (tmp_path / "old/t/sub/b").exists()
    disk.check_error(disk.io.submit_rename, 1, "other/b2")
    assert disk.read(0, len(CONTENT)) == CONTENT


def test_a_rename_replaces_nothing(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "old/there").write_bytes(b"theirs")
    for name in ("there", "t/sub/b"):
        with pytest.raises(StorageError) as caught:
            disk.check_error(disk.io.submit_rename, 0, name)
        assert caught.value.errno == errno.EEXIST
    with pytest.raises(StorageError):
        disk.check_error(disk.io.submit_rename, 0, "../out")
    with pytest.raises(StorageError):
        disk.check_error(disk.io.submit_rename, 99, "x")
    assert disk.read(0, len(CONTENT)) == CONTENT


def test_renaming_what_is_not_there_yet(tmp_path: Path) -> None:
    disk = Disk(INFO, tmp_path)
    disk.check_error(disk.io.submit_rename, 0, "x")
    disk.write(CONTENT)
    assert (tmp_path / "x").exists()
    disk.io.close()


def test_delete_takes_only_what_is_ours(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "old/t/sub/theirs").write_bytes(b"")
    disk.check_error(disk.io.submit_rename, 0, str(tmp_path / "far/away"))
    disk.check_error(disk.io.submit_delete, RemoveFlags.delete_files)
    assert tree(tmp_path / "old") == ["t", "t/sub", "t/sub/theirs"]
    assert tree(tmp_path / "far") == []
    disk.check_error(disk.io.submit_delete, RemoveFlags.delete_files)


def test_delete_tries_everything_and_reports_the_first(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "old/t/a").unlink()
    (tmp_path / "old/t/a").mkdir()
    (tmp_path / "old/t/a/x").write_bytes(b"")
    with pytest.raises(StorageError) as caught:
        disk.check_error(disk.io.submit_delete, RemoveFlags.delete_files)
    assert (caught.value.operation, caught.value.path) == ("remove", str(tmp_path / "old/t/a"))
    assert tree(tmp_path / "old") == ["t", "t/a", "t/a/x"]


def test_delete_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim/a").write_bytes(b"precious")
    (tmp_path / "save").mkdir()
    (tmp_path / "save/t").symlink_to(tmp_path / "victim")
    disk = Disk(INFO, tmp_path / "save")
    with pytest.raises(StorageError):
        disk.check_error(disk.io.submit_delete, RemoveFlags.delete_files)
    assert (tmp_path / "victim/a").read_bytes() == b"precious"


def test_a_folder_that_cannot_be_removed(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "rmdir", refuse)
    with pytest.raises(StorageError, match="remove"):
        disk.check_error(disk.io.submit_delete, RemoveFlags.delete_files)


def test_copying_a_file_that_shrinks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_files(INFO, CONTENT, tmp_path)
    fd = os.open(tmp_path / "t/a", os.O_RDONLY)
    target = os.open(tmp_path / "copy", os.O_RDWR | os.O_CREAT)
    monkeypatch.setattr(os, "read", lambda *_: b"")
    with pytest.raises(OSError) as caught:
        relocation._copy_contents(fd, target)
    assert caught.value.errno == errno.ENODATA
    os.close(fd)
    os.close(target)


def test_copying_where_holes_cannot_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fd = os.open(tmp_path / "f", os.O_RDWR | os.O_CREAT)
    monkeypatch.delattr(os, "SEEK_DATA")
    assert list(relocation._data_of(fd, 10)) == [(0, 10)]
    os.close(fd)
