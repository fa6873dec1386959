from __future__ import annotations

import os
from pathlib import Path

import pytest
from evtorrent.session import FileOpenMode
from evtorrent.session.disk.cache_use import CacheUse
from evtorrent.session.disk.descriptors import FilePool, OpenFile


class Owner:
    """Files of a folder, named by their index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open_files: dict[int, OpenFile] = {}
        self.closed: list[int] = []
        self.opened: list[tuple[int, bool]] = []

    def open_file(self, index: int, *, for_writing: bool) -> OpenFile:
        self.opened.append((index, for_writing))
        fd = os.open(self.folder / str(index), os.O_RDWR | os.O_CREAT)
        return OpenFile(fd, self, index, is_writable=for_writing)

    def on_file_closed(self, file: OpenFile) -> None:
        self.closed.append(file.index)


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path)


pytestmark = pytest.mark.usefixtures("no_fd_survives")


def test_opens_once(owner: Owner) -> None:
    pool = FilePool(2)
    assert pool.get(owner, 0) is pool.get(owner, 0)
    assert (owner.opened, pool.num_open) == ([(0, False)], 1)
    pool.release(owner)
    assert (owner.closed, pool.num_open) == ([0], 0)


def test_the_one_used_the_longest_ago_is_closed(tmp_path: Path) -> None:
    now = [0.0]
    pool, owner = FilePool(10, lambda: now[0]), Owner(tmp_path)
    for index in (0, 1, 2, 0):
        now[0] += 1
        pool.get(owner, index)
    for closed in ([1], [1, 2], [1, 2, 0], [1, 2, 0]):
        pool.close_oldest()
        assert owner.closed == closed


def test_files_are_opened_anew_for_another_use_of_the_cache(owner: Owner) -> None:
    pool = FilePool(10)
    held = pool.get(owner, 0)
    pool.cache_use = CacheUse()
    assert owner.closed == []
    pool.cache_use = CacheUse(no_atime=False)
    assert owner.closed == [0]
    assert is_open(held.fd), "who reads keeps it"
    assert pool.get(owner, 0) is not held
    pool.release(owner)


def test_the_limit_closes_files_not_used_lately(owner: Owner) -> None:
    pool = FilePool(2)
    fds = [pool.get(owner, index).fd for index in range(2)]
    pool.get(owner, 2)  # all are recent: the oldest goes, the others lose their mark
    assert owner.closed == [0]
    assert not is_open(fds[0])
    pool.get(owner, 1)
    pool.get(owner, 3)
    assert owner.closed == [0, 2], "1 was used since"
    pool.release(owner)


def test_a_reader_keeps_an_evicted_file_open(owner: Owner) -> None:
    pool = FilePool(1)
    file = pool.get(owner, 0)
    pool.get(owner, 1)
    assert owner.closed == [0]
    assert is_open(file.fd), "somebody is using it: its number must not be reused"
    fd = file.fd
    del file
    assert not is_open(fd)
    pool.release(owner)


def test_writing_replaces_a_file_opened_for_reading(owner: Owner) -> None:
    pool = FilePool(2)
    reader = pool.get(owner, 0)
    writer = pool.get(owner, 0, for_writing=True)
    assert reader is not writer
    assert pool.get(owner, 0) is writer
    assert pool.num_open == 1
    pool.release(owner)


def test_of_two_that_open_at_once_one_wins(owner: Owner, tmp_path: Path) -> None:
    pool = FilePool(2)
    other = Owner(tmp_path)

    def open_file(index: int, *, for_writing: bool) -> OpenFile:
        # another thread opens the same file while we are about to
        if not owner.open_files:
            owner.open_file = original  # type: ignore[method-assign]
            pool.get(owner, index, for_writing=True)
        return other.open_file(index, for_writing=for_writing)

    original = owner.open_file
    owner.open_file = open_file  # type: ignore[method-assign, assignment]
    assert pool.get(owner, 0, for_writing=True) is owner.open_files[0]
    assert pool.num_open == 1
    owner.open_file = original  # type: ignore[method-assign]
    pool.release(owner)


def test_lowering_the_limit_closes(owner: Owner) -> None:
    pool = FilePool(4)
    for index in range(4):
        pool.get(owner, index)
    pool.limit = 1
    assert (pool.num_open, pool.limit) == (1, 1)
    pool.limit = 0
    assert pool.num_open == 0


def test_close_one(owner: Owner) -> None:
    pool = FilePool(4)
    pool.get(owner, 0)
    pool.get(owner, 1)
    pool.close(owner, 0)
    pool.close(owner, 0)
    assert owner.closed == [0]
    pool.release(owner)


def test_an_error_of_close_is_swallowed(owner: Owner) -> None:
    pool = FilePool(1)
    os.close(pool.get(owner, 0).fd)
    pool.release(owner)
    assert pool.num_open == 0


def test_states_say_what_is_open_and_since_when(tmp_path: Path) -> None:
    now = [100.0]
    pool, owner = FilePool(10, lambda: now[0]), Owner(tmp_path)
    pool.get(owner, 1)
    now[0] = 103.0
    pool.get(owner, 2, for_writing=True)
    now[0] = 104.0
    states = [(state.file_index, state.open_mode, state.last_use) for state in pool.states(owner)]
    assert states == [(1, FileOpenMode.read_only, 4.0), (2, FileOpenMode.read_write, 1.0)]
    pool.get(owner, 1)
    assert pool.states(owner)[0].last_use == 0.0
    pool.release(owner)
    assert pool.states(owner) == []
