"""From a running session to a `Snapshot`: statuses as the session pushes them, details of the one torrent that is looked at.

`post_torrent_updates` brings the torrents that changed and no others, so that a session of thousands costs what happens in
it.  The details are asked for, of one torrent and one pane at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ... import (
    Alert,
    AlertsDroppedAlert,
    AnnounceEntry,
    ConnectionType,
    PeerFlags,
    PeerInfo,
    PeerSource,
    Session,
    SessionError,
    SocketType,
    StateUpdateAlert,
    StatusFlags,
    TorrentErrorAlert,
    TorrentFlags,
    TorrentHandle,
    TorrentRemovedAlert,
    TorrentState,
    TorrentStatus,
    TrackerErrorAlert,
    TrackerReplyAlert,
)
from ..tracker_remarks import why_it_failed
from .records import (
    Details,
    FileRow,
    Pane,
    PeerRow,
    PieceCounts,
    SessionRow,
    Snapshot,
    TorrentRow,
    TrackerRow,
)

__all__ = ["FLAGS", "Gathering", "row_of", "state_of"]

FLAGS: Final = (
    ("D", "we download from it"),
    ("d", "we want to, it chokes us"),
    ("U", "we upload to it"),
    ("u", "it wants us to, we choke it"),
    ("O", "unchoked optimistically"),
    ("S", "snubbed: requests timed out"),
    ("I", "it connected to us"),
    ("E", "encrypted"),
    ("c", "connecting"),
    ("X", "known from another peer"),
    ("H", "known from the DHT"),
    ("L", "known from the local network"),
)
"""The letters of `PeerRow.flags`."""

_STATUS = (
    StatusFlags.query_name
    | StatusFlags.query_torrent_file
    | StatusFlags.query_save_path
    | StatusFlags.query_distributed_copies
)
_STATES = {
    TorrentState.checking_files: "checking",
    TorrentState.checking_resume_data: "checking",
    TorrentState.downloading_metadata: "metadata",
    TorrentState.downloading: "downloading",
    TorrentState.finished: "complete",
    TorrentState.seeding: "seeding",
}
_TRANSPORTS = {
    SocketType.utp: "uTP",
    SocketType.utp_ssl: "uTP/TLS",
    SocketType.tcp_ssl: "TLS",
    SocketType.socks5: "SOCKS",
    SocketType.http: "HTTP",
}


class Gathering:
    """What is known of a session's torrents.  Give it every alert."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statuses: dict[str, TorrentStatus] = {}
        self._rows: dict[str, TorrentRow] = {}
        self._notes: dict[str, str] = {}
        self._keys: dict[TorrentHandle, str] = {}
        """By what it was first called: metadata may add a name to a magnet link's."""
        self.refresh()

    def refresh(self) -> None:
        """Look at every torrent now."""
        self._take_statuses(self._session.get_torrent_status(flags=_STATUS))

    def ask(self) -> None:
        """Have the session say what changed; it comes as an alert."""
        self._session.post_torrent_updates(_STATUS)

    def take(self, alert: Alert) -> None:
        """One alert."""
        match alert:
            case StateUpdateAlert():
                self._take_statuses(alert.status)
            case TorrentRemovedAlert():
                key = self._keys.pop(alert.handle, "")
                for table in (self._statuses, self._rows, self._notes):
                    table.pop(key, None)
            case TorrentErrorAlert():
                self._note(alert.handle, str(alert.error))
            case TrackerErrorAlert() if reason := why_it_failed(alert):
                self._note(alert.handle, f"tracker {alert.url}: {reason}")
            case TrackerReplyAlert():
                self._note(alert.handle, "")
            case AlertsDroppedAlert():
                # Changes may have been among them, and will not be told again.
                self.refresh()
            case _:
                pass

    def handle(self, key: str) -> TorrentHandle | None:
        """The torrent of a row."""
        status = self._statuses.get(key)
        return status.handle if status is not None else None

    def handles(self) -> list[TorrentHandle]:
        """All torrents that are there."""
        found = (status.handle for status in self._statuses.values())
        return [handle for handle in found if handle is not None and handle.is_valid()]

    def queue(self) -> list[str]:
        """The rows' keys, downloads in the order of their queue first."""
        places = {key: status.queue_position for key, status in self._statuses.items()}
        return sorted(places, key=lambda key: places[key] if places[key] >= 0 else len(places))

    def statuses(self) -> list[TorrentStatus]:
        """The latest of each torrent."""
        return list(self._statuses.values())

    def snapshot(self, key: str = "", pane: Pane = Pane.OVERVIEW) -> Snapshot:
        """Everything now, with details of one torrent."""
        settings = self._session.get_settings()
        session = SessionRow(
            port=self._session.listen_port(),
            down_limit=settings.get_int("download_rate_limit"),
            up_limit=settings.get_int("upload_rate_limit"),
        )
        return Snapshot(tuple(self._rows.values()), self._details(key, pane), session)

    def _take_statuses(self, statuses: Iterable[TorrentStatus]) -> None:
        for status in statuses:
            # One of a removed torrent may still have been on its way.
            if status.handle is not None and status.handle.is_valid():
                key = self._keys.setdefault(status.handle, str(status.info_hashes.best()))
                self._statuses[key] = status
                self._rows[key] = row_of(key, status, self._notes.get(key, ""))

    def _note(self, handle: TorrentHandle, text: str) -> None:
        if handle in self._keys:
            key = self._keys[handle]
            self._notes[key] = text
            self._rows[key] = row_of(key, self._statuses[key], text)

    def _details(self, key: str, pane: Pane) -> Details:
        status = self._statuses.get(key)
        if status is None or status.handle is None:
            return Details()
        handle = status.handle
        hashes = tuple(str(each) for each in (status.info_hashes.v1, status.info_hashes.v2) if each)
        try:
            return Details(
                key,
                pane,
                hashes,
                peers=_peers(handle) if pane is Pane.PEERS else (),
                files=_files(handle, status) if pane is Pane.FILES else (),
                trackers=_trackers(handle) if pane is Pane.TRACKERS else (),
                pieces=_pieces(handle) if pane is Pane.PIECES else PieceCounts(),
            )
        except SessionError:
            return Details()  # it was removed while we asked


def row_of(key: str, status: TorrentStatus, note: str = "") -> TorrentRow:
    """A status as a row."""
    left = status.total_wanted - status.total_wanted_done
    rate = status.download_payload_rate
    info = status.torrent_file
    return TorrentRow(
        key=key,
        name=status.name,
        state=state_of(status),
        progress=status.progress,
        done=status.total_wanted_done,
        wanted=status.total_wanted,
        size=status.total,
        down_rate=rate,
        up_rate=status.upload_payload_rate,
        eta=left / rate if left > 0 and rate > 0 and status.state is TorrentState.downloading else None,
        num_peers=status.num_peers,
        num_seeds=status.num_seeds,
        known_peers=status.list_peers,
        queue=status.queue_position,
        is_paused=status.is_paused,
        is_sequential=bool(status.flags & TorrentFlags.sequential_download),
        downloaded=status.all_time_download,
        uploaded=status.all_time_upload,
        down_limit=status.download_limit,
        up_limit=status.upload_limit,
        num_pieces=status.num_pieces,
        total_pieces=info.num_pieces if info is not None else 0,
        piece_length=info.piece_length if info is not None else 0,
        copies=status.distributed_copies,
        save_path=status.save_path,
        tracker=status.current_tracker,
        next_announce=status.next_announce or None,
        active_time=status.active_duration,
        note=str(status.errc) if status.errc else note,
    )


def state_of(status: TorrentStatus) -> str:
    """The word of `TorrentRow.state`."""
    if status.errc:
        return "error"
    state = _STATES[status.state]
    if not status.is_paused:
        return state
    if not status.flags & TorrentFlags.auto_managed:
        return "paused"
    # One that waits in the queue is held against its resume data all the same.
    return state if state == "checking" else "queued"


def _peers(handle: TorrentHandle) -> tuple[PeerRow, ...]:
    rows = [_peer(peer) for peer in handle.get_peer_info()]
    rows.sort(key=lambda row: (-row.down_rate, -row.up_rate, row.address))
    return tuple(rows)


def _peer(peer: PeerInfo) -> PeerRow:
    host, port = peer.ip[:2]
    transport = _TRANSPORTS.get(peer.socket_type, "TCP")
    return PeerRow(
        address=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        client=peer.client,
        flags=_letters(peer),
        transport="web" if peer.connection_type & ConnectionType.web_seed else transport,
        progress=peer.progress,
        down_rate=peer.payload_down_speed,
        up_rate=peer.payload_up_speed,
        downloaded=peer.total_download,
        uploaded=peer.total_upload,
        requests=peer.download_queue_length,
    )


def _letters(peer: PeerInfo) -> str:
    flags = peer.flags
    connecting = bool(flags & (PeerFlags.connecting | PeerFlags.handshake))
    said = {
        "c": connecting,
        "D": flags & PeerFlags.interesting and not flags & PeerFlags.remote_choked,
        "d": flags & PeerFlags.interesting and flags & PeerFlags.remote_choked,
        "U": flags & PeerFlags.remote_interested and not flags & PeerFlags.choked,
        "u": flags & PeerFlags.remote_interested and flags & PeerFlags.choked,
        "O": flags & PeerFlags.optimistic_unchoke,
        "S": flags & PeerFlags.snubbed,
        "I": not flags & PeerFlags.outgoing_connection,
        "E": flags & (PeerFlags.rc4_encrypted | PeerFlags.plaintext_encrypted),
        "X": peer.source & PeerSource.pex,
        "H": peer.source & PeerSource.dht,
        "L": peer.source & PeerSource.lsd,
    }
    return "".join(letter for letter, _ in FLAGS if said[letter])


def _files(handle: TorrentHandle, status: TorrentStatus) -> tuple[FileRow, ...]:
    info = status.torrent_file
    if info is None:
        return ()
    progress, priorities = handle.file_progress(), handle.get_file_priorities()
    renamed = handle.get_renamed_files()
    files = info.files
    return tuple(
        FileRow(
            index,
            # Without the folder, which is the torrent's name in any case.
            renamed.file_path(files, index).removeprefix(f"{info.name}/"),
            files.size(index),
            progress[index] if index < len(progress) else 0,
            priorities[index] if index < len(priorities) else 0,
        )
        for index in range(files.num_files)
        if not files.is_pad(index)
    )


def _trackers(handle: TorrentHandle) -> tuple[TrackerRow, ...]:
    return tuple(
        TrackerRow(
            url=entry.url,
            tier=entry.tier,
            state=_tracker_state(entry),
            message=entry.message or (str(entry.last_error) if entry.last_error else ""),
            seeds=entry.scrape_complete,
            leechers=entry.scrape_incomplete,
            next_announce=entry.next_announce,
        )
        for entry in handle.trackers()
    )


def _tracker_state(entry: AnnounceEntry) -> str:
    if entry.updating:
        return "updating"
    if entry.fails:
        return "failed"
    return "working" if entry.verified else "not yet"


def _pieces(handle: TorrentHandle) -> PieceCounts:
    have = handle.pieces()
    size = len(have)
    return PieceCounts(
        have=format(have.bits, f"0{size}b")[::-1] if size else "",
        under_way=frozenset(piece.piece_index for piece in handle.get_download_queue()),
        availability=tuple(handle.piece_availability()),
    )
