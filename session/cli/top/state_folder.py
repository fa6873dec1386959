"""What a live session keeps between runs: a folder with the resume data of its torrents, and the order of the queue.

`<info-hash>.resume` is ordinary resume data, with the stamps of `resume_store.py`, so that a torrent is believed only where its
files are as they were.  One process at a time uses a folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ... import AddTorrentParams, InfoHashes, TorrentFlags
from ..exit_status import CommandFailed, ExitStatus
from ..folder_lock import FolderLocks
from ..resume_store import ResumeStore, UnusableResumeData, replace_file

__all__ = ["StateFolder", "default_state_folder"]

_SUFFIX: Final = ".resume"
_QUEUE: Final = "queue"
_MAX_QUEUE: Final = 16 * 1024 * 1024
"""Bytes of the file of the queue: 400,000 torrents."""


def default_state_folder() -> Path:
    """Where programs of this user keep such things."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~/AppData/Local")
    else:
        base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(base, "evtorrent")


class StateFolder(ResumeStore):
    """The folder; the save path of a torrent says nothing about where its resume data is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, locks: FolderLocks) -> None:
        """Make it, and keep others out.  CommandFailed, Locked."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandFailed(
                f"cannot create the folder {self.folder}: {error.strerror or error}", ExitStatus.DISK
            ) from None
        locks.lock_file(Path(os.path.realpath(self.folder), ".lock"), "the state of a live session")

    def path(self, save_path: str, hashes: InfoHashes) -> Path:
        """ResumeStore's."""
        return self.folder / f"{hashes.best()}{_SUFFIX}"

    def load(self) -> tuple[list[AddTorrentParams], list[str]]:
        """Every torrent, in the order of the queue, and what could not be read.  CommandFailed."""
        found: dict[str, AddTorrentParams] = {}
        problems = []
        try:
            paths = sorted(self.folder.glob(f"*{_SUFFIX}"))
            order = self._order()
        except OSError as error:
            raise CommandFailed.from_os_error(error, "cannot read") from None
        for path in paths:
            try:
                params = self.read(path)
            except UnusableResumeData as error:
                problems.append(str(error))
                continue
            params.flags &= ~TorrentFlags.duplicate_is_error
            found[path.stem] = params
        places = {key: place for place, key in enumerate(order)}
        keys = sorted(found, key=lambda key: places.get(key, len(places)))
        return [found[key] for key in keys], problems

    def save_order(self, keys: Iterable[str]) -> None:
        """The info-hashes, first in the queue first.  OSError."""
        replace_file(self.folder / _QUEUE, "".join(f"{key}\n" for key in keys).encode())

    def _order(self) -> list[str]:
        try:
            with open(self.folder / _QUEUE, "rb") as file:
                return file.read(_MAX_QUEUE).decode(errors="replace").split()
        except FileNotFoundError:
            return []
