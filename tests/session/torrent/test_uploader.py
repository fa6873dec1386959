from __future__ import annotations

import struct

import pytest
from evtorrent.protocols.peer.messages import Request
from evtorrent.session.torrent.uploader import SlabPool, Uploader

BLOCK = 16384
PIECE = 4 * BLOCK
FRAME = BLOCK + 13


class Source:
    """A torrent whose byte i is i // 1000; reads on the pool wait for `finish`."""

    def __init__(self, is_cached=True):
        self.is_cached = is_cached
        self.runs: list[tuple[int, list[int]]] = []
        self.pending = []

    @staticmethod
    def content(offset, length):
        return bytes((offset + index) // 1000 & 0xFF for index in range(length))

    def preadv_nowait(self, buffers, offset):
        self.runs.append((offset, [len(buffer) for buffer in buffers]))
        if not self.is_cached:
            return False
        self._fill(buffers, offset)
        return True

    def submit_read(self, buffers, offset, on_done):
        self.pending.append((buffers, offset, on_done))

    def finish(self, error=None):
        buffers, offset, on_done = self.pending.pop(0)
        if error is None:
            self._fill(buffers, offset)
        on_done(error)

    def _fill(self, buffers, offset):
        for buffer in buffers:
            buffer[:] = self.content(offset, len(buffer))
            offset += len(buffer)


class Stage:
    def __init__(self, *, is_cached=True, limit=8):
        self.source = Source(is_cached)
        self.pool = SlabPool(limit)
        self.ready = 0
        self.errors = []
        self.uploader = Uploader(
            self.source, PIECE, self.pool, on_ready=self._ready, on_error=self.errors.append
        )

    def _ready(self):
        self.ready += 1

    def ask(self, *requests):
        self.uploader.queue.extend(Request(*request) for request in requests)

    def frames(self, slab):
        """(piece, begin, length) of a slab's blocks, whose content is right."""
        view, at, found = bytes(slab.view), 0, []
        while at < len(view):
            length, kind, piece, begin = struct.unpack_from(">IBII", view, at)
            assert kind == 7
            data = view[at + 13 : at + 4 + length]
            assert data == self.source.content(piece * PIECE + begin, length - 9)
            found.append((piece, begin, length - 9))
            at += 4 + length
        return found


def blocks(count, first=0):
    return [(number // 4, number % 4 * BLOCK, BLOCK) for number in range(first, first + count)]


def test_requests_in_a_row_are_one_read_and_one_slab():
    stage = Stage()
    stage.ask(*blocks(4))
    slab = stage.uploader.next_slab(1 << 20)
    assert stage.source.runs == [(0, [BLOCK] * 4)]
    assert stage.frames(slab) == blocks(4)
    assert slab.payload == 4 * BLOCK
    assert slab.num_blocks == 4
    assert len(slab.view) == 4 * FRAME
    assert stage.uploader.next_slab(1 << 20) is None
    assert not stage.uploader.has_work


def test_gaps_are_reads_of_their_own():
    stage = Stage()
    stage.ask((0, 0, BLOCK), (0, BLOCK, BLOCK), (3, 0, BLOCK), (1, 100, 5000))
    slab = stage.uploader.next_slab(1 << 20)
    assert stage.source.runs == [
        (0, [BLOCK, BLOCK]),
        (3 * PIECE, [BLOCK]),
        (PIECE + 100, [5000]),
    ]
    assert [piece for piece, *_ in stage.frames(slab)] == [0, 0, 3, 1]


@pytest.mark.parametrize(
    ("asked", "size_class"), [(1, 4), (4, 4), (5, 16), (16, 16), (17, 64), (64, 64), (100, 64)]
)
def test_slabs_come_in_three_sizes(asked, size_class):
    stage = Stage()
    stage.ask(*blocks(asked))
    slab = stage.uploader.next_slab(64 * BLOCK)
    assert slab.size_class == size_class
    assert slab.num_blocks == min(asked, 64)
    assert len(stage.uploader.queue) == max(0, asked - 64)


def test_no_more_than_wanted_is_read_but_at_least_one_block():
    stage = Stage()
    stage.ask(*blocks(10))
    assert stage.uploader.next_slab(3 * BLOCK).num_blocks == 3
    assert stage.uploader.next_slab(1).num_blocks == 1
    assert len(stage.uploader.queue) == 6


def test_slabs_are_used_again_up_to_a_limit():
    pool = SlabPool(limit=1)
    one, two = pool.get(1), pool.get(1)
    pool.put(one)
    pool.put(two)
    assert pool.get(3) is one
    assert pool.get(3) is not two


def test_a_block_larger_than_a_small_slab():
    stage = Stage()
    stage.ask((0, 0, 2 * PIECE))
    slab = stage.uploader.next_slab(BLOCK)
    assert slab.size_class == 4
    assert stage.frames(slab) == [(0, 0, 2 * PIECE)]
    stage.uploader.give_back(slab)
    stage.ask((0, 0, BLOCK))
    assert stage.frames(stage.uploader.next_slab(BLOCK)) == [(0, 0, BLOCK)]


def test_a_block_that_does_not_fit_any_more_waits_for_the_next_slab():
    stage = Stage()
    stage.ask((0, 0, BLOCK), (0, 0, PIECE))
    assert stage.uploader.next_slab(10 * PIECE).num_blocks == 1
    assert stage.frames(stage.uploader.next_slab(10 * PIECE)) == [(0, 0, PIECE)]


def test_a_cold_read_goes_through_the_pool():
    stage = Stage(is_cached=False)
    stage.ask((0, 0, BLOCK), (2, 0, BLOCK), (3, 0, BLOCK))
    assert stage.uploader.next_slab(1 << 20) is None
    assert stage.uploader.has_work
    assert len(stage.source.pending) == 3
    stage.ask((1, 0, BLOCK))
    assert stage.uploader.next_slab(1 << 20) is None
    stage.source.finish()
    stage.source.finish()
    assert stage.ready == 0
    stage.source.finish()
    assert stage.ready == 1
    slab = stage.uploader.next_slab(1 << 20)
    assert [piece for piece, *_ in stage.frames(slab)] == [0, 2, 3]
    stage.uploader.give_back(slab)
    assert stage.uploader.has_work


def test_only_what_is_cold_is_read_again():
    stage = Stage()
    stage.ask((0, 0, BLOCK), (2, 0, BLOCK))
    answers = iter([True, False])
    warm = stage.source.preadv_nowait

    def second_is_cold(buffers, offset):
        return warm(buffers, offset) and next(answers)

    stage.source.preadv_nowait = second_is_cold
    assert stage.uploader.next_slab(1 << 20) is None
    assert [offset for _, offset, _ in stage.source.pending] == [2 * PIECE]


def test_a_read_that_fails_is_told_once():
    stage = Stage(is_cached=False)
    stage.ask((0, 0, BLOCK), (2, 0, BLOCK))
    stage.uploader.next_slab(1 << 20)
    error = OSError("bad sector")
    stage.source.finish(error)
    assert not stage.errors
    stage.source.finish()
    assert stage.errors == [error]
    assert stage.ready == 0
    assert not stage.uploader.has_work


@pytest.mark.parametrize("error", [None, OSError("late")])
def test_a_read_that_ends_after_the_peer_went(error):
    stage = Stage(is_cached=False)
    stage.ask((0, 0, BLOCK))
    stage.uploader.next_slab(1 << 20)
    stage.uploader.close()
    stage.source.finish(error)
    assert not stage.errors
    assert not stage.ready


def test_closing_drops_what_is_queued_and_ready():
    stage = Stage(is_cached=False)
    stage.ask((0, 0, BLOCK))
    stage.uploader.next_slab(1 << 20)
    stage.source.finish()
    stage.ask((1, 0, BLOCK))
    stage.uploader.close()
    assert not stage.uploader.has_work
    assert stage.uploader.closed


def test_requests_may_be_taken_back_while_they_wait():
    stage = Stage()
    stage.ask(*blocks(3))
    assert stage.uploader.cancel(Request(0, BLOCK, BLOCK))
    assert not stage.uploader.cancel(Request(0, BLOCK, BLOCK))
    assert stage.uploader.clear() == [(0, 0, BLOCK), (0, 2 * BLOCK, BLOCK)]
    assert stage.uploader.clear() == []
    assert not stage.uploader.has_work
