"""Adding and removing torrents, and stopping all of them: the session's half of a torrent's life."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .alerts import (
    AddTorrentAlert,
    TorrentDeletedAlert,
    TorrentDeleteFailedAlert,
    TorrentPausedAlert,
    TorrentRemovedAlert,
    TorrentResumedAlert,
)
from .disk.errors import StorageError
from .errors import (
    DuplicateTorrent,
    ErrorCode,
    SessionError,
    TorrentErrc,
    TorrentParamsError,
)
from .flags import RemoveFlags, TorrentFlags
from .handle import TorrentHandle
from .params import AddTorrentParams
from .torrent.files import TOP_PRIORITY
from .torrent.first_look import look
from .torrent.root_certificate import take_root_certificate
from .torrent.torrent import Torrent

if TYPE_CHECKING:
    from .core.core import Core
    from .session import Session

__all__ = ["add", "add_reporting", "as_params", "pause_all", "remove", "resume_all"]


def as_params(given: AddTorrentParams | Mapping[str, Any]) -> AddTorrentParams:
    """What callers may pass, checked.  TorrentParamsError when it cannot be added to any session."""
    params = given.copy() if isinstance(given, AddTorrentParams) else AddTorrentParams.from_dict(given)
    params.save_path = os.fspath(params.save_path)
    if not params.save_path:
        raise TorrentParamsError("save_path is missing")
    if params.ti is None:
        if not params.info_hashes.has_v1 and not params.info_hashes.has_v2:
            raise TorrentParamsError("neither metadata nor an info-hash is given")
    elif (
        params.info_hashes.wire_names()
        and params.info_hashes.best() not in params.ti.info_hashes.wire_names()
    ):
        raise TorrentParamsError("the info-hash is not that of the metadata")
    for priority in (*params.file_priorities, *params.piece_priorities):
        if not 0 <= priority <= TOP_PRIORITY:
            raise TorrentParamsError(f"a priority is 0 to {TOP_PRIORITY}, not {priority}")
    return params


def add(session: Session, params: AddTorrentParams) -> TorrentHandle:
    """Add on the loop.  DuplicateTorrent unless the params tolerate it."""
    core = session._core
    hashes = params.ti.info_hashes if params.ti is not None else params.info_hashes
    for name in hashes.wire_names():
        known = core.find(name)
        if known is not None:
            if params.flags & TorrentFlags.duplicate_is_error:
                raise DuplicateTorrent
            return known.handle
    handle = TorrentHandle(session)
    torrent = Torrent(core, params, handle)
    handle._torrent = torrent
    core.add(torrent)
    torrent.touch()
    core.plugins.new_torrent(torrent)
    if core.alerts.should_post(AddTorrentAlert):
        torrent.post(AddTorrentAlert, params)
    take_root_certificate(torrent)
    start_if_wanted(core, torrent)
    return handle


def start_if_wanted(core: Core, torrent: Torrent) -> None:
    """Start what was just added, or see what it is; an auto-managed torrent is the queue's to start."""
    core.queue.added(torrent)
    if not torrent.flags & TorrentFlags.paused and not torrent.is_session_paused:
        torrent.start()
    else:
        look(torrent, core)


def add_reporting(session: Session, params: AddTorrentParams) -> None:
    """Add, and post the outcome whatever it is."""
    try:
        add(session, params)
    except SessionError as error:
        session._core.alerts.emplace(
            AddTorrentAlert, TorrentHandle(), params, error.code, torrent_name=params.best_name()
        )


def remove(session: Session, torrent: Torrent, flags: RemoveFlags) -> None:
    """Remove, then delete what is to be deleted."""
    if torrent.removed:
        return
    core, hashes = session._core, torrent.info_hashes
    source = torrent.need_storage() if flags and torrent.info is not None else None
    core.remove(torrent)
    torrent.post(TorrentRemovedAlert, hashes, torrent.params.userdata)
    if source is None:
        if flags & RemoveFlags.delete_files:
            torrent.post(TorrentDeleteFailedAlert, ErrorCode.of(TorrentErrc.no_metadata), hashes)
        return

    def done(error: StorageError | None) -> None:
        if error is not None:
            torrent.post(TorrentDeleteFailedAlert, ErrorCode.from_exception(error), hashes)
        else:
            torrent.post(TorrentDeletedAlert, hashes)

    core.disk.submit_delete(source.storage, int(flags), done)


def pause_all(session: Session) -> None:
    """Stop every torrent; their paused flags stay."""
    core = session._core
    core.is_paused = True
    for torrent in list(dict.fromkeys(core.torrents.values())):
        if torrent.swarm is not None:
            torrent.stop()
            torrent.post(TorrentPausedAlert)
        else:
            torrent.rest()


def resume_all(session: Session) -> None:
    """Start those that are not paused themselves."""
    core = session._core
    core.is_paused = False
    for torrent in list(dict.fromkeys(core.torrents.values())):
        if not torrent.flags & TorrentFlags.paused and torrent.swarm is None:
            torrent.start()
            torrent.post(TorrentResumedAlert)
    core.queue.changed()
