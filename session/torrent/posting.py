"""What is asked of a torrent without waiting: each question ends in an alert (`TorrentHandle.post_…`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..alerts import (
    FilePrioritiesAlert,
    FileProgressAlert,
    FileStatusAlert,
    PeerInfoAlert,
    PieceAvailabilityAlert,
    PieceInfoAlert,
    StateUpdateAlert,
    TrackerListAlert,
)
from ..flags import FileProgressFlags, StatusFlags
from . import commands, report

if TYPE_CHECKING:
    from .torrent import Torrent

__all__: list[str] = []


def status(torrent: Torrent, flags: StatusFlags) -> None:
    """`TorrentHandle.post_status`"""
    torrent.post_session(StateUpdateAlert, [report.status_of(torrent, flags)])


def peer_info(torrent: Torrent) -> None:
    """`TorrentHandle.post_peer_info`"""
    torrent.post(PeerInfoAlert, report.peer_info(torrent))


def trackers(torrent: Torrent) -> None:
    """`TorrentHandle.post_trackers`"""
    torrent.post(TrackerListAlert, commands.trackers(torrent))


def download_queue(torrent: Torrent) -> None:
    """`TorrentHandle.post_download_queue`"""
    torrent.post(PieceInfoAlert, report.download_queue(torrent))


def file_progress(torrent: Torrent, flags: FileProgressFlags) -> None:
    """`TorrentHandle.post_file_progress`"""
    torrent.post(FileProgressAlert, commands.file_progress(torrent, flags))


def file_status(torrent: Torrent) -> None:
    """`TorrentHandle.post_file_status`"""
    torrent.post(FileStatusAlert, report.open_files(torrent))


def file_priorities(torrent: Torrent) -> None:
    """`TorrentHandle.post_file_priorities`"""
    torrent.post(FilePrioritiesAlert, commands.file_priorities(torrent))


def piece_availability(torrent: Torrent) -> None:
    """`TorrentHandle.post_piece_availability`"""
    torrent.post(PieceAvailabilityAlert, commands.piece_availability(torrent))
