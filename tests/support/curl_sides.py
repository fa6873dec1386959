"""One host loop for `pycurl.CurlMulti` and `Multi`, a server on loopback it serves itself, and both engines as parameters.

Nothing here differs between the engines but `make`, what a transfer is, and the class of errors.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from evtorrent.protocols.engine import Multi
from evtorrent.protocols.errors import EngineError
from evtorrent.protocols.http.request import HttpRequest

try:
    import pycurl
except ImportError:  # no wheel for this interpreter, and no curl-config: the comparison cannot be made
    pycurl = None  # type: ignore[assignment]

GIVE_UP_AFTER = 10.0
"""Seconds after which a condition that never comes true fails its test instead of hanging it."""

POLL_REMOVE = 4  # pycurl has the numbers of POLL_ in its module only
WORDS = ("NONE", "IN", "OUT", "INOUT", "REMOVE")


class Ours:
    """`Multi`, and an HTTP request of ours as the transfer."""

    error = EngineError

    def make(self, **options: Any) -> Any:
        multi = Multi(**options)
        multi.on_error = lambda context, error: None
        return multi

    def transfer(self, url: str) -> Any:
        return HttpRequest(url)


class Curls:
    """`pycurl.CurlMulti`, and a curl handle as the transfer."""

    error = None if pycurl is None else pycurl.error

    def make(self, **options: Any) -> Any:
        return pycurl.CurlMulti(**options)

    def transfer(self, url: str) -> Any:
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.NOPROXY, "*")
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.TIMEOUT, 30)
        curl.setopt(pycurl.WRITEFUNCTION, len)
        return curl


SIDES = [
    pytest.param(Ours(), id="Multi"),
    pytest.param(
        Curls(), id="CurlMulti", marks=pytest.mark.skipif(pycurl is None, reason="pycurl is not installed")
    ),
]


class LoopbackServer:
    """HTTP on loopback without a thread: its host serves it between actions.  `/held…` is answered once released."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setblocking(False)
        self._connections: dict[socket.socket, bytes] = {}
        self.is_holding = True
        self.requests: list[str] = []
        """Paths asked for, in order."""

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}{path}"

    def descriptors(self) -> list[int]:
        return [self._listening.fileno(), *(sock.fileno() for sock in self._connections)]

    def serve(self) -> None:
        """Do everything that can be done now."""
        try:
            sock, _ = self._listening.accept()
            sock.setblocking(False)
            self._connections[sock] = b""
        except BlockingIOError:
            pass
        for sock in list(self._connections):
            self._serve(sock)

    def _serve(self, sock: socket.socket) -> None:
        try:
            data = sock.recv(65536)
        except BlockingIOError:
            data = None
        except ConnectionError:
            data = b""
        if data == b"":
            del self._connections[sock]
            sock.close()
            return
        head = self._connections[sock] + (data or b"")
        if b"\r\n\r\n" in head:
            path = head.split(b" ")[1].decode()
            if data:
                self.requests.append(path)
            if path.startswith("/held") and self.is_holding:
                self._connections[sock] = head
                return
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            head = b""
        self._connections[sock] = head

    def close(self) -> None:
        for sock in (self._listening, *self._connections):
            sock.close()


class HostLoop:
    """A host as one writes it for pycurl: a socket function, a timer function, a wait.

    `told` is what it was told since it was last read by `take`: ("IN", fd, data), …, ("timer", ms).
    """

    def __init__(self, side: Any, server: LoopbackServer, **options: Any) -> None:
        self.side = side
        self.server = server
        self.multi = side.make(**options)
        self.told: list[tuple[Any, ...]] = []
        self.wanted: dict[int, int] = {}
        self.is_tcp: dict[int, bool] = {}
        self.on_socket: Callable[[int, int, Any], object] = lambda what, fd, data: None
        self.on_timer: Callable[[int], object] = lambda ms: None
        self.running = 0
        self.succeeded: list[Any] = []
        self.failed: list[tuple[Any, int, str]] = []
        self._due: float | None = None

    def install(self) -> None:
        self.multi.setopt(self.multi.M_SOCKETFUNCTION, self._socket)
        self.multi.setopt(self.multi.M_TIMERFUNCTION, self._timer)

    def transfer(self, path: str = "/") -> Any:
        return self.side.transfer(self.server.url(path))

    def add(self, path: str = "/") -> Any:
        transfer = self.transfer(path)
        self.multi.add_handle(transfer)
        return transfer

    def take(self) -> list[tuple[Any, ...]]:
        """What was said of timers and of TCP sockets, in order; inner descriptors are left out."""
        told, self.told = self.told, []
        return [item for item in told if item[0] == "timer" or self.is_tcp[item[1]]]

    def take_sockets(self) -> list[tuple[Any, ...]]:
        return [item for item in self.take() if item[0] != "timer"]

    def act(self, fd: int, events: int) -> tuple[int, int]:
        """One action, and its messages."""
        answer = self.multi.socket_action(fd, events)
        self.running = answer[1]
        self.drain()
        return answer

    def timeout(self) -> tuple[int, int]:
        self._due = None
        return self.act(-1, 0)

    def drain(self) -> None:
        _, succeeded, failed = self.multi.info_read()
        self.succeeded += succeeded
        self.failed += failed

    def step(self, limit: float = 0.05) -> None:
        """One turn: serve, wait no longer than `limit`, act."""
        self.server.serve()
        poller = select.poll()
        for fd in self.server.descriptors():
            poller.register(fd, select.POLLIN)
        for fd, what in self.wanted.items():
            poller.register(fd, (select.POLLIN if what & 1 else 0) | (select.POLLOUT if what & 2 else 0))
        left = limit if self._due is None else min(limit, max(0.0, self._due - time.monotonic()))
        for fd, events in poller.poll(left * 1000):
            if fd in self.wanted:  # not told otherwise by an action of this very turn
                bits = (1 if events & select.POLLIN else 0) | (2 if events & select.POLLOUT else 0)
                self.act(fd, bits | (0 if bits else 4))
        if self._due is not None and self._due <= time.monotonic():
            self.timeout()

    def run_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + GIVE_UP_AFTER
        while not condition() and time.monotonic() < deadline:
            self.step()
        assert condition(), "it never came true"

    def run_to_held(self, path: str = "/held") -> Any:
        """A transfer whose request was sent and is not answered; everything said so far is forgotten."""
        before = len(self.server.requests)
        transfer = self.add(path)
        self.run_until(lambda: len(self.server.requests) > before)
        self.settle()
        self.take()
        return transfer

    def settle(self) -> None:
        """A few turns without waiting: what is due at once is done."""
        for _ in range(5):
            self.step(0.0)

    def tcp_fds(self) -> list[int]:
        """The TCP sockets it has to watch now."""
        return [fd for fd in self.wanted if self.is_tcp[fd]]

    def _socket(self, what: int, fd: int, multi: Any, data: Any) -> object:
        assert multi is self.multi
        self.told.append((WORDS[what], fd, data))
        if what == POLL_REMOVE:
            self.wanted.pop(fd, None)
        else:
            self.wanted[fd] = what
            self.is_tcp[fd] = _is_tcp(fd)
        return self.on_socket(what, fd, data)

    def _timer(self, ms: int) -> object:
        self.told.append(("timer", ms))
        self._due = None if ms < 0 else time.monotonic() + ms / 1000
        return self.on_timer(ms)


def _is_tcp(fd: int) -> bool:
    try:
        with socket.socket(fileno=fd) as sock:
            kind = (sock.family, sock.type)
            sock.detach()
    except OSError:
        return False
    return kind == (socket.AF_INET, socket.SOCK_STREAM)
