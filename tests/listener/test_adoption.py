"""Sockets taken over: rows L5–L8, L11 and L18, and what bad descriptors get."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from evtorrent.listener.adoption import adopt_socket

LOCAL = ("127.0.0.1", 0)


@pytest.fixture(autouse=True)
def nothing_left(no_fd_survives: None) -> None:
    """Whatever fails, no descriptor stays."""


@pytest.fixture
def bound() -> Any:
    with socket.socket() as sock:
        sock.bind(LOCAL)
        yield sock


def is_listening(sock: socket.socket) -> bool:
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def test_listens_when_told_to(bound: socket.socket) -> None:
    adopted = adopt_socket(bound, 0)
    assert adopted.sock is bound
    assert adopted.is_borrowed
    assert not is_listening(bound)
    adopt_socket(bound, 5)
    assert is_listening(bound)


def test_listens_with_the_number_asked_for() -> None:
    class Recorder(socket.socket):
        asked: list[int] = []

        def listen(self, backlog: int = 0, /) -> None:
            self.asked.append(backlog)

    with Recorder() as sock:
        for backlog in (7, -1, 0):
            adopt_socket(sock, backlog)
        assert sock.asked == [7, 128]


@pytest.mark.parametrize("as_fd", [False, True])
def test_a_blocking_descriptor_becomes_non_blocking(bound: socket.socket, as_fd: bool) -> None:
    adopted = adopt_socket(bound.fileno() if as_fd else bound, -1)
    assert not os.get_blocking(bound.fileno())
    assert is_listening(bound)
    adopted.give_back()
    assert os.get_blocking(bound.fileno())


@pytest.mark.parametrize("timeout", [None, 0.0, 5.0])
def test_what_is_given_back_has_its_timeout(bound: socket.socket, timeout: float | None) -> None:
    bound.settimeout(timeout)
    adopt_socket(bound, 0).give_back()
    assert bound.gettimeout() == timeout
    bound.fileno()


@pytest.mark.parametrize("as_fd", [False, True])
@pytest.mark.parametrize("is_inheritable", [False, True])
def test_inheritance_is_left_as_it_is(bound: socket.socket, as_fd: bool, is_inheritable: bool) -> None:
    bound.set_inheritable(is_inheritable)
    adopted = adopt_socket(bound.fileno() if as_fd else bound, -1)
    assert bound.get_inheritable() is is_inheritable
    adopted.give_back()


@pytest.mark.parametrize("backlog", [-1, 0, 5])
def test_what_is_no_socket_fails_and_stays_open(tmp_path: Path, backlog: int) -> None:
    fd = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    try:
        with pytest.raises(OSError) as caught:
            adopt_socket(fd, backlog)
        assert caught.value.errno == errno.ENOTSOCK
        os.fstat(fd)
    finally:
        os.close(fd)


@pytest.mark.parametrize("backlog", [-1, 0, 5])
@pytest.mark.parametrize("as_fd", [False, True])
def test_a_datagram_socket_fails_and_stays_open_and_blocking(as_fd: bool, backlog: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        with pytest.raises(OSError, match="sock_or_fd") as caught:
            adopt_socket(raw.fileno() if as_fd else raw, backlog)
        assert caught.value.errno == errno.EOPNOTSUPP
        assert os.get_blocking(raw.fileno())


@pytest.mark.parametrize("as_fd", [False, True])
def test_a_listen_that_fails_leaves_it_open_and_blocking(as_fd: bool) -> None:
    with socket.create_server(LOCAL) as server, socket.create_connection(server.getsockname()) as connected:
        connected.settimeout(None)
        with pytest.raises(OSError) as caught:
            adopt_socket(connected.fileno() if as_fd else connected, -1)
        assert caught.value.errno == errno.EINVAL
        assert os.get_blocking(connected.fileno())


def test_a_number_that_is_not_open() -> None:
    fd = os.open(os.devnull, os.O_RDONLY)
    os.close(fd)
    with pytest.raises(OSError) as caught:
        adopt_socket(fd, -1)
    assert caught.value.errno == errno.EBADF


def test_a_closed_socket() -> None:
    raw = socket.socket()
    raw.close()
    with pytest.raises(OSError, match="sock_or_fd: the socket is closed") as caught:
        adopt_socket(raw, 0)
    assert caught.value.errno == errno.EBADF


@pytest.mark.parametrize(
    "wrong", [-1, None, "3", 3.0, True, object()], ids=lambda value: type(value).__name__
)
def test_what_cannot_be_one(wrong: Any) -> None:
    with pytest.raises(ValueError, match="sock_or_fd"):
        adopt_socket(wrong, -1)


def test_a_backlog_that_cannot_be_one(bound: socket.socket) -> None:
    with pytest.raises(ValueError, match="backlog"):
        adopt_socket(bound, "5")  # type: ignore[arg-type]
    assert os.get_blocking(bound.fileno())


def test_sequential_packets_can_be_accepted(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as raw:
        raw.bind(str(tmp_path / "s"))
        assert adopt_socket(raw, -1).sock is raw


@pytest.mark.parametrize("owns", [False, True])
def test_the_object_around_a_number_closes_it_only_if_it_owns_it(bound: socket.socket, owns: bool) -> None:
    fd = bound.detach() if owns else bound.fileno()
    adopted = adopt_socket(fd, -1, owns=owns)
    if owns:
        with pytest.warns(ResourceWarning):
            del adopted
        with pytest.raises(OSError):
            os.fstat(fd)
    else:
        del adopted
        os.fstat(fd)


def test_a_socket_by_shape() -> None:
    class Simulated:
        log: list[Any] = []

        def fileno(self) -> int:
            return 5000

        def listen(self, backlog: int) -> None:
            self.log.append(("listen", backlog))

        def setblocking(self, flag: bool) -> None:
            self.log.append(("setblocking", flag))

        def accept(self) -> Any: ...
        def getsockname(self) -> Any: ...
        def close(self) -> None: ...
        def detach(self) -> int:
            return 5000

    simulated = Simulated()
    adopted = adopt_socket(simulated, 3)  # type: ignore[arg-type]
    adopted.give_back()
    assert adopted.sock is simulated  # type: ignore[comparison-overlap]
    assert simulated.log == [("setblocking", False), ("listen", 3)]
