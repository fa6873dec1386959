"""A reactor on libuv and one on the stock loop: everything is tested on both."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
import uvloop
from evtorrent.reactor import Reactor


@pytest.fixture(params=["uvloop", "stock"])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    loop = uvloop.new_event_loop() if request.param == "uvloop" else asyncio.SelectorEventLoop()
    yield loop
    loop.close()


@pytest.fixture
def reactor(loop: asyncio.AbstractEventLoop) -> Iterator[Reactor]:
    """One priority; an error nobody expected fails the test."""
    errors: list[BaseException] = []
    reactor = Reactor(loop=loop)
    reactor.on_error = lambda context, error: errors.append(error)
    yield reactor
    reactor.close()
    assert not errors, errors


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    yield left, right
    left.close()
    right.close()
