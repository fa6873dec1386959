from __future__ import annotations

import errno
import os
import socket
import struct
import sys

import pytest
from evtorrent.listener.address_changes import AddressChanges, has_address_change, open_address_socket
from evtorrent.reactor import Reactor, RunMode

CAME, WENT, LINK, DONE, ROOM = 20, 21, 16, 3, 16 * 1024


def message(kind, body=b"\0" * 8):
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", False),
        (message(CAME), True),
        (message(WENT), True),
        (message(LINK), False),
        (message(LINK) + message(CAME), True),
        (message(LINK, b"\0" * 5) + b"\0" * 3 + message(WENT), True),
        (message(CAME)[:15], False),
        (message(CAME)[:-1], False),
        (struct.pack("=IHHII", 3, CAME, 0, 0, 0), False),
        (b"\xff" * 64, False),
    ],
)
def test_messages(data, expected):
    assert has_address_change(data) is expected
    assert has_address_change(memoryview(data)) is expected


class Ear:
    """Changes heard from a socket of our own, which plays the kernel."""

    def __init__(self):
        self.heard = 0
        self.reactor = Reactor()
        self.kernel, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)
        self.ours = ours
        self.changes = AddressChanges(self.reactor, self.on_change, open_socket=lambda: ours)

    def on_change(self):
        self.heard += 1

    def say(self, *messages):
        for data in messages:
            self.kernel.send(data)
        self.reactor.run(RunMode.NOWAIT)

    def close(self):
        self.changes.close()
        self.kernel.close()
        self.reactor.close()


@pytest.fixture
def ear(no_fd_survives):
    ear = Ear()
    yield ear
    ear.close()


def test_all_that_is_told_at_a_time_is_one_change(ear):
    ear.say(message(LINK))
    assert ear.heard == 0
    ear.say(message(CAME), message(LINK), message(WENT))
    assert ear.heard == 1
    ear.say(message(WENT))
    assert ear.heard == 2


def test_nothing_is_heard_after_the_end(ear):
    ear.changes.close()
    ear.changes.close()
    assert ear.ours.fileno() == -1
    ear.reactor.run(RunMode.NOWAIT)
    assert ear.heard == 0


class Failing:
    """A socket that fails so, and then has no more."""

    def __init__(self, sock, *errors):
        self.sock, self.errors = sock, list(errors)
        self.fileno, self.close = sock.fileno, sock.close

    def recv_into(self, buffer):
        if self.errors:
            code = self.errors.pop(0)
            raise OSError(code, os.strerror(code))
        return self.sock.recv_into(buffer)


@pytest.mark.parametrize(
    ("code", "heard", "closed"),
    [(errno.ENOBUFS, 1, False), (errno.EBADFD if hasattr(errno, "EBADFD") else 9, 0, True)],
)
def test_messages_that_were_lost_count_as_a_change(no_fd_survives, code, heard, closed):
    kernel, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    reactor, found = Reactor(), []
    changes = AddressChanges(reactor, lambda: found.append(1), open_socket=lambda: Failing(ours, code))
    kernel.send(message(LINK))
    reactor.run(RunMode.NOWAIT)
    assert len(found) == heard
    assert (ours.fileno() == -1) is closed
    changes.close()
    kernel.close()
    reactor.close()


def test_a_socket_that_cannot_be_watched_is_closed(no_fd_survives):
    kernel, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

    class Refusing:
        def watch(self, *_):
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        AddressChanges(Refusing(), lambda: None, open_socket=lambda: ours)
    assert ours.fileno() == -1
    kernel.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="netlink is Linux's")
def test_the_kernel_tells_in_these_words(no_fd_survives):
    """It lists addresses, when asked to, in the messages that tell of new ones."""
    reactor, found = Reactor(), []
    sock = open_address_socket()
    changes = AddressChanges(reactor, lambda: found.append(1), open_socket=lambda: sock)
    list_addresses, dump = 22, 0x301
    sock.send(struct.pack("=IHHIIBxxx", 20, list_addresses, dump, 1, 0, 0))
    for _ in range(100):
        reactor.run(RunMode.NOWAIT)
        if found:
            break
    assert found
    changes.close()
    reactor.close()


def test_where_there_is_no_netlink_nothing_can_be_opened(monkeypatch):
    monkeypatch.delattr(socket, "AF_NETLINK", raising=False)
    with pytest.raises(OSError) as caught:
        open_address_socket()
    assert caught.value.errno == errno.EAFNOSUPPORT
