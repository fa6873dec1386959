from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evtorrent.protocols.types import Buffer
from evtorrent.session.disk.errors import StorageError
from evtorrent.session.disk.jobs import PieceJob
from evtorrent.session.disk.params import DiskSettings
from evtorrent.session.disk.trusting import store_unseen
from support.disk import Disk, make_torrent


class Writes:
    """A backend that records calls and fails at some offsets."""

    def __init__(self, fail_at: Sequence[int] = ()) -> None:
        self.calls: list[tuple[int, list[bytes]]] = []
        self.fail_at = fail_at

    def write(self, buffers: Sequence[Buffer], offset: int) -> None:
        if offset in self.fail_at:
            raise StorageError("write", "f", OSError(28, "No space left on device"))
        self.calls.append((offset, [bytes(buffer) for buffer in buffers]))


def test_every_piece_is_written() -> None:
    writes = Writes(fail_at=[8])
    batch = [PieceJob(index, bytearray(b"data"), bytes(20)) for index in (1, 2, 5)]
    results = store_unseen(writes, 4, batch)  # type: ignore[arg-type]
    assert [(result.index, result.ok) for result in results] == [(1, True), (2, False), (5, True)]
    assert results[1].error is not None and results[1].error.errno == 28
    assert writes.calls == [(4, [b"data"]), (20, [b"data"])]


def test_the_setting_counts_from_the_next_job_on(tmp_path: Path) -> None:
    info, content = make_torrent(200, 100)
    disk = Disk(info, tmp_path)
    wrong = [PieceJob(1, bytearray(content[:100]), info.piece_hash(1))]
    outcomes: list[bool] = []
    for checks in (True, False, True):
        disk.io.apply(DiskSettings(checks_hashes=checks))
        disk.io.submit_pieces(disk.storage, wrong, lambda results: outcomes.append(results[0].ok))
        disk.pool.run()
    assert outcomes == [False, True, False]
    assert disk.check() == {0: False, 1: False}
    disk.io.apply(DiskSettings(checks_hashes=False))
    assert disk.check() == {0: True, 1: True}, "one is wrong and one a hole, but both are there"


def test_what_is_not_there_is_not_believed(tmp_path: Path) -> None:
    info, _ = make_torrent(200, 100)
    disk = Disk(info, tmp_path, settings=DiskSettings(checks_hashes=False))
    assert disk.check() == {0: False, 1: False}
