"""`AsyncTorrentHandle`: what can be awaited of a torrent, and what ends the wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from evtorrent.session import AddTorrentParams, TorrentFlags, make_magnet_uri, write_torrent_file_buf
from evtorrent.session.aio import AsyncSession, AsyncTorrentHandle
from evtorrent.session.errors import InvalidSessionHandle, InvalidTorrentHandle, SessionError
from support.async_sessions import LOOPS, AsyncRunner, make_session, turn
from support.sessions import Content

pytestmark = pytest.mark.usefixtures("no_fd_survives")

CONTENT = Content([("a", 300_000), ("b/c", 70_000)])
TORRENT = write_torrent_file_buf(AddTorrentParams(ti=CONTENT.info))


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> AsyncRunner:
    return AsyncRunner(LOOPS[request.param])


@asynccontextmanager
async def seeding(folder: Path) -> AsyncIterator[tuple[AsyncSession, AsyncTorrentHandle]]:
    """A session that has it all."""
    async with make_session() as session:
        handle = await session.add_torrent(TORRENT, CONTENT.write(folder))
        await handle.checked()
        yield session, handle


def port_of(session: AsyncSession) -> tuple[str, int]:
    return "127.0.0.1", session.session.listen_port()


def test_a_magnet_link_from_start_to_end(run: AsyncRunner, tmp_path: Path) -> None:
    async def main() -> None:
        async with seeding(tmp_path / "seed") as (seed, _), make_session() as leech:
            handle = await leech.add_torrent(make_magnet_uri(CONTENT.info), tmp_path / "leech")
            waits = asyncio.gather(handle.metadata(), handle.checked(), handle.finished(), handle.seeding())
            await turn()
            handle.connect_peer(port_of(seed))
            info, *_ = await waits
            assert info.info_hashes == CONTENT.info.info_hashes
            assert await handle.metadata() is info, "true already: at once"
            await handle.finished()
            CONTENT.assert_in(tmp_path / "leech")

    run(main())


def test_progress_goes_up_and_ends(run: AsyncRunner, tmp_path: Path) -> None:
    async def main() -> None:
        async with seeding(tmp_path / "seed") as (seed, _), make_session() as leech:
            handle = await leech.add_torrent(TORRENT, tmp_path / "leech")
            await handle.checked()
            handle.connect_peer(port_of(seed))
            seen = [status async for status in handle.progress()]
            assert seen[-1].is_finished
            counts = [status.num_pieces for status in seen]
            assert counts == sorted(counts)
            assert [status.num_pieces async for status in handle.progress()] == [CONTENT.info.num_pieces]

    run(main())


def test_a_slow_reader_of_progress_sees_the_end(run: AsyncRunner, tmp_path: Path) -> None:
    """What happens while the reader is busy counts: it finishes there, and the next status says so."""

    async def main() -> None:
        async with seeding(tmp_path / "seed") as (seed, _), make_session() as leech:
            handle = await leech.add_torrent(TORRENT, tmp_path / "leech")
            await handle.checked()
            seen = []
            async for status in handle.progress():
                seen.append(status.is_finished)
                if len(seen) == 1:
                    handle.connect_peer(port_of(seed))
                    await handle.finished()
            assert seen == [False, True]

    run(main())


def test_progress_left_early(run: AsyncRunner, tmp_path: Path) -> None:
    async def main() -> None:
        async with make_session() as session:
            handle = await session.add_torrent(TORRENT, tmp_path)
            async for _ in handle.progress():
                break
            await session.close()

    run(main())


@pytest.mark.parametrize("what", ["finished", "removed", "metadata"])
def test_closed_while_waiting(run: AsyncRunner, tmp_path: Path, what: str) -> None:
    async def main() -> None:
        async with make_session() as session:
            handle = await session.add_torrent(make_magnet_uri(CONTENT.info), tmp_path)
            task = asyncio.create_task(getattr(handle, what)())
            await turn()
            await session.close()
            with pytest.raises(InvalidSessionHandle):
                await task

    run(main())


def test_removed_while_waiting(run: AsyncRunner, tmp_path: Path) -> None:
    async def main() -> None:
        async with make_session() as session:
            handle = await session.add_torrent(TORRENT, tmp_path)
            await handle.checked()

            async def follow() -> None:
                async for _ in handle.progress():
                    pass

            tasks = [asyncio.create_task(handle.finished()), asyncio.create_task(follow())]
            await turn()
            await session.remove_torrent(handle)
            for task in tasks:
                with pytest.raises(InvalidTorrentHandle):
                    await task
            with pytest.raises(InvalidTorrentHandle):
                await handle.finished()

    run(main())


def test_an_error_ends_the_wait(run: AsyncRunner, tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("a file where the folder should be")

    async def main() -> None:
        async with seeding(tmp_path / "seed") as (seed, _), make_session() as leech:
            handle = await leech.add_torrent(TORRENT, tmp_path / "in the way")
            handle.connect_peer(port_of(seed))
            with pytest.raises(SessionError):
                await handle.finished()
            await handle.paused()
            with pytest.raises(SessionError):
                await handle.seeding()

    run(main())


def test_cancelled_waits_leave_the_torrent_alone(run: AsyncRunner, tmp_path: Path) -> None:
    async def main() -> None:
        async with seeding(tmp_path / "seed") as (seed, _), make_session() as leech:
            handle = await leech.add_torrent(TORRENT, tmp_path / "leech")
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(handle.finished(), 0.001)
            handle.connect_peer(port_of(seed))
            await handle.finished()

    run(main())


def test_paused(run: AsyncRunner, tmp_path: Path) -> None:
    async def main() -> None:
        async with seeding(tmp_path) as (_, handle):
            task = asyncio.create_task(handle.paused())
            await turn()
            assert not task.done()
            handle.unset_flags(TorrentFlags.auto_managed)
            handle.pause()
            await task

    run(main())


def test_questions_with_answers(run: AsyncRunner, tmp_path: Path) -> None:
    async def main() -> None:
        async with seeding(tmp_path / "one") as (_, handle):
            params = await handle.resume_data()
            assert params.have_pieces is not None
            assert params.have_pieces.all()
            pieces = await asyncio.gather(handle.piece(0), handle.piece(1), handle.piece(2))
            assert pieces == [CONTENT.piece(0), CONTENT.piece(1), CONTENT.piece(2)]
            with pytest.raises(SessionError):
                await handle.piece(10_000)
            await handle.flushed()
            await handle.file_renamed(0, "t/other")
            assert (tmp_path / "one/t/other").exists()
            with pytest.raises(SessionError):
                await handle.file_renamed(1, "../outside")
            await handle.storage_moved(tmp_path / "two")
            assert (tmp_path / "two/t/other").exists()
            (tmp_path / "file").write_text("in the way")
            with pytest.raises(SessionError):
                await handle.storage_moved(tmp_path / "file")

    run(main())


def test_a_question_to_a_torrent_that_goes(run: AsyncRunner, tmp_path: Path) -> None:
    async def main() -> None:
        async with seeding(tmp_path) as (session, handle):
            task = asyncio.create_task(handle.flushed())
            await asyncio.sleep(0)
            await session.remove_torrent(handle)
            (outcome,) = await asyncio.gather(task, return_exceptions=True)
            assert outcome is None or isinstance(outcome, InvalidTorrentHandle)

    run(main())
