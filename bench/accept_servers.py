"""A measured server: `python -m bench.accept_servers CONTENDER DESCRIPTOR COUNT HANDLING`.

It listens on the socket it was given, and works in batches: a line on its input starts one, COUNT connections later it answers with a
line of JSON, `{"seconds": …, "cpu": …}`.  Between batches its loop stands still inside a callback, so that the parent can fill the
kernel's queue, or let clients run up, without the server taking part.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

READ: Final = 2
SETTLE: Final = 0.02
"""Seconds of loop after a batch, in which what it left behind is done."""


class Batches:
    """Counts connections and keeps the time of each batch."""

    def __init__(self, count: int, call_later: Callable[[float, Callable[[], object]], object]) -> None:
        self._count = count
        self._call_later = call_later
        self._left = 0
        self._start = self._cpu = 0.0
        self._held: list[Any] = []
        self._report = b""
        self.release: Callable[[Any], object] = lambda connection: connection.close()

    def hold(self, connection: Any) -> None:
        """One more connection, kept open until the batch is over (Any: a socket or a transport)."""
        self._held.append(connection)
        self._count_one()

    watch = hold
    """The same for servers that watch by themselves."""

    def close(self, connection: Any) -> None:
        """One more connection, ended at once."""
        self.release(connection)
        self._count_one()

    def next(self) -> None:
        """Stand still until the parent wants a batch; its end ends this process."""
        os.write(1, self._report or b"{}\n")
        if not os.read(0, 1):
            os._exit(0)
        self._left = self._count
        self._start, self._cpu = time.perf_counter(), time.process_time()

    def _count_one(self) -> None:
        self._left -= 1
        if not self._left:
            # Two passes on: what a loop puts off until it polls again (the kernel's part of a watch) belongs to the batch.
            self._call_later(0, partial(self._call_later, 0, self._finish))

    def _finish(self) -> None:
        seconds, cpu = time.perf_counter() - self._start, time.process_time() - self._cpu
        self._report = json.dumps({"seconds": seconds, "cpu": cpu}).encode() + b"\n"
        held, self._held = self._held, []
        for connection in held:
            self.release(connection)
        self._call_later(SETTLE, self.next)


def serve_ours(sock: socket.socket, count: int, handling: str) -> None:
    """`Listener` on `Reactor`; a connection is the socket the callback gets."""
    from evtorrent.listener import Listener
    from evtorrent.reactor import Reactor

    reactor = Reactor()
    batches = Batches(count, reactor.call_later)
    if handling == "watch":
        handle = _watching(reactor, batches)
    else:
        handle = getattr(batches, handling)
    listener = Listener.adopt(reactor, sock, lambda _, accepted, address: handle(accepted), backlog=0)
    reactor.call_soon(batches.next)
    reactor.run()
    listener.close()


def _watching(reactor: Any, batches: Batches) -> Callable[[socket.socket], object]:
    """Each connection is watched for reading, as a transport does from the start."""
    watches: dict[int, Any] = {}

    def on_readable(_events: int) -> None:
        raise AssertionError("clients of this case are silent")

    def release(sock: socket.socket) -> None:
        watches.pop(sock.fileno()).close()
        sock.close()

    def handle(sock: socket.socket) -> None:
        watches[sock.fileno()] = reactor.watch(sock.fileno(), READ, on_readable)
        batches.hold(sock)

    batches.release = release
    return handle


def serve_asyncio(sock: socket.socket, count: int, handling: str) -> None:
    """`create_server` of the stock loop; a connection is the transport the protocol gets."""
    _serve_protocols(asyncio.SelectorEventLoop(), sock, count, handling)


def serve_uvloop(sock: socket.socket, count: int, handling: str) -> None:
    """`create_server` of uvloop."""
    import uvloop

    _serve_protocols(uvloop.new_event_loop(), sock, count, handling)


def serve_gevent(sock: socket.socket, count: int, handling: str) -> None:
    """gevent's StreamServer, a greenlet each; a connection is gevent's socket."""
    import gevent
    from gevent.server import StreamServer

    batches = Batches(count, gevent.spawn_later)
    handle = getattr(batches, handling)

    def serve(accepted: Any, address: Any) -> None:
        handle(accepted)

    def forget(*_args: object) -> None:
        """In place of the close that follows a handler: held sockets stay open."""

    sock.setblocking(False)
    server = StreamServer(sock, serve)
    server.do_close = forget
    gevent.spawn(batches.next)
    server.serve_forever()


def _serve_protocols(loop: asyncio.AbstractEventLoop, sock: socket.socket, count: int, handling: str) -> None:
    batches = Batches(count, loop.call_later)
    batches.release = lambda transport: transport.abort()
    handle = getattr(batches, handling)

    class Accepted(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            handle(transport)

    # The same limit as ours: asyncio takes as many in one event as its backlog says.
    loop.run_until_complete(loop.create_server(Accepted, sock=sock, backlog=256))
    sock.listen(socket.SOMAXCONN)
    loop.call_soon(batches.next)
    loop.run_forever()


SERVERS: Final = {
    "ours": serve_ours,
    "uvloop": serve_uvloop,
    "asyncio": serve_asyncio,
    "gevent": serve_gevent,
}
"""Contenders, by name."""


def main() -> None:
    """Serve until the parent goes."""
    contender, descriptor, count, handling = sys.argv[1:]
    SERVERS[contender](socket.socket(fileno=int(descriptor)), int(count), handling)


if __name__ == "__main__":
    main()
