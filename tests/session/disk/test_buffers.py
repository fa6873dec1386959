from __future__ import annotations

from evtorrent.session.disk.buffers import BufferPool


def test_a_returned_buffer_is_used_again() -> None:
    pool = BufferPool()
    buffer = pool.get(100)
    assert len(buffer) == 100
    pool.put(buffer)
    assert pool.idle_bytes == 100
    assert pool.get(100) is buffer
    assert pool.idle_bytes == 0
    assert pool.get(100) is not buffer


def test_sizes_are_kept_apart() -> None:
    pool = BufferPool()
    pool.put(bytearray(10))
    assert len(pool.get(20)) == 20
    assert pool.idle_bytes == 10


def test_idle_bytes_are_bounded() -> None:
    pool = BufferPool(max_idle_bytes=30)
    for _ in range(4):
        pool.put(bytearray(10))
    assert pool.idle_bytes == 30
    pool.put(bytearray(31))
    assert pool.idle_bytes == 0, "other sizes made way, and the buffer is too large all the same"


def test_sizes_of_finished_torrents_make_way() -> None:
    pool = BufferPool(max_idle_bytes=30)
    for _ in range(3):
        pool.put(bytearray(10))
    pool.put(bytearray(20))
    assert pool.idle_bytes == 20


def test_clear() -> None:
    pool = BufferPool()
    buffer = bytearray(10)
    pool.put(buffer)
    pool.clear()
    assert pool.idle_bytes == 0
    assert pool.get(10) is not buffer
