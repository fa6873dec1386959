"""The same echo server on every loop that is compared: the contenders of `echo` and `idle`.

Each is written as its users write it: a callback for a watch, a protocol for asyncio, a function that blocks for gevent.
`bare` is epoll and the system calls, with nothing around them: no Python loop can do with less.
"""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections.abc import Callable
from typing import Any, Final, cast

from .roles import Order, Parent, Role
from .usage import cpu_seconds, resident_memory

READ_SIZE: Final = 16384


def echo_server(order: Order, parent: Parent) -> None:
    """Role `echo_server`: echo until the parent is gone; at each gate say what was used so far."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listening.setblocking(False)

    def report() -> None:
        while True:
            parent.wait()
            parent.say(cpu=cpu_seconds(), memory=resident_memory())

    threading.Thread(target=report, daemon=True).start()
    parent.say(port=listening.getsockname()[1])
    SERVERS[order["kind"]](listening)


def serve_watch(listening: socket.socket) -> None:
    """A `Reactor` and one watch for each connection."""
    from evtorrent.reactor import READ, Reactor

    reactor = Reactor()

    def start(sock: socket.socket) -> None:
        recv, send = sock.recv, sock.send

        def on_ready(_events: int) -> None:
            if data := recv(READ_SIZE):
                send(data)
            else:
                watch.close()
                sock.close()

        watch = reactor.watch(sock.fileno(), READ, on_ready)

    def accept(_events: int) -> None:
        sock, _ = listening.accept()
        sock.setblocking(False)
        start(sock)

    reactor.watch(listening.fileno(), READ, accept)
    reactor.run()


def serve_transport(listening: socket.socket) -> None:
    """A `Reactor` and a `StreamTransport` for each connection."""
    from evtorrent.protocols.transport.base import Transport
    from evtorrent.protocols.transport.stream import wrap_accepted
    from evtorrent.reactor import READ, Reactor

    reactor = Reactor()
    buffer = bytearray(READ_SIZE)
    view = memoryview(buffer)

    class Echo:
        def __init__(self, transport: Transport) -> None:
            self._recv_into = transport.recv_into
            self._send = transport.send
            transport.set_user(self)

        def on_connected(self, now: float) -> None: ...
        def on_writable(self, now: float) -> None: ...
        def on_closed(self, error: Exception, now: float) -> None: ...

        def on_readable(self, now: float) -> None:
            count = self._recv_into(buffer)
            if count > 0:
                self._send(view[:count])

    def accept(_events: int) -> None:
        sock, _ = listening.accept()
        sock.setblocking(False)
        Echo(wrap_accepted(reactor, sock))

    reactor.watch(listening.fileno(), READ, accept)
    reactor.run()


class EchoProtocol(asyncio.Protocol):
    """asyncio's way."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast(asyncio.WriteTransport, transport).write  # uvloop's says so by shape only

    def data_received(self, data: bytes) -> None:
        self._write(data)


def serve_asyncio(listening: socket.socket) -> None:
    """Protocols on the stock loop."""
    _serve_protocols(asyncio.SelectorEventLoop(), listening)


def serve_uvloop(listening: socket.socket) -> None:
    """Protocols on uvloop."""
    import uvloop

    _serve_protocols(uvloop.new_event_loop(), listening)


def _serve_protocols(loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
    loop.run_until_complete(loop.create_server(EchoProtocol, sock=listening))
    loop.run_forever()


def serve_gevent(listening: socket.socket) -> None:
    """A greenlet for each connection."""
    from gevent import socket as green
    from gevent.server import StreamServer

    def echo(sock: Any, _address: object) -> None:
        while data := sock.recv(READ_SIZE):
            sock.sendall(data)

    StreamServer(green.socket(fileno=listening.detach()), echo).serve_forever()


def serve_bare(listening: socket.socket) -> None:
    """epoll, recv and send."""
    poller = select.epoll()
    poller.register(listening, select.EPOLLIN)
    number = listening.fileno()
    connections: dict[int, socket.socket] = {}
    while True:
        for fd, _ in poller.poll():
            if fd == number:
                sock, _ = listening.accept()
                sock.setblocking(False)
                connections[sock.fileno()] = sock
                poller.register(sock, select.EPOLLIN)
            elif data := connections[fd].recv(READ_SIZE):
                connections[fd].send(data)
            else:
                connections.pop(fd).close()


SERVERS: Final[dict[str, Callable[[socket.socket], None]]] = {
    "ours": serve_watch,
    "ours, transport": serve_transport,
    "asyncio": serve_asyncio,
    "gevent": serve_gevent,
    "bare": serve_bare,
    "uvloop": serve_uvloop,
}
"""Contender → its server."""

ROLES: Final[dict[str, Role]] = {"echo_server": echo_server}
