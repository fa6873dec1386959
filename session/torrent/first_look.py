"""What a torrent that does not run is found to be: its resume data is held against the files, and nothing is hashed.

As with libtorrent, one that is added paused (or into a paused session) says what it has as soon as that is known without reading:
resume data that fits the files is believed, and without files there is nothing to find.  Where there are files and nothing to believe
of them it waits in the state "checking files", and is hashed when it is started.  The same after `force_recheck`.  An auto-managed
torrent is the queue's, which has it checked in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocols.bits import Bitfield
from ..alerts import TorrentCheckedAlert
from ..disk.errors import StorageError
from .phase import Phase
from .startup import Startup

if TYPE_CHECKING:
    from ..core.core import Core
    from .torrent import Torrent

__all__ = ["FirstLook", "begin", "look"]


def look(torrent: Torrent, core: Core) -> None:
    """Soon, unless it runs, cannot, or will be checked by the queue."""
    if _is_to_be_looked_at(torrent, core):
        torrent.show_state()
        core.looks.submit(torrent)


def _is_to_be_looked_at(torrent: Torrent, core: Core) -> bool:
    if torrent.info is None or not torrent.can_verify:
        return False
    if torrent.swarm is not None or torrent.removed or torrent.error or core.closing:
        return False
    return core.is_paused or not torrent.is_managed


def begin(torrent: Torrent, core: Core) -> None:
    """Now, unless that changed meanwhile."""
    if not _is_to_be_looked_at(torrent, core) or torrent.phase is not Phase.NEW:
        return
    if torrent.startup is not None:
        torrent.startup.cancel()
    try:
        torrent.need_storage()
    except StorageError as error:  # A file renamed to leave the save path.
        torrent.on_disk_error(error)
        return
    torrent.enter(Phase.RESUMING)
    torrent.startup = FirstLook(torrent, core)
    torrent.startup.begin(from_resume=True)


class FirstLook(Startup):
    """A run of checking that hashes nothing.  Ends in `Phase.LOOKED`, or in `Phase.CHECKING` with nobody who checks."""

    __slots__ = ()

    def _start_check(self, wanted: Bitfield | None) -> None:
        torrent = self._torrent
        if wanted is not None:  # What resume data does not claim is hashed when it is started.
            self._finish()
            return
        assert torrent.block_source is not None
        self._core.disk.submit_find(torrent.block_source.storage, self._on_found)

    def _on_found(self, has_files: bool | None, error: StorageError | None) -> None:
        if self._cancelled:
            return
        torrent = self._torrent
        if error is not None:
            torrent.startup = None
            torrent.on_disk_error(error)
        elif has_files:
            torrent.startup = None
            torrent.enter(Phase.CHECKING)
            torrent.at_rest()
        else:
            self._finish()

    def _finish(self) -> None:
        torrent = self._torrent
        torrent.startup = None
        torrent.have.bits = self._have.bits
        torrent.enter(Phase.LOOKED)
        torrent.at_rest()
        torrent.post(TorrentCheckedAlert)
