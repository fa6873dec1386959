"""Reading and writing at a position, to completion, on any platform.

`os.preadv` and `os.pwritev` where they exist; elsewhere seek and transfer under one lock.  A short transfer is
continued: the callers see all of it, the end of the file, or an OSError.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Sequence
from typing import TypeAlias

from ...protocols.types import Buffer

__all__ = ["IOV_MAX", "RWF_NOWAIT", "read_fully", "take_bytes", "total_length", "write_fully"]

IOV_MAX = 1024
"""Buffers in one call; POSIX systems refuse more (Linux UIO_MAXIOV)."""

RWF_NOWAIT: int = getattr(os, "RWF_NOWAIT", 0)
"""Flag of preadv that reads only what the page cache holds; 0 where the system has none."""

Writable: TypeAlias = bytearray | memoryview
_seek_lock = threading.Lock()


def total_length(buffers: Sequence[Buffer]) -> int:
    """Bytes in all buffers together."""
    return sum(map(len, buffers))


def read_fully(fd: int, buffers: Sequence[Writable], position: int) -> int:
    """Fill `buffers` from `position`; returns the bytes read, fewer than asked only at the end of the file."""
    wanted = total_length(buffers)
    done = _preadv(fd, buffers[:IOV_MAX], position) if wanted else 0
    while 0 < done < wanted:
        more = _preadv(fd, take_bytes(buffers, done, wanted - done)[:IOV_MAX], position + done)
        if not more:
            break
        done += more
    return done


def write_fully(fd: int, buffers: Sequence[Buffer], position: int) -> None:
    """Write all of `buffers` at `position`."""
    wanted = total_length(buffers)
    done = _pwritev(fd, buffers[:IOV_MAX], position) if wanted else 0
    while done < wanted:
        more = _pwritev(fd, take_bytes(buffers, done, wanted - done)[:IOV_MAX], position + done)
        if not more:
            raise OSError(errno.EIO, "nothing could be written")
        done += more


def take_bytes(buffers: Sequence[Buffer], start: int, length: int) -> list[memoryview]:
    """Views of `length` bytes from `start` of the concatenation of `buffers`."""
    taken = []
    for buffer in buffers:
        size = len(buffer)
        if start >= size:
            start -= size
            continue
        if length <= 0:
            break
        view = memoryview(buffer)[start : start + length]
        taken.append(view)
        length -= len(view)
        start = 0
    return taken


def _seek_and_read(fd: int, buffers: Sequence[Writable], position: int) -> int:
    done = 0
    with _seek_lock:
        os.lseek(fd, position, os.SEEK_SET)
        for buffer in buffers:
            data = os.read(fd, len(buffer))
            buffer[: len(data)] = data
            done += len(data)
            if len(data) < len(buffer):
                break
    return done


def _seek_and_write(fd: int, buffers: Sequence[Buffer], position: int) -> int:
    done = 0
    with _seek_lock:
        os.lseek(fd, position, os.SEEK_SET)
        for buffer in buffers:
            written = os.write(fd, buffer)
            done += written
            if written < len(buffer):
                break
    return done


_preadv: Callable[[int, Sequence[Writable], int], int] = getattr(os, "preadv", _seek_and_read)
_pwritev: Callable[[int, Sequence[Buffer], int], int] = getattr(os, "pwritev", _seek_and_write)
