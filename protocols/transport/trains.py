"""Datagrams in trains: many of one size to one address, or from one, in one system call (UDP_SEGMENT and UDP_GRO of Linux).

Where the kernel has neither, the same calls send and receive one by one.  The socket is known by shape; this layer does not
import `socket`, so the numbers of <linux/udp.h> and <linux/in.h> stand here.
"""

from __future__ import annotations

import errno
import struct
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from ..types import Buffer

__all__ = ["MAX_DATAGRAM", "TrainSocket", "UdpSocket"]

MAX_DATAGRAM = 65_535
"""Bytes of a receive buffer that nothing IP carries is cut by, a received train included."""

RECEIVE_BUFFER = 4 * 1024 * 1024
"""Bytes asked of the kernel for what came and was not read: a window of several connections; it gives what it allows."""

_IS_LINUX = sys.platform in ("linux", "android")
_SOL_SOCKET, _SO_RCVBUF = 1, 8
_SOL_UDP = 17
_UDP_SEGMENT = 103
_UDP_GRO = 104
_IPPROTO_IP, _IP_MTU_DISCOVER = 0, 10
_IPPROTO_IPV6, _IPV6_MTU_DISCOVER = 41, 23
_PMTUDISC_DONT, _PMTUDISC_WANT, _PMTUDISC_PROBE = 0, 1, 3
_SEGMENT = struct.Struct("=H")
_GRO_SIZE = struct.Struct("=i")
_ANCILLARY_SPACE = 64
_CANNOT_SEGMENT = frozenset({errno.EINVAL, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP})


class UdpSocket(Protocol):
    """A non-blocking UDP socket, as `socket.socket` is one."""

    def sendto(self, data: Buffer, address: Any, /) -> int: ...
    def recvfrom_into(self, buffer: bytearray | memoryview, /) -> tuple[int, Any]: ...
    def sendmsg(
        self, buffers: Sequence[Buffer], ancillary: Sequence[Any], flags: int, address: Any, /
    ) -> int: ...


class TrainSocket:
    """Sends and receives trains on a socket that somebody else owns."""

    __slots__ = ("_ancillary", "_can_segment", "_is_v6", "_sock", "has_gro")

    def __init__(self, sock: Any, *, is_v6: bool = False) -> None:
        """Any: a `UdpSocket`, with `setsockopt` and `recvmsg_into` where the system has them."""
        self._sock = sock
        self._is_v6 = is_v6
        self._can_segment = _IS_LINUX and hasattr(sock, "sendmsg")
        self._ancillary: dict[int, list[tuple[int, int, bytes]]] = {}
        self.has_gro = False
        """The kernel hands over trains; until `enable_trains` it is not asked to."""

    def enable_trains(self) -> None:
        """Receive trains as such where that is possible.  Everybody on the socket must then go by the segment size."""
        if not _IS_LINUX or not hasattr(self._sock, "recvmsg_into"):
            return
        try:
            self._sock.setsockopt(_SOL_SOCKET, _SO_RCVBUF, RECEIVE_BUFFER)
            self._sock.setsockopt(_SOL_UDP, _UDP_GRO, 1)
            self.has_gro = True
        except OSError:
            pass  # a kernel before 5.0

    def receive(self, buffer: memoryview) -> tuple[int, int, Any]:
        """(bytes, bytes of each datagram among them, address).  BlockingIOError, OSError."""
        if not self.has_gro:
            count, address = self._sock.recvfrom_into(buffer)
            return count, count, address
        count, ancillary, _, address = self._sock.recvmsg_into([buffer], _ANCILLARY_SPACE)
        for level, kind, data in ancillary:
            if level == _SOL_UDP and kind == _UDP_GRO:
                return count, min(count, _GRO_SIZE.unpack_from(data)[0]), address
        return count, count, address

    def send(self, buffers: Sequence[Buffer], segment: int, count: int, address: Any) -> None:
        """Send `count` datagrams of `segment` bytes, the last may be shorter; two buffers make each, or one alone.

        BlockingIOError when the first does not go; when a later one does not, it is lost, as datagrams may be.
        """
        if count == 1:
            self._sock.sendto(buffers[0] if len(buffers) == 1 else b"".join(buffers), address)
            return
        if self._can_segment:
            ancillary = self._ancillary.get(segment)
            if ancillary is None:
                ancillary = [(_SOL_UDP, _UDP_SEGMENT, _SEGMENT.pack(segment))]
                if len(self._ancillary) < 64:
                    self._ancillary[segment] = ancillary
            try:
                self._sock.sendmsg(buffers, ancillary, 0, address)
                return
            except BlockingIOError:
                raise
            except OSError as error:
                if error.errno in _CANNOT_SEGMENT:
                    self._can_segment = False
                elif (
                    error.errno != errno.EMSGSIZE
                ):  # Larger than what is known of the path: cut up by IP they go.
                    raise
        self._send_each(buffers, address)

    def send_whole(self, data: Buffer, address: Any) -> None:
        """Send one datagram that routers may cut into fragments.  BlockingIOError, OSError."""
        self._send_as(_PMTUDISC_DONT, data, address)

    def send_probe(self, data: Buffer, address: Any) -> None:
        """Send one datagram that nobody may cut up, whatever is known of the path.  BlockingIOError; OSError EMSGSIZE."""
        self._send_as(_PMTUDISC_PROBE, data, address)

    def _send_as(self, how: int, data: Buffer, address: Any) -> None:
        self._discover_mtu(how)
        try:
            self._sock.sendto(data, address)
        finally:
            self._discover_mtu(_PMTUDISC_WANT)

    def _discover_mtu(self, how: int) -> None:
        if not _IS_LINUX or not hasattr(self._sock, "setsockopt"):
            return
        level, option = (
            (_IPPROTO_IPV6, _IPV6_MTU_DISCOVER) if self._is_v6 else (_IPPROTO_IP, _IP_MTU_DISCOVER)
        )
        self._sock.setsockopt(level, option, how)

    def _send_each(self, buffers: Sequence[Buffer], address: Any) -> None:
        for position in range(0, len(buffers), 2):
            try:
                self._sock.sendto(b"".join(buffers[position : position + 2]), address)
            except BlockingIOError:
                if not position:
                    raise
                return
