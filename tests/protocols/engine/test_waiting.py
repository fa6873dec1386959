"""Hosts that wait by themselves: what to wait for, the waits, and acting on what is ready."""

from __future__ import annotations

import math
from typing import Any

import pytest
from evtorrent.protocols.engine import READ, WRITE, Handle, Multi
from evtorrent.protocols.engine import constants as c
from evtorrent.protocols.errors import EngineError, EngineTypeError
from support.engine_kit import FakePlatform, make_engine


def code_of(call: Any) -> int:
    """The number of the EngineError that `call` raises."""
    with pytest.raises(EngineError) as caught:
        call()
    return caught.value.code


class Watcher(Handle):
    """Watches some descriptors from its start."""

    def __init__(self, *fds: int, mask: int = READ) -> None:
        self.fds = fds
        self.wanted_mask = mask
        self.events: list[tuple[int, int]] = []

    def start(self, engine: Multi) -> None:
        for fd in self.fds:
            self.watch(fd, self.wanted_mask, lambda events, fd=fd: self.events.append((fd, events)))


@pytest.fixture
def engine() -> tuple[Multi, FakePlatform]:
    return make_engine()


@pytest.fixture
def multi(engine: tuple[Multi, FakePlatform]) -> Multi:
    return engine[0]


@pytest.fixture
def platform(engine: tuple[Multi, FakePlatform]) -> FakePlatform:
    return engine[1]


def test_perform_acts_on_what_is_ready(multi: Multi, platform: FakePlatform) -> None:
    assert multi.perform() == (0, 0)
    assert platform.polls == []
    handle = Watcher(7, 8, mask=READ | WRITE)
    multi.add_handle(handle)
    assert multi.perform() == (0, 1)
    platform.ready = [[(8, WRITE)]]
    multi.perform()
    assert handle.events == [(8, WRITE)]
    assert platform.polls[-1] == ([(7, READ | WRITE), (8, READ | WRITE)], 0.0)


def test_c57_poll_waits_no_longer_than_the_next_deadline(multi: Multi, platform: FakePlatform) -> None:
    assert multi.poll(7.0) == 0
    multi.call_later(2.0, print)
    multi.poll(7.0)
    multi.poll(1.0)
    multi.poll()
    multi.call_soon(print)
    multi.poll(7.0)
    assert [timeout for _, timeout in platform.polls] == [7.0, 2.0, 1.0, 2.0, 0.0]
    for wrong in (-1, -0.001, math.nan):
        assert code_of(lambda wrong=wrong: multi.poll(wrong)) == c.E_MULTI_BAD_FUNCTION_ARGUMENT  # type: ignore[misc]


def test_poll_without_limit_or_deadline(multi: Multi, platform: FakePlatform) -> None:
    multi.poll()
    multi.poll(math.inf)
    assert [timeout for _, timeout in platform.polls] == [None, None]


def test_c58_wakeups_coalesce_are_consumed_and_not_counted(multi: Multi, platform: FakePlatform) -> None:
    for _ in range(10):
        multi.wakeup()
    platform.ready = [[(7, READ)]]
    multi.watch(7, READ, print)
    multi.socket_action(-1)
    assert multi.poll(5.0) == 1
    assert multi.poll(5.0) == 0
    assert [timeout for _, timeout in platform.polls] == [0.0, 5.0]
    multi.wakeup()
    assert platform.wakeups[0].is_set
    assert multi.poll(5.0) == 0
    assert not platform.wakeups[0].is_set


def test_c61_fdset_and_waitfds(multi: Multi) -> None:
    assert multi.fdset() == ([], [], [])
    assert multi.waitfds() == []
    multi.watch(7, READ, print)
    multi.watch(8, WRITE, print)
    multi.watch(9, READ | WRITE, print)
    multi.watch(10, 0, print)
    assert multi.fdset() == ([7, 9], [8, 9], [])
    assert multi.waitfds() == [(7, c.WAIT_POLLIN), (8, c.WAIT_POLLOUT), (9, c.WAIT_POLLIN | c.WAIT_POLLOUT)]


def test_c12_socket_all_acts_on_everything_ready_or_not(multi: Multi, platform: FakePlatform) -> None:
    handle = Watcher(7, 8, mask=READ | WRITE)
    multi.add_handle(handle)
    multi.call_later(1.0, handle.finish)
    for running in (1, 1, 0):
        with pytest.warns(DeprecationWarning, match="socket_all is deprecated"):
            assert multi.socket_all() == (0, running)
        platform.now += 0.5
    assert handle.events[:2] == [(7, READ | WRITE), (8, READ | WRITE)]
    assert platform.polls == []


@pytest.mark.parametrize("name", ["wait", "select"])
def test_c57_wait_returns_at_once_when_nothing_is_watched(
    multi: Multi, platform: FakePlatform, name: str
) -> None:
    wait = getattr(multi, name)
    multi.setopt(multi.M_SOCKETFUNCTION, lambda *args: None)  # its wake-up is no reason to wait
    multi.call_later(1.0, print)
    assert wait(7.0) == 0
    assert platform.polls == []
    multi.watch(5, READ, print)
    multi.socket_action(-1)
    platform.ready = [[(5, READ)]]
    assert wait(7.0) == 1
    assert wait(0.5) == 0
    assert [timeout for _, timeout in platform.polls] == [1.0, 0.5]


@pytest.mark.parametrize("name", ["poll", "wait", "select"])
def test_what_is_no_time_to_wait_is_refused(multi: Multi, platform: FakePlatform, name: str) -> None:
    wait = getattr(multi, name)
    assert code_of(lambda: wait(-1)) == c.E_MULTI_BAD_FUNCTION_ARGUMENT
    with pytest.raises(EngineTypeError, match="a time to wait is a number, not 'x'"):
        wait("x")
    assert platform.polls == []


def test_c59_a_wake_up_during_the_wait_ends_it_and_is_not_counted(
    multi: Multi, platform: FakePlatform
) -> None:
    def poll(wanted: Any, timeout: float | None) -> list[tuple[int, int]]:
        multi.wakeup()  # as another thread does
        return [(fd, READ) for fd, _ in wanted if platform.wakeups[0].is_set]

    platform.poll = poll  # type: ignore[method-assign]
    assert multi.poll(60.0) == 0
    assert not platform.wakeups[0].is_set
