"""Alerts about a torrent's files: completed, renamed, moved, deleted, failed, and resume data."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from ...protocols.types import InfoHashes
from ..errors import NO_ERROR, ErrorCode, Operation
from ..flags import AlertCategory
from .base import AlertPriority, TorrentAlert, alert

if TYPE_CHECKING:
    from ..params import AddTorrentParams
    from ..status import OpenFileState

__all__ = [
    "CacheFlushedAlert",
    "FastresumeRejectedAlert",
    "FileCompletedAlert",
    "FileErrorAlert",
    "FilePrioAlert",
    "FilePrioritiesAlert",
    "FileProgressAlert",
    "FileRenameFailedAlert",
    "FileRenamedAlert",
    "FileStatusAlert",
    "OversizedFileAlert",
    "ReadPieceAlert",
    "SaveResumeDataAlert",
    "SaveResumeDataFailedAlert",
    "StorageMovedAlert",
    "StorageMovedFailedAlert",
    "TorrentDeleteFailedAlert",
    "TorrentDeletedAlert",
]


@alert(6, AlertCategory.file_progress)
class FileCompletedAlert(TorrentAlert):
    """Every piece of the file is on disk."""

    index: int
    """The file."""

    def message(self) -> str:
        return f"{self._torrent()}: file {self.index} finished downloading"


@alert(7, AlertCategory.storage, AlertPriority.critical, mandatory=True)
class FileRenamedAlert(TorrentAlert):
    """The answer to `rename_file`."""

    index: int
    """The file."""
    name: str
    """Its new name, relative to the save path."""
    old_name: str = ""

    def new_name(self) -> str:
        """The same as `name`."""
        return self.name

    def message(self) -> str:
        return f'{self._torrent()}: file {self.index} renamed from "{self.old_name}" to "{self.name}"'


@alert(8, AlertCategory.storage, AlertPriority.critical, mandatory=True)
class FileRenameFailedAlert(TorrentAlert):
    """The answer to `rename_file` when it failed; the old name stays."""

    index: int
    """The file."""
    error: ErrorCode

    def message(self) -> str:
        return f"{self._torrent()}: failed to rename file {self.index}: {self.error}"


@alert(43, AlertCategory.status | AlertCategory.error | AlertCategory.storage, AlertPriority.high)
class FileErrorAlert(TorrentAlert):
    """A file could not be read or written.  The torrent is paused, or stops downloading."""

    error: ErrorCode
    op: Operation
    """What was being done."""
    filename: str
    """The path."""

    def message(self) -> str:
        return f"{self._torrent()} {self.op.name} ({self.filename}) error: {self.error}"


@alert(97, AlertCategory.storage)
class FilePrioAlert(TorrentAlert):
    """The answer to `prioritize_files`: done on disk as well."""

    error: ErrorCode = NO_ERROR
    op: Operation = Operation.unknown

    def message(self) -> str:
        if self.error:
            return f"{self._torrent()} file priorities failed: {self.op.name}: {self.error}"
        return f"{self._torrent()} file priorities updated"


@alert(98, AlertCategory.storage)
class OversizedFileAlert(TorrentAlert):
    """A file on disk is longer than the torrent says; the rest is left alone."""

    def message(self) -> str:
        return f"{self._torrent()} has an oversized file"


@alert(101, AlertCategory.file_progress, AlertPriority.critical, mandatory=True)
class FileProgressAlert(TorrentAlert):
    """The answer to `post_file_progress`: bytes on disk of each file."""

    files: list[int] = field(default_factory=list)

    def message(self) -> str:
        return f"{self._torrent()} file progress: {len(self.files)} files"


@alert(105, AlertCategory.status, AlertPriority.critical, mandatory=True)
class FilePrioritiesAlert(TorrentAlert):
    """The answer to `post_file_priorities`."""

    priorities: list[int] = field(default_factory=list)
    """0 to 7, by file."""

    def message(self) -> str:
        return f"{self._torrent()} file priorities: {len(self.priorities)} files"


@alert(106, AlertCategory.status, AlertPriority.critical, mandatory=True)
class FileStatusAlert(TorrentAlert):
    """The answer to `post_file_status`: the files that are open."""

    state: list[OpenFileState] = field(default_factory=list)

    def message(self) -> str:
        return f"{self._torrent()} file status: {len(self.state)} open files"


@alert(5, AlertCategory.storage, AlertPriority.critical, mandatory=True)
class ReadPieceAlert(TorrentAlert):
    """The answer to `read_piece`, and of a deadline met."""

    piece: int
    buffer: bytes = b""
    """The piece; empty when it failed."""
    error: ErrorCode = NO_ERROR

    @property
    def size(self) -> int:
        """Bytes in `buffer`."""
        return len(self.buffer)

    def message(self) -> str:
        result = f"failed: {self.error}" if self.error else "successful"
        return f"{self._torrent()}: read_piece {self.piece} {result}"


@alert(33, AlertCategory.storage, AlertPriority.critical)
class StorageMovedAlert(TorrentAlert):
    """The answer to `move_storage`."""

    path: str
    """The new save path."""
    old_path: str = ""

    def storage_path(self) -> str:
        """The same as `path`."""
        return self.path

    def message(self) -> str:
        return f'{self._torrent()} moved storage from "{self.old_path}" to: "{self.path}"'


@alert(34, AlertCategory.storage, AlertPriority.critical)
class StorageMovedFailedAlert(TorrentAlert):
    """The answer to `move_storage` when it failed; the old save path stays."""

    error: ErrorCode
    op: Operation
    file_path: str = ""
    """The file it failed with."""

    def message(self) -> str:
        return f"{self._torrent()} storage move failed. {self.op.name} ({self.file_path}): {self.error}"


@alert(35, AlertCategory.storage, AlertPriority.critical, mandatory=True)
class TorrentDeletedAlert(TorrentAlert):
    """The files of a removed torrent are gone."""

    info_hashes: InfoHashes

    def message(self) -> str:
        return f"{self.torrent_name or self.info_hashes.best()} deleted"


@alert(36, AlertCategory.storage | AlertCategory.error, AlertPriority.critical)
class TorrentDeleteFailedAlert(TorrentAlert):
    """Files of a removed torrent could not be deleted."""

    error: ErrorCode
    info_hashes: InfoHashes

    def message(self) -> str:
        return f"{self.torrent_name or self.info_hashes.best()} torrent deletion failed: {self.error}"


@alert(58, AlertCategory.storage, AlertPriority.high)
class CacheFlushedAlert(TorrentAlert):
    """The answer to `flush_cache`: everything received is written."""

    def message(self) -> str:
        return f"{self._torrent()} cache flushed"


@alert(37, AlertCategory.storage, AlertPriority.critical, mandatory=True)
class SaveResumeDataAlert(TorrentAlert):
    """The answer to `save_resume_data`.  `write_resume_data_buf(alert.params)` makes bytes of it."""

    params: AddTorrentParams

    def message(self) -> str:
        return f"{self._torrent()} resume data generated"


@alert(38, AlertCategory.storage | AlertCategory.error, AlertPriority.critical, mandatory=True)
class SaveResumeDataFailedAlert(TorrentAlert):
    """The answer to `save_resume_data` when there is nothing to save."""

    error: ErrorCode

    def message(self) -> str:
        return f"{self._torrent()} resume data was not generated: {self.error}"


@alert(53, AlertCategory.status | AlertCategory.error, AlertPriority.critical)
class FastresumeRejectedAlert(TorrentAlert):
    """Resume data did not fit the files on disk; they are checked."""

    error: ErrorCode
    op: Operation = Operation.check_resume
    file_path: str = ""

    def message(self) -> str:
        return f"{self._torrent()} fast resume rejected. {self.op.name}({self.file_path}): {self.error}"
