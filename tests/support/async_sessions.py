"""`AsyncSession`s for tests: coroutines run on the stock loop and on uvloop, with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop
from evtorrent.session.aio import AsyncSession
from support.sessions import LOOPBACK
from support.waiting import PATIENCE

T = TypeVar("T")

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.SelectorEventLoop,
    "uvloop": uvloop.new_event_loop,
}


class AsyncRunner:
    """Runs one coroutine on a fresh loop; what the loop's exception handler is told fails the test."""

    def __init__(self, make_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._make_loop = make_loop

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        errors: list[dict[str, Any]] = []

        async def guarded() -> T:
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context))
            async with asyncio.timeout(PATIENCE):
                return await coroutine

        with asyncio.Runner(loop_factory=self._make_loop) as runner:
            result = runner.run(guarded())
        assert errors == []
        return result


def make_session(**settings: Any) -> AsyncSession:
    """A session on loopback that tells everything."""
    return AsyncSession({**LOOPBACK, **settings})


async def turn(times: int = 3) -> None:
    """Let the loop go round."""
    for _ in range(times):
        await asyncio.sleep(0)
