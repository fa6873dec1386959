"""What an event costs on its way through the engine, ours and curl's, under one host loop: the case `multi`.

The host is a dozen lines around epoll and drives both with the same calls.  Sixty-four bytes arrive, the host is woken, calls
`socket_action`, the engine reads and hands them to a Python function.  The sender is in the same process, so nothing waits.
`bare` is the host with a function in place of an engine; what is above it is the engine.
"""

from __future__ import annotations

import math
import select
import socket
import time
from collections.abc import Callable
from typing import Any, Final

from .children import Children
from .figures import Figures
from .options import Options
from .roles import Order, Parent, Role

CHUNK: Final = bytes(64)
READ_SIZE: Final = 16384
EVENTS: Final = 500
SLICES: Final = 60
"""Of so many events each; the least disturbed counts."""
ENDLESS: Final = 1 << 40
CONTENDERS: Final = ("ours", "ours, HTTP", "bare", "pycurl")


def prepare_multi(options: Options) -> Callable[[str], Figures]:
    """The result measures one round of a contender."""

    def measure(contender: str) -> Figures:
        with Children(options.timeout) as children:
            table = children.start("multi_events", kind=contender).read()
        return {
            "µs an event": table["event"] * 1e6,
            "engine's µs": (table["event"] - table["bare"]) * 1e6,
            "µs a stray event": table["stray"] * 1e6,
        }

    return measure


class Host:
    """A host loop, the same for every engine (Any: it fits by shape)."""

    def __init__(self, multi: Any) -> None:
        self.socket_action = multi.socket_action
        self.watched: dict[int, int] = {}
        self._poller = select.epoll()
        self._is_due = False
        multi.setopt(multi.M_SOCKETFUNCTION, self._on_socket)
        multi.setopt(multi.M_TIMERFUNCTION, self._on_timer)

    def turn(self) -> None:
        """What is ready now, and the timer if it is due at once."""
        for fd, events in self._poller.poll(0):
            self.socket_action(
                fd, events & 1 | (events & 4) >> 1
            )  # EPOLLIN, OUT = 1, 4 and CSELECT_IN, OUT = 1, 2
        if self._is_due:
            self._is_due = False
            self.socket_action(-1, 0)

    def _on_socket(self, what: int, fd: int, _multi: Any, _data: Any) -> None:
        if what == 4:  # POLL_REMOVE
            del self.watched[fd]
            self._poller.unregister(fd)
            return
        events = what & 1 | (what & 2) << 1
        if fd in self.watched:
            self._poller.modify(fd, events)
        else:
            self._poller.register(fd, events)
        self.watched[fd] = what

    def _on_timer(self, timeout_ms: int) -> None:
        self._is_due = timeout_ms == 0


class BareEngine:
    """One descriptor and a function: what `socket_action` would cost if it did nothing else."""

    M_SOCKETFUNCTION, M_TIMERFUNCTION = 20001, 20004

    def __init__(self, sock: socket.socket, on_data: Callable[[bytes], object]) -> None:
        self._sock = sock
        self._recv = sock.recv
        self._on_data = on_data

    def setopt(self, option: int, value: Any) -> None:
        if option == self.M_SOCKETFUNCTION:
            value(1, self._sock.fileno(), self, None)

    def socket_action(self, _fd: int, _events: int) -> tuple[int, int]:
        try:
            self._on_data(self._recv(READ_SIZE))
        except BlockingIOError:
            pass
        return 0, 1


def multi_events(order: Order, parent: Parent) -> None:
    """Role `multi_events`: say the seconds of an event, of one that finds nothing, and of one without an engine."""
    received = 0

    def on_data(data: bytes) -> None:
        nonlocal received
        received += len(data)

    with socket.create_server(("127.0.0.1", 0)) as server:
        host, peer, keep = ENGINES[order["kind"]](server, on_data)
        bare_host, bare_peer, _ = start_bare(server, on_data)
        event = stray = bare = math.inf
        # In turns, so that a slow moment of the machine falls on all of them.
        for _ in range(SLICES):
            event = min(event, _time_events(host, peer))
            bare = min(bare, _time_events(bare_host, bare_peer))
            stray = min(stray, _time_strays(host))
        if received != 2 * EVENTS * SLICES * len(CHUNK):
            raise RuntimeError(f"{received} bytes came through")
        del keep
    parent.say(event=event, stray=stray, bare=bare)


def _time_events(host: Host, peer: socket.socket) -> float:
    send, turn = peer.send, host.turn
    start = time.perf_counter()
    for _ in range(EVENTS):
        send(CHUNK)
        turn()
    return (time.perf_counter() - start) / EVENTS


def _time_strays(host: Host) -> float:
    """Ready, says the host of the newest descriptor, and it is not."""
    fd, act = next(reversed(host.watched)), host.socket_action
    start = time.perf_counter()
    for _ in range(EVENTS):
        act(fd, 1)
    return (time.perf_counter() - start) / EVENTS


Started = tuple[Host, socket.socket, Any]
"""The host, the sender's socket, and what must live on (Any: a handle of either engine)."""


def start_bare(server: socket.socket, on_data: Callable[[bytes], object]) -> Started:
    """No engine."""
    sock = socket.create_connection(server.getsockname())
    sock.setblocking(False)
    peer, _ = server.accept()
    return Host(BareEngine(sock, on_data)), peer, None


def start_ours(server: socket.socket, on_data: Callable[[bytes], object]) -> Started:
    """A `Handle` that reads what comes."""
    from evtorrent.protocols.engine import READ, Handle, Multi

    class Reader(Handle):
        def start(self, engine: Multi) -> None:
            sock = self.sock = socket.create_connection(server.getsockname())
            sock.setblocking(False)
            self.recv = sock.recv
            self.watch(sock.fileno(), READ, self.on_ready)

        def on_ready(self, _events: int) -> None:
            try:
                data = self.recv(READ_SIZE)
            except BlockingIOError:
                return
            on_data(data)

    multi, reader = Multi(), Reader()
    host = Host(multi)
    multi.add_handle(reader)
    host.turn()
    host.turn()
    peer, _ = server.accept()
    return host, peer, reader


def start_ours_http(server: socket.socket, on_data: Callable[[bytes], object]) -> Started:
    """An `HttpRequest` on a `Multi`: the whole of our HTTP, as curl has the whole of its own."""
    from evtorrent.protocols.engine import Multi
    from evtorrent.protocols.http.fetch import FetchOptions
    from evtorrent.protocols.http.request import HttpRequest

    multi = Multi()
    request = HttpRequest(_url(server), options=FetchOptions(max_body=None), on_body=on_data)
    return _start_http(server, multi, request)


def start_pycurl(server: socket.socket, on_data: Callable[[bytes], object]) -> Started:
    """A curl handle on a `CurlMulti`."""
    import pycurl

    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, _url(server))
    curl.setopt(pycurl.NOPROXY, "*")
    curl.setopt(pycurl.WRITEFUNCTION, on_data)
    return _start_http(server, pycurl.CurlMulti(), curl)


def _start_http(server: socket.socket, multi: Any, transfer: Any) -> Started:
    host = Host(multi)
    multi.add_handle(transfer)
    server.setblocking(False)
    peer, head = None, b""
    while b"\r\n\r\n" not in head:
        host.turn()
        try:
            if peer is None:
                peer, _ = server.accept()
                peer.setblocking(False)
            head += peer.recv(READ_SIZE)
        except BlockingIOError:
            pass
    assert peer is not None
    server.setblocking(True)
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % ENDLESS)
    host.turn()
    return host, peer, (multi, transfer)


def _url(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}/"


ENGINES: Final[dict[str, Callable[[socket.socket, Callable[[bytes], object]], Started]]] = {
    "ours": start_ours,
    "ours, HTTP": start_ours_http,
    "bare": start_bare,
    "pycurl": start_pycurl,
}

ROLES: Final[dict[str, Role]] = {"multi_events": multi_events}
