"""One torrent's storage: the handle its owner keeps, the backend behind it, the order of its jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...protocols.metainfo.piece_hashes import PieceHashes, Sha1Hashes
from .backend import Backend, Writable
from .jobs import JobFence

if TYPE_CHECKING:
    from ...protocols.metainfo import TorrentInfo

__all__ = ["Storage"]


class Storage:
    """What `DiskIo.open` returns and every `submit_` takes.  Loop thread only."""

    __slots__ = ("__weakref__", "backend", "fence", "hashes", "info", "preadv_nowait")

    preadv_nowait: Callable[[Sequence[Writable], int], bool]
    """`preadv_nowait(buffers, offset)`: fill all buffers from a torrent offset without waiting.

    True when everything came from the page cache; False otherwise, with the buffers' content unspecified: use
    `DiskIo.submit_read`, which also opens the file for the next time.  The backend's own method, to save a call.
    """

    def __init__(self, info: TorrentInfo, backend: Backend, hashes: PieceHashes | None = None) -> None:
        self.info = info
        self.hashes = hashes or Sha1Hashes(info)
        """What its pieces must come to."""
        self.backend = backend
        self.fence = JobFence()
        self.preadv_nowait = backend.read_nowait

    @property
    def num_jobs(self) -> int:
        """Jobs submitted and not yet finished."""
        return self.fence.num_running + self.fence.num_waiting

    def __repr__(self) -> str:
        return f"Storage({self.info.name!r}, {self.num_jobs} jobs)"
