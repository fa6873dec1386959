from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

import pytest
from evtorrent.protocols.metainfo.merkle import block_hashes, root_at
from evtorrent.protocols.types import BLOCK_SIZE, Buffer
from evtorrent.session.disk.errors import StorageError
from evtorrent.session.disk.jobs import JobFence, PieceJob, PieceResult, hash_blocks, store_pieces
from hypothesis import given
from hypothesis import strategies as st

LENGTH = 4


class Writes:
    """A backend that records calls and fails at some offsets."""

    def __init__(self, fail_at: Sequence[int] = ()) -> None:
        self.calls: list[tuple[int, list[bytes]]] = []
        self.fail_at = fail_at

    def write(self, buffers: Sequence[Buffer], offset: int) -> None:
        if offset in self.fail_at:
            raise StorageError("write", "f", OSError(28, "No space left on device"))
        self.calls.append((offset, [bytes(buffer) for buffer in buffers]))


def piece(index: int, data: bytes = b"good", is_good: bool = True) -> PieceJob:
    expected = hashlib.sha1(data if is_good else b"other").digest()
    return PieceJob(index, memoryview(bytearray(data)), expected)


def store(writes: Writes, *batch: PieceJob) -> list[PieceResult]:
    return store_pieces(writes, LENGTH, batch)  # type: ignore[arg-type]


def test_neighbours_share_a_write() -> None:
    writes = Writes()
    results = store(writes, piece(3), piece(4), piece(9, b"end"), piece(6))
    assert [result.ok for result in results] == [True] * 4
    assert writes.calls == [(12, [b"good", b"good"]), (36, [b"end"]), (24, [b"good"])]


def test_a_short_piece_ends_a_run() -> None:
    writes = Writes()
    store(writes, piece(3, b"end"), piece(4))
    assert [offset for offset, _ in writes.calls] == [12, 16]


def test_bad_pieces_are_not_written() -> None:
    writes = Writes()
    results = store(writes, piece(0), piece(1, is_good=False), piece(2))
    assert results == [PieceResult(0, True), PieceResult(1, False), PieceResult(2, True)]
    assert writes.calls == [(0, [b"good"]), (8, [b"good"])]
    assert store(writes, piece(1, is_good=False)) == [PieceResult(1, False)]


def test_a_failed_write_fails_its_pieces() -> None:
    writes = Writes(fail_at=[0])
    results = store(writes, piece(0), piece(1), piece(5))
    assert [(result.ok, result.error is not None) for result in results] == [
        (False, True),
        (False, True),
        (True, False),
    ]
    assert "No space left" in str(results[0].error)


@given(st.lists(st.tuples(st.sampled_from(["job", "exclusive", "end"])), max_size=40))
def test_fence_law(steps: list[tuple[str]]) -> None:
    fence = JobFence()
    submitted: list[bool] = []
    started: list[int] = []
    running: set[int] = set()

    def begin(number: int) -> None:
        assert not any(submitted[other] for other in running), "nothing runs beside an exclusive job"
        assert not (submitted[number] and running), "an exclusive job runs alone"
        started.append(number)
        running.add(number)

    for (step,) in steps:
        if step == "end":
            if running:
                running.remove(min(running))
                fence.finished()
        else:
            number = len(submitted)
            submitted.append(step == "exclusive")
            fence.submit(lambda number=number: begin(number), exclusive=submitted[number])
        assert started == sorted(started), "no job overtakes another"
        assert fence.num_running == len(running)
        assert fence.num_running + fence.num_waiting == len(submitted) - (len(started) - len(running))
    while running:
        running.pop()
        fence.finished()
    assert len(started) == len(submitted)


def test_ordinary_jobs_overlap() -> None:
    fence = JobFence()
    started: list[int] = []
    fence.submit(lambda: started.append(1))
    fence.submit(lambda: started.append(2))
    assert (started, fence.num_waiting) == ([1, 2], 0)


@pytest.mark.parametrize("field", ["index", "ok"])
def test_results_are_frozen(field: str) -> None:
    with pytest.raises(AttributeError):
        setattr(PieceResult(1, True), field, 2)


def test_pieces_of_v2_torrents_have_trees() -> None:
    data = bytes(BLOCK_SIZE) + b"rest"
    root = root_at(block_hashes(data), 3)
    jobs = [
        PieceJob(number, memoryview(bytearray(data)), root, height) for number, height in enumerate((3, 4, 0))
    ]
    assert [result.ok for result in store(Writes(), *jobs)] == [True, False, False]


def test_hashes_of_blocks_are_read_in_parts() -> None:
    content = random.Random(1).randbytes(70 * BLOCK_SIZE + 5)
    sizes: list[int] = []

    class Reads:
        def read(self, buffers: Sequence[memoryview], offset: int) -> None:
            (buffer,) = buffers
            sizes.append(len(buffer))
            buffer[:] = content[offset - 1000 : offset - 1000 + len(buffer)]

    assert hash_blocks(Reads(), 1000, len(content)) == block_hashes(content)  # type: ignore[arg-type]
    assert sizes == [32 * BLOCK_SIZE, 32 * BLOCK_SIZE, 6 * BLOCK_SIZE + 5]
