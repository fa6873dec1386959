"""A world for HTTP and tracker clients without sockets or clocks: a real `Multi`, scripted names, servers and datagrams."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from evtorrent.protocols.engine import Multi
from evtorrent.protocols.engine.ports import Base, Timer
from evtorrent.protocols.errors import TransportBroken, TransportError
from evtorrent.protocols.http.addresses import numeric_host
from evtorrent.protocols.http.url import Url
from evtorrent.protocols.transport.base import Transport
from evtorrent.protocols.transport.memory import MemoryTransport, memory_pair
from support.engine_kit import FakePlatform

AF_INET, AF_INET6 = 2, 10


class World(FakePlatform):
    """The platform of `multi`, and the `FetchPorts` of whatever fetches on it."""

    def __init__(self) -> None:
        super().__init__()
        self.multi = Multi(self)
        self.multi.on_error = self._on_error
        self.names: dict[str, list[str] | OSError | None] = {}
        """Name → numeric hosts, an error, or None for a lookup that never ends.  Numeric hosts name themselves."""
        self.servers: dict[str, Callable[[bytes], bytes | None]] = {}
        """Numeric host → what it answers to a request; None keeps silent.  Others refuse the connection."""
        self.dialled: list[tuple[str, list[str]]] = []
        """(chain, numeric hosts) of each connection attempt."""
        self.connections: list[Connection] = []
        self.datagrams: dict[int, Datagrams] = {}
        """UDP sockets by family."""
        self.refuses_datagram_sockets = False
        self.errors: list[BaseException] = []
        self.num_random = 0

    # Platform

    def random_bytes(self, count: int) -> bytes:
        self.num_random += 1
        return self.num_random.to_bytes(count, "big")

    def resolve(
        self, base: Base, host: str, port: int, callback: Callable[[Any], object], *, family: int = 0
    ) -> Timer:
        known = self.names.get(host, [host])
        if known is None:
            return base.call_later(1e9, callback, OSError("never"))
        if isinstance(known, list):
            answer: Any = [(AF_INET6, (h, port, 0, 0)) if ":" in h else (AF_INET, (h, port)) for h in known]
        else:
            answer = known
        return base.call_soon(callback, answer)

    def datagram_socket(self, family: int, *, bind: Any = None, group: Any = None) -> Datagrams:
        if self.refuses_datagram_sockets:
            raise OSError(97, "Address family not supported by protocol")
        self.datagrams[family] = Datagrams(500 + family)
        return self.datagrams[family]

    # FetchPorts

    def dial(self, base: Base, url: Url, addresses: Sequence[tuple[int, Any]], timeout: float) -> Transport:
        hosts = [numeric_host(address) for _, address in addresses]
        self.dialled.append(("tcp+tls" if url.is_secure else "tcp", hosts))
        ours, theirs = memory_pair(base, limit=64)
        ours._remote = (hosts[0], url.port or 0)
        handler = self.servers.get(hosts[0])
        if handler is None:
            ours.close()
            refused = TransportBroken("connect", ConnectionRefusedError(111, "Connection refused"))
            base.call_soon(lambda: ours.user.on_closed(refused, base.time()))
        else:
            self.connections.append(Connection(theirs, handler))
        return ours

    # Time

    def run(self) -> None:
        """Let everything happen that happens now."""
        for _ in range(1000):
            for sock in self.datagrams.values():
                if sock.inbox:
                    self.multi.socket_action(sock.fd, self.multi.CSELECT_IN)
            self.multi.socket_action(self.multi.SOCKET_TIMEOUT, 0)
            if self.multi.timeout() != 0 and not any(sock.inbox for sock in self.datagrams.values()):
                break
        else:
            raise AssertionError("it never comes to rest")
        if self.errors:
            raise self.errors[0]

    def advance(self, seconds: float) -> None:
        """Let time pass, in steps of at most a second."""
        end = self.now + seconds
        self.run()
        while self.now < end:
            self.now = min(self.now + 1.0, end)
            self.run()

    def _on_error(self, context: str, error: BaseException) -> None:
        self.errors.append(error)


class Connection:
    """The server's side of one connection: reads a request, sends the handler's answer, and closes."""

    def __init__(self, transport: MemoryTransport, handler: Callable[[bytes], bytes | None]) -> None:
        self.transport = transport
        self.request = b""
        self.is_cut = False
        self._handler = handler
        self._unsent = b""
        self._buffer = bytearray(4096)
        transport.set_user(self)

    def on_connected(self, now: float) -> None:
        pass

    def on_readable(self, now: float) -> None:
        try:
            count = self.transport.recv_into(self._buffer)
        except TransportError:
            self.is_cut = True
            return
        if count <= 0:
            self.is_cut = count == 0
            return
        self.request += self._buffer[:count]
        if is_complete(self.request):
            answer = self._handler(self.request)
            if answer is not None:
                self.send(answer)

    def on_writable(self, now: float) -> None:
        try:
            count = self.transport.send(self._unsent)
        except TransportError:
            self.is_cut = True
            return
        self._unsent = self._unsent[count:]
        self.transport.want_write(bool(self._unsent))
        if not self._unsent:
            self.transport.shutdown_write()

    def on_closed(self, error: TransportError, now: float) -> None:
        self.is_cut = True

    def send(self, answer: bytes) -> None:
        """Send, then end our side."""
        self._unsent = answer
        self.transport.want_write(True)


class Datagrams:
    """A UDP socket: what was sent, and what will be received."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.sent: list[tuple[bytes, Any]] = []
        self.inbox: deque[tuple[bytes, Any] | OSError] = deque()
        self.send_errors: deque[OSError] = deque()
        self.is_closed = False

    def fileno(self) -> int:
        return self.fd

    def sendto(self, data: Any, address: Any) -> int:
        if self.send_errors:
            raise self.send_errors.popleft()
        self.sent.append((bytes(data), address))
        return len(data)

    def recvfrom_into(self, buffer: Any) -> tuple[int, Any]:
        if not self.inbox:
            raise BlockingIOError
        item = self.inbox.popleft()
        if isinstance(item, OSError):
            raise item
        data, address = item
        buffer[: len(data)] = data
        return len(data), address

    def getsockname(self) -> Any:
        return ("0.0.0.0", 0)

    def close(self) -> None:
        self.is_closed = True


def is_complete(request: bytes) -> bool:
    """Head and body are there."""
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    return bool(end) and len(body) >= (int(length[1]) if length is not None else 0)


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A complete answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
