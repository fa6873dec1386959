"""A simulated UDP socket."""

from __future__ import annotations

import errno
import socket
from collections import deque
from typing import TYPE_CHECKING, Any

from ..flags import READ, WRITE
from .address import WILDCARDS, Address, is_multicast
from .packet import Datagram
from .port_table import PortTable
from .sockets import SimSocket, failure

if TYPE_CHECKING:
    from .host import SimHost

__all__ = ["MAX_PAYLOAD", "SimDatagramSocket"]

MAX_PAYLOAD = 65_507
"""Bytes that fit an IPv4 datagram."""

_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER = 10, 23  # linux/in.h, linux/in6.h
_PMTUDISC_DO, _PMTUDISC_PROBE = 2, 3
_OVERHEAD = 256
"""Bytes of the receive buffer that a datagram takes besides its payload."""


class SimDatagramSocket(SimSocket):
    """Has the shape of a non-blocking `socket.socket` of SOCK_DGRAM."""

    __slots__ = ("_blocked", "_dont_fragment", "_num_queued", "_queue", "_remote", "_source")

    type = socket.SOCK_DGRAM
    proto = socket.IPPROTO_UDP

    def __init__(self, host: SimHost, family: int) -> None:
        super().__init__(host, family)
        self._queue: deque[Datagram] = deque()
        self._num_queued = 0
        """Bytes of the receive buffer in use."""
        self._remote: Address | None = None
        self._source: Address = ("", 0)
        """What the newest datagram came from, as packets say it: one object for all that come from there."""
        self._dont_fragment = 0
        self._blocked = False
        """A send found the line's queue full."""
        self.ready = WRITE

    def connect(self, address: Any, /) -> None:
        """Send to and receive from this address only, and hear of errors of it."""
        self._check_open()
        remote = self._take_address(address)
        self._source_for(remote[0])
        self._bind_if_needed()
        self._remote = remote

    def connect_ex(self, address: Any, /) -> int:
        """As `connect`, with the errno as result."""
        try:
            self.connect(address)
        except OSError as error:
            return error.errno or errno.EINVAL
        return 0

    def getpeername(self) -> Any:
        """Where it is connected.  OSError ENOTCONN."""
        self._check_open()
        if self._remote is None:
            raise failure(errno.ENOTCONN)
        return self._show_address(*self._remote)

    def sendto(self, data: bytes | bytearray | memoryview, *args: Any) -> int:
        """`sendto(data, address)` or `sendto(data, flags, address)`.  BlockingIOError while the line's queue is full."""
        return self._send(data, self._take_address(args[-1]))

    def send(self, data: bytes | bytearray | memoryview, /) -> int:
        """Send to where it is connected."""
        if self._remote is None:
            self._check_open()
            raise failure(errno.EDESTADDRREQ)
        return self._send(data, self._remote)

    def recvfrom_into(self, buffer: bytearray | memoryview, /) -> tuple[int, Any]:
        """(bytes, sender) of the next datagram; what does not fit the buffer is cut off.  BlockingIOError, OSError."""
        datagram = self._next()
        payload = datagram.payload
        count = min(len(payload), len(buffer))
        buffer[:count] = payload if count == len(payload) else payload[:count]
        return count, self._show_source(datagram)

    def recvfrom(self, size: int, /) -> tuple[bytes, Any]:
        """(payload, sender) of the next datagram, cut to `size`.  BlockingIOError, OSError."""
        datagram = self._next()
        return datagram.payload[:size], self._show_source(datagram)

    def recv(self, size: int, /) -> bytes:
        """The next datagram, cut to `size`.  BlockingIOError, OSError."""
        return self._next().payload[:size]

    def recv_into(self, buffer: bytearray | memoryview, /) -> int:
        """The next datagram into a buffer.  BlockingIOError, OSError."""
        return self.recvfrom_into(buffer)[0]

    # -- what the network says

    def receive(self, datagram: Datagram) -> bool:
        """A datagram for this socket.  False when it is dropped: no room, or not from whom it is connected to."""
        if self._remote is not None and datagram.source != self._remote:
            return False
        size = len(datagram.payload) + _OVERHEAD
        if self._num_queued + size > self.receive_limit:
            return False
        self._num_queued += size
        self._queue.append(datagram)
        if not self.ready & READ:
            self.ready |= READ
            if self.watches:
                self._host.loop.note_ready(self)
        return True

    def receive_error(self, code: int, about: Address | None) -> None:
        """ICMP says that a datagram did not get through; only a connected socket hears of it (as on Linux)."""
        if self._remote is not None and about == self._remote:
            self.error = code
            self.update()

    def update(self) -> None:
        self.set_ready((READ if self._queue or self.error else 0) | (0 if self._blocked else WRITE))

    # -- private

    @property
    def _table(self) -> PortTable:
        return self._host.udp

    def _close(self) -> None:
        self._queue.clear()

    def _next(self) -> Datagram:
        if self.error:
            error = self._take_error()
            self.update()
            assert error is not None
            raise error
        if not self._queue:
            self._check_open()
            raise BlockingIOError(errno.EAGAIN, "no datagram is there")
        datagram = self._queue.popleft()
        self._num_queued -= len(datagram.payload) + _OVERHEAD
        if not self._queue:
            self.ready &= ~READ
        return datagram

    def _show_source(self, datagram: Datagram) -> Any:
        """Where it came from, in the shape of the family; Any as in the `socket` module."""
        source = datagram.source
        return source if self.family == socket.AF_INET else self._show_address(*source)

    def _bind_if_needed(self) -> Address:
        if self.local is None:
            wildcard = "::" if self.family == socket.AF_INET6 else "0.0.0.0"
            self.local = (wildcard, self._host.udp.bind(self, wildcard, 0))
        return self.local

    def _send(self, data: bytes | bytearray | memoryview, target: Address) -> int:
        if self._fd < 0:
            self._check_open()
        if self.error and self._remote is not None:
            error = self._take_error()
            self.update()
            assert error is not None
            raise error
        host, machine = target[0], self._host
        local = self.local or self._bind_if_needed()
        source = machine.source_for(host) if self.bound_host in WILDCARDS else self._source_for(host)
        if is_multicast(host) or not target[1]:
            raise failure(errno.EINVAL if not target[1] else errno.ENETUNREACH)
        payload = bytes(data)
        size = len(payload)
        if size > MAX_PAYLOAD:
            raise failure(errno.EMSGSIZE)
        if self._dont_fragment:
            self._check_size(host, size)
        if machine.up.has_queue or machine.lines is not None:
            full_until = machine.network.time_of_room(machine, host, self.send_limit)
            if full_until is not None:
                self._block(full_until)
                raise BlockingIOError(errno.EAGAIN, "the line's queue is full")
        if source != self._source[0]:
            self._source = (source, local[1])
        machine.network.send(machine, Datagram(self._source, target, payload, not self._dont_fragment))
        return size

    def _check_size(self, host: str, size: int) -> None:
        mtu = self._host.network.first_mtu(self._host, host)
        if self._dont_fragment == _PMTUDISC_DO:
            mtu = min(mtu, self._host.path_mtus.get(host, mtu))
        if size + (48 if ":" in host else 28) > mtu:
            raise failure(errno.EMSGSIZE)

    def _block(self, until: float) -> None:
        if not self._blocked:
            self._blocked = True
            self._host.clock.post(until, self._unblock)
            self.update()

    def _unblock(self) -> None:
        self._blocked = False
        if self._fd >= 0:
            self.update()

    def _set_option(self, level: int, option: int, value: int | bytes) -> bool:
        if (level, option) in (
            (socket.IPPROTO_IP, _IP_MTU_DISCOVER),
            (socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER),
        ):
            self._dont_fragment = int(value) if value in (_PMTUDISC_DO, _PMTUDISC_PROBE) else 0
            return True
        return super()._set_option(level, option, value)

    def _get_option(self, level: int, option: int) -> int | None:
        if (level, option) in (
            (socket.IPPROTO_IP, _IP_MTU_DISCOVER),
            (socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER),
        ):
            return self._dont_fragment
        return super()._get_option(level, option)
