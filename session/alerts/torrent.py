"""Alerts about the life of a torrent: added, started, checked, finished, failed, removed."""

from __future__ import annotations

from dataclasses import field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from ...protocols.types import InfoHashes
from ..errors import NO_ERROR, ErrorCode
from ..flags import AlertCategory
from .base import AlertPriority, TorrentAlert, alert

if TYPE_CHECKING:
    from ...protocols.metainfo import TorrentInfo
    from ..handle import TorrentHandle
    from ..params import AddTorrentParams
    from ..status import AnnounceEntry, PartialPieceInfo, PeerInfo, TorrentState

__all__ = [
    "AddTorrentAlert",
    "HashFailedAlert",
    "MetadataFailedAlert",
    "MetadataReceivedAlert",
    "PeerInfoAlert",
    "PerformanceAlert",
    "PerformanceWarning",
    "PieceAvailabilityAlert",
    "PieceFinishedAlert",
    "PieceInfoAlert",
    "StateChangedAlert",
    "TorrentCheckedAlert",
    "TorrentConflictAlert",
    "TorrentErrorAlert",
    "TorrentFinishedAlert",
    "TorrentLogAlert",
    "TorrentNeedCertAlert",
    "TorrentPausedAlert",
    "TorrentRemovedAlert",
    "TorrentResumedAlert",
    "TrackerListAlert",
]

_STATE_WORDS = (
    "checking (q)",
    "checking",
    "dl metadata",
    "downloading",
    "finished",
    "seeding",
    "allocating",
    "checking (r)",
)


@alert(67, AlertCategory.status, AlertPriority.critical, mandatory=True)
class AddTorrentAlert(TorrentAlert):
    """A torrent was added, or could not be; the answer to `async_add_torrent`."""

    params: AddTorrentParams
    """What was asked for."""
    error: ErrorCode = NO_ERROR
    """Why it was not added; then the handle is invalid."""

    def message(self) -> str:
        name = self.torrent_name or self.params.best_name()
        if self.error:
            return f'failed to add torrent "{name}": [{self.error.category}] {self.error}'
        return f"added torrent: {name}"


@alert(4, AlertCategory.status, AlertPriority.critical, mandatory=True)
class TorrentRemovedAlert(TorrentAlert):
    """The torrent left the session.  Its files may still be being deleted."""

    info_hashes: InfoHashes
    userdata: Any = None
    """`AddTorrentParams.userdata`."""

    def message(self) -> str:
        return f"{self.torrent_name or self.info_hashes.best()} removed"


@alert(10, AlertCategory.status, AlertPriority.high)
class StateChangedAlert(TorrentAlert):
    """`TorrentStatus.state` is another."""

    state: TorrentState
    prev_state: TorrentState

    def message(self) -> str:
        return f"{self._torrent()}: state changed to: {_STATE_WORDS[self.state]}"


@alert(26, AlertCategory.status, AlertPriority.high)
class TorrentFinishedAlert(TorrentAlert):
    """Everything wanted is on disk and verified."""

    def message(self) -> str:
        return f"{self._torrent()} torrent finished downloading"


@alert(41, AlertCategory.status, AlertPriority.high)
class TorrentCheckedAlert(TorrentAlert):
    """The files were checked, or did not have to be."""

    def message(self) -> str:
        return f"{self._torrent()} checked"


@alert(39, AlertCategory.status, AlertPriority.high)
class TorrentPausedAlert(TorrentAlert):
    """It is paused: connections closed, trackers told."""

    def message(self) -> str:
        return f"{self._torrent()} paused"


@alert(40, AlertCategory.status, AlertPriority.high)
class TorrentResumedAlert(TorrentAlert):
    """It runs again."""

    def message(self) -> str:
        return f"{self._torrent()} resumed"


@alert(64, AlertCategory.error | AlertCategory.status, AlertPriority.high)
class TorrentErrorAlert(TorrentAlert):
    """It stopped with an error, and stays so until `clear_error`."""

    error: ErrorCode
    filename: str = ""
    """The file it happened with, if any."""

    def message(self) -> str:
        where = f" {self.filename}" if self.filename else ""
        return f"{self._torrent()} ERROR: ({self.error.value} {self.error}){where}"


@alert(65, AlertCategory.status, AlertPriority.critical)
class TorrentNeedCertAlert(TorrentAlert):
    """It is an SSL torrent: peers are not reached before `TorrentHandle.set_ssl_certificate`."""

    def message(self) -> str:
        return f"{self._torrent()} needs SSL certificate"


@alert(45, AlertCategory.status)
class MetadataReceivedAlert(TorrentAlert):
    """The metadata is complete and verified."""

    def message(self) -> str:
        return f"{self._torrent()} metadata successfully received"


@alert(44, AlertCategory.error)
class MetadataFailedAlert(TorrentAlert):
    """Metadata from peers was complete and wrong; it is fetched again."""

    error: ErrorCode

    def message(self) -> str:
        return f"{self._torrent()} invalid metadata received: {self.error}"


@alert(99, AlertCategory.error, AlertPriority.high)
class TorrentConflictAlert(TorrentAlert):
    """Two magnet links turned out to be one torrent."""

    conflicting_torrent: TorrentHandle
    metadata: TorrentInfo

    def message(self) -> str:
        return f"{self._torrent()} conflicts with another torrent"


@alert(27, AlertCategory.piece_progress)
class PieceFinishedAlert(TorrentAlert):
    """The piece is verified and written."""

    piece_index: int

    def message(self) -> str:
        return f"{self._torrent()} piece: {self.piece_index} finished downloading"


@alert(18, AlertCategory.status)
class HashFailedAlert(TorrentAlert):
    """The piece was complete and wrong; it is fetched again."""

    piece_index: int

    def message(self) -> str:
        return f"{self._torrent()} hash for piece {self.piece_index} failed"


class PerformanceWarning(IntEnum):
    """What keeps the rate down."""

    outstanding_disk_buffer_limit_reached = 0
    outstanding_request_limit_reached = 1
    upload_limit_too_low = 2
    download_limit_too_low = 3
    send_buffer_watermark_too_low = 4
    too_many_optimistic_unchoke_slots = 5
    too_high_disk_queue_limit = 6
    aio_limit_reached = 7
    bittyrant_with_no_uplimit = 8
    too_few_outgoing_ports = 9
    too_few_file_descriptors = 10


@alert(9, AlertCategory.performance_warning)
class PerformanceAlert(TorrentAlert):
    """A limit is in the way."""

    warning_code: PerformanceWarning

    def message(self) -> str:
        return f"{self._torrent()}: performance warning: {self.warning_code.name.replace('_', ' ')}"


@alert(80, AlertCategory.torrent_log)
class TorrentLogAlert(TorrentAlert):
    """A line for whoever debugs."""

    text: str

    def log_message(self) -> str:
        """The line without the torrent's name."""
        return self.text

    def message(self) -> str:
        return f"{self._torrent()}: {self.text}"


@alert(100, AlertCategory.status, AlertPriority.critical, mandatory=True)
class PeerInfoAlert(TorrentAlert):
    """The answer to `post_peer_info`."""

    peer_info: list[PeerInfo] = field(default_factory=list)

    def message(self) -> str:
        return f"{self._torrent()} peer info: {len(self.peer_info)} peers"


@alert(102, AlertCategory.piece_progress, AlertPriority.critical, mandatory=True)
class PieceInfoAlert(TorrentAlert):
    """The answer to `post_download_queue`."""

    piece_info: list[PartialPieceInfo] = field(default_factory=list)

    def message(self) -> str:
        return f"{self._torrent()} piece info: {len(self.piece_info)} pieces"


@alert(103, AlertCategory.status, AlertPriority.critical, mandatory=True)
class PieceAvailabilityAlert(TorrentAlert):
    """The answer to `post_piece_availability`."""

    piece_availability: list[int] = field(default_factory=list)

    def message(self) -> str:
        return f"{self._torrent()} piece availability: {len(self.piece_availability)} pieces"


@alert(104, AlertCategory.status, AlertPriority.critical, mandatory=True)
class TrackerListAlert(TorrentAlert):
    """The answer to `post_trackers`."""

    trackers: list[AnnounceEntry] = field(default_factory=list)

    def message(self) -> str:
        return f"{self._torrent()} tracker list: {len(self.trackers)} trackers"
