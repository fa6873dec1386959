"""Socket activation: what a service manager left for this process."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evtorrent.listener import Listener, ListenerFlag, inherited, inherited_sockets

LOCAL = ("127.0.0.1", 0)


@pytest.fixture(autouse=True)
def nothing_left(no_fd_survives: None) -> None:
    """Looking closes nothing and opens nothing."""


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """Three sockets with numbers in a row, which stand for 3, 4 and 5."""
    kinds = [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_STREAM]
    made = [socket.socket(socket.AF_INET, kind) for kind in kinds]
    first = 3 + max(sock.fileno() for sock in made)
    rows = []
    for number, sock in enumerate(made, start=first):
        sock.bind(LOCAL)
        os.dup2(sock.fileno(), number, inheritable=True)
        rows.append(socket.socket(fileno=number))
        sock.close()
    rows[0].listen()
    monkeypatch.setattr(inherited, "FIRST_FD", first)
    yield rows
    for sock in rows:
        sock.close()


def variables(count: int, names: str | None = None, pid: int | None = None) -> dict[str, str]:
    made = {"LISTEN_PID": str(os.getpid() if pid is None else pid), "LISTEN_FDS": str(count), "HOME": "/"}
    if names is not None:
        made["LISTEN_FDNAMES"] = names
    return made


def test_every_socket_with_its_name(given: list[socket.socket]) -> None:
    environ = variables(3, "web:dns:bound")
    found = inherited_sockets(environ)
    assert [one.name for one in found] == ["web", "dns", "bound"]
    assert [one.fd for one in found] == [sock.fileno() for sock in given]
    assert [one.kind for one in found] == [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_STREAM]
    assert {one.family for one in found} == {socket.AF_INET}
    assert [one.is_listening for one in found] == [True, False, False]
    assert [one.address for one in found] == [sock.getsockname() for sock in given]
    assert not any(sock.get_inheritable() for sock in given)
    assert environ == {"HOME": "/"}
    assert inherited_sockets(environ) == []


def test_kept_variables_find_them_again(given: list[socket.socket]) -> None:
    environ = variables(2)
    first = inherited_sockets(environ, keep_variables=True)
    assert [one.name for one in first] == ["unknown", "unknown"]
    assert inherited_sockets(environ) == first


def test_names_may_be_empty(given: list[socket.socket]) -> None:
    assert [one.name for one in inherited_sockets(variables(3, "::x"))] == ["", "", "x"]


def test_no_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    assert inherited_sockets({}) == []
    assert inherited_sockets({"LISTEN_FDS": "1"}) == []
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        monkeypatch.delenv(name, raising=False)
    assert inherited_sockets() == []


def test_the_processes_own_variables_are_looked_at(
    given: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables(1, "web").items():
        monkeypatch.setenv(name, value)
    assert [one.name for one in inherited_sockets()] == ["web"]
    assert "LISTEN_FDS" not in os.environ


def test_meant_for_another_process(given: list[socket.socket]) -> None:
    environ = variables(3, pid=os.getppid())
    before = dict(environ)
    assert inherited_sockets(environ) == []
    assert environ == before
    assert all(sock.get_inheritable() for sock in given)


def test_what_is_no_socket_is_passed_over(given: list[socket.socket]) -> None:
    reader, writer = os.pipe()
    number = given[1].fileno()
    given[1].close()
    os.dup2(reader, number)
    os.close(reader)
    os.close(writer)
    try:
        assert [one.name for one in inherited_sockets(variables(3, "a:b:c"))] == ["a", "c"]
        os.fstat(number)
    finally:
        os.close(number)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"LISTEN_PID": "me"}, "LISTEN_PID='me' is not a number"),
        ({"LISTEN_PID": ""}, "LISTEN_PID='' is not"),
        ({"LISTEN_FDS": "-1"}, "LISTEN_FDS='-1' is not"),
        ({"LISTEN_FDS": "two"}, "LISTEN_FDS='two' is not"),
        ({"LISTEN_FDS": "99999999"}, "LISTEN_FDS=99999999 is more"),
        ({"LISTEN_FDNAMES": "a"}, "LISTEN_FDNAMES='a' does not name 3"),
        ({"LISTEN_FDNAMES": "a:b:c:d"}, "LISTEN_FDNAMES='a:b:c:d' does not name 3"),
    ],
)
def test_variables_that_make_no_sense(given: list[socket.socket], changes: dict[str, str], rule: str) -> None:
    environ = variables(3) | changes
    before = dict(environ)
    with pytest.raises(ValueError, match=rule):
        inherited_sockets(environ)
    assert environ == before
    assert all(sock.get_inheritable() for sock in given)


def test_a_number_that_is_not_open(given: list[socket.socket]) -> None:
    given[2].close()
    with pytest.raises(OSError, match="LISTEN_FDS: descriptor") as caught:
        inherited_sockets(variables(3))
    assert caught.value.errno == errno.EBADF
    assert given[0].get_inheritable()


def test_none_at_all() -> None:
    assert inherited_sockets(variables(0)) == []
    assert inherited_sockets(variables(0, "")) == []


SERVICE = """
import json, os, socket, sys
from evtorrent import Reactor
from evtorrent.listener import Listener, ListenerFlag, inherited_sockets

reactor = Reactor()
found = inherited_sockets()

def greet(listener, sock, address):
    sock.sendall(json.dumps([os.getpid(), [one.name for one in found]]).encode())
    sock.close()
    listener.close()

(web,) = [one for one in found if one.is_listening]
Listener.adopt(reactor, web.fd, greet, backlog=0, flags=ListenerFlag.CLOSE_ON_FREE)
reactor.run()
reactor.close()
"""

LAUNCHER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"}
os.execv(sys.executable, [sys.executable, "-c", sys.argv[2]])
"""


@pytest.mark.slow
def test_a_service_started_by_a_manager(tmp_path: Path) -> None:
    # The client comes before the service: its connection waits in the socket the manager opened.
    with socket.create_server(LOCAL) as server, socket.create_connection(server.getsockname()) as client:
        command = [sys.executable, "-c", LAUNCHER, str(server.fileno()), SERVICE]
        service = subprocess.Popen(command, pass_fds=[server.fileno()], cwd=tmp_path)
        client.settimeout(60)
        pid, names = json.loads(client.recv(1000))
        assert service.wait(60) == 0
    assert pid == service.pid
    assert names == ["web"]


def test_a_socket_received_from_another_process(host: Any, clients: Any, accepted: Any) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.create_server(LOCAL) as server:
        clients.connect(server.getsockname())
        socket.send_fds(theirs, [b"x"], [server.fileno()])
        _, (fd,), _, _ = socket.recv_fds(ours, 1, 1)
        listener = Listener.adopt(host.base, fd, accepted, backlog=0, flags=ListenerFlag.CLOSE_ON_FREE)
        assert listener.address == server.getsockname()
        host.turn()
        assert len(accepted) == 1
        listener.close()
        with pytest.raises(OSError):
            os.fstat(fd)
