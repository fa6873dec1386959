"""`AsyncTorrentHandle`: a torrent's handle whose answers can be awaited.

A `TorrentHandle` of a session on the running loop: the methods it inherits run at once there and never wait.  Those added here
are level-triggered: what is true already returns at once.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING

from ..protocols.metainfo import TorrentInfo
from .alerts import (
    CacheFlushedAlert,
    FileRenamedAlert,
    FileRenameFailedAlert,
    ReadPieceAlert,
    SaveResumeDataAlert,
    SaveResumeDataFailedAlert,
    StorageMovedAlert,
    StorageMovedFailedAlert,
    TorrentRemovedAlert,
)
from .alerts.base import TorrentAlert
from .errors import ErrorCode, InvalidTorrentHandle, SessionError
from .flags import MoveFlags, ResumeDataFlags, StatusFlags
from .handle import TorrentHandle
from .params import AddTorrentParams
from .status import TorrentStatus

if TYPE_CHECKING:
    from .aio import AsyncSession
    from .awaiting import Awaiting
    from .torrent.torrent import Torrent

__all__ = ["AsyncTorrentHandle"]

_SUMMARY = StatusFlags.query_name


class AsyncTorrentHandle(TorrentHandle):
    """Names one torrent of an `AsyncSession`.

    Every coroutine raises InvalidTorrentHandle when the torrent is removed, InvalidSessionHandle when the session closes, and may
    be cancelled at any time without harm.
    """

    __slots__ = ("_aio",)

    def __init__(self, session: AsyncSession, torrent: Torrent) -> None:
        super().__init__(session.session, torrent)
        self._aio = session

    # ------------------------------------------------------------------------------------------- states to wait for

    async def metadata(self) -> TorrentInfo:
        """The metadata, once it is here.  SessionError when the torrent stops with an error."""
        await self._until(lambda torrent: torrent.info is not None)
        info = self._alive(removed_too=True).info
        assert info is not None
        return info

    async def checked(self) -> None:
        """The pieces on disk are known.  SessionError when the torrent stops with an error."""
        await self._until(lambda torrent: torrent.is_checked)

    async def finished(self) -> None:
        """Everything wanted is on disk and verified.  SessionError when the torrent stops with an error."""
        await self._until(_is_done)

    async def seeding(self) -> None:
        """Every piece is on disk and verified.  SessionError when the torrent stops with an error."""
        await self._until(lambda torrent: torrent.is_checked and torrent.is_seed)

    async def paused(self) -> None:
        """It runs no more: paused, by whomever, or stopped with an error."""
        await self._until(lambda torrent: torrent.swarm is None, heed_errors=False)

    async def removed(self) -> None:
        """It has left the session; at once when it has already."""
        torrent = self._alive(removed_too=True)
        if not torrent.removed:
            async with self._aio._news.next(torrent, _is_removal) as gone:
                await gone

    async def progress(self, flags: StatusFlags = _SUMMARY) -> AsyncGenerator[TorrentStatus, None]:
        """The status now, and again whenever pieces or state changed since, ending with a finished one.

        Who is slow sees fewer and later ones, never an old one.  SessionError when the torrent stops with an error.
        """
        while True:
            torrent = self._alive()
            async with self._aio._progress.next(torrent, _is_any) as change:
                is_last = _is_done(torrent)
                yield self.status(flags)
                if is_last:
                    return
                _raise_error(torrent)
                await change

    # ------------------------------------------------------------------------------------------- calls with answers

    async def resume_data(self, flags: ResumeDataFlags = ResumeDataFlags(0)) -> AddTorrentParams:
        """What `save_resume_data` posts.  SessionError when it could not be had."""
        answer = await self._ask(
            lambda: self.save_resume_data(flags),
            lambda alert: isinstance(alert, SaveResumeDataAlert | SaveResumeDataFailedAlert),
        )
        if isinstance(answer, SaveResumeDataAlert):
            return answer.params
        assert isinstance(answer, SaveResumeDataFailedAlert)
        raise _failure(self, answer.error)

    async def piece(self, index: int) -> bytes:
        """The bytes of a piece that is had.  SessionError when it is not, or cannot be read."""
        answer = await self._ask(
            lambda: self.read_piece(index),
            lambda alert: isinstance(alert, ReadPieceAlert) and alert.piece == index,
        )
        assert isinstance(answer, ReadPieceAlert)
        if answer.error:
            raise _failure(self, answer.error)
        return answer.buffer

    async def flushed(self) -> None:
        """Everything written so far is on the device."""
        await self._ask(self.flush_cache, lambda alert: isinstance(alert, CacheFlushedAlert))

    async def storage_moved(
        self, save_path: str | os.PathLike[str], flags: MoveFlags = MoveFlags.always_replace_files
    ) -> None:
        """Move all files, and wait for it.  SessionError when it failed."""
        answer = await self._ask(
            lambda: self.move_storage(os.fspath(save_path), flags),
            lambda alert: isinstance(alert, StorageMovedAlert | StorageMovedFailedAlert),
        )
        if isinstance(answer, StorageMovedFailedAlert):
            raise _failure(self, answer.error)

    async def file_renamed(self, index: int, name: str) -> None:
        """Rename a file, and wait for it.  SessionError when it failed."""
        answer = await self._ask(
            lambda: self.rename_file(index, name),
            lambda alert: (
                isinstance(alert, FileRenamedAlert | FileRenameFailedAlert) and alert.index == index
            ),
        )
        if isinstance(answer, FileRenameFailedAlert):
            raise _failure(self, answer.error)

    # --------------------------------------------------------------------------------------------------- private

    async def _until(self, is_true: Callable[[Torrent], bool], *, heed_errors: bool = True) -> None:
        news: Awaiting = self._aio._news
        while not is_true(torrent := self._alive()):
            if heed_errors:
                _raise_error(torrent)
            async with news.next(torrent, _is_any) as change:
                await change

    async def _ask(
        self, question: Callable[[], object], is_answer: Callable[[TorrentAlert], bool]
    ) -> TorrentAlert:
        torrent = self._alive()

        def accept(alert: TorrentAlert) -> bool:
            return is_answer(alert) or _is_removal(alert)

        async with self._aio._news.next(torrent, accept) as reply:
            question()
            answer = await reply
        if _is_removal(answer):
            raise InvalidTorrentHandle
        return answer


def _is_any(alert: TorrentAlert) -> bool:
    return True


def _is_removal(alert: TorrentAlert) -> bool:
    return isinstance(alert, TorrentRemovedAlert)


def _is_done(torrent: Torrent) -> bool:
    return torrent.is_checked and torrent.is_finished


def _raise_error(torrent: Torrent) -> None:
    if torrent.error:
        raise SessionError(f"{torrent.name}: {torrent.error}", torrent.error)


def _failure(handle: TorrentHandle, code: ErrorCode) -> SessionError:
    return SessionError(f"{handle.name()}: {code}", code)
