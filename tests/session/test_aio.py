"""`AsyncSession`: adding, alerts, and every race between what is awaited and what ends it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.reactor import drive_asyncio
from evtorrent.reactor.net import SystemPlatform
from evtorrent.session import (
    AddTorrentParams,
    AlertCategory,
    RemoveFlags,
    TorrentFlags,
    make_magnet_uri,
    write_torrent_file_buf,
)
from evtorrent.session.aio import AsyncSession, AsyncTorrentHandle
from evtorrent.session.alerts import (
    AddTorrentAlert,
    Alert,
    PieceFinishedAlert,
    TorrentCheckedAlert,
    TorrentRemovedAlert,
    TrackerReplyAlert,
)
from evtorrent.session.errors import (
    DuplicateTorrent,
    InvalidSessionHandle,
    InvalidSetting,
    InvalidTorrentHandle,
    SessionError,
    TorrentParamsError,
)
from support.async_sessions import LOOPS, AsyncRunner, make_session, turn
from support.sessions import Content
from support.trackers import LocalTracker

pytestmark = pytest.mark.usefixtures("no_fd_survives")

CONTENT = Content([("a", 100_000), ("b/c", 70_000)])
TORRENT = write_torrent_file_buf(AddTorrentParams(ti=CONTENT.info))


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> AsyncRunner:
    return AsyncRunner(LOOPS[request.param])


# -------------------------------------------------------------------------------------------------------------- adding


@pytest.mark.parametrize("form", ["params", "mapping", "magnet", "path", "str path", "bytes"])
def test_added_from_anything(run: AsyncRunner, tmp_path: Path, form: str) -> None:
    file = tmp_path / "x.torrent"
    file.write_bytes(TORRENT)
    sources = {
        "params": AddTorrentParams(ti=CONTENT.info),
        "mapping": {"ti": CONTENT.info},
        "magnet": make_magnet_uri(CONTENT.info),
        "path": file,
        "str path": str(file),
        "bytes": TORRENT,
    }

    async def main() -> None:
        async with make_session() as session:
            handle = await session.add_torrent(sources[form], tmp_path, upload_limit=5000)
            assert handle.info_hashes() == CONTENT.info.info_hashes
            assert handle.upload_limit() == 5000
            assert session.get_torrents() == [handle] == session.session.get_torrents()
            assert session.find_torrent(handle.info_hash()) == handle
            assert session.find_torrent(b"?" * 20) is None

    run(main())


def test_what_cannot_be_added(run: AsyncRunner, tmp_path: Path) -> None:
    async def main() -> None:
        async with make_session() as session:
            with pytest.raises(TorrentParamsError, match="nonsense"):
                await session.add_torrent(TORRENT, tmp_path, nonsense=1)
            with pytest.raises(TorrentParamsError):
                await session.add_torrent(TORRENT)
            with pytest.raises(RemoteProtocolError):
                await session.add_torrent(b"no torrent", tmp_path)
            with pytest.raises(FileNotFoundError):
                await session.add_torrent(tmp_path / "none", tmp_path)
            with pytest.raises(RemoteProtocolError):
                await session.add_torrent("magnet:?xt=nothing", tmp_path)
            await session.add_torrent(TORRENT, tmp_path)
            flags = TorrentFlags.default_flags | TorrentFlags.duplicate_is_error
            with pytest.raises(DuplicateTorrent):
                await session.add_torrent(TORRENT, tmp_path, flags=flags)
            assert len(session.get_torrents()) == 1

    run(main())


@pytest.mark.parametrize("rounds", range(6))
def test_cancelled_while_adding(run: AsyncRunner, tmp_path: Path, rounds: int) -> None:
    """Wherever the cancellation hits: either the handle is returned, or nothing was added."""

    async def main() -> None:
        async with make_session() as session:
            task = asyncio.create_task(session.add_torrent(TORRENT, tmp_path))
            await turn(rounds)
            task.cancel()
            (outcome,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(outcome, BaseException):
                assert isinstance(outcome, asyncio.CancelledError)
                assert session.get_torrents() == []
            else:
                assert session.get_torrents() == [outcome]
            assert await session.add_torrent(TORRENT, tmp_path) in session.get_torrents()

    run(main())


@pytest.mark.parametrize("rounds", range(6))
def test_closed_while_adding(run: AsyncRunner, tmp_path: Path, rounds: int) -> None:
    async def main() -> None:
        async with make_session() as session:
            task = asyncio.create_task(session.add_torrent(TORRENT, tmp_path))
            await turn(rounds)
            assert await session.close()
            (outcome,) = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(outcome, InvalidSessionHandle) or not outcome.is_valid()
            with pytest.raises(InvalidSessionHandle):
                await session.add_torrent(TORRENT, tmp_path)

    run(main())


def test_removed_with_its_files(run: AsyncRunner, tmp_path: Path) -> None:
    CONTENT.write(tmp_path)

    async def main() -> None:
        async with make_session() as session:
            handle = await session.add_torrent(TORRENT, tmp_path)
            await handle.checked()
            gone = asyncio.create_task(handle.removed())
            await turn()
            await session.remove_torrent(handle, RemoveFlags.delete_files)
            assert not (tmp_path / CONTENT.info.files.path(0)).exists()
            await gone
            await handle.removed()
            with pytest.raises(InvalidTorrentHandle):
                await session.remove_torrent(handle)
            magnet = await session.add_torrent(make_magnet_uri(CONTENT.info), tmp_path)
            with pytest.raises(SessionError):  # Without metadata it is not known what to delete.
                await session.remove_torrent(magnet, RemoveFlags.delete_files)
            assert session.get_torrents() == []

    run(main())


# -------------------------------------------------------------------------------------------------------------- alerts


def test_alerts_are_pushed(run: AsyncRunner, tmp_path: Path) -> None:
    CONTENT.write(tmp_path)

    async def main() -> list[type[Alert]]:
        kinds: list[type[Alert]] = []
        async with make_session() as session:
            stream = session.alerts(AlertCategory.status)
            handle = await session.add_torrent(TORRENT, tmp_path)
            async for alert in stream:
                kinds.append(type(alert))
                if isinstance(alert, TorrentCheckedAlert):
                    assert session.torrent(alert.handle) == handle
                    await session.remove_torrent(handle)
                if isinstance(alert, TorrentRemovedAlert):
                    break
            assert session.session.pop_alerts() == [], "streams instead of a queue that nobody pops"
        return kinds

    kinds = run(main())
    assert AddTorrentAlert in kinds
    assert PieceFinishedAlert not in kinds


def test_closed_while_somebody_iterates(run: AsyncRunner, tmp_path: Path) -> None:
    async def consume(session: AsyncSession) -> list[Alert]:
        return [alert async for alert in session.alerts(AlertCategory.all)]

    async def main() -> None:
        async with make_session() as session:
            task = asyncio.create_task(consume(session))
            await turn()
            await session.add_torrent(TORRENT, tmp_path)
        alerts = await task
        assert any(isinstance(alert, AddTorrentAlert) for alert in alerts)

    run(main())


def test_the_mask_of_the_settings_is_the_default(run: AsyncRunner, tmp_path: Path) -> None:
    async def main() -> None:
        async with make_session(alert_mask=int(AlertCategory.error)) as session:
            quiet, loud = session.alerts(), session.alerts(-1)
            await session.add_torrent(TORRENT, tmp_path)
            assert quiet.pop_nowait() is None
            assert isinstance(loud.pop_nowait(), AddTorrentAlert)

    run(main())


def test_a_slow_consumer_holds_nothing_up(run: AsyncRunner, tmp_path: Path) -> None:
    async def main() -> None:
        async with make_session() as seed, AsyncSession(make_session()._params, alert_limit=2) as leech:
            source = await seed.add_torrent(TORRENT, CONTENT.write(tmp_path / "seed"))
            await source.checked()
            stream = leech.alerts(AlertCategory.piece_progress)
            handle = await leech.add_torrent(TORRENT, tmp_path / "leech")
            await handle.checked()
            handle.connect_peer(("127.0.0.1", seed.session.listen_port()))
            await handle.finished()
            first, second, report = [await anext(stream) for _ in range(3)]
            assert isinstance(first, PieceFinishedAlert)
            assert isinstance(second, PieceFinishedAlert)
            assert report.what() == "alerts_dropped_alert"
            CONTENT.assert_in(tmp_path / "leech")

    run(main())


def test_subscribed(run: AsyncRunner, tmp_path: Path) -> None:
    async def main() -> None:
        async with make_session() as session:
            heard: list[Alert] = []
            checked = asyncio.Event()

            def hear(alert: Alert) -> None:
                heard.append(alert)
                if isinstance(alert, TorrentCheckedAlert):
                    checked.set()

            subscription = session.subscribe(AlertCategory.status, hear)
            await session.add_torrent(TORRENT, tmp_path)
            await checked.wait()
            subscription.close()
            count = len(heard)
            await session.remove_torrent(session.get_torrents()[0])
            await turn()
            assert len(heard) == count

    run(main())


# ------------------------------------------------------------------------------------------------- opening and closing


def test_no_thread_but_the_pools(run: AsyncRunner, tmp_path: Path) -> None:
    async def main() -> None:
        before = set(threading.enumerate())
        async with make_session() as session:
            handle = await session.add_torrent(TORRENT, CONTENT.write(tmp_path))
            await handle.seeding()
            names = {thread.name for thread in set(threading.enumerate()) - before}
            assert names
            assert all(name.startswith("evtorrent-worker") for name in names), names
        assert set(threading.enumerate()) == before

    run(main())


def test_opened_once_and_closed_twice(run: AsyncRunner) -> None:
    async def main() -> None:
        session = make_session()
        assert await session.close(), "never opened"
        with pytest.raises(InvalidSessionHandle):
            session.alerts()
        session.open()
        with pytest.raises(InvalidSessionHandle):
            session.open()
        first, second = await asyncio.gather(session.close(), session.close())
        assert first
        assert second
        assert await session.close()
        assert session.session.is_closed

    run(main())


def test_wrong_settings_leave_nothing_behind(run: AsyncRunner) -> None:
    async def main() -> None:
        with pytest.raises(InvalidSetting):
            AsyncSession({"tick_interval": -1})
        async with make_session() as session:
            with pytest.raises(InvalidSetting):
                session.apply_settings({"tick_interval": -1})
            session.apply_settings({"tick_interval": 77})
            assert session.get_settings().get_int("tick_interval") == 77

    run(main())


async def announced(session: AsyncSession, tracker: LocalTracker, folder: Path) -> AsyncTorrentHandle:
    """A torrent whose tracker knows of it, and says nothing any more."""
    stream = session.alerts(AlertCategory.tracker)
    handle = await session.add_torrent(TORRENT, CONTENT.write(folder), trackers=[tracker.udp_url])
    async for alert in stream:
        if isinstance(alert, TrackerReplyAlert):
            tracker.is_udp_silent = True
            break
    return handle


def test_a_dead_tracker_does_not_hold_the_end_up(run: AsyncRunner, tmp_path: Path) -> None:
    async def main(tracker: LocalTracker) -> None:
        async with make_session(stop_tracker_timeout=60) as session:
            await announced(session, tracker, tmp_path)
            assert not await session.close(timeout=0.05)
        async with make_session(stop_tracker_timeout=0) as session:
            tracker.is_udp_silent = False
            await announced(session, tracker, tmp_path)
            assert await session.close()

    with LocalTracker() as tracker:
        run(main(tracker))


def test_cancelled_while_closing(run: AsyncRunner, tmp_path: Path) -> None:
    async def main(tracker: LocalTracker) -> None:
        session = make_session(stop_tracker_timeout=60)
        session.open()
        stream = session.alerts(-1)
        handle = await announced(session, tracker, tmp_path)
        waiting = asyncio.create_task(handle.removed())
        await turn()
        task = asyncio.create_task(session.close())
        await turn()
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(InvalidSessionHandle):
            await waiting
        assert [alert async for alert in stream], "the stream ended"

    with LocalTracker() as tracker:
        run(main(tracker))


def test_two_on_an_engine_of_the_callers(run: AsyncRunner, tmp_path: Path) -> None:
    async def main() -> None:
        platform = SystemPlatform(2)
        multi = Multi(platform)
        driver = drive_asyncio(multi)
        settings = make_session()._params.settings
        async with AsyncSession(settings.explicit(), multi=multi) as one:
            async with AsyncSession(settings.explicit(), multi=multi) as other:
                source = await one.add_torrent(TORRENT, CONTENT.write(tmp_path / "seed"))
                copy = await other.add_torrent(TORRENT, tmp_path / "leech")
                await asyncio.gather(source.seeding(), copy.checked())
                copy.connect_peer(("127.0.0.1", one.session.listen_port()))
                await copy.seeding()
            assert source.is_valid(), "the other one's end is not its"
        driver.close()
        multi.close()
        platform.close()

    run(main())
