from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from evtorrent.session.disk import paths
from evtorrent.session.disk.errors import StorageError
from evtorrent.session.disk.paths import Place, exists, list_parents, make_folders, open_beneath, status_of

pytestmark = pytest.mark.usefixtures("no_fd_survives")

CREATE = os.O_RDWR | os.O_CREAT


@pytest.fixture(params=["openat", "plain"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "_HAS_OPENAT", request.param == "openat")
    (tmp_path / "outside").mkdir()
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def write(place: Place, data: bytes = b"x") -> None:
    fd = open_beneath(place, CREATE)
    os.write(fd, data)
    os.close(fd)


def test_creates_folders(root: Path) -> None:
    write(Place(str(root / "new"), "a/b/c"))
    write(Place(str(root / "new"), "a/b/d"))
    assert (root / "new/a/b/c").read_bytes() == b"x"


def test_reading_creates_nothing(root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_beneath(Place(str(root), "a/b"), os.O_RDONLY)
    with pytest.raises(FileNotFoundError):
        open_beneath(Place(str(root / "new"), "b"), os.O_RDONLY)
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("relative", ["link/f", "link/sub/f", "link"])
def test_a_link_out_of_the_root_is_refused(root: Path, relative: str) -> None:
    (root.parent / "outside" / "f").write_bytes(b"secret")
    target = "outside/f" if relative == "link" else "outside"
    (root / "link").symlink_to(root.parent / target)
    with pytest.raises(OSError) as caught:
        open_beneath(Place(str(root), relative), CREATE)
    assert caught.value.errno == errno.ELOOP
    assert sorted(path.name for path in (root.parent / "outside").iterdir()) == ["f"]
    with pytest.raises(StorageError, match="leads out"):
        status_of(Place(str(root), relative if relative == "link" else "link/f"))


def test_a_dangling_link_out_of_the_root_is_refused(root: Path) -> None:
    (root / "link").symlink_to(root.parent / "outside" / "not there")
    with pytest.raises(OSError) as caught:
        open_beneath(Place(str(root), "link"), CREATE)
    assert caught.value.errno == errno.ELOOP
    assert list((root.parent / "outside").iterdir()) == []


def test_a_link_within_the_root_is_followed(root: Path) -> None:
    (root / "real").mkdir()
    (root / "link").symlink_to("real")
    write(Place(str(root), "link/f"), b"data")
    assert (root / "real/f").read_bytes() == b"data"
    (root / "file").symlink_to("real/f")
    fd = open_beneath(Place(str(root), "file"), os.O_RDONLY)
    assert os.read(fd, 10) == b"data"
    os.close(fd)
    status = status_of(Place(str(root), "file"))
    assert status is not None
    assert status.st_size == 4


def test_the_root_itself_may_be_a_link(root: Path) -> None:
    (root.parent / "alias").symlink_to(root)
    write(Place(str(root.parent / "alias"), "a/f"))
    assert (root / "a/f").exists()


def test_a_file_where_a_folder_should_be(root: Path) -> None:
    (root / "a").write_bytes(b"")
    with pytest.raises(OSError) as caught:
        open_beneath(Place(str(root), "a/f"), CREATE)
    assert caught.value.errno in (errno.ENOTDIR, errno.EEXIST)
    assert status_of(Place(str(root), "a/f")) is None
    assert not exists(Place(str(root), "a/f"))


def test_status_and_existence(root: Path) -> None:
    place = Place(str(root), "a/f")
    assert status_of(place) is None
    assert not exists(place)
    write(place, b"123")
    status = status_of(place)
    assert status is not None
    assert status.st_size == 3
    assert exists(place)
    (root / "dangling").symlink_to("nowhere")
    assert exists(Place(str(root), "dangling"))


def test_other_errors_are_blamed(root: Path) -> None:
    with pytest.raises(StorageError) as caught:
        status_of(Place(str(root), "n" * 300))
    assert (caught.value.operation, caught.value.errno) == ("stat", errno.ENAMETOOLONG)
    with pytest.raises(StorageError):
        exists(Place(str(root), "n" * 300))


def test_a_folder_made_by_another_worker(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mkdir = os.mkdir

    def slow_mkdir(name: str, *args: int, **more: int) -> None:
        mkdir(name, *args, **more)
        mkdir(name, *args, **more)  # the other's came first

    if paths._HAS_OPENAT:
        monkeypatch.setattr(os, "mkdir", slow_mkdir)
    write(Place(str(root), "a/f"))
    assert (root / "a/f").exists()


def test_make_folders(tmp_path: Path) -> None:
    make_folders(str(tmp_path / "a/b"))
    make_folders(str(tmp_path / "a/b"))
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(StorageError, match="mkdir"):
        make_folders(str(tmp_path / "f/b"))


def test_list_parents() -> None:
    assert list(list_parents("a/b/c")) == ["a/b", "a"]
    assert list(list_parents("c")) == []
    assert Place("/r", "a/b").path == "/r/a/b"
