"""`TorrentHandle`: what a program holds of a torrent (libtorrent `torrent_handle`).

A handle owns nothing.  Its methods may be called from any thread; those that return something wait for the loop.  After the
torrent was removed they raise `InvalidTorrentHandle`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from ..protocols.bits import Bitfield
from ..protocols.metainfo import TorrentInfo
from ..protocols.types import Address, InfoHashes, Sha1Hash
from .errors import InvalidTorrentHandle
from .flags import (
    AddPieceFlags,
    DeadlineFlags,
    FileProgressFlags,
    MoveFlags,
    PauseFlags,
    PeerSource,
    ReannounceFlags,
    ResumeDataFlags,
    StatusFlags,
    TorrentFlags,
)
from .plugins.torrent_hooks import extend_torrent
from .renamed_files import RenamedFiles
from .status import AnnounceEntry, OpenFileState, PartialPieceInfo, PeerInfo, TorrentStatus
from .torrent import commands, posting, report, root_certificate
from .torrent.peer_tls import Identity
from .torrent.reading import read_piece

if TYPE_CHECKING:
    from .plugins.base import TorrentPlugin
    from .session import Session
    from .torrent.torrent import Torrent

__all__ = ["TorrentHandle"]

P = ParamSpec("P")
T = TypeVar("T")
_ALL_STATUS = StatusFlags(0xFFFF)
_INT_MAX = 2**31 - 1


class TorrentHandle:
    """Names one torrent of one session.  Equal handles name the same torrent."""

    __slots__ = ("__weakref__", "_session", "_torrent")

    def __init__(self, session: Session | None = None, torrent: Torrent | None = None) -> None:
        self._session = session
        self._torrent = torrent

    # -------------------------------------------------------------------------------------------------- identity

    def is_valid(self) -> bool:
        """The torrent is in the session."""
        return self._torrent is not None and not self._torrent.removed

    def info_hashes(self) -> InfoHashes:
        """The torrent's names; also of one that was removed."""
        return self._alive(removed_too=True).info_hashes

    def info_hash(self) -> Sha1Hash:
        """The 20-byte name used on the wire."""
        return self.info_hashes().best()

    def name(self) -> str:
        """What the torrent is called."""
        return self._alive(removed_too=True).name

    def torrent_file(self) -> TorrentInfo | None:
        """The metadata; None while a magnet link has none."""
        return self._call(lambda torrent: torrent.info)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TorrentHandle) and self._torrent is other._torrent

    def __hash__(self) -> int:
        return hash(id(self._torrent))

    def __repr__(self) -> str:
        torrent = self._torrent
        return f"TorrentHandle({torrent.name!r})" if torrent is not None else "TorrentHandle(invalid)"

    # ---------------------------------------------------------------------------------------------------- status

    def status(self, flags: StatusFlags = _ALL_STATUS) -> TorrentStatus:
        """A snapshot; `flags` names the costly parts wanted."""
        return self._call(report.status_of, flags)

    def get_peer_info(self) -> list[PeerInfo]:
        """Every connection."""
        return self._call(report.peer_info)

    def get_download_queue(self) -> list[PartialPieceInfo]:
        """The pieces being put together."""
        return self._call(report.download_queue)

    def file_progress(self, flags: FileProgressFlags = FileProgressFlags(0)) -> list[int]:
        """Bytes of each file that are here, with `piece_granularity` those that are verified; empty without metadata."""
        return self._call(commands.file_progress, flags)

    def file_status(self) -> list[OpenFileState]:
        """The files held open."""
        return self._call(report.open_files)

    def piece_availability(self) -> list[int]:
        """Peers that have each piece; empty while it is stopped."""
        return self._call(commands.piece_availability)

    def have_piece(self, piece: int) -> bool:
        """The piece is verified and on disk."""
        return self._call(lambda torrent: torrent.has_piece(piece))

    def pieces(self) -> Bitfield:
        """The verified pieces."""
        return self._call(lambda torrent: torrent.have.copy())

    def need_save_resume_data(self, flags: ResumeDataFlags = ResumeDataFlags(0)) -> bool:
        """Resume data would differ from what was saved last."""
        return self._call(lambda torrent: bool(torrent.flags & TorrentFlags.need_save_resume))

    # --------------------------------------------------------------------------- the same, answered by an alert

    def post_status(self, flags: StatusFlags = _ALL_STATUS) -> None:
        """`status`, as a `StateUpdateAlert` of this torrent."""
        self._post(posting.status, flags)

    def post_peer_info(self) -> None:
        """`get_peer_info`, as a `PeerInfoAlert`."""
        self._post(posting.peer_info)

    def post_trackers(self) -> None:
        """`trackers`, as a `TrackerListAlert`."""
        self._post(posting.trackers)

    def post_download_queue(self) -> None:
        """`get_download_queue`, as a `PieceInfoAlert`."""
        self._post(posting.download_queue)

    def post_file_progress(self, flags: FileProgressFlags = FileProgressFlags(0)) -> None:
        """`file_progress`, as a `FileProgressAlert`."""
        self._post(posting.file_progress, flags)

    def post_file_status(self) -> None:
        """`file_status`, as a `FileStatusAlert`."""
        self._post(posting.file_status)

    def post_file_priorities(self) -> None:
        """`get_file_priorities`, as a `FilePrioritiesAlert`."""
        self._post(posting.file_priorities)

    def post_piece_availability(self) -> None:
        """`piece_availability`, as a `PieceAvailabilityAlert`."""
        self._post(posting.piece_availability)

    # --------------------------------------------------------------------------------------------- pause and flags

    def pause(self, flags: PauseFlags = PauseFlags(0)) -> None:
        """Close connections and stop announcing; with `graceful_pause`, after blocks on order have come.

        An auto-managed torrent is the session's to start again: clear that flag first.
        """
        self._post(commands.pause, flags)

    def resume(self) -> None:
        """Go on after `pause`, or after an error was cleared."""
        self._post(commands.resume)

    def flags(self) -> TorrentFlags:
        """The flags that are set."""
        return self._call(lambda torrent: torrent.flags)

    def set_flags(self, flags: TorrentFlags, mask: TorrentFlags | None = None) -> None:
        """Set the flags in `flags`; with `mask`, also clear those in `mask` that are not in `flags`."""
        self._post(commands.set_flags, flags, mask)

    def unset_flags(self, flags: TorrentFlags) -> None:
        """Clear flags."""
        self._post(commands.set_flags, TorrentFlags(0), flags)

    def clear_error(self) -> None:
        """Forget the error it stopped with, and go on unless it is paused."""
        self._post(lambda torrent: torrent.clear_error())

    def force_recheck(self) -> None:
        """Hash everything again, trusting nothing."""
        self._post(commands.force_recheck)

    # ----------------------------------------------------------------------------------------------------- queue

    def queue_position(self) -> int:
        """Place among the downloads, from 0; -1 when it is finished."""
        return self._call(lambda torrent: torrent.queue_position)

    def queue_position_up(self) -> None:
        """One place nearer to the front."""
        self._post(lambda torrent: torrent.move_in_queue(torrent.queue_position - 1))

    def queue_position_down(self) -> None:
        """One place further back."""
        self._post(lambda torrent: torrent.move_in_queue(torrent.queue_position + 1))

    def queue_position_top(self) -> None:
        """To the front."""
        self._post(lambda torrent: torrent.move_in_queue(0))

    def queue_position_bottom(self) -> None:
        """To the end."""
        self._post(lambda torrent: torrent.move_in_queue(_INT_MAX))

    def queue_position_set(self, position: int) -> None:
        """To a place; beyond the end is the end.  ValueError below 0."""
        if position < 0:
            raise ValueError(f"a place in the queue is 0 or above, not {position}")
        self._post(lambda torrent: torrent.move_in_queue(position))

    # ---------------------------------------------------------------------------------------------------- limits

    def set_upload_limit(self, limit: int) -> None:
        """Bytes per second; 0 or below is no limit."""
        self._post(commands.set_limit, "upload_limit", limit)

    def set_download_limit(self, limit: int) -> None:
        """Bytes per second; 0 or below is no limit."""
        self._post(commands.set_limit, "download_limit", limit)

    def upload_limit(self) -> int:
        """Bytes per second; -1 is no limit."""
        return self._call(lambda torrent: torrent.upload_limit)

    def download_limit(self) -> int:
        """Bytes per second; -1 is no limit."""
        return self._call(lambda torrent: torrent.download_limit)

    def set_max_connections(self, limit: int) -> None:
        """Connections; -1 is no limit.  Those above it stay until they end."""
        self._post(commands.set_limit, "max_connections", limit)

    def set_max_uploads(self, limit: int) -> None:
        """Unchoked peers; -1 is no limit."""
        self._post(commands.set_limit, "max_uploads", limit)

    def max_connections(self) -> int:
        """Connections; -1 is no limit."""
        return self._call(lambda torrent: torrent.max_connections)

    def max_uploads(self) -> int:
        """Unchoked peers; -1 is no limit."""
        return self._call(lambda torrent: torrent.max_uploads)

    # ------------------------------------------------------------------------------------------ files and pieces

    def prioritize_files(self, priorities: Sequence[int]) -> None:
        """0 (not wanted) to 7, by file; 4 is normal, and what missing ones become.  ValueError."""
        self._call(commands.prioritize_files, list(priorities))

    def file_priority(self, index: int, priority: int | None = None) -> int:
        """The priority of one file, set first when given.  IndexError, ValueError."""
        return self._call(commands.file_priority, index, priority)

    def get_file_priorities(self) -> list[int]:
        """By file."""
        return self._call(commands.file_priorities)

    def prioritize_pieces(self, priorities: Sequence[int]) -> None:
        """0 to 7, by piece.  ValueError."""
        self._call(commands.prioritize_pieces, list(priorities))

    def piece_priority(self, piece: int, priority: int | None = None) -> int:
        """The priority of one piece, set first when given.  IndexError, ValueError."""
        return self._call(commands.piece_priority, piece, priority)

    def get_piece_priorities(self) -> list[int]:
        """By piece."""
        return self._call(commands.piece_priorities)

    def set_piece_deadline(
        self, piece: int, deadline_ms: int, flags: DeadlineFlags = DeadlineFlags(0)
    ) -> None:
        """The piece should be here in so many milliseconds: it is asked of the quickest peers, before everything else.

        With `alert_when_available` a `ReadPieceAlert` with its bytes follows, at once when it is here already, with an error
        when the deadline was taken back.  Once set, the piece has priority 7; afterwards 1.
        """
        self._post(commands.set_piece_deadline, piece, deadline_ms, flags)

    def reset_piece_deadline(self, piece: int) -> None:
        """Not urgent any more."""
        self._post(commands.reset_piece_deadline, piece)

    def clear_piece_deadlines(self) -> None:
        """No piece is urgent any more."""
        self._post(commands.clear_piece_deadlines)

    def set_metadata(self, info_section: bytes) -> bool:
        """The metadata of a magnet link, got in another way: the bencoded value of a .torrent file's "info".

        False when there was metadata, or when this is not what the info-hash names (`MetadataFailedAlert`).
        """
        return self._call(commands.set_metadata, info_section)

    def get_renamed_files(self) -> RenamedFiles:
        """The names files have instead of the torrent's: a copy."""
        return self._call(report.renamed_files)

    def rename_file(self, index: int, name: str) -> None:
        """Give a file another path within the save path; ends in `FileRenamedAlert` or `FileRenameFailedAlert`."""
        self._post(commands.rename_file, index, name)

    def move_storage(self, save_path: str, flags: MoveFlags = MoveFlags.always_replace_files) -> None:
        """Move all files; ends in `StorageMovedAlert` or `StorageMovedFailedAlert`."""
        self._post(commands.move_storage, save_path, flags)

    def flush_cache(self) -> None:
        """Ends in `CacheFlushedAlert` once everything written is with the operating system and on the device."""
        self._post(commands.flush_cache)

    def save_resume_data(self, flags: ResumeDataFlags = ResumeDataFlags(0)) -> None:
        """Ends in `SaveResumeDataAlert` or `SaveResumeDataFailedAlert`."""
        self._post(commands.save_resume_data, flags)

    def get_resume_params(self) -> Any:
        """What `save_resume_data` would post, at once: `AddTorrentParams`."""
        return self._call(report.resume_params)

    def read_piece(self, piece: int) -> None:
        """Ends in `ReadPieceAlert`."""
        self._post(read_piece, piece)

    def add_piece(self, piece: int, data: bytes, flags: AddPieceFlags = AddPieceFlags(0)) -> None:
        """A piece got in another way; it is verified like one from peers.  ValueError for a wrong size."""
        self._call(commands.add_piece, piece, data, flags)

    # --------------------------------------------------------------------------------------------------- plug-ins

    def add_extension(
        self, factory: Callable[[TorrentHandle, Any], TorrentPlugin | None], userdata: Any = None
    ) -> None:
        """Extend the torrent with what `factory(handle, userdata)` makes on the loop's thread (Any: it is the program's).
        Connections that are there get its peer plug-ins.  PluginError when that is no plug-in, or raises.
        """
        self._call(extend_torrent, factory, userdata)

    # ------------------------------------------------------------------------------------------ peers and trackers

    def connect_peer(self, address: Address, source: PeerSource = PeerSource(0)) -> None:
        """Dial a peer now, and remember it.  ValueError when the host is no numeric address."""
        self._call(commands.connect_peer, address, source)

    def trackers(self) -> list[AnnounceEntry]:
        """Every tracker with its state."""
        return self._call(commands.trackers)

    def add_tracker(self, url: str, tier: int = 0) -> None:
        """One more tracker; a known URL changes nothing."""
        self._post(commands.add_tracker, url, tier)

    def replace_trackers(self, trackers: Sequence[tuple[str, int] | str | AnnounceEntry]) -> None:
        """Other trackers instead: URLs, (URL, tier) or entries."""
        self._post(commands.replace_trackers, list(trackers))

    def force_reannounce(
        self, seconds: int = 0, tracker_index: int = -1, flags: ReannounceFlags = ReannounceFlags(0)
    ) -> None:
        """Announce in so many seconds, to one tracker or all."""
        self._post(commands.force_reannounce, seconds, tracker_index, flags)

    def force_lsd_announce(self) -> None:
        """Announce it on the local network now, where it is announced there at all."""
        self._post(commands.force_lsd_announce)

    def scrape_tracker(self, index: int = -1) -> None:
        """Ask a tracker for its counts; ends in `ScrapeReplyAlert` or `ScrapeFailedAlert`."""
        self._post(commands.scrape_tracker, index)

    def url_seeds(self) -> list[str]:
        """The web seeds (BEP 19)."""
        return self._call(commands.url_seeds)

    def add_url_seed(self, url: str) -> None:
        """One more web seed; a known URL changes nothing, a wrong one ends in `UrlSeedAlert`."""
        self._post(commands.add_url_seed, url)

    def remove_url_seed(self, url: str) -> None:
        """One less, and its connection ends."""
        self._post(commands.remove_url_seed, url)

    def force_dht_announce(self) -> None:
        """Announce in the DHT at once; a torrent that may not (private, `disable_dht`) does not."""
        self._post(commands.force_dht_announce)

    # ------------------------------------------------------------------------------------------------ SSL torrents

    def set_ssl_certificate(
        self, certificate: str, private_key: str, dh_params: str = "", passphrase: str = ""
    ) -> None:
        """The certificate to show peers and its key, as PEM files; for who posts `TorrentNeedCertAlert`.

        The files are read now.  What is wrong ends in a `TorrentErrorAlert` that names the file, as in libtorrent; the torrent
        does not stop for that.  Without `dh_params` OpenSSL chooses.
        """
        try:
            identity = root_certificate.read_identity(certificate, private_key, dh_params, passphrase)
        except OSError as error:
            self._post(root_certificate.tell_unreadable, error)
        else:
            self._call(root_certificate.set_identity, identity, certificate)

    def set_ssl_certificate_buffer(
        self, certificate: str | bytes, private_key: str | bytes, dh_params: str | bytes = b""
    ) -> None:
        """As `set_ssl_certificate`, from the contents of such files."""
        identity = Identity(_as_bytes(certificate), _as_bytes(private_key), _as_bytes(dh_params))
        self._call(root_certificate.set_identity, identity, "[certificate]")

    # --------------------------------------------------------------------------------------------------- private

    def _alive(self, *, removed_too: bool = False) -> Torrent:
        torrent = self._torrent
        if torrent is None or (torrent.removed and not removed_too):
            raise InvalidTorrentHandle
        return torrent

    def _call(self, function: Callable[Concatenate[Torrent, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._alive()
        assert self._session is not None

        def run() -> T:
            return function(self._alive(), *args, **kwargs)

        return self._session.runtime.call(run)

    def _post(
        self, function: Callable[Concatenate[Torrent, P], object], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        self._alive()
        assert self._session is not None

        def run() -> None:
            if self.is_valid():
                function(self._alive(), *args, **kwargs)

        # Of a plug-in's hook the loop is in the middle: what it commands waits until it is through.
        if self._session.runtime.is_loop_thread and not self._session._core.plugins.faults.is_calling:
            run()
        else:
            self._session.runtime.post(run)


def _as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
