"""Listening sockets: made and bound, or taken over.

Every failure closes what was made here and lets the first error through; a descriptor of the caller's stays the
caller's until everything succeeded.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from typing import Any

from .flags import ListenerFlag

__all__ = [
    "DEFAULT_BACKLOG",
    "BindAddress",
    "adopt_socket",
    "bind_socket",
    "check_flags",
    "open_socket",
    "resolve_numeric",
]

DEFAULT_BACKLOG = 128
"""Passed to listen() for a negative backlog: libevent's constant, which the kernel may cap."""

BindAddress = tuple[str, int] | tuple[str, int, int, int] | str | bytes | os.PathLike[str]
"""(host, port), as IPv6 also with flow and scope; or the path of a unix socket (leading NUL: abstract)."""

_DEFER_SECONDS = 1
"""The kernel rounds it to retransmissions; a client that stays silent is delivered after about a second."""


def check_flags(flags: ListenerFlag) -> None:
    """ValueError for flags that contradict each other."""
    both = ListenerFlag.BIND_IPV6ONLY | ListenerFlag.BIND_IPV4_AND_IPV6
    if flags & both == both:
        raise ValueError("BIND_IPV6ONLY and BIND_IPV4_AND_IPV6 exclude each other")


def bind_socket(address: BindAddress, flags: ListenerFlag, backlog: int) -> socket.socket:
    """A non-blocking socket listening at `address`.  OSError, or ValueError for what can never work."""
    if backlog == 0:
        raise ValueError("backlog 0 means already listening, which a socket made here is not")
    check_flags(flags)
    family, bind_to = resolve_numeric(address)
    if family not in (socket.AF_INET, socket.AF_INET6) and flags & (
        ListenerFlag.REUSEABLE | ListenerFlag.REUSEABLE_PORT
    ):
        # Linux accepts SO_REUSEADDR on a unix socket and ignores it, which would mislead.
        raise ValueError("a unix address can be neither REUSEABLE nor REUSEABLE_PORT")
    sock = open_socket(family, flags)
    try:
        sock.bind(bind_to)
        sock.listen(DEFAULT_BACKLOG if backlog < 0 else backlog)
    except BaseException:
        with contextlib.suppress(OSError):
            sock.close()
        raise
    return sock


def open_socket(
    family: int, flags: ListenerFlag, kind: socket.SocketKind = socket.SOCK_STREAM
) -> socket.socket:
    """A non-blocking socket with its options set, not yet bound.  OSError where the family refuses an option."""
    sock = socket.socket(family, kind)
    try:
        sock.setblocking(False)
        _set_options(sock, flags)
    except BaseException:
        sock.close()
        raise
    return sock


def adopt_socket(sock_or_fd: socket.socket | int, backlog: int) -> socket.socket:
    """The socket object of a bound descriptor, non-blocking, listening unless `backlog` is 0.

    The descriptor is never closed by a failure.
    """
    if isinstance(sock_or_fd, socket.socket):
        sock, is_borrowed = sock_or_fd, False
    else:
        sock, is_borrowed = socket.socket(fileno=sock_or_fd), True
    try:
        sock.setblocking(False)
        if backlog != 0:
            sock.listen(DEFAULT_BACKLOG if backlog < 0 else backlog)
    except BaseException:
        if is_borrowed:
            sock.detach()
        raise
    return sock


def resolve_numeric(address: object) -> tuple[int, Any]:
    """(family, what bind() takes) for a numeric or unix address.  ValueError for a name, an empty or odd address."""
    if isinstance(address, (str, bytes, os.PathLike)):
        path = os.fspath(address)
        if not path:
            raise ValueError("the path of a unix address is empty")
        if not hasattr(socket, "AF_UNIX"):
            raise OSError(errno.EAFNOSUPPORT, "this system has no unix sockets")
        return socket.AF_UNIX, path
    if not isinstance(address, tuple) or len(address) not in (2, 4):
        raise ValueError(f"an address is (host, port) or a path, not {address!r}")
    host, port = address[:2]
    if not isinstance(host, str) or not host:
        raise ValueError(f"host {host!r} is missing; 0.0.0.0 or :: stand for every interface")
    if not isinstance(port, int) or not 0 <= port <= 65535:
        raise ValueError(f"port {port!r} is not in 0..65535")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError) as error:
        raise ValueError(f"host {host!r} is not a numeric address") from error
    family, _, _, _, numeric = found[0]
    if len(address) == 4 and family == socket.AF_INET6:
        return family, address
    return family, numeric


def _set_options(sock: socket.socket, flags: ListenerFlag) -> None:
    """The options that only count before bind()."""
    if flags & ListenerFlag.REUSEABLE and os.name != "nt":
        # On Windows the option would let two live listeners share a port; TIME_WAIT does not block it there.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if flags & ListenerFlag.REUSEABLE_PORT:
        sock.setsockopt(socket.SOL_SOCKET, _reuse_port_option(), 1)
    if flags & ListenerFlag.BIND_IPV6ONLY:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if flags & ListenerFlag.BIND_IPV4_AND_IPV6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if flags & ListenerFlag.DEFERRED_ACCEPT and hasattr(socket, "TCP_DEFER_ACCEPT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _DEFER_SECONDS)


def _reuse_port_option() -> int:
    """The option that makes the kernel balance; elsewhere SO_REUSEPORT only hands the port to the last comer."""
    balanced: int | None = getattr(socket, "SO_REUSEPORT_LB", None)
    if balanced is None and sys.platform.startswith(("linux", "dragonfly", "sunos", "aix")):
        balanced = getattr(socket, "SO_REUSEPORT", None)
    if balanced is None:
        raise OSError(errno.EOPNOTSUPP, "this system does not balance connections over one port")
    return balanced
