"""Where a torrent is, and what that means to the outside.

    NEW ──start──► RESUMING ──► CHECKING ──► ACTIVE          a paused torrent keeps its phase and holds no connections;
     │                │            ▲            │            an error pauses it and keeps its phase too
     ├── no metadata ─┴► METADATA ─┘            └─► (force_recheck) CHECKING
     └── paused ─► RESUMING ─► LOOKED or CHECKING, until it is started: then as from NEW

The one writer is `Torrent.enter`.  What libtorrent calls downloading, finished and seeding are all ACTIVE here: which of
the three follows from the pieces, and is derived, not kept.
"""

from __future__ import annotations

from enum import Enum

from ..status import TorrentState

__all__ = ["Phase", "state_of"]


class Phase(Enum):
    """See the module's docstring."""

    NEW = "new"
    RESUMING = "resuming"
    METADATA = "metadata"
    CHECKING = "checking"
    LOOKED = "looked"
    """What its resume data claims can be there; what it does not claim has not been looked for."""
    ACTIVE = "active"


def state_of(phase: Phase, *, is_seed: bool, is_finished: bool) -> TorrentState:
    """The state libtorrent would show."""
    if phase in (Phase.ACTIVE, Phase.LOOKED):
        if is_seed:
            return TorrentState.seeding
        return TorrentState.finished if is_finished else TorrentState.downloading
    if phase is Phase.METADATA:
        return TorrentState.downloading_metadata
    if phase is Phase.CHECKING:
        return TorrentState.checking_files
    return TorrentState.checking_resume_data
