"""Storage of torrents on disk: jobs on the worker pool, files, part file, hashing and checking.

`DiskIo` is what a session holds, `Storage` what a torrent holds; the rest is theirs.
"""

from __future__ import annotations

from ..flags import MoveFlags, RemoveFlags, StorageMode
from .backend import Backend, Presence, Scan
from .buffers import BufferPool
from .checking import Check
from .create_files import list_files, set_piece_hashes
from .descriptors import FilePool
from .errors import StorageError
from .io import DiskIo
from .jobs import PieceJob, PieceResult
from .memory import MemoryBackend, SyntheticBackend
from .params import DiskSettings, MoveResult, StorageParams
from .posix import PosixBackend
from .storage import Storage

__all__ = [
    "Backend",
    "BufferPool",
    "Check",
    "DiskIo",
    "DiskSettings",
    "FilePool",
    "MemoryBackend",
    "MoveFlags",
    "MoveResult",
    "PieceJob",
    "PieceResult",
    "PosixBackend",
    "Presence",
    "RemoveFlags",
    "Scan",
    "Storage",
    "StorageError",
    "StorageMode",
    "StorageParams",
    "SyntheticBackend",
    "list_files",
    "set_piece_hashes",
]
