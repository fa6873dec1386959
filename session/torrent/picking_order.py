"""How settings and the swarm bear on the order of pieces: what a picker is told, when it is made and later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..flags import TorrentFlags
from .extent_affinity import ExtentAffinity

if TYPE_CHECKING:
    from ..settings import SettingsPack
    from .piece_picker import PiecePicker
    from .swarm import Swarm
    from .torrent import Torrent

__all__ = ["PICKER_SETTINGS", "configure_picker", "is_well_seeded", "update_order"]

PICKER_SETTINGS: Final = frozenset(
    {
        "initial_picker_threshold",
        "strict_end_game_mode",
        "prioritize_partial_pieces",
        "piece_extent_affinity",
        "auto_sequential",
    }
)
"""What `configure_picker` looks at."""

_MANY: Final = 10
"""Seeds that make a swarm well seeded, and how many of them there are for each who downloads (libtorrent's numbers)."""


def configure_picker(picker: PiecePicker, settings: SettingsPack) -> None:
    """Take the settings over; pieces begun stay as they are."""
    picker.initial_picker_threshold = settings.get_int("initial_picker_threshold")
    picker.strict_end_game_mode = settings.get_bool("strict_end_game_mode")
    picker.partials_first = settings.get_bool("prioritize_partial_pieces")
    picker.auto_sequential = settings.get_bool("auto_sequential")
    if not settings.get_bool("piece_extent_affinity"):
        picker.affinity = None
    elif picker.affinity is None:
        picker.affinity = ExtentAffinity(picker)


def update_order(torrent: Torrent) -> None:
    """In order, or rarest first: as its flag says, and in order where nothing is rare (`auto_sequential`)."""
    download = torrent.download
    if download is None or download.picker.is_finished:
        return
    picker = download.picker
    is_flagged = bool(torrent.flags & TorrentFlags.sequential_download)
    picker.sequential = is_flagged or (picker.auto_sequential and is_well_seeded(torrent.swarm))


def is_well_seeded(swarm: Swarm | None) -> bool:
    """Nearly all of its many peers have everything; with few one cannot tell."""
    if swarm is None or len(swarm.links) < _MANY:
        return False
    met = [link for link in swarm.links if link.peer_id is not None]
    seeds = sum(link.is_seed for link in met)
    return seeds >= _MANY and (len(met) - seeds) * _MANY <= seeds
