"""Which socket of a host has which port; one table for TCP, one for UDP."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any, Protocol

from .address import WILDCARDS, Address

__all__ = ["EPHEMERAL_PORTS", "PortTable"]

EPHEMERAL_PORTS = range(32_768, 61_000)
"""Ports the system chooses from (Linux)."""


class Bound(Protocol):
    """A socket as the table sees it."""

    bound_host: str
    is_v6_only: bool
    can_reuse_address: bool
    can_reuse_port: bool

    @property
    def is_listening(self) -> bool: ...


class PortTable:
    """Sockets by port."""

    __slots__ = ("_by_port", "_next")

    def __init__(self) -> None:
        self._by_port: dict[int, list[Any]] = {}
        self._next = 0

    def bind(self, sock: Bound, host: str, port: int) -> int:
        """Give `sock` the port, or any free one for 0.  OSError EADDRINUSE."""
        sock.bound_host = host
        if port:
            for other in self._by_port.get(port, ()):
                if _overlap(sock, other) and not _may_share(sock, other):
                    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        else:
            port = self.free_port()
        self._by_port.setdefault(port, []).append(sock)
        return port

    def free_port(self, is_taken: Callable[[int], bool] = lambda port: False) -> int:
        """The next port that nobody has.  OSError EADDRINUSE when there is none."""
        for _ in EPHEMERAL_PORTS:
            port = EPHEMERAL_PORTS[self._next]
            self._next = (self._next + 1) % len(EPHEMERAL_PORTS)
            if port not in self._by_port and not is_taken(port):
                return port
        raise OSError(errno.EADDRINUSE, "every port is taken")

    def may_listen(self, sock: Bound, port: int) -> bool:
        """No other socket listens there already."""
        return not any(
            other is not sock
            and other.is_listening
            and _overlap(sock, other)
            and not (sock.can_reuse_port and other.can_reuse_port)
            for other in self._by_port.get(port, ())
        )

    def release(self, sock: Bound, port: int) -> None:
        """The socket is gone."""
        sockets = self._by_port[port]
        sockets.remove(sock)
        if not sockets:
            del self._by_port[port]

    def find(self, host: str, port: int, source: Address = ("", 0), *, listening: bool = False) -> Any:
        """The socket for what comes to (host, port) from `source`, the most exact one, or None.

        Several that share the port (SO_REUSEPORT) share out the senders, each of which always comes to the same one.
        """
        sockets = self._by_port.get(port)
        if sockets is None:
            return None
        if len(sockets) == 1:
            sock = sockets[0]
            bound = sock.bound_host
            is_meant = bound == host or (bound in WILDCARDS and _covers(sock, host))
            return sock if is_meant and (not listening or sock.is_listening) else None
        found = [
            sock
            for sock in sockets
            if (sock.bound_host == host or _covers(sock, host)) and (not listening or sock.is_listening)
        ]
        exact = [sock for sock in found if sock.bound_host == host] or found
        if len(exact) < 2:
            return exact[0] if exact else None
        # Not `hash`: that of a text is another one in every process.
        return exact[(sum(source[0].encode()) * 31 + source[1]) % len(exact)]


def _covers(sock: Bound, host: str) -> bool:
    bound = sock.bound_host
    if bound == "::":
        return ":" in host or not sock.is_v6_only
    return bound == "0.0.0.0" and ":" not in host


def _overlap(one: Bound, other: Bound) -> bool:
    if one.bound_host == other.bound_host:
        return True
    if one.bound_host in WILDCARDS and other.bound_host in WILDCARDS:
        return not (one if one.bound_host == "::" else other).is_v6_only
    return _covers(one, other.bound_host) or _covers(other, one.bound_host)


def _may_share(one: Bound, other: Bound) -> bool:
    if one.can_reuse_port and other.can_reuse_port:
        return True
    return one.can_reuse_address and other.can_reuse_address and not other.is_listening
