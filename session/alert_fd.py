"""Alerts announced on a descriptor, for loops that wait on descriptors and nothing else (libtorrent's `set_alert_fd`)."""

from __future__ import annotations

import os

__all__ = ["AlertFd"]


class AlertFd:
    """Writes one zero byte whenever the queue of alerts is no longer empty; to be called by it.

    The descriptor stays its owner's.  One that is full is left alone: whoever reads it has something to read.
    """

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        """ValueError for one that would block: a full pipe must not stop the session."""
        if os.get_blocking(fd):
            raise ValueError(f"descriptor {fd} blocks; os.set_blocking({fd}, False) first")
        self._fd = fd

    def __call__(self) -> None:
        try:
            os.write(self._fd, b"\0")
        except BlockingIOError:
            pass
