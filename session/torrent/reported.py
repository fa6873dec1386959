"""How much was downloaded, as trackers are told: by default only what was worth something, as libtorrent counts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..settings import SettingsPack
    from .torrent import Torrent

__all__ = ["downloaded_bytes"]


def downloaded_bytes(torrent: Torrent, settings: SettingsPack) -> int:
    """Payload without the pieces that were bad, which are told apart (`corrupt`).

    Without what came twice, too, unless `report_true_downloaded`; and without what web seeds sent, unless
    `report_web_seed_downloads`.
    """
    download, total = torrent.download, torrent.meters.payload_down.total
    if torrent.web is not None and not settings.get_bool("report_web_seed_downloads"):
        total -= torrent.web.meters.payload_down.total
    if download is not None:
        total -= download.num_failed_bytes
        if not settings.get_bool("report_true_downloaded"):
            total -= download.num_waste_bytes
    # Blocks of an earlier run belong to pieces that fail now.
    return max(0, total)
