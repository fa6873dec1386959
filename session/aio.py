"""`AsyncSession`: a session inside asyncio (stock or uvloop), awaited instead of polled.

    async with AsyncSession({"listen_interfaces": "127.0.0.1:6881"}) as session:
        handle = await session.add_torrent("magnet:?xt=urn:btih:…", "downloads")
        async for status in handle.progress():
            print(f"{status.progress:.1%}")

It lives on the loop that runs when it is entered, and makes no thread but the disk pool's.  Everything here belongs to that loop's
thread; from other threads use the methods of `AsyncSession.session`.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from ..protocols.engine.multi import Multi
from ..protocols.types import InfoHashes, Sha1Hash
from . import adding
from .alert_stream import AlertStream
from .alerts import Alert, TorrentAlert, TorrentDeletedAlert, TorrentDeleteFailedAlert
from .async_handle import AsyncTorrentHandle
from .awaiting import Awaiting
from .errors import InvalidSessionHandle, SessionError, TorrentParamsError
from .flags import AlertCategory, RemoveFlags
from .handle import TorrentHandle
from .loading import load_torrent_buffer, load_torrent_file, parse_magnet_uri
from .params import ADD_TORRENT_FIELDS, AddTorrentParams, SessionParams
from .runtime import AsyncioEngine, default_workers
from .session import Session
from .settings import SettingsPack
from .subscription import Subscription

__all__ = ["AlertStream", "AsyncSession", "AsyncTorrentHandle", "TorrentSource"]

TorrentSource = AddTorrentParams | Mapping[str, Any] | str | os.PathLike[str] | bytes
"""Parameters, a magnet link, the path of a .torrent file, or its bytes."""

_NEWS = AlertCategory.status | AlertCategory.error | AlertCategory.storage
_GRACE = 5.0
"""Seconds beyond the trackers' share in which sockets and disk must end."""
_POOL_GRACE = 0.25
"""Seconds the loop may stand still for idle workers to end."""


class AsyncSession:
    """One BitTorrent session on the running asyncio loop.  Use with `async with`."""

    def __init__(
        self,
        params: SessionParams | Mapping[str, Any] | None = None,
        *,
        multi: Multi | None = None,
        alert_limit: int = 2000,
    ) -> None:
        """`params` as for `Session`.  `multi`: an engine this loop drives already, which stays the caller's.

        `alert_limit` is how many alerts may wait in one stream or subscription.  SettingsError.
        """
        self._params = SessionParams.of(params)
        self._given_multi = multi
        self._alert_limit = alert_limit
        self._engine: AsyncioEngine | None = None
        self._session: Session | None = None
        self._streams: weakref.WeakSet[AlertStream] = weakref.WeakSet()
        self._loads: set[asyncio.Future[AddTorrentParams]] = set()
        self._closing: asyncio.Event | None = None
        """Set at the end; there once `close` was called."""
        self._news: Awaiting
        self._progress: Awaiting

    async def __aenter__(self) -> Self:
        self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def open(self) -> None:
        """Start on the running loop; what `async with` does.  InvalidSessionHandle the second time."""
        if self._session is not None:
            raise InvalidSessionHandle("an AsyncSession is opened once")
        multi = self._given_multi
        if multi is None:
            self._engine = AsyncioEngine(default_workers(self._params.settings.get_int("aio_threads")))
            multi = self._engine.multi
        try:
            session = Session(self._params, multi=multi)
        except BaseException:
            self._let_go(0.0)
            raise
        # Streams and subscriptions are the way here; a queue that nobody pops would fill up.
        session._alerts.is_kept = False
        session.pop_alerts()
        self._session = session
        self._news = Awaiting(session._alerts, _NEWS)
        self._progress = Awaiting(session._alerts, _NEWS | AlertCategory.piece_progress)

    async def close(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - what is late is abandoned
        """End the session: whoever awaits a handle gets InvalidSessionHandle, trackers are told, streams end.  Repeatable.

        Takes at most `timeout` seconds (default: `stop_tracker_timeout` and a little more), and says whether everything
        ended in time; what did not is abandoned.  So it is when this is cancelled.
        """
        session = self._session
        if session is None:
            return True
        if timeout is None:
            timeout = session._core.settings.get_int("stop_tracker_timeout") + _GRACE
        if self._closing is None:
            self._closing = asyncio.Event()
            self._news.end(InvalidSessionHandle)
            self._progress.end(InvalidSessionHandle)
            for load in self._loads:
                if not load.done():
                    load.set_exception(InvalidSessionHandle())
            session.close(on_closed=self._closing.set)
        is_idle = True
        try:
            await asyncio.wait_for(self._closing.wait(), timeout)
        except TimeoutError:
            pass
        finally:
            self._closing.set()
            for stream in list(self._streams):
                stream.close()
            is_idle = self._let_go(_POOL_GRACE if session.is_closed else 0.0)
        return session.is_closed and is_idle

    def _let_go(self, timeout: float) -> bool:
        engine, self._engine = self._engine, None
        return engine.close(timeout) if engine is not None else True

    @property
    def session(self) -> Session:
        """The session underneath, for everything that has no coroutine; on the loop's thread its methods run at once.

        Its `pop_alerts` gives nothing: see `alerts`.  InvalidSessionHandle before it was opened.
        """
        if self._session is None:
            raise InvalidSessionHandle("the AsyncSession is not open")
        return self._session

    # ---------------------------------------------------------------------------------------------------- torrents

    async def add_torrent(
        self, source: TorrentSource, save_path: str | os.PathLike[str] | None = None, **fields: Any
    ) -> AsyncTorrentHandle:
        """Add a torrent; `fields` are those of `AddTorrentParams`, and win.  Files are read and parsed on the pool.

        Cancelled before it returned, nothing was added.  OSError, RemoteProtocolError (no torrent), TorrentParamsError,
        DuplicateTorrent.
        """
        unknown = fields.keys() - ADD_TORRENT_FIELDS
        if unknown:
            raise TorrentParamsError(f"no such field of AddTorrentParams: {', '.join(sorted(unknown))}")
        params = await self._load(source)
        if save_path is not None:
            params.save_path = os.fspath(save_path)
        for name, value in fields.items():
            setattr(params, name, value)
        handle = self.session._call(adding.add, self.session, adding.as_params(params))
        return self.torrent(handle)

    async def remove_torrent(self, handle: TorrentHandle, flags: RemoveFlags = RemoveFlags(0)) -> None:
        """Remove a torrent; with `delete_files` wait until they are gone.  InvalidTorrentHandle; SessionError if they stay."""
        torrent = handle._alive()
        async with self._news.next(torrent, _is_deletion) as outcome:
            self.session.remove_torrent(handle, flags)
            if not flags & RemoveFlags.delete_files:
                return
            alert = await outcome
        if isinstance(alert, TorrentDeleteFailedAlert):
            raise SessionError(f"{torrent.name}: {alert.error}", alert.error)

    def torrent(self, handle: TorrentHandle) -> AsyncTorrentHandle:
        """The awaitable handle of the same torrent, for those that alerts carry.  InvalidTorrentHandle."""
        return AsyncTorrentHandle(self, handle._alive(removed_too=True))

    def find_torrent(self, info_hash: Sha1Hash | InfoHashes | bytes) -> AsyncTorrentHandle | None:
        """The torrent of that name."""
        found = self.session.find_torrent(info_hash)
        return self.torrent(found) if found.is_valid() else None

    def get_torrents(self) -> list[AsyncTorrentHandle]:
        """Every torrent, in order of adding."""
        return [self.torrent(handle) for handle in self.session.get_torrents()]

    async def _load(self, source: TorrentSource) -> AddTorrentParams:
        if isinstance(source, AddTorrentParams):
            return source.copy()
        if isinstance(source, Mapping):
            return AddTorrentParams.from_dict(source)
        if isinstance(source, str) and source[:7].lower() == "magnet:":
            return parse_magnet_uri(source)
        if isinstance(source, bytes):
            return await self._on_pool(lambda: load_torrent_buffer(source))
        return await self._on_pool(lambda: load_torrent_file(source))

    async def _on_pool(self, function: Callable[[], AddTorrentParams]) -> AddTorrentParams:
        if not self.session.is_valid():
            raise InvalidSessionHandle
        result: asyncio.Future[AddTorrentParams] = asyncio.get_running_loop().create_future()

        def done(value: AddTorrentParams, error: BaseException | None) -> None:
            if result.done():
                return
            if error is not None:
                result.set_exception(error)
            else:
                result.set_result(value)

        multi = self.session.runtime.multi
        multi.platform.submit(multi, function, on_done=done)
        self._loads.add(result)
        try:
            return await result
        finally:
            self._loads.discard(result)

    # ---------------------------------------------------------------------------------------------------- settings

    def apply_settings(self, settings: Mapping[str, Any]) -> None:
        """Change settings.  SettingsError when one is not acceptable, and then nothing is changed."""
        self.session.apply_settings(settings)

    def get_settings(self) -> SettingsPack:
        """A copy of the settings in force."""
        return self.session.get_settings()

    # ------------------------------------------------------------------------------------------------------ alerts

    def alerts(self, mask: AlertCategory | int | None = None, *, limit: int | None = None) -> AlertStream:
        """Alerts from now on, for `async for`.  By default those of the setting `alert_mask`; each stream has its own.

        It ends when the session has.  `limit` instead of the session's `alert_limit`.
        """
        wanted = self.session.get_settings().get_int("alert_mask") if mask is None else int(mask)
        stream = AlertStream(self.session._alerts, wanted, limit=self._limit(limit))
        self._streams.add(stream)
        return stream

    def subscribe(
        self,
        categories: AlertCategory | int,
        callback: Callable[[Alert], object],
        *,
        limit: int | None = None,
    ) -> Subscription:
        """`Session.subscribe`: call `callback` with each alert of these categories."""
        return self.session.subscribe(categories, callback, limit=self._limit(limit))

    def _limit(self, limit: int | None) -> int:
        return self._alert_limit if limit is None else limit

    def __repr__(self) -> str:
        return f"AsyncSession({self._session!r})" if self._session is not None else "AsyncSession(not open)"


def _is_deletion(alert: TorrentAlert) -> bool:
    return isinstance(alert, TorrentDeletedAlert | TorrentDeleteFailedAlert)
