"""What a program may do to a torrent, on the loop thread: the bodies of `TorrentHandle`'s methods."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ...protocols.errors import RemoteProtocolError
from ...protocols.metainfo import TorrentInfo
from ...protocols.types import Address
from ..alerts import (
    CacheFlushedAlert,
    FileRenamedAlert,
    FileRenameFailedAlert,
    MetadataFailedAlert,
    SaveResumeDataAlert,
    SaveResumeDataFailedAlert,
    StorageMovedAlert,
    StorageMovedFailedAlert,
)
from ..disk.errors import StorageError
from ..disk.jobs import PieceJob, PieceResult
from ..disk.params import MoveResult
from ..errors import ErrorCode, Operation, TorrentErrc, UnsupportedFeature
from ..flags import (
    AddPieceFlags,
    DeadlineFlags,
    FileProgressFlags,
    MoveFlags,
    PauseFlags,
    PeerSource,
    ReannounceFlags,
    ResumeDataFlags,
    TorrentFlags,
)
from ..operations import operation_of
from ..status import AnnounceEntry
from .picking_order import update_order
from .report import resume_params
from .share_mode import tell_share_mode
from .torrent import Torrent
from .unfinished import unfinished_pieces, write_down

__all__: list[str] = []

_REFUSED_FLAGS = TorrentFlags.i2p_torrent


def pause(torrent: Torrent, flags: PauseFlags) -> None:
    """`TorrentHandle.pause`"""
    torrent.disk_retry.forget(torrent)
    torrent.pause(graceful=bool(flags & PauseFlags.graceful_pause))


def resume(torrent: Torrent) -> None:
    """`TorrentHandle.resume`"""
    torrent.resume()


def set_flags(torrent: Torrent, flags: TorrentFlags, mask: TorrentFlags | None) -> None:
    """`TorrentHandle.set_flags` and `unset_flags`"""
    changed = (flags if mask is None else mask) & (flags ^ torrent.flags)
    if changed & flags & _REFUSED_FLAGS:
        raise UnsupportedFeature(repr(changed & flags & _REFUSED_FLAGS), "not in this version")
    paused = changed & TorrentFlags.paused
    torrent.flags ^= changed & ~paused
    if changed & TorrentFlags.sequential_download:
        update_order(torrent)
    if changed & TorrentFlags.super_seeding:
        torrent.super_seeding_changed()
    if changed & TorrentFlags.share_mode:
        _share_mode_changed(torrent)
    if changed & TorrentFlags.disable_lsd:
        torrent.lsd_changed()
    if changed & TorrentFlags.upload_mode:
        torrent.priorities_changed()
    if paused:
        if flags & TorrentFlags.paused:
            torrent.pause()
        else:
            torrent.resume()
    if (
        changed & flags & TorrentFlags.stop_when_ready
        and torrent.is_checked
        and not torrent.flags & TorrentFlags.paused
    ):
        torrent.stop_ready()
    if changed:
        torrent.need_save()
    if changed & TorrentFlags.auto_managed:
        torrent.managed_changed()
    if changed & (TorrentFlags.auto_managed | TorrentFlags.upload_mode):
        torrent.disk_retry.mode_changed(torrent)
    if not flags & TorrentFlags.auto_managed and (mask is None or mask & TorrentFlags.auto_managed):
        torrent.disk_retry.forget(torrent)


def _share_mode_changed(torrent: Torrent) -> None:
    tell_share_mode(torrent, torrent.now())
    if torrent.flags & TorrentFlags.share_mode and torrent.info is not None:
        # From here on what is wanted is decided piece by piece; leaving share mode leaves priorities as they are.
        torrent.need_files().set_priorities([0] * torrent.info.files.num_files)
    else:
        torrent.priorities_changed()


def force_recheck(torrent: Torrent) -> None:
    """`TorrentHandle.force_recheck`"""
    torrent.recheck()


def set_limit(torrent: Torrent, name: str, limit: int) -> None:
    """The four limits of a torrent."""
    setattr(torrent, name, limit if limit > 0 else -1)
    torrent.limits_changed()
    torrent.need_save()


def file_progress(torrent: Torrent, flags: FileProgressFlags) -> list[int]:
    """`TorrentHandle.file_progress`"""
    if torrent.info is None:
        return []
    done = torrent.need_files().progress()
    return done if flags & FileProgressFlags.piece_granularity else torrent.need_files().with_blocks(done)


def piece_availability(torrent: Torrent) -> list[int]:
    """`TorrentHandle.piece_availability`"""
    return torrent.download.picker.piece_availability() if torrent.download is not None else []


def prioritize_files(torrent: Torrent, priorities: Sequence[int]) -> None:
    """`TorrentHandle.prioritize_files`"""
    torrent.need_files().set_priorities(priorities)


def file_priority(torrent: Torrent, index: int, priority: int | None) -> int:
    """`TorrentHandle.file_priority`"""
    files = torrent.need_files()
    if priority is not None:
        files.set_priority(index, priority)
    if not 0 <= index < len(files.priorities):
        raise IndexError(f"file {index} of {len(files.priorities)}")
    return files.priorities[index]


def file_priorities(torrent: Torrent) -> list[int]:
    """`TorrentHandle.get_file_priorities`"""
    return list(torrent.need_files().priorities) if torrent.info is not None else []


def prioritize_pieces(torrent: Torrent, priorities: Sequence[int]) -> None:
    """`TorrentHandle.prioritize_pieces`"""
    torrent.need_files().set_piece_priorities(priorities)


def piece_priority(torrent: Torrent, piece: int, priority: int | None) -> int:
    """`TorrentHandle.piece_priority`"""
    files = torrent.need_files()
    if priority is not None:
        files.set_piece_priority(piece, priority)
    priorities = files.piece_priorities()
    if not 0 <= piece < len(priorities):
        raise IndexError(f"piece {piece} of {len(priorities)}")
    return priorities[piece]


def piece_priorities(torrent: Torrent) -> list[int]:
    """`TorrentHandle.get_piece_priorities`"""
    return torrent.need_files().piece_priorities() if torrent.info is not None else []


# ---------------------------------------------------------------------------------------------------------- the disk


def rename_file(torrent: Torrent, index: int, name: str) -> None:
    """`TorrentHandle.rename_file`"""
    files, source = torrent.need_files(), torrent.need_storage()
    if not 0 <= index < files.storage.num_files:
        raise IndexError(f"file {index} of {files.storage.num_files}")

    def done(error: StorageError | None) -> None:
        if torrent.removed:
            return
        if error is not None:
            torrent.post(FileRenameFailedAlert, index, ErrorCode.from_exception(error))
            return
        old = files.renamed.get(index) or files.storage.path(index)
        files.renamed[index] = name
        torrent.need_save()
        torrent.post(FileRenamedAlert, index, name, old)

    source.disk.submit_rename(source.storage, index, name, done)


def move_storage(torrent: Torrent, save_path: str, flags: MoveFlags) -> None:
    """`TorrentHandle.move_storage`"""
    source, old = torrent.need_storage(), torrent.save_path

    def done(result: MoveResult | None, error: StorageError | None) -> None:
        if torrent.removed:
            return
        if result is None:
            path = error.path if error is not None else save_path
            operation = operation_of(error) if error is not None else Operation.unknown
            torrent.post(StorageMovedFailedAlert, ErrorCode.from_exception(error), operation, path)
            return
        torrent.save_path = result.save_path
        torrent.need_save()
        torrent.post(StorageMovedAlert, result.save_path, old)
        if result.need_full_check:
            torrent.recheck()

    source.disk.submit_move(source.storage, save_path, int(flags), done)


def flush_cache(torrent: Torrent) -> None:
    """`TorrentHandle.flush_cache`"""
    source = torrent.need_storage()

    def done(error: StorageError | None) -> None:
        if error is not None:
            torrent.on_disk_error(error)
        torrent.post(CacheFlushedAlert)

    source.disk.submit_flush(source.storage, done, sync=True)


def save_resume_data(torrent: Torrent, flags: ResumeDataFlags) -> None:
    """`TorrentHandle.save_resume_data`"""
    if flags & ResumeDataFlags.only_if_modified and not torrent.flags & TorrentFlags.need_save_resume:
        torrent.post(SaveResumeDataFailedAlert, ErrorCode.of(TorrentErrc.resume_data_not_modified))
        return

    def done(error: StorageError | None) -> None:
        if error is not None:
            torrent.post(SaveResumeDataFailedAlert, ErrorCode.from_exception(error))
            return
        params = resume_params(torrent, pieces)
        if not flags & ResumeDataFlags.save_info_dict:
            params.ti = None
        torrent.flags &= ~TorrentFlags.need_save_resume
        torrent.post(SaveResumeDataAlert, params)

    source, pieces = torrent.block_source, unfinished_pieces(torrent)

    def written(error: StorageError | None) -> None:
        if error is not None or source is None or not flags & ResumeDataFlags.flush_disk_cache:
            done(error)
        else:
            source.disk.submit_flush(source.storage, done, sync=True)

    if source is not None and pieces:
        write_down(torrent, written)
    else:
        written(None)


def set_piece_deadline(torrent: Torrent, piece: int, delay_ms: int, flags: DeadlineFlags) -> None:
    """`TorrentHandle.set_piece_deadline`"""
    torrent.need_deadlines().set(piece, delay_ms / 1000.0, flags)


def reset_piece_deadline(torrent: Torrent, piece: int) -> None:
    """`TorrentHandle.reset_piece_deadline`"""
    torrent.need_deadlines().reset(piece)


def clear_piece_deadlines(torrent: Torrent) -> None:
    """`TorrentHandle.clear_piece_deadlines`"""
    torrent.need_deadlines().clear()


def set_metadata(torrent: Torrent, info_section: bytes) -> bool:
    """`TorrentHandle.set_metadata`"""
    if torrent.info is not None:
        return False
    try:
        info = TorrentInfo.from_info(info_section)
    except RemoteProtocolError as error:
        torrent.post(MetadataFailedAlert, ErrorCode.from_exception(error))
        return False
    wanted, found = torrent.info_hashes, info.info_hashes
    if (wanted.v1 or found.v1, wanted.v2 or found.v2) != (found.v1, found.v2):
        torrent.post(MetadataFailedAlert, ErrorCode.of(TorrentErrc.mismatching_info_hash))
        return False
    torrent.metadata_received(info)
    return True


def add_piece(torrent: Torrent, piece: int, data: bytes, flags: AddPieceFlags) -> None:
    """`TorrentHandle.add_piece`"""
    info, source, download = torrent.info, torrent.need_storage(), torrent.download
    if info is None or download is None:
        raise UnsupportedFeature("add_piece", "the torrent has not been checked yet")
    if not 0 <= piece < info.num_pieces:
        raise IndexError(f"piece {piece} of {info.num_pieces}")
    if len(data) != info.piece_size(piece):
        raise ValueError(f"piece {piece} has {info.piece_size(piece)} bytes, not {len(data)}")
    if torrent.has_piece(piece) and not flags & AddPieceFlags.overwrite_existing:
        return

    def done(results: list[PieceResult]) -> None:
        if torrent.removed or torrent.download is not download:
            return  # Rechecked meanwhile: the check finds the piece, or has.
        for result in results:
            if result.error is not None:
                torrent.on_disk_error(result.error)
            elif not result.ok:
                torrent.news.on_piece_failed(piece, [])
            elif not torrent.has_piece(piece):
                download.had_elsewhere(piece)
                torrent.on_piece_finished(piece)

    source.submit_pieces([PieceJob(piece, memoryview(bytearray(data)), info.piece_hash(piece))], done)


# ------------------------------------------------------------------------------------------------- peers and trackers


def connect_peer(torrent: Torrent, address: Address, source: PeerSource) -> None:
    """`TorrentHandle.connect_peer`"""
    host, port = str(ipaddress.ip_address(address[0])), int(address[1])
    if not 0 < port < 65536:
        raise ValueError(f"no such port: {port}")
    torrent.connect_peer((host, port), source)


def trackers(torrent: Torrent) -> list[AnnounceEntry]:
    """`TorrentHandle.trackers`"""
    return torrent.need_tracking().entries()


def add_tracker(torrent: Torrent, url: str, tier: int) -> None:
    """`TorrentHandle.add_tracker`"""
    torrent.need_tracking().add(url, tier)
    torrent.need_save()


def replace_trackers(torrent: Torrent, given: Sequence[tuple[str, int] | str | AnnounceEntry]) -> None:
    """`TorrentHandle.replace_trackers`"""
    wanted: list[tuple[str, int]] = []
    for each in given:
        if isinstance(each, str):
            wanted.append((each, 0))
        elif isinstance(each, AnnounceEntry):
            wanted.append((each.url, each.tier))
        else:
            wanted.append((each[0], each[1]))
    torrent.need_tracking().replace(wanted)
    torrent.need_save()


def url_seeds(torrent: Torrent) -> list[str]:
    """`TorrentHandle.url_seeds`"""
    return list(torrent.need_web().urls)


def add_url_seed(torrent: Torrent, url: str) -> None:
    """`TorrentHandle.add_url_seed`"""
    if torrent.need_web().add(url):
        torrent.need_save()
        if torrent.swarm is not None and torrent.is_checked:
            torrent.need_web().connect(torrent.now())


def remove_url_seed(torrent: Torrent, url: str) -> None:
    """`TorrentHandle.remove_url_seed`"""
    if torrent.need_web().remove(url):
        torrent.need_save()


def force_reannounce(torrent: Torrent, seconds: int, tracker_index: int, flags: ReannounceFlags) -> None:
    """`TorrentHandle.force_reannounce`"""
    torrent.need_tracking().reannounce(
        seconds, tracker_index, ignore_min_interval=bool(flags & ReannounceFlags.ignore_min_interval)
    )


def force_lsd_announce(torrent: Torrent) -> None:
    """`TorrentHandle.force_lsd_announce`"""
    torrent.announce_locally()


def scrape_tracker(torrent: Torrent, index: int) -> None:
    """`TorrentHandle.scrape_tracker`"""
    torrent.need_tracking().scrape(index)


def force_dht_announce(torrent: Torrent) -> None:
    """`TorrentHandle.force_dht_announce`"""
    torrent.announce_in_dht()
