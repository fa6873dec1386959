"""What the settings ask of peers' sockets: buffer sizes, when there is room again, and how packets are marked (`peer_dscp`).

An option the system does not know is left out, as in libtorrent: none of them decides whether bytes arrive.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ...listener.group import OpenEndpoint
from ...protocols.transport.base import Transport

if TYPE_CHECKING:
    from .core import Core

__all__ = ["SocketOptions"]

_NOT_SENT_LOW_WATERMARK = getattr(socket, "TCP_NOTSENT_LOWAT", None)


class SocketOptions:
    """Options of one session's sockets."""

    __slots__ = ("_core", "_marked_with")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._marked_with = 0
        """What listening sockets are marked with."""

    def apply(self, transport: Transport) -> None:
        """To a connection whose handshake is done.  Those over uTP share a socket, which is left alone."""
        sock, tuning = transport.query("socket"), self._core.tuning
        if sock is None:
            return
        if tuning.recv_socket_buffer_size:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, tuning.recv_socket_buffer_size)
        if tuning.send_socket_buffer_size:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, tuning.send_socket_buffer_size)
        if tuning.send_not_sent_low_watermark and _NOT_SENT_LOW_WATERMARK is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(
                    socket.IPPROTO_TCP, _NOT_SENT_LOW_WATERMARK, tuning.send_not_sent_low_watermark
                )

    def mark(self, sock: Any, *, is_ipv6: bool) -> None:
        """Before the first packet leaves.  Any: a socket by shape."""
        if dscp := self._core.tuning.peer_dscp:
            _mark(sock, dscp, is_ipv6=is_ipv6)

    def mark_listening(self, endpoints: Iterable[OpenEndpoint]) -> None:
        """Connections that come in, and everything over UDP, are marked as the socket they came by."""
        dscp = self._core.tuning.peer_dscp
        if dscp or self._marked_with:
            for opened in endpoints:
                for sock in opened.sockets:
                    _mark(sock, dscp, is_ipv6=":" in opened.host)
        self._marked_with = dscp


def _mark(sock: Any, dscp: int, *, is_ipv6: bool) -> None:
    with contextlib.suppress(OSError):
        if is_ipv6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
