"""What the session tells about itself when asked: snapshots of torrents, peers, trackers, pieces.

Plain records: the session fills one and hands it over; nobody changes it afterwards, and it does not follow what happens
next.  Field names and meanings are libtorrent's; times of day are POSIX seconds, durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from ..protocols.bits import Bitfield
from ..protocols.types import Address, InfoHashes, PeerId, Sha256Hash
from .errors import NO_ERROR, ErrorCode
from .flags import (
    BandwidthState,
    ConnectionType,
    FileOpenMode,
    PeerFlags,
    PeerSource,
    PieceState,
    ResumeDataFlags,
    SocketType,
    StorageMode,
    TorrentFlags,
    TrackerSource,
)

if TYPE_CHECKING:
    from ..protocols.metainfo import TorrentInfo
    from .handle import TorrentHandle

__all__ = [
    "AnnounceEndpoint",
    "AnnounceEntry",
    "AnnounceInfohash",
    "BlockInfo",
    "ErrorFile",
    "OpenFileState",
    "PartialPieceInfo",
    "PeerClassInfo",
    "PeerInfo",
    "PeerRequest",
    "TorrentState",
    "TorrentStatus",
]

_NO_HASHES = InfoHashes()
_NO_SOURCE = PeerSource(0)
_NO_PEER_FLAGS = PeerFlags(0)
_NO_CHANGES = ResumeDataFlags(0)
_NO_FLAGS = TorrentFlags(0)


class TorrentState(IntEnum):
    """What a torrent is doing, whether paused or not."""

    checking_files = 1
    downloading_metadata = 2
    downloading = 3
    finished = 4
    """Everything wanted is there, not everything."""
    seeding = 5
    """Everything is there."""
    checking_resume_data = 7
    """Resume data is held against the files; a new torrent begins here."""


class ErrorFile(IntEnum):
    """What `TorrentStatus.error_file` means below 0."""

    none = -1
    ssl_ctx = -3
    metadata = -4
    exception = -5
    partfile = -6


@dataclass(slots=True, eq=False)
class TorrentStatus:
    """A torrent at one moment, libtorrent `torrent_status`.

    Fields in the last group are filled only when the `StatusFlags` bit named there was asked for.
    """

    handle: TorrentHandle | None = None
    """The torrent."""
    info_hashes: InfoHashes = _NO_HASHES
    state: TorrentState = TorrentState.checking_resume_data
    flags: TorrentFlags = _NO_FLAGS
    errc: ErrorCode = NO_ERROR
    """Why it stopped; `clear_error` clears it."""
    error_file: int = ErrorFile.none
    """The file it happened with, or an `ErrorFile`."""
    progress: float = 0.0
    """0 to 1, of what the state is about: checking, or what is wanted."""
    progress_ppm: int = 0
    """The same in millionths."""
    queue_position: int = -1
    """Place in the download queue; -1 is none."""
    has_metadata: bool = False
    is_finished: bool = False
    """Everything wanted is there."""
    is_seeding: bool = False
    """Everything is there."""
    has_incoming: bool = False
    """Somebody has connected to us: the port is open."""
    moving_storage: bool = False
    need_save_resume_data: ResumeDataFlags = _NO_CHANGES
    """Kinds of change since resume data was last saved."""
    announcing_to_trackers: bool = False
    announcing_to_lsd: bool = False
    announcing_to_dht: bool = False
    storage_mode: StorageMode = StorageMode.storage_mode_sparse

    total: int = 0
    """Bytes of all files, pad files not counted."""
    total_wanted: int = 0
    """Bytes of files that are not of priority 0."""
    total_done: int = 0
    """Bytes on disk and verified, and of unfinished pieces."""
    total_wanted_done: int = 0
    """The same of wanted files."""
    num_pieces: int = 0
    """Pieces there."""
    block_size: int = 0
    """Bytes of a block."""

    total_download: int = 0
    """Bytes received this session, protocol included."""
    total_upload: int = 0
    """Bytes sent this session, protocol included."""
    total_payload_download: int = 0
    total_payload_upload: int = 0
    total_failed_bytes: int = 0
    """Bytes of pieces that failed their hash."""
    total_redundant_bytes: int = 0
    """Bytes that came twice."""
    all_time_download: int = 0
    """Payload of earlier sessions too."""
    all_time_upload: int = 0
    """Payload of earlier sessions too."""
    download_rate: int = 0
    """Bytes per second, protocol included."""
    upload_rate: int = 0
    download_payload_rate: int = 0
    """Bytes per second."""
    upload_payload_rate: int = 0
    upload_limit: int = -1
    """Bytes per second; -1 is none."""
    download_limit: int = -1
    up_bandwidth_queue: int = 0
    """Peers that wait for the upload limit."""
    down_bandwidth_queue: int = 0

    num_peers: int = 0
    """Connected peers."""
    num_seeds: int = 0
    """Connected seeds."""
    num_complete: int = -1
    """Seeds as a tracker said; -1 is unknown."""
    num_incomplete: int = -1
    """Downloaders as a tracker said; -1 is unknown."""
    list_peers: int = 0
    """Known peers."""
    list_seeds: int = 0
    connect_candidates: int = 0
    """Known peers that may be tried."""
    num_connections: int = 0
    """Connections, those not established included."""
    connections_limit: int = 0
    num_uploads: int = 0
    """Unchoked peers."""
    uploads_limit: int = 0
    seed_rank: int = 0
    current_tracker: str = ""
    """The tracker that last answered."""
    next_announce: float = 0.0
    """Seconds until the next announce."""

    added_time: int = 0
    completed_time: int = 0
    """0 while not complete."""
    last_seen_complete: int = 0
    last_download: int = 0
    """When payload last came; 0 is never."""
    last_upload: int = 0
    """When payload last went; 0 is never."""
    active_duration: int = 0
    """Seconds not paused, earlier sessions included."""
    finished_duration: int = 0
    seeding_duration: int = 0

    name: str = ""
    """`query_name`."""
    save_path: str = ""
    """`query_save_path`."""
    torrent_file: TorrentInfo | None = None
    """`query_torrent_file`."""
    pieces: Bitfield | None = None
    """`query_pieces`."""
    verified_pieces: Bitfield | None = None
    """`query_verified_pieces`."""
    renamed_files: dict[int, str] = field(default_factory=dict)
    """`query_renamed_files`."""
    distributed_full_copies: int = 0
    """`query_distributed_copies`: whole copies among the peers and us."""
    distributed_fraction: int = 0
    """`query_distributed_copies`: thousandths of the pieces of which there is one copy more."""
    distributed_copies: float = 0.0
    """`query_distributed_copies`: both as one number."""

    @property
    def is_paused(self) -> bool:
        """`TorrentFlags.paused` is set."""
        return bool(self.flags & TorrentFlags.paused)

    def __repr__(self) -> str:
        return f"TorrentStatus({self.name!r}, {self.state.name}, {self.progress_ppm / 10_000:.1f} %)"


@dataclass(slots=True, eq=False)
class PeerInfo:
    """A connection at one moment, libtorrent `peer_info`."""

    ip: Address = ("", 0)
    """The other end."""
    local_endpoint: Address = ("", 0)
    """This end."""
    i2p_destination: Sha256Hash | None = None
    """Of a peer on I2P, the hash of its destination; `ip` then has its name, and port 0."""
    pid: PeerId | None = None
    client: str = ""
    """The program at the other end, as it says or as its id shows."""
    flags: PeerFlags = _NO_PEER_FLAGS
    source: PeerSource = _NO_SOURCE
    connection_type: ConnectionType = ConnectionType.standard_bittorrent
    socket_type: SocketType = SocketType.tcp
    """What the connection runs over, a proxy included."""
    pieces: Bitfield | None = None
    num_pieces: int = 0
    progress: float = 0.0
    """0 to 1, how much of the torrent it has."""
    progress_ppm: int = 0
    total_download: int = 0
    """Payload bytes received."""
    total_upload: int = 0
    """Payload bytes sent."""
    up_speed: int = 0
    """Bytes per second, protocol included."""
    down_speed: int = 0
    payload_up_speed: int = 0
    """Bytes per second."""
    payload_down_speed: int = 0
    download_rate_peak: int = 0
    upload_rate_peak: int = 0
    last_request: float = 0.0
    """Seconds since we last asked it."""
    last_active: float = 0.0
    """Seconds since anything last went or came."""
    download_queue_time: float = 0.0
    """Seconds our outstanding requests will take at the present rate."""
    queue_bytes: int = 0
    """Bytes asked for and not received."""
    request_timeout: int = -1
    """Seconds until the next outstanding block times out; -1 when there is none."""
    download_queue_length: int = 0
    """Requests outstanding at the peer."""
    target_dl_queue_length: int = 0
    """Requests we want to have outstanding."""
    timed_out_requests: int = 0
    busy_requests: int = 0
    """Requests also sent to others (end game)."""
    requests_in_buffer: int = 0
    upload_queue_length: int = 0
    """Its requests that wait."""
    downloading_piece_index: int = -1
    """The block under way; -1 is none."""
    downloading_block_index: int = -1
    downloading_progress: int = 0
    """Bytes of it received."""
    downloading_total: int = 0
    """Bytes of it."""
    failcount: int = 0
    num_hashfails: int = 0
    rtt: int = 0
    """Milliseconds it took to connect."""
    send_buffer_size: int = 0
    used_send_buffer: int = 0
    receive_buffer_size: int = 0
    used_receive_buffer: int = 0
    pending_disk_bytes: int = 0
    """Bytes received from it that wait to be written."""
    pending_disk_read_bytes: int = 0
    """Bytes read from disk for it."""
    send_quota: int = 0
    """Bytes it may send before it must ask the limiter again."""
    receive_quota: int = 0
    read_state: BandwidthState = BandwidthState.bw_idle
    write_state: BandwidthState = BandwidthState.bw_idle

    def remote_endpoint(self) -> Address:
        """The same as `ip`."""
        return self.ip

    def __repr__(self) -> str:
        return f"PeerInfo({self.ip[0]}:{self.ip[1]}, {self.client!r}, {self.progress_ppm / 10_000:.1f} %)"


@dataclass(slots=True, eq=False)
class AnnounceInfohash:
    """How one tracker stands with one name of the torrent, through one listen socket."""

    message: str = ""
    """What the tracker last said."""
    last_error: ErrorCode = NO_ERROR
    next_announce: float | None = None
    """Seconds until the next announce; None when none is planned."""
    min_announce: float | None = None
    """Seconds until one may be forced; None when at once."""
    scrape_incomplete: int = -1
    scrape_complete: int = -1
    scrape_downloaded: int = -1
    fails: int = 0
    """Failures in a row."""
    updating: bool = False
    """An announce is under way."""
    start_sent: bool = False
    complete_sent: bool = False
    triggered_manually: bool = False

    @property
    def is_working(self) -> bool:
        """The last announce did not fail."""
        return self.fails == 0


@dataclass(slots=True, eq=False)
class AnnounceEndpoint:
    """How one tracker stands through one listen socket."""

    local_endpoint: Address = ("", 0)
    info_hashes: list[AnnounceInfohash] = field(default_factory=list)
    """v1, then v2, of those the torrent has."""
    enabled: bool = True


@dataclass(slots=True, eq=False)
class AnnounceEntry:
    """One tracker of a torrent, libtorrent `announce_entry`."""

    url: str
    tier: int = 0
    fail_limit: int = 0
    """Failures after which it is given up; 0 is never."""
    source: TrackerSource = TrackerSource.source_client
    trackerid: str = ""
    verified: bool = False
    """It has answered once."""
    endpoints: list[AnnounceEndpoint] = field(default_factory=list)

    def _first(self) -> AnnounceInfohash:
        for endpoint in self.endpoints:
            for announce in endpoint.info_hashes:
                return announce
        return AnnounceInfohash()

    @property
    def message(self) -> str:
        """Of the first endpoint."""
        return self._first().message

    @property
    def last_error(self) -> ErrorCode:
        """Of the first endpoint."""
        return self._first().last_error

    @property
    def fails(self) -> int:
        """Of the first endpoint."""
        return self._first().fails

    @property
    def updating(self) -> bool:
        """An announce through any endpoint is under way."""
        return any(announce.updating for e in self.endpoints for announce in e.info_hashes)

    @property
    def next_announce(self) -> float | None:
        """Of the first endpoint."""
        return self._first().next_announce

    @property
    def min_announce(self) -> float | None:
        """Of the first endpoint."""
        return self._first().min_announce

    @property
    def scrape_complete(self) -> int:
        """Of the first endpoint."""
        return self._first().scrape_complete

    @property
    def scrape_incomplete(self) -> int:
        """Of the first endpoint."""
        return self._first().scrape_incomplete

    @property
    def scrape_downloaded(self) -> int:
        """Of the first endpoint."""
        return self._first().scrape_downloaded

    def is_working(self) -> bool:
        """The last announce through some endpoint did not fail."""
        return any(announce.is_working for e in self.endpoints for announce in e.info_hashes)

    def __repr__(self) -> str:
        return f"AnnounceEntry({self.url!r}, tier={self.tier})"


class PeerRequest(NamedTuple):
    """A stretch of bytes of one piece."""

    piece: int
    start: int
    length: int


@dataclass(slots=True, eq=False)
class BlockInfo:
    """A block of a piece under way."""

    state: PieceState = PieceState.none
    num_peers: int = 0
    """Peers it is asked of."""
    peer: Address = ("", 0)
    """Who it is asked of, or who sent it."""
    bytes_progress: int = 0
    block_size: int = 0


@dataclass(slots=True, eq=False)
class PartialPieceInfo:
    """A piece under way."""

    piece_index: int
    blocks: list[BlockInfo] = field(default_factory=list)

    @property
    def blocks_in_piece(self) -> int:
        """How many blocks it has."""
        return len(self.blocks)

    @property
    def finished(self) -> int:
        """Blocks on disk."""
        return self._count(PieceState.finished)

    @property
    def writing(self) -> int:
        """Blocks received and not on disk."""
        return self._count(PieceState.writing)

    @property
    def requested(self) -> int:
        """Blocks asked for."""
        return self._count(PieceState.requested)

    def _count(self, state: PieceState) -> int:
        return sum(block.state is state for block in self.blocks)


@dataclass(slots=True, eq=False)
class OpenFileState:
    """A file the pool holds open."""

    file_index: int
    open_mode: FileOpenMode
    last_use: float
    """Seconds since it was last used."""


@dataclass(slots=True)
class PeerClassInfo:
    """Limits that a class of peers shares; rates are bytes per second, 0 is unlimited."""

    label: str = ""
    ignore_unchoke_slots: bool = False
    """Its peers do not count against the unchoke slots."""
    connection_limit_factor: int = 100
    """Per cent of the connection limit of torrents in the class."""
    upload_limit: int = 0
    download_limit: int = 0
    upload_priority: int = 1
    """1 to 255."""
    download_priority: int = 1
