"""What the disk is told: how to lay one torrent out, and the limits of the whole disk layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..flags import StorageMode
from .cache_use import CacheUse

if TYPE_CHECKING:
    from ...protocols.metainfo import TorrentInfo

__all__ = ["DEFAULT_PRIORITY", "DONT_DOWNLOAD", "DiskSettings", "MoveResult", "StorageParams"]

DONT_DOWNLOAD = 0
"""File priority whose data is not wanted; what overlaps wanted pieces goes to the part file."""
DEFAULT_PRIORITY = 4
"""Priority of files nobody said anything about."""


@dataclass(frozen=True, slots=True)
class MoveResult:
    """Where a move ended."""

    save_path: str
    need_full_check: bool = False
    """Files we did not write lie at the new place."""


@dataclass(frozen=True, slots=True)
class StorageParams:
    """One torrent, as its storage sees it."""

    info: TorrentInfo
    save_path: str
    storage_mode: StorageMode = StorageMode.storage_mode_sparse
    file_priorities: Sequence[int] = ()
    """0 to 7 by file index; files beyond the end have the default."""
    renamed_files: Mapping[int, str] = field(default_factory=dict)
    """File index to a path relative to `save_path`, or absolute."""
    part_file_name: str = ""
    """Name within `save_path`; empty for libtorrent's `.<info-hash>.parts`."""


@dataclass(frozen=True, slots=True)
class DiskSettings:
    """Limits of the disk layer.  ValueError when one makes no sense."""

    max_queued_disk_bytes: int = 100 * 1024 * 1024
    """Bytes of submitted, unwritten pieces above which the disk is congested."""
    file_pool_size: int = 40
    """Files kept open over all torrents."""
    hashing_threads: int = 2
    """Slices of a full check in work at a time."""
    checks_hashes: bool = True
    """Pieces are compared with their hashes, those that come and those that are found."""
    cache_use: CacheUse = field(default_factory=CacheUse)
    """What files leave in the system's cache."""
    close_file_interval: int = 0
    """Seconds after which, each time, the file used the longest ago is closed; 0: none is."""

    def __post_init__(self) -> None:
        for name in ("max_queued_disk_bytes", "file_pool_size", "hashing_threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
