from __future__ import annotations

from evtorrent.session.disk import MemoryBackend
from support.disk import Disk, make_torrent


def test_counts_its_jobs() -> None:
    info, content = make_torrent(100, name="name")
    disk = Disk(info, "/none", make_backend=MemoryBackend)
    assert repr(disk.storage) == "Storage('name', 0 jobs)"
    disk.io.submit_pieces(disk.storage, [disk.job(content, 0)], lambda results: None)
    disk.io.submit_release(disk.storage, lambda error: None)
    disk.io.submit_read(disk.storage, [bytearray(1)], 0, lambda error: None)
    assert disk.storage.num_jobs == disk.io.num_jobs == 3
    disk.pool.run()
    assert disk.storage.num_jobs == disk.io.num_jobs == 0
