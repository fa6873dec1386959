"""Listener tests run on every loop, and leave no descriptor behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.listener_kit import KINDS, Accepted, Clients, make_host

LOCAL = ("127.0.0.1", 0)


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    # Whatever a loop opens once for the process is opened here, before descriptors are counted.
    host = make_host(request.param)
    host.turn()
    host.close()
    return str(request.param)


@pytest.fixture
def host(kind: str, no_fd_survives: None) -> Iterator[Any]:
    host = make_host(kind)
    yield host
    host.close()


@pytest.fixture
def fake(no_fd_survives: None) -> Iterator[Any]:
    """The loop whose clock tests move."""
    host = make_host("fake")
    yield host
    host.close()


@pytest.fixture
def clients() -> Iterator[Clients]:
    clients = Clients()
    yield clients
    clients.close()


@pytest.fixture
def accepted() -> Iterator[Accepted]:
    accepted = Accepted()
    yield accepted
    accepted.close()


@pytest.fixture
def accepting() -> Iterator[Callable[..., Accepted]]:
    """`accepting(then)`: an Accepted that also calls `then(listener)`; closed after the test."""
    made: list[Accepted] = []

    def make(then: Callable[[Any], object] | None = None) -> Accepted:
        made.append(Accepted(then))
        return made[-1]

    yield make
    for accepted in made:
        accepted.close()
