from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from evtorrent.session import FileOpenMode
from evtorrent.session.disk import cache_use
from evtorrent.session.disk.cache_use import CacheUse
from evtorrent.session.disk.params import DiskSettings
from support.disk import Disk, make_torrent

pytestmark = pytest.mark.usefixtures("no_fd_survives")

INFO, CONTENT = make_torrent([("a", 40_000), ("b", 60_000)], 50_000)
USUAL = CacheUse()
NO_READ = CacheUse(keeps_read=False)
NO_WRITTEN = CacheUse(keeps_written=False)
THROUGH = CacheUse(writes_through=True)


class Asked:
    """What the system is asked for, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[Any, ...]] = []
        monkeypatch.setattr(os, "posix_fadvise", self._advise)
        monkeypatch.setattr(cache_use, "_sync", lambda fd: self.calls.append(("sync",)))

    def _advise(self, fd: int, position: int, length: int, advice: int) -> None:
        assert advice == os.POSIX_FADV_DONTNEED
        os.fstat(fd)
        self.calls.append(("drop", position, length))

    def take(self) -> list[tuple[Any, ...]]:
        calls, self.calls = self.calls, []
        return calls


def disk_for(use: CacheUse, folder: Path) -> Disk:
    return Disk(INFO, folder, settings=DiskSettings(cache_use=use))


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (USUAL, []),
        (NO_READ, []),
        (THROUGH, [("sync",), ("sync",)]),
        (NO_WRITTEN, [("sync",), ("drop", 0, 40_000), ("sync",), ("drop", 0, 60_000)]),
    ],
)
def test_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: CacheUse, expected: list[tuple[Any, ...]]
) -> None:
    asked = Asked(monkeypatch)
    disk_for(use, tmp_path).write(CONTENT)
    assert asked.take() == expected


@pytest.mark.parametrize(
    ("use", "expected"),
    [(USUAL, []), (THROUGH, []), (NO_WRITTEN, []), (NO_READ, [("drop", 39_000, 1000), ("drop", 0, 2000)])],
)
def test_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: CacheUse, expected: list[tuple[Any, ...]]
) -> None:
    disk = disk_for(use, tmp_path)
    disk.write(CONTENT)
    asked = Asked(monkeypatch)
    assert disk.read(39_000, 3000) == CONTENT[39_000:42_000]
    assert asked.take() == expected


def test_what_cannot_reach_the_device_is_not_reported_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(cache_use, "_sync", fail)
    disk = disk_for(THROUGH, tmp_path)
    results = disk.write(CONTENT)
    assert [result.ok for result in results] == [False, False]
    assert {result.error.errno for result in results if result.error} == {errno.EIO}


def test_uploads_take_nothing_from_a_cache_that_is_not_kept(tmp_path: Path) -> None:
    disk = disk_for(USUAL, tmp_path)
    disk.write(CONTENT)
    assert disk.read_nowait(0, 100) == CONTENT[:100]
    disk.io.apply(DiskSettings(cache_use=NO_READ))
    for offset in (0, 39_950):
        assert disk.read(offset, 100) == CONTENT[offset : offset + 100]
        assert disk.read_nowait(offset, 100) is None
    disk.io.apply(DiskSettings())
    disk.read(0, 100)
    assert disk.read_nowait(0, 100) == CONTENT[:100]


class Flags:
    """A file system that copies on write unless it is told not to, or one that knows no such thing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, refuses: bool = False) -> None:
        self.told: list[int] = []
        """Sizes of the files it was told of."""
        self.refuses = refuses
        monkeypatch.setattr(fcntl, "ioctl", self._ioctl)

    def _ioctl(self, fd: int, request: int, argument: bytes) -> bytes:
        if self.refuses:
            raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")
        (flags,) = struct.unpack("l", argument)
        if request & 0xFF == 1:
            return struct.pack("l", 0x10)
        assert flags == 0x0080_0010, "other flags stay"
        self.told.append(os.fstat(fd).st_size)
        return argument


@pytest.mark.parametrize(("no_cow", "refuses"), [(True, False), (False, False), (True, True)])
def test_new_files_are_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_cow: bool, refuses: bool
) -> None:
    flags = Flags(monkeypatch, refuses=refuses)
    disk = disk_for(CacheUse(no_cow=no_cow), tmp_path)
    assert all(result.ok for result in disk.write(CONTENT))
    assert flags.told == ([0, 0] if no_cow and not refuses else []), "before they have bytes"
    disk.io.apply(DiskSettings())
    disk.io.apply(DiskSettings(cache_use=CacheUse(no_cow=True)))
    disk.write(CONTENT)
    assert len(flags.told) == (2 if no_cow and not refuses else 0), "files that have some stay as they are"


def is_cached(path: Path) -> bool:
    """Its first page is in the page cache.  Skips where the system cannot tell."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.preadv(fd, [bytearray(4096)], 0, os.RWF_NOWAIT) == 4096
    except BlockingIOError:
        return False
    except OSError as error:
        pytest.skip(f"this file system does not tell what is cached: {error}")
    finally:
        os.close(fd)


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="this system does not tell what is cached")
def test_the_page_cache_itself(tmp_path: Path) -> None:
    disk = disk_for(USUAL, tmp_path)
    disk.write(CONTENT)
    path = tmp_path / INFO.files.path(0)
    assert is_cached(path)
    disk.io.submit_flush(disk.storage, lambda error: None, sync=True)
    disk.pool.run()
    disk.io.apply(DiskSettings(cache_use=NO_READ))
    disk.read(0, 40_000)
    if is_cached(path):
        pytest.skip("this file system keeps what it is told to drop")
    disk.io.apply(DiskSettings(cache_use=NO_WRITTEN))
    disk.write(CONTENT)
    assert not is_cached(path)


@pytest.mark.skipif(not hasattr(os, "O_NOATIME"), reason="Linux only")
def test_when_files_are_read_is_noted_or_not(tmp_path: Path) -> None:
    disk = disk_for(USUAL, tmp_path)
    disk.write(CONTENT)

    def modes() -> set[FileOpenMode]:
        return {state.open_mode for state in disk.storage.backend.open_file_states()}

    assert modes() == {FileOpenMode.read_write | FileOpenMode.no_atime}
    disk.io.apply(DiskSettings(cache_use=CacheUse(no_atime=False)))
    assert modes() == set()
    disk.read(0, 1)
    assert modes() == {FileOpenMode.read_only}
    disk.io.apply(DiskSettings())
    disk.read(0, 1)
    assert modes() == {FileOpenMode.read_only | FileOpenMode.no_atime}


@pytest.mark.skipif(not hasattr(os, "O_NOATIME"), reason="Linux only")
def test_files_of_somebody_else_are_opened_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = disk_for(CacheUse(no_atime=False), tmp_path)
    disk.write(CONTENT)
    disk.io.apply(DiskSettings())
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_NOATIME:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    assert disk.read(0, 100) == CONTENT[:100]
    assert {state.open_mode for state in disk.storage.backend.open_file_states()} == {FileOpenMode.read_only}
