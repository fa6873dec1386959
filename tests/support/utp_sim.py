"""uTP and TCP flows through one narrow line of the simulator."""

from __future__ import annotations

import socket
from collections.abc import Callable
from random import Random
from typing import Any

from evtorrent.protocols.transport.utp import UtpTransport
from evtorrent.protocols.transport.utp_port import UtpPort
from evtorrent.protocols.utp import ControllerFactory, Ledbat, UtpSettings
from evtorrent.reactor import READ, WRITE
from evtorrent.reactor.sim import Link, SimHost, SimWorld

BANDWIDTH = 2_500_000.0
"""Bytes per second of the narrow line: 20 Mbit/s."""
DELAY = 0.025
"""Seconds each way: 50 ms for the round trip."""
TCP_BUFFER = 1_000_000
_CHUNK = bytes(65_536)


class Flow:
    """Bytes that arrived over one connection, and when it is to be looked at."""

    def __init__(self) -> None:
        self.received = 0
        self._mark = 0

    def mark(self) -> None:
        """Count from here."""
        self._mark = self.received

    @property
    def since(self) -> int:
        """Bytes since the mark."""
        return self.received - self._mark


class UtpFlow(Flow):
    """Sends for ever, and reads what comes."""

    def __init__(
        self,
        sender: SimHost,
        receiver: SimHost,
        *,
        seed: int = 1,
        settings: UtpSettings | None = None,
        controller: ControllerFactory = Ledbat,
    ) -> None:
        super().__init__()
        self._buffer = bytearray(1 << 20)
        self.far = UtpPort.open(
            receiver.loop,
            receiver.platform,
            rng=Random(seed),
            bind=(receiver.addresses[0], 0),
            settings=settings,
            on_accept=self._accepted,
        )
        self.near = UtpPort.open(
            sender.loop,
            sender.platform,
            rng=Random(seed + 1000),
            bind=(sender.addresses[0], 0),
            settings=settings,
            controller=controller,
        )
        self.sending = self.near.connect(self.far.address)
        self.sending.set_user(self)
        self._reading: UtpTransport | None = None

    @property
    def connection(self) -> Any:
        """The sender's."""
        return self.sending.connection

    def close(self) -> None:
        self.near.close()
        self.far.close()

    def _accepted(self, transport: UtpTransport) -> None:
        self._reading = transport
        transport.set_user(self)

    def on_connected(self, now: float) -> None:
        if self._reading is None or self.sending.is_connected:
            self.sending.want_write(True)

    def on_writable(self, now: float) -> None:
        while self.sending.send(_CHUNK) == len(_CHUNK):
            pass

    def on_readable(self, now: float) -> None:
        assert self._reading is not None
        while (count := self._reading.recv_into(self._buffer)) > 0:
            self.received += count

    def on_closed(self, error: Exception, now: float) -> None:
        """The ports were closed."""


class TcpFlow(Flow):
    """As a download over TCP would."""

    def __init__(self, sender: SimHost, receiver: SimHost) -> None:
        super().__init__()
        self._buffer = bytearray(1 << 20)
        self._listener, self._sock = receiver.socket(), sender.socket()
        for sock in (self._listener, self._sock):  # So that the line is the limit.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, TCP_BUFFER)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, TCP_BUFFER)
        self._listener.bind((receiver.addresses[0], 0))
        self._listener.listen(1)
        self._sock.connect_ex(self._listener.getsockname())
        sender.loop.watch(self._sock.fileno(), WRITE, self._write)
        self._receiver = receiver
        receiver.loop.watch(self._listener.fileno(), READ, self._accept)

    def _accept(self, _events: int) -> None:
        sock, _ = self._listener.accept()
        self._receiver.loop.watch(sock.fileno(), READ, lambda _events: self._read(sock))

    def _write(self, _events: int) -> None:
        try:
            while self._sock.send(_CHUNK) == len(_CHUNK):
                pass
        except BlockingIOError:
            pass

    def _read(self, sock: Any) -> None:
        self.received += sock.recv_into(self._buffer)


def narrow(world: SimWorld, **line: Any) -> SimHost:
    """A host whose downlink is the narrow line."""
    down = Link(bandwidth=line.pop("bandwidth", BANDWIDTH), delay=line.pop("delay", DELAY), **line)
    host = world.host("narrow")
    host.set_link(down=down, up=Link(delay=down.delay))
    return host


def sample(world: SimWorld, seconds: float, look: Callable[[], float], every: float = 0.05) -> list[float]:
    """What `look` says, again and again."""
    values = []
    for _ in range(int(seconds / every)):
        world.run_for(every)
        values.append(look())
    return values
