from __future__ import annotations

import errno
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from evtorrent.protocols.bencode import decode, encode
from evtorrent.session.disk import part_file, positional
from evtorrent.session.disk.descriptors import FilePool
from evtorrent.session.disk.errors import StorageError
from evtorrent.session.disk.part_file import PartFile
from evtorrent.session.disk.paths import Place
from hypothesis import given, settings
from hypothesis import strategies as st
from support.disk import Disk, make_torrent

PIECES, LENGTH = 5, 8
HEADER = 1024


@pytest.fixture
def pool() -> Iterator[FilePool]:
    pool = FilePool(4)
    yield pool
    pool.limit = 0


def make(pool: FilePool, folder: Path, num_pieces: int = PIECES, length: int = LENGTH) -> PartFile:
    return PartFile(pool, Place(str(folder), "x.parts"), num_pieces, length)


def read(part: PartFile, offset: int, length: int) -> bytes:
    buffer = bytearray(length)
    part.read([buffer], offset)
    return bytes(buffer)


def entries(folder: Path) -> tuple[int, ...]:
    return struct.unpack_from(f">{PIECES}i", (folder / "x.parts").read_bytes(), 8)


def header(num_pieces: int = PIECES, length: int = LENGTH, slots: tuple[int, ...] = (-1,) * PIECES) -> bytes:
    return struct.pack(f">II{len(slots)}i", num_pieces, length, *slots).ljust(HEADER, b"\0")


def test_is_laid_out_as_documented(pool: FilePool, tmp_path: Path) -> None:
    part = make(pool, tmp_path)
    part.write([b"3333"], 3 * LENGTH + 2)
    part.write([b"1", b"1"], 1 * LENGTH)
    data = (tmp_path / "x.parts").read_bytes()
    assert data[:HEADER] == header(slots=(-1, 1, -1, 0, -1))
    assert data[HEADER:] == b"..3333..11".replace(b".", bytes(1))
    assert part.pieces() == [1, 3]


def test_is_found_again(pool: FilePool, tmp_path: Path) -> None:
    make(pool, tmp_path).write([b"abcdefgh"], 2 * LENGTH)
    part = make(pool, tmp_path)
    assert part.pieces() == [2]
    assert read(part, 2 * LENGTH + 1, 3) == b"bcd"


def test_nothing_is_created_by_reading(pool: FilePool, tmp_path: Path) -> None:
    part = make(pool, tmp_path / "not there")
    assert part.pieces() == []
    with pytest.raises(StorageError) as caught:
        read(part, 0, 1)
    assert (caught.value.operation, caught.value.errno) == ("partfile_read", errno.ENOENT)
    part.free([0])
    assert list(tmp_path.iterdir()) == []


def test_a_stretch_over_several_pieces(pool: FilePool, tmp_path: Path) -> None:
    part = make(pool, tmp_path)
    data = bytes(range(20))
    part.write([data[:7], data[7:]], 5)
    assert part.pieces() == [0, 1, 2, 3]
    assert read(part, 5, 20) == data


def test_slots_of_freed_pieces_are_used_again(pool: FilePool, tmp_path: Path) -> None:
    part = make(pool, tmp_path)
    for piece in range(3):
        part.write([bytes([piece]) * LENGTH], piece * LENGTH)
    part.free([1, 4])
    assert entries(tmp_path) == (0, -1, 2, -1, -1)
    part.write([b"x"], 4 * LENGTH)
    assert entries(tmp_path) == (0, -1, 2, -1, 1)
    again = make(pool, tmp_path)
    again.free([0])
    again.write([b"y"], 3 * LENGTH)
    assert entries(tmp_path) == (-1, -1, 2, 0, 1)


def test_holes_found_on_loading_are_used(pool: FilePool, tmp_path: Path) -> None:
    (tmp_path / "x.parts").write_bytes(header(slots=(2, -1, -1, -1, -1)) + bytes(3 * LENGTH))
    part = make(pool, tmp_path)
    part.write([b"a"], LENGTH)
    assert entries(tmp_path) == (2, 0, -1, -1, -1)


def test_the_last_piece_takes_the_file_with_it(pool: FilePool, tmp_path: Path) -> None:
    part = make(pool, tmp_path)
    part.write([b"a"], 0)
    part.free([0])
    assert list(tmp_path.iterdir()) == []
    part.write([b"b"], LENGTH)
    assert read(part, LENGTH, 1) == b"b"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        header(num_pieces=PIECES + 1),
        header(length=LENGTH * 2),
    ],
    ids=["empty", "short", "other number of pieces", "other piece length"],
)
def test_a_foreign_file_counts_as_empty(pool: FilePool, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.parts").write_bytes(content)
    part = make(pool, tmp_path)
    assert part.pieces() == []
    part.write([b"abc"], 0)
    assert make(pool, tmp_path).pieces() == [0]


def test_impossible_slots_are_ignored(pool: FilePool, tmp_path: Path) -> None:
    slots = (PIECES, -7, 1, 1, 2**31 - 1)
    (tmp_path / "x.parts").write_bytes(header(slots=slots) + bytes(2 * LENGTH))
    assert make(pool, tmp_path).pieces() == [2], "one slot is believed once"


@settings(max_examples=50)
@given(st.binary(max_size=HEADER + 4 * LENGTH))
def test_any_content_gives_pieces_in_range(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("part")
    pool = FilePool(4)
    (folder / "x.parts").write_bytes(header()[:8] + content)
    part = make(pool, folder)
    assert all(0 <= piece < PIECES for piece in part.pieces())
    part.write([b"abcdefgh"], LENGTH)
    assert read(part, LENGTH, LENGTH) == b"abcdefgh"
    pool.limit = 0


def test_covers_only_what_was_written(pool: FilePool, tmp_path: Path) -> None:
    part = make(pool, tmp_path)
    part.write([b"abc"], LENGTH)
    assert part.covers(LENGTH, 3)
    assert not part.covers(LENGTH, 4), "the slot's tail was never written"
    assert not part.covers(0, 1)
    assert not part.covers(LENGTH - 1, 3)
    with pytest.raises(StorageError) as caught:
        read(part, LENGTH, 4)
    assert caught.value.errno == errno.ENODATA


def test_export_hands_out_what_is_there(pool: FilePool, tmp_path: Path) -> None:
    part = make(pool, tmp_path)
    part.write([b"a" * LENGTH], 0)
    part.write([b"c" * LENGTH], 2 * LENGTH)
    got: list[tuple[int, bytes]] = []
    part.export(4, 2 * LENGTH + 2, lambda views, offset: got.append((offset, b"".join(views))))
    assert got == [(4, b"aaaa"), (16, b"cccccc")]


def test_export_of_nothing(pool: FilePool, tmp_path: Path) -> None:
    make(pool, tmp_path).export(0, PIECES * LENGTH, lambda views, offset: pytest.fail("nothing is here"))


def test_a_failed_write_leaves_no_entry(
    pool: FilePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = make(pool, tmp_path)
    part.write([b"a"], 0)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(positional, "_pwritev", full)
        for piece in (0, 1):
            with pytest.raises(StorageError) as caught:
                part.write([b"b"], piece * LENGTH)
            assert (caught.value.operation, caught.value.errno) == ("partfile_write", errno.ENOSPC)
    assert part.pieces() == [0], "what was there before is not lost"
    part.write([b"c"], 2 * LENGTH)
    assert entries(tmp_path) == (0, -1, 1, -1, -1)


class TellingLock:
    """A lock that says when somebody has to wait for it."""

    def __init__(self, has_waiter: threading.Event) -> None:
        self._lock = threading.Lock()
        self._has_waiter = has_waiter

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._has_waiter.set()
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@pytest.mark.parametrize("before", [None, b"a foreign file, longer than a header".ljust(2 * HEADER)])
def test_a_second_first_writer_does_not_empty_the_file(
    pool: FilePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes | None
) -> None:
    """One worker has seen that there is no header; before it makes one, another writes a whole piece."""
    if before is not None:
        (tmp_path / "x.parts").write_bytes(before)
    fast_is_done_or_waits = threading.Event()
    monkeypatch.setattr(
        part_file, "threading", SimpleNamespace(Lock=lambda: TellingLock(fast_is_done_or_waits))
    )
    part = make(pool, tmp_path)
    assert part.pieces() == []

    def write_fast() -> None:
        part.write([b"fast"], LENGTH)
        fast_is_done_or_waits.set()

    fast = threading.Thread(target=write_fast)

    def read_then_be_overtaken(*args: Any) -> int:
        done = positional.read_fully(*args)
        monkeypatch.setattr(part_file, "read_fully", positional.read_fully)
        fast.start()
        assert fast_is_done_or_waits.wait(10)
        return done

    monkeypatch.setattr(part_file, "read_fully", read_then_be_overtaken)
    part.write([b"slow"], 0)
    fast.join()
    pool.release(part)
    for holder in (part, make(pool, tmp_path)):
        assert holder.pieces() == [0, 1]
        assert (read(holder, 0, 4), read(holder, LENGTH, 4)) == (b"slow", b"fast")


def test_what_another_part_file_holds_is_read_after_a_move(pool: FilePool, tmp_path: Path) -> None:
    part, other = make(pool, tmp_path / "old"), make(pool, tmp_path / "new")
    part.write([b"ours"], 0)
    other.write([b"3333"], 3 * LENGTH)
    part.moved_to(other.place)
    part.write([b"1111"], LENGTH)
    assert part.pieces() == [1, 3]
    again = make(pool, tmp_path / "new")
    assert again.pieces() == [1, 3]
    assert (read(again, LENGTH, 4), read(again, 3 * LENGTH, 4)) == (b"1111", b"3333")


def test_sync_reaches_what_was_written(
    pool: FilePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    part = make(pool, tmp_path)
    part.sync()
    assert synced == [], "nothing written, nothing created"
    part.write([b"a"], 0)
    pool.release(part)
    part.sync()
    part.sync()
    assert synced == [part.open_files[0].fd]
    part.write([b"a"], 0)
    part.delete()
    part.sync()
    assert len(synced) == 1


def test_a_vanished_file_is_an_error(pool: FilePool, tmp_path: Path) -> None:
    part = make(pool, tmp_path)
    part.write([b"a"], 0)
    pool.release(part)
    os.unlink(tmp_path / "x.parts")
    assert not part.covers(0, 1)
    with pytest.raises(StorageError, match="partfile_open"):
        read(part, 0, 1)
    part.delete()


def test_a_folder_in_its_place_is_an_error(pool: FilePool, tmp_path: Path) -> None:
    (tmp_path / "x.parts").mkdir()
    part = make(pool, tmp_path)
    with pytest.raises(StorageError, match="partfile_read"):
        part.pieces()
    with pytest.raises(StorageError, match="remove"):
        part.delete()


def test_a_link_out_of_the_save_path_is_an_error(pool: FilePool, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x.parts").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="partfile_open"):
        make(pool, tmp_path / "d").pieces()


@pytest.mark.slow
@pytest.mark.interop
class TestInterchange:
    """libtorrent reads ours and writes what we read: a download begun in one may be continued in the other."""

    PRIORITIES = (4, 0, 4)

    @pytest.fixture
    def torrent(self) -> tuple[Any, bytes]:
        length = 16384
        return make_torrent([("a", length + 100), ("b", length), ("c", 2 * length)], length)

    @pytest.fixture
    def add(self, require_peer: Any, torrent: tuple[Any, bytes], tmp_path: Path) -> Iterator[Any]:
        lt = require_peer("libtorrent")
        quiet = dict.fromkeys(("enable_dht", "enable_lsd", "enable_upnp", "enable_natpmp"), False)
        mask = lt.alert.category_t.all_categories
        sessions = []

        def add(alert: str, **params: Any) -> Any:
            session = lt.session({**quiet, "listen_interfaces": "", "alert_mask": mask})
            atp = lt.load_torrent_buffer(encode({"info": decode(torrent[0].info_section)}))
            atp.save_path = str(tmp_path)
            atp.file_priorities = list(self.PRIORITIES)
            handle = session.add_torrent(atp)
            sessions.append((session, handle))
            self.wait_for(session, alert)
            return session, handle

        yield add
        for session, handle in sessions:
            if handle.is_valid():
                session.remove_torrent(handle)
        sessions.clear()  # pytest holds on to `add`, and a session ends with its last reference

    @staticmethod
    def wait_for(session: Any, name: str, count: int = 1) -> None:
        for _ in range(200):
            count -= sum(alert.what() == name for alert in session.pop_alerts())
            if count <= 0:
                return
            session.wait_for_alert(100)
        raise AssertionError(f"no {name} from libtorrent")

    def test_libtorrent_continues_ours(self, add: Any, torrent: tuple[Any, bytes], tmp_path: Path) -> None:
        info, content = torrent
        disk = Disk(info, tmp_path, file_priorities=self.PRIORITIES)
        disk.write(content)
        disk.io.close()
        assert not (tmp_path / "t/b").exists()
        session, handle = add("torrent_checked")
        assert handle.status().pieces == [True] * info.num_pieces
        handle.prioritize_files([4, 4, 4])
        self.wait_for(session, "file_prio")
        assert (tmp_path / "t/b").read_bytes() == content[16484:32868]

    def test_we_continue_libtorrents(self, add: Any, torrent: tuple[Any, bytes], tmp_path: Path) -> None:
        info, content = torrent
        session, handle = add("torrent_checked")
        for piece in range(info.num_pieces):
            handle.add_piece(piece, content[piece * 16384 :][: info.piece_size(piece)], 0)
        self.wait_for(session, "piece_finished", info.num_pieces)
        handle.flush_cache()
        self.wait_for(session, "cache_flushed")
        assert (tmp_path / f".{info.info_hashes.v1.hex()}.parts").exists()
        assert not (tmp_path / "t/b").exists()
        disk = Disk(info, tmp_path, file_priorities=self.PRIORITIES)
        assert all(disk.check().values())
        disk.check_error(disk.io.submit_set_priorities, [4, 4, 4])
        assert (tmp_path / "t/b").read_bytes() == content[16484:32868]
        disk.io.close()
