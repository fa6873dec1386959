"""Two torrents that turn out to be one: metadata came whose other name is that of another torrent (libtorrent's rule).

A magnet link may name a hybrid torrent by one of its two info-hashes, and a second link by the other.  A name can mean
one torrent only, so neither goes on; the program is told, and removes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..alerts import TorrentConflictAlert
from ..errors import DuplicateTorrent

if TYPE_CHECKING:
    from ...protocols.metainfo import TorrentInfo
    from ..core.core import Core
    from .torrent import Torrent

__all__ = ["end_in_conflict"]


def end_in_conflict(torrent: Torrent, core: Core, info: TorrentInfo) -> bool:
    """Stop both when `info`, the metadata of one, has a name of another.  False when it has none."""
    for name in info.info_hashes.wire_names():
        other = core.find(name)
        if other is not None and other is not torrent:
            torrent.post(TorrentConflictAlert, other.handle, info)
            other.set_error(DuplicateTorrent())
            torrent.set_error(DuplicateTorrent())
            return True
    return False
