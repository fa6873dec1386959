"""Short ways to do things in a simulated world: connect, send a stream, receive what comes."""

from __future__ import annotations

import errno
import socket
from typing import Any

from evtorrent.reactor import READ, WRITE
from evtorrent.reactor.sim import SimHost, SimWorld

PORT = 80


def listen(host: SimHost, port: int = PORT, *, family: int = socket.AF_INET, backlog: int = 16) -> Any:
    """A listening socket at every address of the host."""
    sock = host.socket(family)
    sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    sock.listen(backlog)
    return sock


def begin_to_connect(client: SimHost, server: SimHost | str, port: int = PORT) -> Any:
    """A socket on its way to an address, or to the first one of a host."""
    target = server if isinstance(server, str) else server.addresses[0]
    sock = client.socket(socket.AF_INET6 if ":" in target else socket.AF_INET)
    assert sock.connect_ex((target, port)) == errno.EINPROGRESS
    return sock


def connect(client: SimHost, server: SimHost, port: int = PORT) -> tuple[Any, Any]:
    """Two ends of a new connection."""
    with listen(server, port) as listener:
        one = begin_to_connect(client, server, port)
        assert client.world.run_until(lambda: listener.ready, timeout=300)
        other, _ = listener.accept()
    assert client.world.run_until(lambda: one.ready & WRITE, timeout=300)
    return one, other


def datagram_socket(host: SimHost, port: int = 0, *, family: int = socket.AF_INET) -> Any:
    """A bound UDP socket."""
    sock = host.socket(family, socket.SOCK_DGRAM)
    sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    return sock


def receive_all(sock: Any) -> list[tuple[bytes, Any]]:
    """The datagrams that are there."""
    found = []
    while sock.ready & READ:
        found.append(sock.recvfrom(65_536))
    return found


class Stream:
    """One direction of a connection: writes `data` as it can and reads what comes, until the end."""

    def __init__(self, sender: SimHost, out: Any, receiver: SimHost, into: Any, data: bytes) -> None:
        self._out, self._into = out, into
        self._left = memoryview(data)
        self.received = bytearray()
        self.ended_at: float | None = None
        self.error: OSError | None = None
        self._loop = receiver.loop
        self._writing = sender.loop.watch(out.fileno(), WRITE, self._write)
        self._reading = receiver.loop.watch(into.fileno(), READ, self._read)

    def _write(self, _ready: int) -> None:
        try:
            while self._left:
                self._left = self._left[self._out.send(self._left[:50_000]) :]
        except BlockingIOError:
            return
        except OSError as error:
            self.error = error
        self._writing.close()
        if self.error is None:
            self._out.shutdown(socket.SHUT_WR)

    def _read(self, _ready: int) -> None:
        buffer = bytearray(100_000)
        try:
            count = self._into.recv_into(buffer)
        except OSError as error:
            self.error = error
            count = 0
        self.received += buffer[:count]
        if not count:
            self.ended_at = self._loop.time()
            self._reading.close()


def transfer(world: SimWorld, sender: SimHost, receiver: SimHost, data: bytes, *, port: int = PORT) -> Stream:
    """Connect and begin to send; run the world to see it arrive."""
    one, other = connect(sender, receiver, port)
    return Stream(sender, one, receiver, other, data)
