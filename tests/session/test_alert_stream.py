from __future__ import annotations

import asyncio
import gc

import pytest
from evtorrent.session.alert_queue import AlertQueue
from evtorrent.session.alert_stream import AlertStream
from evtorrent.session.alerts import Alert, AlertsDroppedAlert, LogAlert
from evtorrent.session.flags import AlertCategory
from support.async_sessions import LOOPS, AsyncRunner, turn

MASK = int(AlertCategory.session_log)


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> AsyncRunner:
    return AsyncRunner(LOOPS[request.param])


def make(limit: int = 100) -> tuple[AlertQueue, AlertStream]:
    queue = AlertQueue(lambda: 3.0, mask=0)
    queue.is_kept = False
    return queue, AlertStream(queue, MASK, limit=limit)


def text_of(alert: Alert | None) -> str:
    return alert.text if isinstance(alert, LogAlert) else repr(alert)


def test_waits_and_is_woken(run: AsyncRunner) -> None:
    async def main() -> None:
        queue, stream = make()
        task = asyncio.ensure_future(anext(stream))
        await turn()
        assert not task.done()
        queue.emplace(LogAlert, "a")
        queue.emplace(LogAlert, "b")
        assert text_of(await task) == "a"
        assert text_of(await anext(stream)) == "b"
        assert stream.pop_nowait() is None

    run(main())


def test_what_is_in_it_survives_its_end(run: AsyncRunner) -> None:
    async def main() -> None:
        queue, stream = make()
        queue.emplace(LogAlert, "a")
        stream.close()
        queue.emplace(LogAlert, "b")
        assert [text_of(alert) async for alert in stream] == ["a"]
        assert queue.mask == 0

    run(main())


def test_closed_while_somebody_iterates(run: AsyncRunner) -> None:
    async def main() -> None:
        _, stream = make()

        async def consume() -> list[Alert]:
            return [alert async for alert in stream]

        task = asyncio.create_task(consume())
        await turn()
        stream.close()
        assert await task == []

    run(main())


def test_a_cancelled_wait_loses_nothing(run: AsyncRunner) -> None:
    async def main() -> None:
        queue, stream = make()
        task = asyncio.ensure_future(anext(stream))
        await turn()
        queue.emplace(LogAlert, "a")
        task.cancel()  # The wake-up is under way already.
        with pytest.raises(asyncio.CancelledError):
            await task
        task = asyncio.ensure_future(anext(stream))
        assert text_of(await task) == "a"
        task = asyncio.ensure_future(anext(stream))
        await turn()
        task.cancel()
        await turn()
        queue.emplace(LogAlert, "b")
        assert text_of(await anext(stream)) == "b"

    run(main())


def test_a_slow_consumer_is_told_what_it_lost(run: AsyncRunner) -> None:
    async def main() -> None:
        queue, stream = make(limit=3)
        for number in range(10):
            queue.emplace(LogAlert, str(number))
        assert text_of(await anext(stream)) == "0"
        queue.emplace(LogAlert, "late")
        stream.close()
        one, two, report, late = [alert async for alert in stream]
        assert [text_of(one), text_of(two), text_of(late)] == ["1", "2", "late"]
        assert isinstance(report, AlertsDroppedAlert)
        assert report.counts == {"log_alert": 7}

    run(main())


def test_one_task_at_a_time(run: AsyncRunner) -> None:
    async def main() -> None:
        queue, stream = make()
        task = asyncio.ensure_future(anext(stream))
        await turn()
        with pytest.raises(RuntimeError, match="another task"):
            await anext(stream)
        queue.emplace(LogAlert, "a")
        assert text_of(await task) == "a"

    run(main())


def test_a_stream_nobody_has_goes_by_itself(run: AsyncRunner) -> None:
    async def main() -> None:
        queue, stream = make()
        del stream
        gc.collect()
        assert queue.mask == MASK
        queue.emplace(LogAlert, "a")
        assert queue.mask == 0
        assert not queue.should_post(LogAlert)

    run(main())


def test_streams_are_independent(run: AsyncRunner) -> None:
    async def main() -> None:
        queue, first = make()
        async with AlertStream(queue, int(AlertCategory.error), limit=5) as second:
            queue.emplace(LogAlert, "a")
            assert text_of(first.pop_nowait()) == "a"
            assert second.pop_nowait() is None
        await first.aclose()
        assert queue.mask == 0

    run(main())
