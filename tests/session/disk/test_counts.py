from __future__ import annotations

import hashlib

from evtorrent.session.disk.counts import DiskCounts
from evtorrent.session.disk.io import DiskIo
from evtorrent.session.disk.jobs import PieceJob
from evtorrent.session.disk.memory import MemoryBackend
from evtorrent.session.disk.params import StorageParams
from support.disk import ManualPool, make_torrent

BLOCK = 16384


def test_pieces_and_reads_are_counted_when_they_are_done() -> None:
    info, content = make_torrent(5 * BLOCK + 10, 2 * BLOCK)
    pool = ManualPool()
    disk = DiskIo(pool, pool.submit, backend=MemoryBackend)  # type: ignore[arg-type]
    storage = disk.open(StorageParams(info, "/"))
    good = PieceJob(0, bytearray(content[: 2 * BLOCK]), hashlib.sha1(content[: 2 * BLOCK]).digest())
    last = PieceJob(2, bytearray(content[4 * BLOCK :]), info.piece_hash(2))
    bad = PieceJob(1, bytearray(2 * BLOCK), info.piece_hash(1))
    disk.submit_pieces(storage, [good, bad, last], lambda results: None)
    disk.submit_pieces(storage, [bad], lambda results: None)
    assert disk.counts == DiskCounts(writes_running=2, jobs_started=2)
    pool.run()
    written = DiskCounts(blocks_written=4, blocks_hashed=8, write_ops=1, jobs_started=2, jobs_done=2)
    assert disk.counts == written, "a job none of whose pieces was good wrote nothing"
    disk.submit_read(storage, [bytearray(BLOCK), bytearray(10)], 0, lambda error: None)
    disk.submit_read(storage, [bytearray(10)], 2 * BLOCK, lambda error: None)
    assert disk.counts.reads_running == 2
    pool.run()
    assert disk.counts.reads_running == 0
    assert (disk.counts.read_ops, disk.counts.blocks_read) == (1, 2), "what was never written cannot be read"


def test_what_waits_for_an_exclusive_job_is_not_started() -> None:
    info, _ = make_torrent(BLOCK, BLOCK)
    pool = ManualPool()
    disk = DiskIo(pool, pool.submit, backend=MemoryBackend)  # type: ignore[arg-type]
    storage = disk.open(StorageParams(info, "/"))
    disk.submit_flush(storage, lambda error: None)
    disk.submit_read(storage, [bytearray(10)], 0, lambda error: None)
    assert (disk.num_jobs, disk.counts.jobs_started) == (2, 1)
    pool.run()
    assert (disk.num_jobs, disk.counts.jobs_started, disk.counts.jobs_done) == (0, 2, 2)
