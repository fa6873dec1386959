"""One poll handle: interest, errors, life.  Rows U and V of the behaviours it was built from."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from evtorrent.reactor import READ, WRITE, ReactorBusy
from evtorrent.reactor.handles.poll import Poll

pytestmark = pytest.mark.usefixtures("no_fd_survives")


@pytest.fixture(autouse=True)
def loop_first(no_fd_survives: None, loop: asyncio.AbstractEventLoop) -> None:
    """Order the fixtures: the loop's own descriptors come and go inside the check."""


def spin(
    loop: asyncio.AbstractEventLoop, until: Callable[[], object] = lambda: False, rounds: int = 5
) -> None:
    """Turn the loop some rounds without waiting, or until something came true."""
    for _ in range(rounds if until() is False else 2000):
        if until():
            return
        loop.stop()
        loop.run_forever()


def test_reads_and_writes_are_told_apart(loop: asyncio.AbstractEventLoop, pair: Any) -> None:
    left, right = pair
    seen: list[int] = []
    poll = Poll(loop, left.fileno())
    poll.start(READ, seen.append)
    spin(loop)
    assert seen == []
    poll.modify(READ | WRITE)
    spin(loop, lambda: seen)
    assert set(seen) == {WRITE}
    right.send(b"x")
    poll.modify(READ)
    del seen[:]
    spin(loop, lambda: seen)
    assert set(seen) == {READ}
    assert poll.mask == READ
    poll.close()


def test_host_may_have_other_words(loop: asyncio.AbstractEventLoop, pair: Any) -> None:
    seen: list[int] = []
    poll = Poll(loop, pair[0].fileno(), read=1, write=2)
    poll.start(WRITE, seen.append)
    spin(loop, lambda: seen)
    assert set(seen) == {2}
    poll.close()


def test_callback_is_replaced(loop: asyncio.AbstractEventLoop, pair: Any) -> None:
    seen: list[str] = []
    poll = Poll(loop, pair[0].fileno())
    poll.start(WRITE, lambda ready: seen.append("old"))
    poll.start(WRITE, lambda ready: seen.append("new"))
    spin(loop, lambda: seen)
    assert set(seen) == {"new"}
    poll.close()


def test_closed_in_the_same_batch_is_not_called(loop: asyncio.AbstractEventLoop, pair: Any) -> None:
    """poll-stop-in-callback: the descriptor may be closed at once."""
    seen: list[int] = []
    polls = [Poll(loop, sock.fileno()) for sock in pair]

    def close_both(ready: int) -> None:
        seen.append(ready)
        for poll, sock in zip(polls, pair, strict=True):
            poll.close()
            sock.close()

    for poll in polls:
        poll.start(WRITE, close_both)
    spin(loop)
    assert seen == [WRITE]


def test_closing_releases_the_descriptor_at_once(loop: asyncio.AbstractEventLoop) -> None:
    """uvloop-keeps-socket-objects-open."""
    left, right = socket.socketpair()
    poll = Poll(loop, left.fileno())
    poll.start(READ, print)
    poll.close()
    left.close()
    right.setblocking(True)
    right.settimeout(5.0)
    assert right.recv(1) == b""
    right.close()


def test_modify_and_close_after_close_are_harmless(loop: asyncio.AbstractEventLoop, pair: Any) -> None:
    seen: list[int] = []
    poll = Poll(loop, pair[0].fileno())
    poll.start(WRITE, seen.append)
    poll.close()
    poll.modify(READ)
    poll.close()
    spin(loop)
    assert seen == []


def test_close_after_the_loop_closed(loop: asyncio.AbstractEventLoop, pair: Any) -> None:
    """Closing a loop drops callbacks too; that must not be taken for an error of the descriptor."""
    poll = Poll(loop, pair[0].fileno())
    poll.start(READ | WRITE, print)
    loop.close()
    poll.close()


class Echoless:
    """A UDP socket connected to a port where nobody listens: each datagram comes back as an error."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.sock.connect(free.getsockname())
        self.sock.setblocking(False)
        self.errors = 0

    def receive(self) -> None:
        try:
            self.sock.recv(10)
        except ConnectionRefusedError:
            self.errors += 1
        except BlockingIOError:
            pass


@pytest.mark.parametrize("mask", [READ, WRITE, READ | WRITE])
def test_polling_goes_on_after_an_error(loop: asyncio.AbstractEventLoop, mask: int) -> None:
    """uvloop-poll-dies-after-error."""
    echoless = Echoless()
    poll = Poll(loop, echoless.sock.fileno())
    ready: list[int] = []

    def on_ready(events: int) -> None:
        ready.append(events)
        echoless.receive()

    poll.start(mask, on_ready)
    for count in range(1, 4):
        echoless.sock.send(b"x")
        spin(loop, lambda count=count: echoless.errors == count)
        assert echoless.errors == count
    assert all(events & mask for events in ready)
    poll.close()
    echoless.sock.close()


def test_callback_replaced_while_an_error_is_told(loop: asyncio.AbstractEventLoop) -> None:
    echoless = Echoless()
    poll = Poll(loop, echoless.sock.fileno())
    seen: list[str] = []

    def old(events: int) -> None:
        seen.append("old")
        echoless.receive()
        poll.start(READ | WRITE, new)

    def new(events: int) -> None:
        seen.append("new")
        echoless.receive()
        poll.modify(READ)

    poll.start(READ, old)
    echoless.sock.send(b"x")
    spin(loop, lambda: "new" in seen)
    echoless.sock.send(b"y")
    spin(loop, lambda: echoless.errors == 2)
    assert echoless.errors == 2
    poll.close()
    echoless.sock.close()


def test_closed_while_an_error_is_told(loop: asyncio.AbstractEventLoop) -> None:
    echoless = Echoless()
    poll = Poll(loop, echoless.sock.fileno())
    seen: list[int] = []

    def on_ready(events: int) -> None:
        seen.append(events)
        poll.close()
        echoless.sock.close()

    poll.start(READ | WRITE, on_ready)
    echoless.sock.send(b"x")
    spin(loop, lambda: seen)
    spin(loop)
    assert len(seen) == 1


def test_regular_file_is_refused(loop: asyncio.AbstractEventLoop, tmp_path: Any) -> None:
    with open(tmp_path / "file", "w") as file:
        poll = Poll(loop, file.fileno())
        with pytest.raises(PermissionError):
            poll.start(READ, print)
        poll.close()


def test_descriptor_of_a_transport_is_busy(loop: asyncio.AbstractEventLoop, pair: Any) -> None:
    left, _ = pair
    transport, _protocol = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=left))
    poll = Poll(loop, left.fileno())
    with pytest.raises(ReactorBusy, match="transport"):
        poll.start(READ, print)
    poll.close()
    transport.close()
    spin(loop)


def test_interest_changed_between_an_error_and_the_resumption(loop: asyncio.AbstractEventLoop) -> None:
    """uvloop-handler-is-closed: another callback of the same batch touches the poll that just died."""
    errors: list[object] = []
    loop.set_exception_handler(lambda loop, context: errors.append(context))
    echoless = [Echoless(), Echoless()]
    polls = [Poll(loop, each.sock.fileno()) for each in echoless]

    def on_ready(mine: int, events: int) -> None:
        echoless[mine].receive()
        if echoless[0].errors == echoless[1].errors:  # the second of the two
            polls[1 - mine].modify(READ | WRITE)
            polls[1 - mine].modify(READ)

    for number, poll in enumerate(polls):
        poll.start(READ, partial(on_ready, number))
    for count in range(1, 4):
        for each in echoless:
            each.sock.send(b"x")
        spin(loop, lambda count=count: all(each.errors == count for each in echoless))
        assert [each.errors for each in echoless] == [count, count]
    assert errors == []
    for poll, each in zip(polls, echoless, strict=True):
        poll.close()
        each.sock.close()


def test_change_on_a_descriptor_closed_underneath_leaves_nothing_registered(pair: Any) -> None:
    """The stock loop notices at once; uvloop when it polls."""
    loop = asyncio.SelectorEventLoop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        poll = Poll(loop, sock.fileno())
        poll.start(READ, [].append)
    with pytest.raises(OSError):
        poll.start(READ | WRITE, [].append)
    assert poll.mask == 0
    poll.close()
    loop.close()
