from __future__ import annotations

import errno

import pytest
from evtorrent.session.disk import MemoryBackend, SyntheticBackend
from evtorrent.session.disk.errors import StorageError
from evtorrent.session.disk.memory import synthetic_content
from evtorrent.session.disk.params import StorageParams
from hypothesis import given
from hypothesis import strategies as st
from support.disk import Disk, make_torrent

INFO, CONTENT = make_torrent(100, 32)


def test_synthetic_refuses_other_content() -> None:
    disk = Disk(INFO, "/none", make_backend=SyntheticBackend)
    results = disk.write(CONTENT, [0])
    assert not results[0].ok
    assert results[0].error is not None
    assert results[0].error.errno == errno.EIO


def test_synthetic_seed_has_everything() -> None:
    backend = SyntheticBackend(StorageParams(INFO, "/none"), is_complete=True)
    buffers = [bytearray(10), bytearray(20)]
    assert backend.read_nowait(buffers, 5)
    assert b"".join(buffers) == synthetic_content(5, 30)


@given(st.integers(0, 100_000), st.integers(0, 200), st.integers(0, 200))
def test_synthetic_content_is_the_same_in_any_cut(offset: int, first: int, second: int) -> None:
    whole = synthetic_content(offset, first + second)
    assert len(whole) == first + second
    assert whole == synthetic_content(offset, first) + synthetic_content(offset + first, second)


def test_synthetic_content_differs_from_piece_to_piece() -> None:
    assert len({synthetic_content(piece * 64, 64) for piece in range(1000)}) == 1000


def test_outside_the_torrent() -> None:
    backend = MemoryBackend(StorageParams(INFO, "/none"))
    with pytest.raises(ValueError, match="of a torrent of 100"):
        backend.write([bytes(5)], 96)
    with pytest.raises(StorageError, match="never written"):
        backend.read([bytearray(1)], 0)
