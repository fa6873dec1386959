from __future__ import annotations

from evtorrent.session.disk.buffers import BufferPool
from evtorrent.session.torrent.assembly import Assembly


def test_a_piece_is_filled_taken_and_its_buffer_used_again():
    pool = BufferPool()
    assembly = Assembly(pool)
    view = assembly.open(7, 100)
    view[:3] = b"abc"
    assert assembly.views[7] is view
    assert len(assembly) == 1
    buffer, taken = assembly.take(7)
    assert bytes(taken[:3]) == b"abc"
    assert len(taken) == 100
    assert len(assembly) == 0
    taken.release()
    assembly.give_back(buffer)
    assert pool.idle_bytes == 100
    assert assembly.open(8, 100).obj is buffer


def test_dropped_pieces_give_their_buffers_back():
    pool = BufferPool()
    assembly = Assembly(pool)
    for piece in range(3):
        assembly.open(piece, 50)
    assembly.drop(1)
    assembly.drop(1)
    assert sorted(assembly.views) == [0, 2]
    assert pool.idle_bytes == 50
    assembly.clear()
    assert not assembly.views
    assert pool.idle_bytes == 150
