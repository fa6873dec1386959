"""What `embed` does beyond the kit, which runs over it on several loops (tests/conformance/test_drivers.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from evtorrent.reactor import (
    READ,
    Reactor,
    ReactorBusy,
    ReactorUsageError,
    SteppedLoop,
    drive_asyncio,
    drive_selectors,
    embed,
    numbers,
)

pytestmark = pytest.mark.usefixtures("no_fd_survives")


@pytest.fixture
def inner() -> Iterator[Reactor]:
    reactor = Reactor(loop=SteppedLoop())
    yield reactor
    reactor.close()


def test_loop_that_waits_by_itself_is_refused() -> None:
    with Reactor() as reactor, pytest.raises(ReactorUsageError, match="SteppedLoop"):
        embed(reactor)


def test_unknown_option_is_refused(inner: Reactor) -> None:
    with pytest.raises(ReactorUsageError, match="option 7"):
        embed(inner).setopt(7, print)


def test_one_descriptor_and_one_deadline_are_told(inner: Reactor) -> None:
    engine = embed(inner)
    told: list[Any] = []
    engine.setopt(numbers.M_SOCKETFUNCTION, lambda *args: told.append(args))
    engine.setopt(numbers.M_TIMERFUNCTION, told.append)
    assert engine.socket_action(numbers.SOCKET_TIMEOUT) == (0, 0)
    assert told == [(numbers.POLL_IN, inner.asyncio_loop.fileno(), engine, None), -1]  # type: ignore[attr-defined]
    del told[:]
    inner.call_later(3600, lambda: None)
    inner.call_later(7200, lambda: None)
    assert told == [0], "asked for between actions: another action, once"
    assert engine.socket_action(numbers.SOCKET_TIMEOUT) == (0, 1)
    assert 3_599_000 < told[1] <= 3_600_000
    assert len(told) == 2


def test_host_waits_until_the_reactor_is_empty(inner: Reactor, pair: Any) -> None:
    left, right = pair
    seen: list[bytes] = []

    def take(ready: int) -> None:
        seen.append(left.recv(10))
        if b"".join(seen) == b"onetwo":
            watch.close()

    watch = inner.watch(left.fileno(), READ, take)
    inner.call_later(0.001, right.send, b"one")
    inner.call_later(0.003, right.send, b"two")
    driver = drive_selectors(embed(inner))
    driver.run()
    assert b"".join(seen) == b"onetwo"
    driver.close()


def test_code_that_awaits_runs_inside_another_loop_of_its_kind(inner: Reactor) -> None:
    """Two asyncio loops in one thread: the outer one is the running one again after each step."""
    loops: list[Any] = []

    async def inside() -> None:
        await asyncio.sleep(0.001)
        loops.append(asyncio.get_running_loop())

    async def outside() -> None:
        driver = drive_asyncio(embed(inner))
        task = inner.asyncio_loop.create_task(inside())
        while not task.done():  # noqa: ASYNC110 - the other loop's task cannot be awaited here
            await asyncio.sleep(0.001)
        loops.append(asyncio.get_running_loop())
        driver.close()

    with asyncio.Runner() as runner:
        runner.run(outside())
        assert loops == [inner.asyncio_loop, runner.get_loop()]


def test_action_from_inside_the_reactor_is_refused(inner: Reactor) -> None:
    engine = embed(inner)
    errors: list[BaseException] = []
    inner.on_error = lambda context, error: errors.append(error)
    inner.call_soon(engine.socket_action, numbers.SOCKET_TIMEOUT)
    engine.socket_action(numbers.SOCKET_TIMEOUT)
    assert [type(error) for error in errors] == [ReactorBusy]


def test_stop_ends_a_step_and_the_rest_stays_due(inner: Reactor) -> None:
    engine = embed(inner)
    ran: list[int] = []
    inner.call_soon(ran.append, 1)
    inner.call_soon(inner.stop)
    inner.call_soon(ran.append, 2)
    assert engine.socket_action(numbers.SOCKET_TIMEOUT)[1] == 1
    assert ran == [1]
    assert engine.timeout() == 0
    engine.socket_action(numbers.SOCKET_TIMEOUT)
    assert ran == [1, 2]
