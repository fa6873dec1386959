from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from evtorrent.session.disk.errors import StorageError
from evtorrent.session.disk.params import StorageParams
from evtorrent.session.disk.paths import Place
from evtorrent.session.disk.placement import Placement
from support.disk import make_torrent

INFO, _ = make_torrent(
    [
        ("a", 10),
        ("sub/b", 10, "x"),
        ("pad", 12, "p"),
        ("sub/link", 0, "l", "a"),
        ("deep/er/link", 0, "l", "a"),
    ]
)


def make(**params: object) -> Placement:
    return Placement(StorageParams(INFO, "/save", **params))  # type: ignore[arg-type]


def test_places() -> None:
    placement = make()
    assert placement.place(1) == Place("/save", "t/sub/b")
    assert placement.path(1) == "/save/t/sub/b"
    assert [placement.is_pad(i) for i in range(3)] == [False, False, True]
    assert [placement.is_executable(i) for i in range(2)] == [False, True]
    assert placement.is_symlink(3)


def test_the_save_path_is_made_absolute() -> None:
    assert Placement(StorageParams(INFO, "x")).path(0) == f"{Path.cwd()}/x/t/a"


def test_renamed_files() -> None:
    placement = make(renamed_files={0: "other/name", 1: "/abs/olute"})
    assert placement.path(0) == "/save/other/name"
    assert placement.place(1) == Place("/abs", "olute")
    assert [placement.is_elsewhere(i) for i in range(3)] == [False, True, False]
    placement.rename(1, "/top")
    assert placement.path(1) == "/top"


@pytest.mark.parametrize(
    "name", ["", "a/", "..", "a/..", "../a", "a/../b", "a//b", "./a", "a\0b", "/a/..", "/"]
)
def test_names_that_are_refused(name: str) -> None:
    placement = make()
    with pytest.raises(StorageError) as caught:
        placement.rename(0, name)
    assert caught.value.errno == errno.EINVAL
    assert placement.renamed == {}


@pytest.mark.parametrize("index", [-1, 5])
def test_there_is_no_such_file(index: int) -> None:
    with pytest.raises(StorageError, match="no file"):
        make().rename(index, "x")


def test_priorities_beyond_the_list_are_default() -> None:
    placement = make(file_priorities=[0, 7])
    assert [placement.is_wanted(i) for i in range(3)] == [False, True, True]
    placement.set_priorities([1])
    assert [placement.priority(i) for i in range(3)] == [1, 7, 4]


def test_link_targets_are_relative_to_the_link() -> None:
    placement = make()
    for index in (3, 4):
        target = placement.link_target(index)
        assert target is not None
        folder = os.path.dirname(placement.place(index).relative)
        assert os.path.normpath(os.path.join(folder, target)) == INFO.files.symlink(index)


def test_a_link_moved_out_of_the_save_path_has_no_target() -> None:
    placement = make(renamed_files={3: "/abs/link"})
    assert placement.link_target(3) is None
    assert placement.link_target(0) is None


@pytest.mark.parametrize("target", ["../etc", "t/../../x", "/etc/passwd", ".."])
def test_link_targets_never_leave_the_save_path(target: str) -> None:
    info, _ = make_torrent([("a", 10), ("link", 0, "l", "a")])
    info.files.set_symlink(1, target)
    assert Placement(StorageParams(info, "/save")).link_target(1) is None
