"""Torrents and magnet links: parsing, making, and the arithmetic of files and hashes.  See README.md."""

from __future__ import annotations

from .create import CreateFile, CreateFlags, CreateTorrent
from .errors import CreateError, MagnetError, MetainfoError
from .files import FileFlags, FileSlice, FileStorage
from .info import TorrentInfo
from .limits import LoadLimits
from .magnet import Magnet, parse_magnet
from .torrent_file import Metainfo, parse_torrent, write_torrent

__all__ = [
    "CreateError",
    "CreateFile",
    "CreateFlags",
    "CreateTorrent",
    "FileFlags",
    "FileSlice",
    "FileStorage",
    "LoadLimits",
    "Magnet",
    "MagnetError",
    "Metainfo",
    "MetainfoError",
    "TorrentInfo",
    "parse_magnet",
    "parse_torrent",
    "write_torrent",
]
