from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from evtorrent.session.disk.arriving import ArrivingFile
from evtorrent.session.disk.errors import StorageError
from evtorrent.session.disk.paths import Place


def arriving(folder: Path, name: str = "t/a", reserve=lambda fd: None) -> ArrivingFile:
    return ArrivingFile(Place(str(folder), name), ".new", mode=0o666, reserve=reserve)


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.mark.parametrize("name", ["a", "t/a"])
def test_it_has_its_name_at_the_end_only(tmp_path: Path, name: str) -> None:
    with arriving(tmp_path, name) as file:
        file.write([b"cd", b"e"], 2)
        file.write([b"ab"], 0)
        assert not (tmp_path / name).exists()
        assert len(listing(tmp_path)) == 1
    assert file.was_written
    assert listing(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == b"abcde"


def test_nothing_written_is_no_file(tmp_path: Path) -> None:
    with arriving(tmp_path) as file:
        pass
    assert not file.was_written
    assert listing(tmp_path) == []


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), arriving(tmp_path) as file:
        file.write([b"x"], 0)
        raise KeyError
    assert not file.was_written
    assert listing(tmp_path) == []


def test_what_an_earlier_run_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".new").write_bytes(b"much of an older try")
    with arriving(tmp_path, "a") as file:
        file.write([b"x"], 0)
    assert listing(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"x"


def test_nothing_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"there")
    with pytest.raises(StorageError, match="open") as caught, arriving(tmp_path, "a") as file:
        file.write([b"x"], 0)
    assert caught.value.errno == errno.EEXIST
    assert (tmp_path / "a").read_bytes() == b"there"
    assert listing(tmp_path) == ["a"]


def test_no_room_is_an_error_before_anything_is_written(tmp_path: Path) -> None:
    def full(fd: int) -> None:
        raise StorageError("allocate", "a", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    with pytest.raises(StorageError, match="allocate"), arriving(tmp_path, reserve=full) as file:
        file.write([b"x"], 0)
    assert listing(tmp_path) == []


def test_a_place_that_turns_bad_meanwhile(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="rename"), arriving(tmp_path, "a") as file:
        file.write([b"x"], 0)
        (tmp_path / "a").mkdir()
    assert listing(tmp_path) == []
