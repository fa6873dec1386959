"""Torrents and magnet links: parsing, making, and the arithmetic of files and hashes.  See README.md."""

from __future__ import annotations

from .errors import CreateError, MagnetError, MetainfoError, UnsupportedTorrent
from .files import FileFlags, FileSlice, FileStorage
from .info import TorrentInfo
from .limits import LoadLimits
from .torrent_file import Metainfo, parse_torrent

__all__ = [
    "CreateError",
    "FileFlags",
    "FileSlice",
    "FileStorage",
    "LoadLimits",
    "MagnetError",
    "Metainfo",
    "MetainfoError",
    "TorrentInfo",
    "UnsupportedTorrent",
    "parse_torrent",
]
