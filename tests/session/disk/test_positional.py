from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from evtorrent.session.disk import positional
from evtorrent.session.disk.positional import IOV_MAX, read_fully, take_bytes, write_fully
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "f", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


@pytest.fixture(params=["preadv", "seek"])
def any_platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "seek":
        monkeypatch.setattr(positional, "_preadv", positional._seek_and_read)
        monkeypatch.setattr(positional, "_pwritev", positional._seek_and_write)


@pytest.mark.usefixtures("any_platform")
def test_scattered_round_trip(fd: int) -> None:
    write_fully(fd, [b"abc", bytearray(b"defg"), memoryview(b"h")], 5)
    buffers = [bytearray(2), memoryview(bytearray(6))]
    assert read_fully(fd, buffers, 5) == 8
    assert b"".join(buffers) == b"abcdefgh"
    assert os.pread(fd, 5, 0) == bytes(5)


@pytest.mark.usefixtures("any_platform")
def test_end_of_file_is_a_short_count(fd: int) -> None:
    write_fully(fd, [b"abc"], 0)
    assert read_fully(fd, [bytearray(2), bytearray(2)], 0) == 3
    assert read_fully(fd, [bytearray(2)], 3) == 0
    assert read_fully(fd, [], 0) == 0


@pytest.mark.usefixtures("any_platform")
def test_more_buffers_than_one_call_takes(fd: int) -> None:
    data = [bytes([n % 251]) for n in range(IOV_MAX * 2 + 1)]
    write_fully(fd, data, 0)
    buffers = [bytearray(1) for _ in data]
    assert read_fully(fd, buffers, 0) == len(data)
    assert b"".join(buffers) == b"".join(data)


def test_short_transfers_are_continued(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positional, "_pwritev", lambda fd, bufs, at: os.pwrite(fd, b"".join(bufs)[:3], at))
    monkeypatch.setattr(
        positional, "_preadv", lambda fd, bufs, at: os.preadv(fd, [memoryview(bufs[0])[:3]], at)
    )
    write_fully(fd, [b"0123", b"4567", b"89"], 0)
    buffers = [bytearray(7), bytearray(3)]
    assert read_fully(fd, buffers, 0) == 10
    assert b"".join(buffers) == b"0123456789"


@pytest.mark.parametrize("first", [0, 2])
def test_a_device_that_takes_nothing_is_an_error(
    fd: int, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter([first, 0, 0])
    monkeypatch.setattr(positional, "_pwritev", lambda *_: next(counts))
    with pytest.raises(OSError) as caught:
        write_fully(fd, [b"abcd"], 0)
    assert caught.value.errno == errno.EIO


def test_seeking_write_stops_at_a_short_one(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:2]))
    assert positional._seek_and_write(fd, [b"abc", b"de"], 0) == 2


@given(st.lists(st.binary(max_size=5), max_size=6), st.data())
def test_take_bytes_is_a_slice_of_the_concatenation(buffers: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(buffers)
    start = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, len(whole) - start))
    assert b"".join(take_bytes(buffers, start, length)) == whole[start : start + length]
