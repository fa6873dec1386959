from __future__ import annotations

from evtorrent.session.disk import DiskIo, DiskSettings, StorageParams
from evtorrent.session.disk.jobs import PieceJob
from evtorrent.session.disk.memory import MemoryBackend
from evtorrent.session.torrent.bound_storage import BoundStorage
from support.disk import ManualPool, make_torrent


def bound(limit: int):
    pool = ManualPool()
    info, content = make_torrent(100, 50)
    disk = DiskIo(
        pool,  # type: ignore[arg-type]
        pool.submit,
        settings=DiskSettings(max_queued_disk_bytes=limit),
        backend=MemoryBackend,
    )
    return pool, info, content, BoundStorage(disk, disk.open(StorageParams(info, "/disk")))


def test_pieces_are_written_and_read():
    pool, info, content, storage = bound(1000)
    results = []
    job = PieceJob(1, memoryview(bytearray(content[50:])), info.piece_hash(1))
    assert storage.submit_pieces([job], results.extend) is False
    pool.run()
    assert [result.ok for result in results] == [True]
    buffer, errors = bytearray(20), []
    storage.submit_read([memoryview(buffer)], 60, errors.append)
    pool.run()
    assert errors == [None]
    assert buffer == content[60:80]
    assert storage.preadv_nowait([memoryview(buffer)], 50)
    assert not storage.preadv_nowait([memoryview(buffer)], 0)


def test_it_says_when_the_disk_is_congested():
    pool, info, content, storage = bound(60)
    jobs = [
        PieceJob(piece, memoryview(bytearray(content[piece * 50 :][:50])), info.piece_hash(piece))
        for piece in (0, 1)
    ]
    assert not storage.submit_pieces(jobs[:1], lambda results: None)
    assert storage.submit_pieces(jobs[1:], lambda results: None)
    pool.run()
