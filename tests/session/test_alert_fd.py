from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from evtorrent.session.alert_fd import AlertFd
from support.world import World


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    yield ends
    for end in ends:
        os.close(end)


def test_one_byte_a_call_and_none_when_full(pipe: tuple[int, int]) -> None:
    announce = AlertFd(pipe[1])
    announce()
    announce()
    assert os.read(pipe[0], 100) == b"\0\0"
    with pytest.raises(BlockingIOError):
        while True:
            os.write(pipe[1], bytes(4096))
    announce()


def test_a_descriptor_that_would_block_is_refused(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], True)
    with pytest.raises(ValueError, match="blocks"):
        AlertFd(pipe[1])
    with pytest.raises(OSError):
        AlertFd(2**30)


def test_a_session_tells_when_its_queue_fills(pipe: tuple[int, int]) -> None:
    world = World()
    node = world.node()
    world.pump()
    node.session.pop_alerts()
    node.session.set_alert_fd(pipe[1])
    world.pump()
    with pytest.raises(BlockingIOError):
        os.read(pipe[0], 100)
    for _ in range(2):
        node.session.post_session_stats()
        world.pump()
    assert os.read(pipe[0], 100) == b"\0", "once until it was emptied"
    node.session.pop_alerts()
    node.session.set_alert_fd(-1)
    node.session.post_session_stats()
    world.pump()
    with pytest.raises(BlockingIOError):
        os.read(pipe[0], 100)
