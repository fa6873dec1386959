"""A session that stays: its torrents come from a state folder and from the keys, and go back there.

It knows no terminal: `program.py` calls `step` again and again, and shows what `gathering` holds.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from ... import (
    AddTorrentParams,
    Alert,
    FileErrorAlert,
    InfoHashes,
    MetadataReceivedAlert,
    ResumeDataFlags,
    SaveResumeDataAlert,
    SaveResumeDataFailedAlert,
    Session,
    SessionError,
    SessionErrorAlert,
    TorrentCheckedAlert,
    TorrentDeleteFailedAlert,
    TorrentFinishedAlert,
    TorrentFlags,
    TorrentHandle,
    TorrentRemovedAlert,
)
from ..exit_status import CommandFailed, ExitStatus
from ..folder_lock import FolderLocks, Locked
from ..resume_store import ResumeStore, UnusableResumeData
from .actions import Action, Command
from .gathering import Gathering
from .loading import Loader
from .performing import perform
from .state_folder import StateFolder

__all__ = ["LiveSession"]

ASK_INTERVAL: Final = 0.5
"""Seconds between questions what changed."""

SAVE_INTERVAL: Final = 20.0
"""Seconds between savings of resume data."""

SAVE_PATIENCE: Final = 30.0
"""Seconds the last saving may take: it waits for the disk."""

_WAIT: Final = 0.1


class LiveSession:
    """The session, which it closes, and everything that is kept of it."""

    def __init__(
        self,
        session: Session,
        state: StateFolder,
        locks: FolderLocks,
        save_path: str,
        say: Callable[[str, bool], object],
    ) -> None:
        """`say(text, is_bad)` gets what a person should know; `save_path` is where torrents added go."""
        self._session = session
        self._state = state
        self._locks = locks
        self._save_path = save_path
        self.say = say
        self.gathering = Gathering(session)
        self.status = ExitStatus.DONE
        """Of the command, were it to end now."""
        self._beside = ResumeStore()
        self._loader = Loader(session.get_settings())
        self._locked: dict[TorrentHandle, tuple[str, InfoHashes]] = {}
        """Where each torrent is locked, and as what: metadata may tell of another name of it."""
        self._last: list[AddTorrentParams] | None = None
        """At the end: what was saved of torrents that are not complete."""
        self._saving: Counter[TorrentHandle] = Counter()
        """Answers that are still to come: one that was asked for earlier says what was true then."""
        self._next_ask = self._next_save = time.monotonic()
        self._next_save += SAVE_INTERVAL

    # ------------------------------------------------------------------------------------------------- commands

    def resume_state(self) -> None:
        """Add what the state folder has.  A torrent that cannot be added is told of, and kept there."""
        found, problems = self._state.load()
        for problem in problems:
            self.say(f"resume data is not used: {problem}", True)
        for params in found:
            _wait_as_before(params)
            try:
                self._add(params)
            except (Locked, SessionError) as error:
                self.say(f"{params.best_name()}: {error}", True)

    def add(self, params: AddTorrentParams, peers: Sequence[tuple[str, int]] = ()) -> str:
        """One more torrent, into the folder for new ones; what to say of it.  CommandFailed."""
        hashes = _hashes(params)
        known = self._session.find_torrent(hashes)
        if known.is_valid():
            for peer in peers:
                known.connect_peer(peer)
            return f"{params.best_name()} is here already"
        params.save_path = self._save_path
        params.flags &= ~TorrentFlags.duplicate_is_error
        try:
            self._beside.take_up(params)
        except UnusableResumeData as error:
            self.say(f"resume data is not used: {error}", True)
        params.peers = list(dict.fromkeys([*peers, *params.peers]))
        try:
            handle = self._add(params)
            for peer in peers:
                handle.connect_peer(peer)
        except SessionError as error:
            raise CommandFailed(f"{params.best_name()}: {error}", ExitStatus.BAD_INPUT) from None
        if params.have_pieces is None:
            self._save(handle, ResumeDataFlags.save_info_dict)
        return f"added {params.best_name()}"

    def perform(self, action: Action) -> None:
        """What a key asked for."""
        if action.command is Command.ADD:
            self._loader.load(action.text)
            self.say(f"reading {action.text}", False)
            return
        try:
            self.say(perform(self._session, self.gathering.handle(action.key), action), False)
        except SessionError as error:
            self.say(str(error), True)
        # What it changed should be seen at once.
        self._next_ask = time.monotonic()

    def step(self) -> None:
        """Take what happened; never waits."""
        now = time.monotonic()
        for alert in self._session.pop_alerts():
            self._take(alert)
        for source, found in self._loader.results():
            try:
                if isinstance(found, CommandFailed):
                    raise found
                self.say(self.add(found), False)
            except CommandFailed as error:
                self.say(f"{source}: {error}" if source not in str(error) else str(error), True)
        if now >= self._next_ask:
            self._next_ask = now + ASK_INTERVAL
            self.gathering.ask()
        if now >= self._next_save:
            self._next_save = now + SAVE_INTERVAL
            flags = ResumeDataFlags.save_info_dict | ResumeDataFlags.only_if_modified
            for handle in self.gathering.handles():
                self._save(handle, flags)
            self._save_order()

    def close(self) -> int:
        """Save everything and end; how many torrents were saved.  A KeyboardInterrupt meanwhile cuts it short."""
        try:
            # Of the session: a torrent's own pause is what a person chose, and is saved.
            self._session.pause()
            handles = self._session.get_torrents()
            self._last = []
            for handle in handles:
                self._ask_to_save(handle, ResumeDataFlags.save_info_dict | ResumeDataFlags.flush_disk_cache)
            deadline = time.monotonic() + SAVE_PATIENCE
            while self._saving and time.monotonic() < deadline:
                self._session.wait_for_alert(int(_WAIT * 1000))
                for alert in self._session.pop_alerts():
                    self._take(alert)
            if self._saving:
                self._fail(f"{len(self._saving)} torrents were not saved in time")
            self.gathering.refresh()
            self._save_order()
        finally:
            self._session.close()
        # Once more, as closing may have touched the files after they were looked at.
        for params in self._last:
            self._write(params)
        return len(handles) - len(self._saving)

    # ---------------------------------------------------------------------------------------------------- alerts

    def _take(self, alert: Alert) -> None:
        self.gathering.take(alert)
        match alert:
            case SaveResumeDataAlert():
                self._answered(alert.handle)
                if alert.handle.is_valid():
                    self._write(alert.params)
                    have = alert.params.have_pieces
                    if self._last is not None and (have is None or not have.all()):
                        self._last.append(alert.params)
            case SaveResumeDataFailedAlert():
                self._answered(alert.handle)
            case TorrentCheckedAlert() | MetadataReceivedAlert():
                self._save(alert.handle, ResumeDataFlags.save_info_dict | ResumeDataFlags.only_if_modified)
            case TorrentFinishedAlert():
                self.say(f"complete: {alert.torrent_name}", False)
                self._save(alert.handle, ResumeDataFlags.save_info_dict)
            case TorrentRemovedAlert():
                self._forget(alert)
            case FileErrorAlert():
                self.say(f"{alert.torrent_name}: {alert.filename}: {alert.error}", True)
            case TorrentDeleteFailedAlert():
                self.say(f"{alert.torrent_name}: its files were not deleted: {alert.error}", True)
            case SessionErrorAlert():
                self.say(alert.message(), True)
            case _:
                pass

    def _add(self, params: AddTorrentParams) -> TorrentHandle:
        folder, hashes = params.save_path, _hashes(params)
        self._locks.lock(folder, hashes, params.best_name())
        try:
            handle = self._session.add_torrent(params)
        except SessionError:
            self._locks.unlock(folder, hashes)
            raise
        self._locked[handle] = folder, hashes
        return handle

    def _forget(self, alert: TorrentRemovedAlert) -> None:
        locked = self._locked.pop(alert.handle, None)
        self._saving.pop(alert.handle, None)  # nothing more will be said of it
        try:
            for hashes in {alert.info_hashes, locked[1] if locked is not None else alert.info_hashes}:
                self._state.remove("", hashes)
        except OSError as error:
            self._fail(f"cannot remove old resume data: {error.strerror or error}")
        if locked is not None:
            self._locks.unlock(*locked)

    # ---------------------------------------------------------------------------------------------------- saving

    def _save(self, handle: TorrentHandle, flags: ResumeDataFlags) -> None:
        if handle.is_valid() and handle not in self._saving:
            self._ask_to_save(handle, flags)

    def _ask_to_save(self, handle: TorrentHandle, flags: ResumeDataFlags) -> None:
        self._saving[handle] += 1
        handle.save_resume_data(flags)

    def _answered(self, handle: TorrentHandle) -> None:
        self._saving[handle] -= 1
        if self._saving[handle] <= 0:
            del self._saving[handle]

    def _write(self, params: AddTorrentParams) -> None:
        try:
            self._state.save(params)
            # What an earlier `get` left; the state folder knows better from now on.
            self._beside.remove(params.save_path, _hashes(params))
        except OSError as error:
            self._fail(f"cannot save resume data: {error.strerror or error}")

    def _save_order(self) -> None:
        try:
            self._state.save_order(self.gathering.queue())
        except OSError as error:
            self._fail(f"cannot save the order of the queue: {error.strerror or error}")

    def _fail(self, why: str) -> None:
        self.status = ExitStatus.DISK
        self.say(why, True)


def _wait_as_before(params: AddTorrentParams) -> None:
    if params.flags & TorrentFlags.auto_managed:
        params.flags |= TorrentFlags.paused  # the queue starts it when it is its turn
    elif params.flags & TorrentFlags.paused and params.ti is not None:
        # Until then what it has is not looked at, and would be shown as nothing.
        params.flags ^= TorrentFlags.paused | TorrentFlags.stop_when_ready


def _hashes(params: AddTorrentParams) -> InfoHashes:
    return params.ti.info_hashes if params.ti is not None else params.info_hashes
