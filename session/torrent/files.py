"""Files of one torrent: which are wanted, how far they are, what they are called.

File priorities become piece priorities: a piece is as wanted as the most wanted file it overlaps.  Priorities of pieces set
by hand hold until file priorities are set again (libtorrent `prioritize_files`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...protocols.metainfo import TorrentInfo
from ...protocols.metainfo.files import FileStorage
from ...protocols.types import BLOCK_SIZE, FileIndex
from ..alerts import FileCompletedAlert
from ..disk.params import StorageParams
from ..flags import StorageMode, TorrentFlags
from .piece_blocks import RECEIVED
from .piece_picker import PiecePicker

if TYPE_CHECKING:
    from ..core.core import Core
    from .torrent import Torrent

__all__ = ["DEFAULT_PRIORITY", "TOP_PRIORITY", "TorrentFiles"]

DEFAULT_PRIORITY = 4
TOP_PRIORITY = 7


class TorrentFiles:
    """Priorities, progress and names of a torrent's files."""

    __slots__ = ("_core", "_missing", "_torrent", "piece_overrides", "priorities", "renamed")

    def __init__(self, torrent: Torrent, core: Core) -> None:
        self._torrent = torrent
        self._core = core
        params = torrent.params
        self.renamed: dict[int, str] = dict(params.renamed_files)
        """File index → the name it has instead."""
        default = 0 if params.flags & TorrentFlags.default_dont_download else DEFAULT_PRIORITY
        given = list(params.file_priorities[: self.storage.num_files])
        overrides = params.piece_priorities
        if torrent.flags & TorrentFlags.share_mode:
            default, given, overrides = 0, [], []  # What is wanted of it is decided piece by piece.
        self.priorities: list[int] = given + [default] * (self.storage.num_files - len(given))
        """By file, 0 (not wanted) to 7."""
        self._leave_pads_out()
        self.piece_overrides: dict[int, int] = dict(enumerate(overrides))
        self._missing: list[int] | None = None

    @property
    def storage(self) -> FileStorage:
        """The files the metadata lists."""
        assert self._torrent.info is not None
        return self._torrent.info.files

    def storage_params(self) -> StorageParams:
        """What the disk needs to know."""
        torrent = self._torrent
        assert torrent.info is not None
        return StorageParams(
            torrent.info,
            torrent.save_path,
            StorageMode(int(torrent.params.storage_mode)),
            tuple(self.priorities),
            dict(self.renamed),
            part_file_name=_part_file_name(torrent.params.part_file_dir, torrent.info),
            hashes=torrent.piece_hashes,
        )

    # ------------------------------------------------------------------------------------------------- priorities

    def set_priorities(self, priorities: Sequence[int]) -> None:
        """New priorities, by file; missing ones become the default.  ValueError when one is not 0 to 7."""
        for priority in priorities:
            _check_priority(priority)
        num_files = self.storage.num_files
        given = list(priorities[:num_files])
        self.priorities = given + [DEFAULT_PRIORITY] * (num_files - len(given))
        self._leave_pads_out()
        self.piece_overrides.clear()
        self._changed()

    def set_priority(self, index: int, priority: int) -> None:
        """One file.  IndexError, ValueError."""
        _check_priority(priority)
        if not 0 <= index < self.storage.num_files:
            raise IndexError(f"file {index} of {self.storage.num_files}")
        self.priorities[index] = priority
        self._leave_pads_out()
        self.piece_overrides.clear()
        self._changed()

    def _leave_pads_out(self) -> None:
        """Padding is never wanted for itself."""
        if self.storage.has_padding:
            for index in range(self.storage.num_files):
                if self.storage.is_pad(FileIndex(index)):
                    self.priorities[index] = 0

    def set_piece_priority(self, piece: int, priority: int) -> None:
        """One piece, until file priorities are set again.  IndexError, ValueError."""
        assert self._torrent.info is not None
        if not 0 <= piece < self._torrent.info.num_pieces:
            raise IndexError(f"piece {piece} of {self._torrent.info.num_pieces}")
        self._override({piece: priority})

    def set_piece_priorities(self, priorities: Sequence[int]) -> None:
        """The first pieces, until file priorities are set again.  ValueError, and then nothing is changed."""
        assert self._torrent.info is not None
        if len(priorities) > self._torrent.info.num_pieces:
            raise ValueError(f"{len(priorities)} priorities for {self._torrent.info.num_pieces} pieces")
        self._override(dict(enumerate(priorities)))

    def _override(self, priorities: dict[int, int]) -> None:
        for priority in priorities.values():
            _check_priority(priority)
        self.piece_overrides.update(priorities)
        download = self._torrent.download
        if download is not None:
            for piece, priority in priorities.items():
                download.picker.set_priority(piece, priority)
        self._torrent.priorities_changed()

    def _changed(self) -> None:
        torrent = self._torrent
        if torrent.block_source is not None:
            self._core.disk.submit_set_priorities(
                torrent.block_source.storage, tuple(self.priorities), torrent.disk_done
            )
        if torrent.download is not None:
            self.apply_priorities(torrent.download.picker)
        torrent.priorities_changed()

    def apply_priorities(self, picker: PiecePicker) -> None:
        """Tell the picker what each piece is worth."""
        if (
            picker.is_default
            and not self.piece_overrides
            and all(each == DEFAULT_PRIORITY for each in self.priorities)
        ):
            return
        picker.set_priorities(self.piece_priorities())

    def piece_priorities(self) -> list[int]:
        """By piece, 0 to 7."""
        info = self._torrent.info
        assert info is not None
        if not self.piece_overrides and all(priority == DEFAULT_PRIORITY for priority in self.priorities):
            return [DEFAULT_PRIORITY] * info.num_pieces
        result = [0] * info.num_pieces
        for index, priority in enumerate(self.priorities):
            size = self.storage.size(FileIndex(index))
            if not size or not priority:
                continue
            first = self.storage.offset(FileIndex(index)) // info.piece_length
            last = (self.storage.offset(FileIndex(index)) + size - 1) // info.piece_length
            for piece in range(first, last + 1):
                result[piece] = max(result[piece], priority)
        for piece, priority in self.piece_overrides.items():
            if piece < info.num_pieces:
                result[piece] = priority
        return result

    # --------------------------------------------------------------------------------------------------- progress

    def progress(self) -> list[int]:
        """Bytes of each file that are verified."""
        torrent, info = self._torrent, self._torrent.info
        assert info is not None
        done = [0] * self.storage.num_files
        if torrent.have.all():
            return [self.storage.size(FileIndex(index)) for index in range(self.storage.num_files)]
        for piece in torrent.have.indices():
            for part in self.storage.map_range(piece * info.piece_length, info.piece_size(piece)):
                done[part.file_index] += part.length
        return done

    def with_blocks(self, done: list[int]) -> list[int]:
        """`done` with the blocks that are here of pieces under way; such a piece may turn out bad."""
        torrent, info = self._torrent, self._torrent.info
        assert info is not None
        for piece in torrent.download.picker.downloading() if torrent.download is not None else ():
            size = info.piece_size(piece.piece)
            for block, state in enumerate(piece.states):
                if state == RECEIVED:
                    begin = block * BLOCK_SIZE
                    length = min(BLOCK_SIZE, size - begin)
                    for part in self.storage.map_range(piece.piece * info.piece_length + begin, length):
                        done[part.file_index] += part.length
        return done

    def piece_finished(self, piece: int) -> None:
        """Report the files a new piece completed."""
        info = self._torrent.info
        assert info is not None
        if not self._core.alerts.should_post(FileCompletedAlert):
            self._missing = None
            return
        if self._missing is None:
            done = self.progress()
            self._missing = [self.storage.size(FileIndex(i)) - done[i] for i in range(self.storage.num_files)]
            finished = [
                part.file_index
                for part in self.storage.map_range(piece * info.piece_length, info.piece_size(piece))
            ]
            parts = [index for index in finished if not self._missing[index]]
        else:
            parts = []
            for part in self.storage.map_range(piece * info.piece_length, info.piece_size(piece)):
                self._missing[part.file_index] -= part.length
                if not self._missing[part.file_index]:
                    parts.append(part.file_index)
        for index in parts:
            if not self.storage.is_pad(index):
                self._torrent.post(FileCompletedAlert, index)

    def reset_progress(self) -> None:
        """Pieces changed in another way than one by one."""
        self._missing = None


def _part_file_name(folder: str, info: TorrentInfo) -> str:
    """libtorrent's name in a folder of the save path; "" is that name there."""
    return f"{folder}/.{info.info_hashes.best().hex()}.parts" if folder else ""


def _check_priority(priority: int) -> None:
    if not 0 <= priority <= TOP_PRIORITY:
        raise ValueError(f"a priority is 0 to {TOP_PRIORITY}, not {priority!r}")
