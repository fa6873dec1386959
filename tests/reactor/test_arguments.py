"""Each check names the argument and the rule."""

from __future__ import annotations

import errno
import math
import socket
from typing import Any

import pytest
from evtorrent.reactor import READ, WRITE, EventFlags, Reactor, ReactorUsageError, RunMode
from evtorrent.reactor.arguments import (
    MAX_DESCRIPTOR,
    check_callback,
    check_mask,
    descriptor_of,
    number_of,
    seconds_of,
)


def test_what_can_be_meant_passes() -> None:
    assert number_of("fd", EventFlags.READ) == 2
    assert descriptor_of(MAX_DESCRIPTOR) == MAX_DESCRIPTOR
    assert (seconds_of("delay", 1), seconds_of("delay", math.inf)) == (1.0, math.inf)
    check_callback(print)
    for mask in (0, READ, WRITE, READ | WRITE):
        check_mask(mask)


@pytest.mark.parametrize("value", ["1", 1.0, None, b"1"])
def test_numbers_are_not_guessed(value: Any) -> None:
    with pytest.raises(ReactorUsageError, match="backlog must be an integer"):
        number_of("backlog", value)


@pytest.mark.parametrize("value", ["1", None, math.nan, [], 1j])
def test_seconds_are_numbers(value: Any) -> None:
    with pytest.raises(ReactorUsageError, match="delay must be a number"):
        seconds_of("delay", value)


@pytest.mark.parametrize("fd", [-1, -5, MAX_DESCRIPTOR + 1, 1 << 70])
def test_numbers_no_descriptor_can_have(fd: int) -> None:
    with pytest.raises(OSError, match=f"fd {fd}") as info:
        descriptor_of(fd)
    assert info.value.errno == errno.EBADF


@pytest.mark.parametrize("mask", [1, READ | EventFlags.PERSIST, -1, "2"])
def test_masks_have_two_bits(mask: Any) -> None:
    with pytest.raises(ReactorUsageError, match="mask"):
        check_mask(mask)


# -- at the calls that take them


@pytest.mark.parametrize("fd", [-1, 1 << 40, MAX_DESCRIPTOR, 9_999_999])
def test_descriptor_that_is_none_leaves_nothing_registered(reactor: Reactor, fd: int) -> None:
    with pytest.raises(OSError) as info:
        reactor.watch(fd, READ, print)
    assert info.value.errno == errno.EBADF
    event = reactor.event(fd, READ, print)
    if fd >= 0:
        with pytest.raises(OSError) as info:
            event.add(5.0)
        assert info.value.errno == errno.EBADF
    assert not event.pending
    assert reactor.statistics().num_added == 0
    assert reactor.run() is True


def test_closed_descriptor_is_refused_and_its_number_is_free(reactor: Reactor) -> None:
    left, right = socket.socketpair()
    fd = left.fileno()
    left.close()
    with pytest.raises(OSError) as info:
        reactor.watch(fd, READ, print)
    assert info.value.errno == errno.EBADF
    other, peer = socket.socketpair()
    seen: list[int] = []
    for sock in (other, peer):
        watch = reactor.watch(sock.fileno(), WRITE, seen.append)
        reactor.run(RunMode.NOWAIT)
        watch.close()
    assert seen == [WRITE, WRITE]
    assert reactor.run() is True
    for sock in (right, other, peer):
        sock.close()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda reactor, fd: reactor.watch("3", READ, print), "fd"),
        (lambda reactor, fd: reactor.watch(fd, 0x10, print), "mask"),
        (lambda reactor, fd: reactor.watch(fd, READ, None), "callback"),
        (lambda reactor, fd: reactor.call_soon(None), "callback"),
        (lambda reactor, fd: reactor.call_later(1.0, "x"), "callback"),
        (lambda reactor, fd: reactor.call_later("1", print), "delay"),
        (lambda reactor, fd: reactor.call_later(math.nan, print), "delay"),
        (lambda reactor, fd: reactor.call_at(math.nan, print), "when"),
        (lambda reactor, fd: reactor.call_at(1.0, 5), "callback"),
        (lambda reactor, fd: reactor.call_soon_threadsafe(None), "callback"),
        (lambda reactor, fd: reactor.submit(None), "function"),
        (lambda reactor, fd: reactor.submit(print, on_done=5), "on_done"),
        (lambda reactor, fd: reactor.event(fd, READ | 0x100, print), "flags"),
        (lambda reactor, fd: reactor.event(fd, "READ", print), "flags"),
        (lambda reactor, fd: reactor.event(fd, READ, print).add(math.nan), "timeout"),
        (lambda reactor, fd: reactor.event(fd, READ, print).add("1"), "timeout"),
        (lambda reactor, fd: reactor.event(fd, READ, print).finalize(None), "finalizer"),
    ],
)
def test_bad_argument_is_named_and_nothing_is_registered(
    reactor: Reactor, pair: Any, call: Any, name: str
) -> None:
    with pytest.raises(ReactorUsageError, match=name):
        call(reactor, pair[0].fileno())
    counts = reactor.statistics()
    assert (counts.num_added, counts.num_active, counts.num_jobs) == (0, 0, 0)
    assert reactor.run() is True


def test_mask_of_a_watch_is_checked_when_it_changes(reactor: Reactor, pair: Any) -> None:
    watch = reactor.watch(pair[0].fileno(), WRITE, lambda ready: watch.close())
    with pytest.raises(ReactorUsageError, match="mask"):
        watch.modify(0x10)
    assert watch.mask == WRITE
    assert reactor.run() is True


def test_infinite_delay_never_comes(reactor: Reactor) -> None:
    never = reactor.call_later(math.inf, print)
    assert reactor.run(RunMode.NOWAIT) is False
    never.cancel()
