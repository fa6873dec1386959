from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from evtorrent.session.alert_queue import AlertQueue
from evtorrent.session.alerts import TorrentCheckedAlert, TorrentFinishedAlert
from evtorrent.session.awaiting import Awaiting
from evtorrent.session.errors import InvalidSessionHandle
from evtorrent.session.flags import AlertCategory
from support.async_sessions import LOOPS, AsyncRunner, turn

STATUS = int(AlertCategory.status)


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> AsyncRunner:
    return AsyncRunner(LOOPS[request.param])


class Desk:
    """A queue with somebody who waits; torrents are any objects, handles hold them."""

    def __init__(self) -> None:
        self.queue = AlertQueue(lambda: 3.0, mask=0)
        self.awaiting = Awaiting(self.queue, STATUS)
        self.torrent: Any = object()

    def post(self, kind: Any, torrent: Any = None) -> None:
        self.queue.emplace(kind, SimpleNamespace(_torrent=torrent or self.torrent), torrent_name="t")

    async def wait(self, kind: Any = object) -> Any:
        async with self.awaiting.next(self.torrent, lambda alert: isinstance(alert, kind)) as future:
            return await future


def test_only_the_torrents_own_and_only_what_is_accepted(run: AsyncRunner) -> None:
    async def main() -> None:
        desk = Desk()
        task = asyncio.create_task(desk.wait(TorrentFinishedAlert))
        await turn()
        desk.post(TorrentFinishedAlert, object())
        desk.post(TorrentCheckedAlert)
        await turn()
        assert not task.done()
        desk.post(TorrentFinishedAlert)
        assert isinstance(await task, TorrentFinishedAlert)

    run(main())


def test_wants_nothing_while_nobody_waits(run: AsyncRunner) -> None:
    async def main() -> None:
        desk = Desk()
        assert desk.queue.mask == 0
        tasks = [asyncio.create_task(desk.wait(TorrentFinishedAlert)) for _ in range(3)]
        await turn()
        assert desk.queue.mask == STATUS
        tasks[0].cancel()
        desk.post(TorrentFinishedAlert)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert results[1] is results[2]
        assert desk.queue.mask == 0

    run(main())


def test_an_alert_before_the_wait_counts_once_armed(run: AsyncRunner) -> None:
    async def main() -> None:
        desk = Desk()
        async with desk.awaiting.next(desk.torrent, lambda alert: True) as future:
            desk.post(TorrentCheckedAlert)
            desk.post(TorrentFinishedAlert)
            await turn()
            assert isinstance(await future, TorrentCheckedAlert)

    run(main())


def test_the_end(run: AsyncRunner) -> None:
    async def main() -> None:
        desk = Desk()
        task = asyncio.create_task(desk.wait())
        async with desk.awaiting.next(desk.torrent, lambda alert: True):
            await turn()
            desk.awaiting.end(InvalidSessionHandle)
            # Left without asking: its error is nobody's, and must not be logged as lost.
        with pytest.raises(InvalidSessionHandle):
            await task
        with pytest.raises(InvalidSessionHandle):
            await desk.wait()
        assert desk.queue.mask == 0

    run(main())
