from __future__ import annotations

import errno
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from evtorrent.protocols.metainfo.merkle import block_hashes
from evtorrent.protocols.types import BLOCK_SIZE
from evtorrent.session.disk import DiskIo, DiskSettings, PieceJob, StorageError, StorageParams
from support.disk import Disk, ManualPool, make_torrent, put_files

INFO, CONTENT = make_torrent(100, 32)


def test_a_hash_failure_writes_nothing(tmp_path: Path) -> None:
    disk = Disk(INFO, tmp_path)
    job = disk.job(CONTENT, 1)
    job.buffer[0] ^= 1
    (result,) = disk.wait(disk.io.submit_pieces, [job])
    assert (result.index, result.ok, result.error) == (1, False, None)
    assert list(tmp_path.iterdir()) == []


def test_queued_bytes_and_congestion(tmp_path: Path) -> None:
    disk = Disk(INFO, tmp_path, settings=DiskSettings(max_queued_disk_bytes=64))
    events: list[str] = []
    disk.io.on_low_watermark = lambda: events.append("low")

    def submit(piece: int) -> None:
        disk.io.submit_pieces(disk.storage, [disk.job(CONTENT, piece)], lambda results: events.append("done"))

    submit(0)
    submit(1)
    assert (disk.io.queued_bytes, disk.io.is_congested) == (64, False), "at the limit"
    submit(2)
    assert (disk.io.queued_bytes, disk.io.is_congested) == (96, True)
    disk.pool.run_one()
    assert (disk.io.queued_bytes, disk.io.is_congested) == (64, True), "until half is written"
    disk.pool.run_one()
    assert (disk.io.queued_bytes, disk.io.is_congested, events) == (32, False, ["done", "low", "done"])
    disk.pool.run()
    assert (disk.io.queued_bytes, events.count("low")) == (0, 1)


def test_congestion_needs_no_listener(tmp_path: Path) -> None:
    disk = Disk(INFO, tmp_path, settings=DiskSettings(max_queued_disk_bytes=1))
    disk.write(CONTENT)
    assert not disk.io.is_congested


def test_exclusive_jobs_wait_for_others(tmp_path: Path) -> None:
    disk = Disk(INFO, tmp_path)
    order: list[str] = []
    disk.io.submit_pieces(disk.storage, [disk.job(CONTENT, 0)], lambda results: order.append("write"))
    disk.io.submit_rename(disk.storage, 0, "new", lambda error: order.append("rename"))
    disk.io.submit_pieces(disk.storage, [disk.job(CONTENT, 1)], lambda results: order.append("write 2"))
    assert len(disk.pool.jobs) == 1, "the pool sees nothing that may not run"
    disk.pool.run()
    assert order == ["write", "rename", "write 2"]
    assert (tmp_path / "new").read_bytes()[:64] == CONTENT[:64]


def test_storages_do_not_wait_for_each_other(tmp_path: Path) -> None:
    disk = Disk(INFO, tmp_path)
    other = disk.io.open(StorageParams(INFO, str(tmp_path / "other")))
    disk.io.submit_release(disk.storage, lambda error: None)
    disk.io.submit_release(other, lambda error: None)
    assert len(disk.pool.jobs) == 2


def test_a_callback_that_raises_does_not_block_the_storage(tmp_path: Path) -> None:
    disk = Disk(INFO, tmp_path)

    def broken(error: object) -> None:
        raise ZeroDivisionError

    disk.io.submit_release(disk.storage, broken)
    with pytest.raises(ZeroDivisionError):
        disk.pool.run()
    assert all(result.ok for result in disk.write(CONTENT))


def test_a_closed_pool_is_an_error_of_each_job(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk(INFO, tmp_path)
    disk.pool.is_closed = True
    results = disk.write(CONTENT, [0, 1])
    assert [result.index for result in results] == [0, 1]
    assert all(result.error is not None and result.error.errno == errno.EIO for result in results)
    with pytest.raises(StorageError, match="pool is closed"):
        disk.check_error(disk.io.submit_release)
    assert disk.io.queued_bytes == disk.io.num_jobs == 0
    assert "pool is closed" in caplog.text


def test_pieces_outside_the_torrent_are_an_error(tmp_path: Path) -> None:
    info, content = make_torrent([("a", 50), ("b", 50)])
    disk = Disk(info, tmp_path)
    job = PieceJob(99, bytearray(content[:32]), info.piece_hash(0))
    (result,) = disk.wait(disk.io.submit_pieces, [job])
    assert not result.ok
    assert result.error is not None


def test_apply(tmp_path: Path) -> None:
    disk = Disk(INFO, tmp_path)
    disk.io.apply(DiskSettings(file_pool_size=7))
    assert disk.io.files.limit == 7
    assert disk.io.settings.file_pool_size == 7


def test_a_renamed_file_that_leaves_the_save_path_is_refused(tmp_path: Path) -> None:
    pool = ManualPool()
    disk = DiskIo(pool, pool.submit)  # type: ignore[arg-type]
    with pytest.raises(StorageError, match="leads out"):
        disk.open(StorageParams(INFO, str(tmp_path), renamed_files={0: "../x"}))


class ThreadedLoop:
    """A base whose callbacks run when `run` takes them, and real worker threads."""

    def __init__(self, workers: int) -> None:
        self.queue: SimpleQueue[Any] = SimpleQueue()
        self.executor = ThreadPoolExecutor(workers)

    def time(self) -> float:
        return 0.0

    def submit(self, base: Any, function: Any, *args: Any, on_done: Any) -> None:
        def report(future: Any) -> None:
            error = future.exception()
            self.queue.put((on_done, None if error else future.result(), error))

        self.executor.submit(function, *args).add_done_callback(report)

    def run(self, disk: DiskIo) -> None:
        while disk.num_jobs:
            on_done, result, error = self.queue.get(timeout=30)
            on_done(result, error)


def test_many_threads_one_torrent(tmp_path: Path) -> None:
    info, content = make_torrent([(f"f{n}", 997) for n in range(30)], 256)
    loop = ThreadedLoop(4)
    disk = DiskIo(loop, loop.submit, settings=DiskSettings(file_pool_size=5, hashing_threads=4))  # type: ignore[arg-type]
    storage = disk.open(StorageParams(info, str(tmp_path / "0"), file_priorities=[4, 0] * 15))
    results: list[Any] = []
    failures: list[Any] = []
    reads: list[tuple[int, bytearray]] = []
    for piece in range(info.num_pieces):
        data = bytearray(content[piece * 256 :][: info.piece_size(piece)])
        disk.submit_pieces(storage, [PieceJob(piece, data, info.piece_hash(piece))], results.extend)
        if piece % 40 == 20:
            disk.submit_move(
                storage, str(tmp_path / str(piece)), 0, lambda result, error: failures.append(error)
            )
            disk.submit_set_priorities(storage, [piece % 3, 4, 0] * 10, failures.append)
        if piece % 8 == 7:
            disk.submit_flush(storage, failures.append)
            buffer = bytearray(256 * 4)
            reads.append((piece - 7, buffer))
            disk.submit_read(storage, [buffer], (piece - 7) * 256, failures.append)
    found: list[tuple[int, bool]] = []
    disk.submit_flush(storage, failures.append)
    disk.submit_check(storage, None, found.extend, failures.append)
    loop.run(disk)
    loop.executor.shutdown()
    assert all(result.ok for result in results)
    assert set(failures) == {None}
    assert all(buffer == content[piece * 256 :][:1024] for piece, buffer in reads)
    assert sorted(found) == [(piece, True) for piece in range(info.num_pieces)]
    disk.close()


@pytest.mark.usefixtures("no_fd_survives")
def test_uploads_never_read_from_a_reused_descriptor(tmp_path: Path) -> None:
    """The loop reads without a lock while a worker makes the pool close and open files."""
    info, content = make_torrent([(f"f{n}", 4096) for n in range(6)], 1024)
    put_files(info, content, tmp_path)
    loop = ThreadedLoop(1)
    disk = DiskIo(loop, loop.submit, settings=DiskSettings(file_pool_size=2))  # type: ignore[arg-type]
    storage = disk.open(StorageParams(info, str(tmp_path)))
    is_stopping = threading.Event()

    def churn() -> None:
        position, buffer = 0, bytearray(1024)
        while not is_stopping.is_set():
            storage.backend.read([buffer], position)
            position = (position + 5 * 1024) % len(content)

    buffer = bytearray(1024)
    storage.backend.read([buffer], 0)
    worker = threading.Thread(target=churn)
    worker.start()
    num_hits = 0
    for turn in range(4000):
        start = turn * 1024 % len(content)
        if storage.preadv_nowait([buffer], start):
            num_hits += 1
            assert buffer == content[start : start + 1024]
    is_stopping.set()
    worker.join()
    loop.executor.shutdown()
    disk.close()
    assert num_hits


def test_hashes_of_blocks(tmp_path: Path) -> None:
    info, content = make_torrent(3 * BLOCK_SIZE + 9, BLOCK_SIZE)
    put_files(info, content, tmp_path)
    disk = Disk(info, tmp_path)
    found: list[Any] = []
    disk.io.submit_hash_blocks(
        disk.storage, BLOCK_SIZE, 2 * BLOCK_SIZE + 9, lambda *result: found.append(result)
    )
    assert disk.io.counts.reads_running == 1
    disk.pool.run()
    assert found == [(block_hashes(content[BLOCK_SIZE:]), None)]
    assert (disk.io.counts.reads_running, disk.io.counts.blocks_hashed) == (0, 3)
    (tmp_path / "t").unlink()
    disk.check_error(disk.io.submit_release)
    disk.io.submit_hash_blocks(disk.storage, 0, 5, lambda *result: found.append(result))
    disk.pool.run()
    hashes, error = found[-1]
    assert hashes is None
    assert error.errno == errno.ENOENT
    assert disk.io.counts.reads_running == 0
