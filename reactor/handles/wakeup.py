"""A descriptor another thread can make readable: eventfd, or a socket pair where there is none."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import Protocol

__all__ = ["EventFdWakeup", "SocketWakeup", "Wakeup", "open_wakeup"]

DRAIN_SIZE = 4096
"""Bytes taken from a socket pair per read while clearing."""


class Wakeup(Protocol):
    """`set` may be called by any thread at any time, also after `close`; the rest belongs to one thread."""

    def fileno(self) -> int: ...
    def set(self) -> None: ...
    def clear(self) -> None: ...
    def close(self) -> None: ...


def open_wakeup() -> Wakeup:
    """The best kind this system has."""
    if hasattr(os, "eventfd"):
        return EventFdWakeup()
    return SocketWakeup()


class EventFdWakeup:
    """Linux: one descriptor with a counter in the kernel."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        # A `set` that raced with `close` would write into whoever got the number next.
        self._lock = threading.Lock()

    def fileno(self) -> int:
        """The descriptor to poll for reading; -1 once closed."""
        return self._fd

    def set(self) -> None:
        """Make it readable."""
        with self._lock, contextlib.suppress(BlockingIOError):
            if self._fd >= 0:
                os.eventfd_write(self._fd, 1)

    def clear(self) -> None:
        """Make it unreadable."""
        if self._fd >= 0:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._fd)

    def close(self) -> None:
        """Give the descriptor back.  Repeatable."""
        with self._lock:
            fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class SocketWakeup:
    """Everywhere: a connected pair, one byte a wake-up; a full buffer means it is set already."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._lock = threading.Lock()

    def fileno(self) -> int:
        """The descriptor to poll for reading; -1 once closed."""
        return self._reader.fileno()

    def set(self) -> None:
        """Make it readable."""
        with self._lock, contextlib.suppress(BlockingIOError):
            if self._writer.fileno() >= 0:
                self._writer.send(b"\0")

    def clear(self) -> None:
        """Make it unreadable."""
        if self._reader.fileno() >= 0:
            with contextlib.suppress(BlockingIOError):
                while len(self._reader.recv(DRAIN_SIZE)) == DRAIN_SIZE:
                    pass

    def close(self) -> None:
        """Give both descriptors back.  Repeatable."""
        with self._lock:
            self._writer.close()
        self._reader.close()
