"""How much a torrent may ask for before it is refused (libtorrent `load_torrent_limits`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["MAX_FILE_OFFSET", "MAX_FILE_SIZE", "MAX_PIECE_SIZE", "LoadLimits"]

MAX_PIECE_SIZE: Final = (2**15 - 1) * 16 * 1024
"""Bytes in a piece: just under 512 MiB, so that a block index within it has 15 bits (as libtorrent)."""

MAX_FILE_SIZE: Final = min(2**48 - 1, (2**31 - 1) // 2 * 16 * 1024)
"""Bytes in a file: 16 TiB, the largest whose merkle tree has 31-bit indices (as libtorrent)."""

MAX_FILE_OFFSET: Final = 2**48 - 1
"""Bytes in a torrent (as libtorrent)."""


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """Limits of reading one torrent; the defaults are libtorrent 2.1's."""

    max_buffer_size: int = 10_000_000
    """Bytes of a .torrent file."""
    max_pieces: int = 0x200000
    """Pieces of a torrent."""
    max_decode_depth: int = 100
    """Bencoded containers within each other."""
    max_decode_tokens: int = 3_000_000
    """Bencoded values, keys counted."""
    max_duplicate_filenames: int = 500
    """Names tried in vain while telling files of equal names apart."""
    max_directory_depth: int = 100
    """Folders within folders."""
    max_trackers: int = 1_000
    """Trackers kept; the rest is dropped."""
    max_web_seeds: int = 1_000
    """Web seeds kept; the rest is dropped."""
    max_nodes: int = 1_000
    """DHT nodes kept; the rest is dropped."""
