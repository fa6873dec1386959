"""The plug-in "smart_ban": gives each torrent that downloads its `SmartBan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .smart_ban import SmartBan

if TYPE_CHECKING:
    from .download import Download
    from .peer_link import PeerLink
    from .torrent import Torrent

__all__ = ["SmartBanning"]


class SmartBanning:
    """Blocks of bad pieces are remembered, and who sent one that differs from the good copy is banned."""

    __slots__ = ("name",)

    is_message = False

    def __init__(self) -> None:
        self.name = "smart_ban"

    def on_download(self, torrent: Torrent, download: Download) -> None:
        """A torrent begins to put pieces together."""
        download.smart_ban = SmartBan(is_v2=torrent.piece_hashes is not None)

    def on_handshake(self, torrent: Torrent, link: PeerLink) -> None:
        """Nothing is said about it."""

    def on_message(self, torrent: Torrent, link: PeerLink, payload: bytes) -> None:
        """It has no messages."""
