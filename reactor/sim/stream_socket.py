"""A simulated TCP socket, connected, connecting or listening."""

from __future__ import annotations

import errno
import socket
import struct
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ReactorUsageError
from ..flags import READ, WRITE
from .address import WILDCARDS, Address
from .packet import Segments
from .port_table import PortTable
from .sockets import SimSocket, failure
from .tcp import OPEN, SYN_RECEIVED, SYN_SENT, TcpConnection

if TYPE_CHECKING:
    from .host import SimHost

__all__ = ["SimStreamSocket"]

MAX_BACKLOG = 4_096
"""Connections a listening socket may hold (Linux `somaxconn`)."""


class SimStreamSocket(SimSocket):
    """Has the shape of a non-blocking `socket.socket` of SOCK_STREAM."""

    __slots__ = ("_accepted", "_backlog", "_half_open", "_is_shut", "_linger", "_remote", "connection")

    type = socket.SOCK_STREAM
    proto = socket.IPPROTO_TCP

    def __init__(self, host: SimHost, family: int) -> None:
        super().__init__(host, family)
        self.connection: TcpConnection | None = None
        self._remote: Address | None = None
        self._accepted: deque[TcpConnection] | None = None
        """Connections that wait for `accept`; None unless it listens."""
        self._half_open: dict[TcpConnection, None] = {}
        self._backlog = 0
        self._linger = -1
        self._is_shut = False
        """Nothing more will be written."""
        self.ready = READ | WRITE  # as a fresh socket polls: an error is to be had

    # -- the surface of a socket

    def connect_ex(self, address: Any, /) -> int:
        """Begin to connect: EINPROGRESS, or why it cannot be."""
        try:
            self.connect(address)
        except BlockingIOError as error:
            return error.errno or errno.EINPROGRESS
        except OSError as error:
            return error.errno or errno.EINVAL
        return 0

    def connect(self, address: Any, /) -> None:
        """Begin to connect; raises BlockingIOError EINPROGRESS, as a non-blocking socket does."""
        self._check_open()
        if self._accepted is not None:
            raise failure(errno.EOPNOTSUPP)
        if self.connection is not None:
            raise failure(
                errno.EALREADY if self.connection.state in (SYN_SENT, SYN_RECEIVED) else errno.EISCONN
            )
        target = self._take_address(address)
        if not target[1] or target[0] in WILDCARDS:
            raise failure(errno.ECONNREFUSED)
        source = self._source_for(target[0])
        connections = self._host.connections
        if self.local is None:
            port = self._host.tcp.free_port(lambda port: ((source, port), target) in connections)
            self._host.tcp.bind(self, source, port)
        else:
            port = self.local[1]
            old = connections.get(((source, port), target))
            if old is not None:
                raise failure(errno.EADDRNOTAVAIL)
        self.local = (source, port)
        self._remote = target
        self.ready = 0
        self.connection = TcpConnection(self._host, self, self.local, target, SYN_SENT)
        self.connection.open()
        raise BlockingIOError(errno.EINPROGRESS, "connecting")

    def listen(self, backlog: int = 128, /) -> None:
        """Accept connections; at most `backlog` wait.  OSError EADDRINUSE, EINVAL."""
        self._check_open()
        if self.connection is not None:
            raise failure(errno.EINVAL)
        if not isinstance(backlog, int):
            raise ReactorUsageError(f"backlog must be a number, not {backlog!r}")
        if self.local is None:
            wildcard = "::" if self.family == socket.AF_INET6 else "0.0.0.0"
            self.local = (wildcard, self._host.tcp.bind(self, wildcard, 0))
        if self._accepted is None:
            if not self._host.tcp.may_listen(self, self.local[1]):
                raise failure(errno.EADDRINUSE)
            self._accepted = deque()
        self._backlog = min(max(backlog, 1), MAX_BACKLOG)
        self.update()

    def accept(self) -> tuple[SimStreamSocket, Any]:
        """(socket, peer's address) of the connection that waited longest.  BlockingIOError."""
        self._check_open()
        if self._accepted is None:
            raise failure(errno.EINVAL, "it does not listen")
        if not self._accepted:
            raise BlockingIOError(errno.EAGAIN, "nobody waits")
        sock = SimStreamSocket(
            self._host, self.family
        )  # first: without a number for it the connection goes on waiting
        connection = self._accepted.popleft()
        sock.connection = connection
        connection.sock = sock
        sock.local, sock._remote = connection.local, connection.remote
        sock.send_limit, sock.receive_limit = self.send_limit, self.receive_limit
        sock.update()
        self.update()
        return sock, self._show_address(*connection.remote)

    def send(self, data: bytes | bytearray | memoryview, /) -> int:
        """Queue what fits.  BlockingIOError when nothing does, OSError when it failed."""
        connection = self._check_writable()
        count = connection.write(data)
        if count < len(data):
            self.update()
            if not count:
                raise BlockingIOError(errno.EAGAIN, "the send buffer is full")
        elif connection.sender.buffered * 3 > self.send_limit:
            self.update()
        return count

    def sendmsg(self, buffers: Sequence[bytes | bytearray | memoryview], /) -> int:
        """As `send`, from several buffers."""
        return self.send(buffers[0] if len(buffers) == 1 else b"".join(buffers))

    def recv_into(self, buffer: bytearray | memoryview, /) -> int:
        """Bytes read; 0 at the end of the stream.  BlockingIOError, OSError."""
        connection = self.connection
        if connection is None or self.error:
            self._check_open()
            error = self._take_error()
            if error is not None:
                self.update()
                raise error
            if connection is None:
                raise failure(errno.ENOTCONN)
        receiver = connection.receiver
        if not receiver.queued:
            self._check_open()
            if not len(buffer) or receiver.is_at_end or connection.state > OPEN:
                return 0
            raise BlockingIOError(errno.EAGAIN, "no data is there")
        count = connection.read_into(memoryview(buffer))
        if not receiver.queued:
            self.update()
        return count

    def recv(self, size: int, /) -> bytes:
        """As `recv_into`, into a new object."""
        buffer = bytearray(size)
        count = self.recv_into(buffer)
        return bytes(memoryview(buffer)[:count])

    def getpeername(self) -> Any:
        """The other side.  OSError ENOTCONN unless connected."""
        self._check_open()
        if self.connection is None or self.connection.state != OPEN:
            raise failure(errno.ENOTCONN)
        assert self._remote is not None
        return self._show_address(*self._remote)

    def shutdown(self, how: int, /) -> None:
        """SHUT_WR ends our stream behind what was sent; SHUT_RD drops what comes.  OSError ENOTCONN."""
        self._check_open()
        if self.connection is None or self.connection.state != OPEN:
            raise failure(errno.ENOTCONN)
        if how not in (socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR):
            raise failure(errno.EINVAL)
        if how != socket.SHUT_RD:
            self._is_shut = True
            self.connection.shut_down()
        if how != socket.SHUT_WR:
            self.connection.receiver.discard()
        self.update()

    def join(self, other: SimStreamSocket) -> None:
        """Be connected to another bound socket of the host, which is told the same; without a handshake."""
        assert self.local is not None and other.local is not None
        self._remote = other.local
        self.connection = TcpConnection(self._host, self, self.local, other.local, OPEN)
        self.connection.sender.edge = other.receive_limit
        self.update()

    # -- what the network says

    def knock(self, packet: Segments) -> None:
        """A SYN for this listening socket; dropped when too many wait, and the peer tries again."""
        assert self._accepted is not None
        if len(self._accepted) + len(self._half_open) > self._backlog:
            return
        connection = TcpConnection(self._host, self, packet.target, packet.source, SYN_RECEIVED)
        self._half_open[connection] = None
        connection.begin_passively(packet)

    def enqueue(self, connection: TcpConnection) -> None:
        """A connection that knocked is there."""
        self._half_open.pop(connection, None)
        if self._accepted is not None:
            self._accepted.append(connection)
            self.update()

    def forget(self, connection: TcpConnection) -> None:
        """A connection that knocked went before it was accepted."""
        self._half_open.pop(connection, None)
        if self._accepted and connection in self._accepted:
            self._accepted.remove(connection)
            self.update()

    def fail(self, code: int) -> None:
        """The connection is over."""
        self.error = code
        self.update()

    def update(self) -> None:
        if self._accepted is not None:
            self.set_ready(READ if self._accepted else 0)
            return
        connection = self.connection
        if connection is None or connection.state > OPEN or self.error:
            self.set_ready(READ | WRITE)
            return
        if connection.state != OPEN:
            self.set_ready(0)
            return
        receiver = connection.receiver
        ready = READ if receiver.queued or receiver.is_at_end else 0
        # Room for a third, so that a writer is not woken for every segment.
        if connection.sender.buffered * 3 <= self.send_limit * 2 or self._is_shut:
            ready |= WRITE
        self.set_ready(ready)

    # -- private

    @property
    def is_listening(self) -> bool:  # type: ignore[override]
        return self._accepted is not None

    @property
    def _table(self) -> PortTable:
        return self._host.tcp

    def _close(self) -> None:
        accepted, self._accepted = self._accepted, None
        for connection in (*(accepted or ()), *self._half_open):
            connection.abort()
        self._half_open.clear()
        connection_, self.connection = self.connection, None
        if connection_ is not None:
            if self._linger == 0:
                connection_.abort()
            else:
                connection_.release()

    def _check_writable(self) -> TcpConnection:
        connection = self.connection
        if connection is not None and connection.state == OPEN and not self._is_shut and not self.error:
            return connection
        self._check_open()
        error = self._take_error()
        if error is not None:
            self.update()
            raise error
        if connection is None:
            raise failure(errno.ENOTCONN)
        if connection.state < OPEN:
            raise BlockingIOError(errno.EAGAIN, "not connected yet")
        raise failure(errno.EPIPE)

    def _set_option(self, level: int, option: int, value: int | bytes) -> bool:
        if level == socket.SOL_SOCKET and option == socket.SO_LINGER:
            if not isinstance(value, bytes | bytearray) or len(value) < 8:
                raise failure(errno.EINVAL, "SO_LINGER takes a packed struct linger")
            is_on, seconds = struct.unpack_from("ii", value)
            self._linger = seconds if is_on else -1
            return True
        known = super()._set_option(level, option, value)
        if known and self.connection is not None:
            self.connection.sender.limit = self.send_limit
            self.connection.receiver.limit = max(self.receive_limit, self.connection.receiver.limit)
        return known
