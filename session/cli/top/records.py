"""What the screen knows of a session at one moment: plain records without handles, so that it can be made up in a test."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

__all__ = [
    "Details",
    "FileRow",
    "Pane",
    "PeerRow",
    "PieceCounts",
    "SessionRow",
    "Snapshot",
    "TorrentRow",
    "TrackerRow",
]


class Pane(Enum):
    """A part of the details of a torrent."""

    OVERVIEW = "Overview"
    PEERS = "Peers"
    FILES = "Files"
    TRACKERS = "Trackers"
    PIECES = "Pieces"


@dataclass(frozen=True, slots=True)
class TorrentRow:
    """A torrent.  Sizes are bytes, rates bytes a second, -1 limits are none."""

    key: str
    """Its info-hash: what selects it, whatever moves around it."""
    name: str
    state: str
    """"checking", "metadata", "downloading", "complete", "seeding", "paused", "queued", "error"."""
    progress: float = 0.0
    done: int = 0
    wanted: int = 0
    size: int = 0
    down_rate: int = 0
    up_rate: int = 0
    eta: float | None = None
    num_peers: int = 0
    num_seeds: int = 0
    known_peers: int = 0
    queue: int = -1
    """Place among the downloads, from 0; -1 is none."""
    is_paused: bool = False
    is_sequential: bool = False
    downloaded: int = 0
    uploaded: int = 0
    """Of all runs."""
    down_limit: int = -1
    up_limit: int = -1
    num_pieces: int = 0
    total_pieces: int = 0
    piece_length: int = 0
    copies: float = 0.0
    """Whole copies among the peers and us."""
    save_path: str = ""
    tracker: str = ""
    next_announce: float | None = None
    active_time: int = 0
    note: str = ""
    """What went wrong."""

    @property
    def ratio(self) -> float | None:
        """Uploaded by size."""
        return self.uploaded / self.wanted if self.wanted else None


@dataclass(frozen=True, slots=True)
class PeerRow:
    """A connection."""

    address: str
    client: str = ""
    flags: str = ""
    """Letters; see `FLAGS` in `gathering.py`."""
    transport: str = ""
    progress: float = 0.0
    down_rate: int = 0
    up_rate: int = 0
    downloaded: int = 0
    uploaded: int = 0
    requests: int = 0
    """Outstanding at it."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of a torrent, padding left out."""

    index: int
    path: str
    size: int
    done: int
    priority: int

    @property
    def is_wanted(self) -> bool:
        """It is to be downloaded."""
        return self.priority > 0


@dataclass(frozen=True, slots=True)
class TrackerRow:
    """A tracker of a torrent; -1 counts are unknown."""

    url: str
    tier: int
    state: str
    """"working", "updating", "failed", "not yet"."""
    message: str = ""
    seeds: int = -1
    leechers: int = -1
    next_announce: float | None = None


@dataclass(frozen=True, slots=True)
class PieceCounts:
    """The pieces of a torrent, each a character: "1" here, "0" not."""

    have: str = ""
    under_way: frozenset[int] = frozenset()
    """Pieces being put together."""
    availability: tuple[int, ...] = ()
    """Peers that have each; empty while nobody counts."""


@dataclass(frozen=True, slots=True)
class Details:
    """Of the selected torrent, what its pane shows; the rest is empty."""

    key: str = ""
    pane: Pane = Pane.OVERVIEW
    info_hashes: tuple[str, ...] = ()
    peers: tuple[PeerRow, ...] = ()
    files: tuple[FileRow, ...] = ()
    trackers: tuple[TrackerRow, ...] = ()
    pieces: PieceCounts = field(default_factory=PieceCounts)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """The session as a whole; limits of 0 are none."""

    port: int = 0
    """Where it listens; 0 is nowhere."""
    down_limit: int = 0
    up_limit: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment."""

    torrents: tuple[TorrentRow, ...] = ()
    details: Details = field(default_factory=Details)
    session: SessionRow = field(default_factory=SessionRow)
