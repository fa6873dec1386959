"""Torrents of the queue that a disk refused to be written to are tried again after `optimistic_disk_retry` seconds.

A full or read-only disk stops a torrent and takes it from the queue.  One that was the queue's is given back to it after that time,
as if nothing had happened, unless the program did something about it meanwhile.  Upload mode ends in the same way for torrents of
the queue, whoever set it, as in libtorrent.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from ..disk.errors import StorageError
from ..errors import ErrorCode
from ..flags import TorrentFlags

if TYPE_CHECKING:
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["DiskRetry"]

_MAY_PASS: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
)
"""What a user can do something about (libtorrent's list, and quotas)."""

_READING: Final = frozenset({"read", "partfile_read"})


class DiskRetry:
    """The session's.  Costs nothing while no torrent waits."""

    __slots__ = ("_core", "_stopped", "_uploading")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._stopped: dict[Torrent, tuple[float, ErrorCode]] = {}
        """When, and by what."""
        self._uploading: dict[Torrent, float] = {}
        """Since when."""

    def failed(self, torrent: Torrent, error: StorageError) -> None:
        """A disk error is about to stop it."""
        may_pass = error.errno in _MAY_PASS and error.operation not in _READING
        if may_pass and torrent.flags & TorrentFlags.auto_managed:
            self._stopped[torrent] = self._core.base.time(), ErrorCode.from_exception(error)

    def forget(self, torrent: Torrent) -> None:
        """The program wants it stopped."""
        self._stopped.pop(torrent, None)

    def removed(self, torrent: Torrent) -> None:
        """It left the session."""
        self._stopped.pop(torrent, None)
        self._uploading.pop(torrent, None)

    def mode_changed(self, torrent: Torrent) -> None:
        """Upload mode was set or not, and whether it is the queue's: now, or when it went online."""
        if torrent.flags & TorrentFlags.upload_mode and torrent.flags & TorrentFlags.auto_managed:
            self._uploading.setdefault(torrent, self._core.base.time())
        else:
            self._uploading.pop(torrent, None)

    def tick(self, now: float) -> None:
        """Try those again whose time has come."""
        if not self._stopped and not self._uploading:
            return
        past = now - self._core.settings.get_int("optimistic_disk_retry")
        for torrent in [each for each, (since, _) in self._stopped.items() if since <= past]:
            _, error = self._stopped.pop(torrent)
            if torrent.error == error:
                _give_back(torrent)
        for torrent in [each for each, since in self._uploading.items() if since <= past]:
            del self._uploading[torrent]
            _leave_upload_mode(torrent)


def _give_back(torrent: Torrent) -> None:
    torrent.clear_error()
    torrent.flags |= TorrentFlags.auto_managed
    torrent.need_save()
    torrent.managed_changed()


def _leave_upload_mode(torrent: Torrent) -> None:
    torrent.flags &= ~TorrentFlags.upload_mode
    torrent.priorities_changed()
