"""What the keys ask for, done to the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ... import RemoveFlags, Session, TorrentFlags, TorrentHandle
from ..units import format_rate
from .actions import Action, Command

__all__ = ["perform"]

NORMAL: Final = 4
"""Priority of a wanted file."""


def perform(session: Session, handle: TorrentHandle | None, action: Action) -> str:
    """Do it; what to say about it.  `handle` is the torrent of `action.key`.  SessionError."""
    if action.command in _SETTINGS:
        name, words = _SETTINGS[action.command]
        session.apply_settings({name: action.number})
        return f"{words} {_limit(action.number)}"
    if handle is None or not handle.is_valid():
        return "that torrent is gone"
    if action.command in (Command.REMOVE, Command.DELETE):
        name = handle.name()
        deleting = action.command is Command.DELETE
        everything = RemoveFlags.delete_files | RemoveFlags.delete_partfile
        session.remove_torrent(handle, everything if deleting else RemoveFlags(0))
        return f"removed{' with its files' if deleting else ''}: {name}"
    return _HANDLERS[action.command](handle, action)


def _limit(number: int) -> str:
    return format_rate(number) if number else "none"


def _pause(handle: TorrentHandle, action: Action) -> str:
    if action.number:
        # First not the queue's any more, which would start it again.
        handle.unset_flags(TorrentFlags.auto_managed)
        handle.pause()
        return f"paused: {handle.name()}"
    handle.clear_error()
    handle.set_flags(TorrentFlags.auto_managed)
    return f"goes on when it is its turn: {handle.name()}"


def _force(handle: TorrentHandle, action: Action) -> str:
    handle.clear_error()
    handle.unset_flags(TorrentFlags.auto_managed)
    handle.resume()
    return f"started, outside the queue: {handle.name()}"


def _recheck(handle: TorrentHandle, action: Action) -> str:
    handle.force_recheck()
    return f"hashing again: {handle.name()}"


def _announce(handle: TorrentHandle, action: Action) -> str:
    handle.force_reannounce()
    handle.force_lsd_announce()
    return f"announcing: {handle.name()}"


def _sequential(handle: TorrentHandle, action: Action) -> str:
    flag = TorrentFlags.sequential_download
    handle.set_flags(flag if action.number else TorrentFlags(0), flag)
    return f"pieces {'in order' if action.number else 'rarest first'}: {handle.name()}"


def _move(move: Callable[[TorrentHandle], None]) -> Callable[[TorrentHandle, Action], str]:
    def moved(handle: TorrentHandle, action: Action) -> str:
        if handle.queue_position() < 0:
            return f"complete, without a place in the queue: {handle.name()}"
        move(handle)
        return f"place {handle.queue_position() + 1} in the queue: {handle.name()}"

    return moved


def _limit_down(handle: TorrentHandle, action: Action) -> str:
    handle.set_download_limit(action.number)
    return f"download limit {_limit(action.number)}: {handle.name()}"


def _limit_up(handle: TorrentHandle, action: Action) -> str:
    handle.set_upload_limit(action.number)
    return f"upload limit {_limit(action.number)}: {handle.name()}"


def _want_file(handle: TorrentHandle, action: Action) -> str:
    info = handle.torrent_file()
    if info is None or not 0 <= action.number < info.num_files:
        return "there is no such file"
    wanted = not handle.file_priority(action.number)
    handle.file_priority(action.number, NORMAL if wanted else 0)
    return f"{'wanted' if wanted else 'not wanted'}: {info.files.path(action.number)}"


_SETTINGS: Final = {
    Command.SESSION_DOWN: ("download_rate_limit", "limit of all downloads"),
    Command.SESSION_UP: ("upload_rate_limit", "limit of all uploads"),
}

_HANDLERS: Final[dict[Command, Callable[[TorrentHandle, Action], str]]] = {
    Command.PAUSE: _pause,
    Command.FORCE: _force,
    Command.RECHECK: _recheck,
    Command.ANNOUNCE: _announce,
    Command.SEQUENTIAL: _sequential,
    Command.QUEUE_UP: _move(TorrentHandle.queue_position_up),
    Command.QUEUE_DOWN: _move(TorrentHandle.queue_position_down),
    Command.QUEUE_TOP: _move(TorrentHandle.queue_position_top),
    Command.QUEUE_BOTTOM: _move(TorrentHandle.queue_position_bottom),
    Command.LIMIT_DOWN: _limit_down,
    Command.LIMIT_UP: _limit_up,
    Command.WANT_FILE: _want_file,
}
