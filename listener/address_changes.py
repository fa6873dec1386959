"""Hearing that addresses of this machine came or went: on Linux from the kernel, over a netlink socket (rtnetlink(7)).

Elsewhere there is nothing to open.  What changed is not told: whoever wants to know lists the addresses again.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable
from typing import Any

from ..protocols.engine.ports import READ, Base

__all__ = ["AddressChanges", "has_address_change", "open_address_socket"]

_HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence number, sender."""
_ADDRESS_CAME, _ADDRESS_WENT = 20, 21
_IPV4_ADDRESSES, _IPV6_ADDRESSES = 0x10, 0x100
"""RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR."""
_MAX_MESSAGES = 32
"""Datagrams taken in one readiness event."""
_ROOM = 16 * 1024


def open_address_socket() -> socket.socket:
    """A non-blocking socket on which the kernel tells of address changes.  OSError where there is none."""
    if not hasattr(socket, "AF_NETLINK"):
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    try:
        sock.setblocking(False)
        sock.bind((0, _IPV4_ADDRESSES | _IPV6_ADDRESSES))
    except BaseException:
        sock.close()
        raise
    return sock


def has_address_change(data: bytes | memoryview) -> bool:
    """One of the netlink messages in `data` tells of an address.  What is cut short tells nothing."""
    while len(data) >= _HEADER.size:
        length, kind, *_ = _HEADER.unpack_from(data)
        if not _HEADER.size <= length <= len(data):
            return False
        if kind in (_ADDRESS_CAME, _ADDRESS_WENT):
            return True
        data = data[(length + 3) & ~3 :]
    return False


class AddressChanges:
    """Calls `on_change()` on `base` when addresses came or went, once for all that is told at a time, until closed."""

    def __init__(
        self,
        base: Base,
        on_change: Callable[[], object],
        *,
        open_socket: Callable[[], Any] = open_address_socket,
    ) -> None:
        """OSError when the system tells nobody.  Any: a socket by shape."""
        self._on_change = on_change
        self._buffer = bytearray(_ROOM)
        self._is_closed = False
        self._sock = open_socket()
        try:
            self._watch = base.watch(self._sock.fileno(), READ, self._on_readable)
        except BaseException:
            self._sock.close()
            raise

    def close(self) -> None:
        """Hear no more.  Repeatable."""
        if not self._is_closed:
            self._is_closed = True
            self._watch.close()
            self._sock.close()

    def _on_readable(self, events: int) -> None:
        if self._take():
            self._on_change()

    def _take(self) -> bool:
        found = False
        for _ in range(_MAX_MESSAGES):
            try:
                count = self._sock.recv_into(self._buffer)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    self.close()
                    break
                found = True  # The kernel had more to tell than there was room for.
                continue
            with memoryview(self._buffer)[:count] as data:
                found = has_address_change(data) or found
        return found
