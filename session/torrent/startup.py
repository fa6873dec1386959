"""From "added" to "the pieces on disk are known": resume data, when it fits the files, and checking the rest.

What resume data claims is believed when the files are there and long enough; only the pieces it does not claim are hashed,
and of those only where the files hold data.  So a process that was killed finds again every piece it had written, without
hashing what an earlier run had accounted for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...protocols.bits import Bitfield
from ..alerts import FastresumeRejectedAlert, FileErrorAlert, TorrentCheckedAlert
from ..disk.checking import Check
from ..disk.errors import StorageError
from ..errors import ErrorCode, Operation
from ..flags import TorrentFlags
from ..operations import operation_of

if TYPE_CHECKING:
    from ..core.core import Core
    from .torrent import Torrent

__all__ = ["Startup"]


class Startup:
    """One run of checking.  Ends in `Torrent.checked`, an error, or `cancel`."""

    __slots__ = ("_cancelled", "_check", "_checked", "_core", "_have", "_to_check", "_torrent")

    def __init__(self, torrent: Torrent, core: Core) -> None:
        assert torrent.info is not None
        self._torrent = torrent
        self._core = core
        self._have = Bitfield(torrent.info.num_pieces)
        self._check: Check | None = None
        self._cancelled = False
        self._checked = 0
        self._to_check = 0

    def begin(self, *, from_resume: bool) -> None:
        """Start; with `from_resume`, from what was added with the torrent."""
        torrent = self._torrent
        assert torrent.info is not None and torrent.block_source is not None
        torrent.checking_progress = 0.0
        if not from_resume:
            self._start_check(None)
            return
        if torrent.flags & TorrentFlags.seed_mode:
            self._have.set_all()
            self._verify_files()
            return
        claimed = torrent.params.have_pieces
        if claimed is None or not self._take_claims(claimed):
            self._look_for(None)
        else:
            self._verify_files()

    def cancel(self) -> None:
        """The torrent was paused or removed."""
        self._cancelled = True
        if self._check is not None:
            self._check.cancel()
        self._core.checks.withdraw(self)  # No callback follows that could give the place back.

    def _take_claims(self, claimed: Bitfield) -> bool:
        size = self._have.size
        # Resume data written without metadata has whole bytes: up to 7 bits too many.
        if not size <= claimed.size < size + 8 or claimed.bits >> size:
            self._reject(ErrorCode(1, "generic", "the piece count of the resume data is wrong"))
            return False
        self._have.bits = claimed.bits
        return True

    def _verify_files(self) -> None:
        torrent = self._torrent
        assert torrent.block_source is not None
        if torrent.flags & TorrentFlags.no_verify_files:
            self._verified(None)
            return
        self._core.disk.submit_verify(torrent.block_source.storage, self._have, self._verified)

    def _verified(self, error: StorageError | None) -> None:
        if self._cancelled:
            return
        torrent = self._torrent
        if error is not None:
            torrent.flags &= ~TorrentFlags.seed_mode
            self._reject(ErrorCode.from_exception(error), error.path)
            self._have.clear_all()
            self._look_for(None)
            return
        rest = self._have.copy()
        rest.bits = ((1 << rest.size) - 1) & ~rest.bits
        if rest.any() and not torrent.flags & TorrentFlags.no_verify_files:
            self._look_for(rest)
        else:
            self._finish()

    def _look_for(self, wanted: Bitfield | None) -> None:
        """What resume data does not claim is found by hashing, unless the user would rather have it again from peers."""
        if self._core.settings.get_bool("no_recheck_incomplete_resume"):
            self._finish()
        else:
            self._start_check(wanted)

    def _reject(self, error: ErrorCode, path: str = "") -> None:
        torrent = self._torrent
        # Resume data saved before the check ends must not repeat it.
        torrent.params.have_pieces = torrent.params.verified_pieces = None
        torrent.params.unfinished_pieces = {}
        torrent.post(FastresumeRejectedAlert, error, Operation.check_resume, path)

    def _start_check(self, wanted: Bitfield | None) -> None:
        torrent = self._torrent
        assert torrent.block_source is not None
        self._to_check = self._have.size if wanted is None else wanted.count()
        torrent.enter_checking()
        self._core.checks.submit(self, wanted)

    def run_check(self, wanted: Bitfield | None) -> None:
        """The session has a place for this check now."""
        if self._core.closing:  # Stopped in a moment: do not bother the disk.
            self._core.checks.done(self)
            return
        torrent = self._torrent
        assert torrent.block_source is not None
        self._check = self._core.disk.submit_check(
            torrent.block_source.storage, wanted, self._on_progress, self._on_done
        )

    def _on_progress(self, results: Sequence[tuple[int, bool]]) -> None:
        have = self._have
        for index, matches in results:
            if matches:
                have.set(index)
        self._checked += len(results)
        self._torrent.checking_progress = self._checked / self._to_check if self._to_check else 1.0
        self._torrent.touch()

    def _on_done(self, error: StorageError | None) -> None:
        self._core.checks.done(self)
        if self._cancelled:
            return
        if error is not None:
            torrent = self._torrent
            torrent.post(FileErrorAlert, ErrorCode.from_exception(error), operation_of(error), error.path)
            torrent.startup = None
            torrent.set_error(error, error.path)
            return
        self._finish()

    def _finish(self) -> None:
        torrent = self._torrent
        torrent.checking_progress = 1.0
        torrent.checked(self._have)
        torrent.post(TorrentCheckedAlert)
