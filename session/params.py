"""What a torrent and a session are started with, and what is saved of them.

`AddTorrentParams` is the one currency: loading a .torrent file or a magnet link makes one, `add_torrent` takes one, resume
data is one written down.  Fields libtorrent has deprecated (info_hash, url, resume_data, merkle_tree, …) are left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ..protocols.bits import Bitfield
from ..protocols.types import BLOCK_SIZE, Address, InfoHashes, Sha256Hash
from .errors import TorrentParamsError
from .flags import SessionFlags, StorageMode, TorrentFlags
from .settings import SettingsPack, SettingValue

if TYPE_CHECKING:
    from ..protocols.dht import DhtState
    from ..protocols.metainfo import TorrentInfo
    from .core.choker_policy import ChokerPolicy
    from .core.ip_filter import IpFilter
    from .disk.backend import Backend
    from .disk.descriptors import FilePool
    from .disk.params import StorageParams
    from .torrent.picker_policy import PickerPolicy

__all__ = ["DEFAULT_PLUGINS", "AddTorrentParams", "SessionParams"]

DEFAULT_PLUGINS = ("ut_metadata", "ut_pex", "i2p_pex", "smart_ban")
"""Plug-ins of every session that does not choose otherwise; libtorrent's `session_flags_t::add_default_plugins`."""

_NO_HASHES = InfoHashes()


@dataclass(slots=True, eq=False)
class AddTorrentParams:
    """Everything known about a torrent that is to be added; libtorrent `add_torrent_params`.

    Needed are `save_path` and one of `ti` and `info_hashes`.  The object belongs to the caller; the session copies what
    it keeps.
    """

    save_path: str = ""
    """The directory the torrent's files are, or will be, in."""
    ti: TorrentInfo | None = None
    """The metadata, unless it is to be fetched from peers (BEP 9)."""
    name: str = ""
    """What the torrent is called while it has no metadata."""
    flags: TorrentFlags = TorrentFlags.default_flags
    """How it is added.  Change bits with `|=` and `&= ~`, so that the defaults stay."""
    info_hashes: InfoHashes = _NO_HASHES
    """Its names, when there is no `ti`; else they must agree."""
    trackers: list[str] = field(default_factory=list)
    """Announce URLs."""
    tracker_tiers: list[int] = field(default_factory=list)
    """The tier of each of `trackers`; where this is shorter, the last tier goes on, beginning at 0."""
    url_seeds: list[str] = field(default_factory=list)
    """Web seeds (BEP 19)."""
    dht_nodes: list[Address] = field(default_factory=list)
    """Host and port of nodes for the session's DHT."""
    peers: list[Address] = field(default_factory=list)
    """Peers to try."""
    banned_peers: list[Address] = field(default_factory=list)
    """Peers never to be connected."""
    storage_mode: StorageMode = StorageMode.storage_mode_sparse
    """How files come into being."""
    part_file_dir: str = ""
    """Directory of the part file, relative to `save_path`; by default that itself."""
    file_priorities: list[int] = field(default_factory=list)
    """0 (do not download) to 7, of the first files; 4 is normal.  The rest is normal, or 0 with `default_dont_download`."""
    piece_priorities: list[int] = field(default_factory=list)
    """The same of pieces.  File priorities win."""
    renamed_files: dict[int, str] = field(default_factory=dict)
    """File index → the name it has instead, relative to `save_path`."""
    trackerid: str = ""
    """Sent to trackers until one gives another."""
    userdata: Any = None
    """Yours; the session only hands it back."""
    extensions: list[Callable[..., Any]] = field(default_factory=list)
    """Plug-ins made for this torrent, each called with its handle and `userdata`."""
    max_uploads: int = -1
    """Unchoke slots of this torrent; -1 is no limit."""
    max_connections: int = -1
    """Connections of this torrent; -1 is no limit."""
    upload_limit: int = -1
    """Bytes per second; -1 is no limit."""
    download_limit: int = -1
    """Bytes per second; -1 is no limit."""
    total_uploaded: int = 0
    """Payload bytes sent in earlier sessions."""
    total_downloaded: int = 0
    """Payload bytes received in earlier sessions."""
    active_time: int = 0
    """Seconds it was started in earlier sessions."""
    finished_time: int = 0
    """Seconds it was finished in earlier sessions."""
    seeding_time: int = 0
    """Seconds it was complete in earlier sessions."""
    added_time: int = 0
    """POSIX time of the first adding; 0 is now."""
    completed_time: int = 0
    """POSIX time of completion; 0 is not yet."""
    last_seen_complete: int = 0
    """POSIX time the swarm was last seen to hold a whole copy; 0 is never."""
    last_download: int = 0
    """POSIX time payload last came; 0 is never."""
    last_upload: int = 0
    """POSIX time payload last went; 0 is never."""
    num_complete: int = -1
    """Seeds, as a tracker last said; -1 is unknown."""
    num_incomplete: int = -1
    """Downloaders, as a tracker last said; -1 is unknown."""
    num_downloaded: int = -1
    """Completed downloads, as a tracker last said; -1 is unknown."""
    have_pieces: Bitfield | None = None
    """Pieces on disk and verified; None is unknown, and means a check.  From resume data without metadata it may be up
    to 7 bits longer than the torrent."""
    verified_pieces: Bitfield | None = None
    """In seed mode: pieces verified so far."""
    unfinished_pieces: dict[int, Bitfield] = field(default_factory=dict)
    """Piece index → its blocks that are on disk."""
    merkle_trees: list[list[Sha256Hash]] = field(default_factory=list)
    """Per file, the known nodes of its hash tree (BEP 52), root first; see `merkle_tree_mask`."""
    merkle_tree_mask: list[Bitfield] = field(default_factory=list)
    """Per file, the nodes `merkle_trees` holds; an empty field means all."""
    verified_leaf_hashes: list[Bitfield] = field(default_factory=list)
    """Per file, the block hashes checked against the root; empty means all."""
    comment: str = ""
    """Of the .torrent file."""
    created_by: str = ""
    """The program that made the .torrent file."""
    creation_date: int = 0
    """POSIX time, of the .torrent file."""
    root_certificate: str = ""
    """PEM certificate of an SSL torrent known by info-hash only."""

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> AddTorrentParams:
        """The dictionary form libtorrent's Python users know.  TorrentParamsError for a name that is no field."""
        unknown = given.keys() - ADD_TORRENT_FIELDS
        if unknown:
            raise TorrentParamsError(f"no such field of AddTorrentParams: {', '.join(sorted(unknown))}")
        params = cls(**given)
        params.save_path = os.fspath(params.save_path)
        params.flags = TorrentFlags(params.flags)
        return params

    def copy(self) -> AddTorrentParams:
        """An independent object; lists and maps are copied, `ti`, fields of bits and `userdata` shared."""
        copied = AddTorrentParams(*_ALL_FIELDS(self))
        for name, value in zip(_CONTAINERS, _ALL_CONTAINERS(self), strict=True):
            setattr(copied, name, value.copy() if isinstance(value, list | dict) else value)
        return copied

    def fit_to(self, info: TorrentInfo) -> None:
        """Give the fields of bits the size the metadata says; drop pieces and blocks there are not.

        To be done when `ti` was not known as they were read: resume data rounds up to whole bytes.
        """
        count = info.num_pieces
        if self.have_pieces is not None:
            self.have_pieces = _resized(self.have_pieces, count)
        if self.verified_pieces is not None:
            self.verified_pieces = _resized(self.verified_pieces, count)
        self.unfinished_pieces = {
            piece: _resized(blocks, -(-info.piece_size(piece) // BLOCK_SIZE))
            for piece, blocks in self.unfinished_pieces.items()
            if 0 <= piece < count
        }
        del self.piece_priorities[count:]

    def best_name(self) -> str:
        """Metadata's name, else `name`, else the info-hash, else nothing."""
        if self.ti is not None:
            return self.ti.name
        return self.name or str(self.info_hashes.v1 or self.info_hashes.v2 or "")

    def tiers(self) -> list[list[str]]:
        """`trackers` by tier, empty tiers left out."""
        tiers: dict[int, list[str]] = {}
        tier = 0
        for index, url in enumerate(self.trackers):
            if index < len(self.tracker_tiers):
                tier = self.tracker_tiers[index]
            tiers.setdefault(tier, []).append(url)
        return [tiers[tier] for tier in sorted(tiers)]

    def __repr__(self) -> str:
        return f"AddTorrentParams({self.best_name()!r}, save_path={self.save_path!r})"


def _resized(field: Bitfield, size: int) -> Bitfield:
    return Bitfield(size, field.bits & ((1 << size) - 1))


# One call for all fields, in the order of the constructor: thousands of torrents are added at a time.
_ALL_FIELDS = attrgetter(*(f.name for f in fields(AddTorrentParams)))
_CONTAINERS = tuple(f.name for f in fields(AddTorrentParams) if f.default_factory in (list, dict))
_ALL_CONTAINERS = attrgetter(*_CONTAINERS)
ADD_TORRENT_FIELDS = frozenset(f.name for f in fields(AddTorrentParams))
"""The names of every field."""


DEFAULT_TRANSPORTS = ("utp", "tcp")
"""What leads to peers when nothing else is said."""


class SessionParams:
    """What a session starts with and `session_state()` returns; libtorrent `session_params`."""

    __slots__ = (
        "choker_policy",
        "default_plugins",
        "dht_state",
        "disk_backend",
        "ext_state",
        "extensions",
        "flags",
        "ip_filter",
        "peer_transports",
        "picker_policy",
        "settings",
        "transport_options",
        "unsupported_settings",
    )

    def __init__(
        self,
        settings: SettingsPack | Mapping[str, SettingValue] | None = None,
        *,
        flags: SessionFlags = SessionFlags(0),
        ip_filter: IpFilter | None = None,
        extensions: Iterable[Any] = (),
        default_plugins: Iterable[str] = DEFAULT_PLUGINS,
        disk_backend: Callable[[StorageParams, FilePool], Backend] | None = None,
        picker_policy: Callable[[TorrentInfo], PickerPolicy | None] | None = None,
        choker_policy: ChokerPolicy | None = None,
        peer_transports: Sequence[str] = DEFAULT_TRANSPORTS,
        transport_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.settings = settings if isinstance(settings, SettingsPack) else SettingsPack(settings)
        """Settings to begin with."""
        self.flags = flags
        """How to begin; not saved."""
        self.ip_filter = ip_filter
        """Who may connect; None lets everybody."""
        self.extensions = list(extensions)
        """Session plug-ins to start with, in whatever form `Session.add_extension` takes.  Not saved."""
        self.default_plugins = tuple(default_plugins)
        """The built-in plug-ins to start with, all by default.  Not saved."""
        self.disk_backend = disk_backend
        """Makes the storage of each torrent (libtorrent `disk_io_constructor`); None: files.  Not saved."""
        self.picker_policy = picker_policy
        """Makes what chooses the pieces of each torrent; where it makes None, and without one: rarest first.  Not saved."""
        self.choker_policy = choker_policy
        """Chooses whom to upload to; None: by the settings.  Not saved."""
        self.peer_transports = peer_transports
        """The chains that lead to peers and that peers come in by, the preferred one first, one for each base: "tcp",
        "utp+scramble" with a filter of an `evtorrent.transport` entry point or of `register_filter`, or a base from there.
        Encryption, TLS and proxies come with the settings and are not named here.  Not saved."""
        self.transport_options = dict(transport_options or {})
        """For filters and bases, by name (Any: each names and checks its own).  Not saved."""
        self.ext_state: dict[str, bytes] = {}
        """What plug-ins want to find again, by their name."""
        self.dht_state: DhtState | None = None
        """What the DHT wants to find again."""
        self.unsupported_settings: dict[str, SettingValue] = {}
        """Settings found in saved state that this version does not act on, or refuses; kept and written back as they were."""

    @classmethod
    def of(cls, given: SessionParams | Mapping[str, SettingValue] | None) -> SessionParams:
        """What a `Session` accepts: parameters, a dictionary of settings, or nothing."""
        return given if isinstance(given, SessionParams) else cls(given)

    def __repr__(self) -> str:
        return f"SessionParams({self.settings.explicit()!r})"
