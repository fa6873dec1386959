"""A world, and two hosts in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from evtorrent.reactor.sim import SimHost, SimWorld


@pytest.fixture
def world() -> Iterator[SimWorld]:
    with SimWorld(seed=1, keep_lines=1000) as world:
        yield world


@pytest.fixture
def alice(world: SimWorld) -> SimHost:
    return world.host("alice", "10.0.0.1", "fd00::1")


@pytest.fixture
def bob(world: SimWorld) -> SimHost:
    return world.host("bob", "10.0.0.2", "fd00::2")
