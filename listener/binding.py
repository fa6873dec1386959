"""Listening sockets: made and bound.

Every failure closes what was made here and lets the first error through.  The file of a unix socket is never replaced, and stays when
the socket is closed; only a file made by a call that then failed is taken away again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from typing import Any

from .arguments import check_backlog, check_flags
from .flags import ListenerFlag
from .origin import SocketMaker

__all__ = [
    "DEFAULT_BACKLOG",
    "BindAddress",
    "bind_socket",
    "open_socket",
    "resolve_numeric",
    "undo_bind",
]

DEFAULT_BACKLOG = 128
"""Passed to listen() for a negative backlog: libevent's constant, which the kernel may cap."""

BindAddress = tuple[str, int] | tuple[str, int, int, int] | str | bytes | os.PathLike[str]
"""(host, port), as IPv6 also with flow and scope; or the path of a unix socket (leading NUL: abstract)."""

_DEFER_SECONDS = 1
"""The kernel rounds it to retransmissions; a client that stays silent is delivered after about a second."""


def bind_socket(
    address: BindAddress, flags: ListenerFlag, backlog: int, *, make: SocketMaker | None = None
) -> socket.socket:
    """A non-blocking socket listening at `address`.  OSError, or ValueError for what can never work."""
    check_backlog(backlog)
    if backlog == 0:
        raise ValueError("backlog 0 means already listening, which a socket made here is not")
    flags = check_flags(flags)
    family, bind_to = resolve_numeric(address)
    if family not in (socket.AF_INET, socket.AF_INET6) and flags & (
        ListenerFlag.REUSEABLE | ListenerFlag.REUSEABLE_PORT
    ):
        # Linux accepts SO_REUSEADDR on a unix socket and ignores it, which would mislead.
        raise ValueError("flags: a unix address can be neither REUSEABLE nor REUSEABLE_PORT")
    sock = open_socket(family, flags, make=make)
    try:
        _bind(sock, bind_to)
    except BaseException:
        sock.close()
        raise
    try:
        sock.listen(DEFAULT_BACKLOG if backlog < 0 else backlog)
    except BaseException:
        undo_bind(sock)
        raise
    return sock


def undo_bind(sock: socket.socket) -> None:
    """Close what `bind_socket` gave, because what followed has failed; the file of a unix socket goes with it."""
    name = sock.getsockname()
    sock.close()
    if isinstance(name, str) and name:
        with contextlib.suppress(OSError):
            os.unlink(name)


def open_socket(
    family: int,
    flags: ListenerFlag,
    kind: socket.SocketKind = socket.SOCK_STREAM,
    *,
    make: SocketMaker | None = None,
) -> socket.socket:
    """A non-blocking socket with its options set, not yet bound.  OSError where the family refuses an option."""
    sock: socket.socket = (make or socket.socket)(family, kind)
    try:
        sock.setblocking(False)
        _set_options(sock, flags)
    except BaseException:
        sock.close()
        raise
    return sock


def resolve_numeric(address: object) -> tuple[int, Any]:
    """(family, what bind() takes) for a numeric or unix address.  ValueError for a name, an empty or odd address."""
    if isinstance(address, (str, bytes, os.PathLike)):
        if not hasattr(socket, "AF_UNIX"):
            raise OSError(errno.EAFNOSUPPORT, "address: this system has no unix sockets")
        return socket.AF_UNIX, _checked_path(os.fsencode(address))
    if not isinstance(address, tuple) or len(address) not in (2, 4):
        raise ValueError(f"address is (host, port) or a path, not {address!r}")
    host, port = address[:2]
    if not isinstance(host, str) or not host:
        raise ValueError(f"address: host {host!r} is missing; 0.0.0.0 or :: stand for every interface")
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise ValueError(f"address: port {port!r} is not in 0..65535")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError) as error:
        raise ValueError(f"address: host {host!r} is not a numeric address") from error
    family, _, _, _, numeric = found[0]
    if len(address) == 4 and family == socket.AF_INET6:
        return family, address
    return family, numeric


def _checked_path(path: bytes) -> bytes:
    """A path bind() takes as it is; ValueError."""
    if not path:
        raise ValueError("address: the path of a unix address is empty")
    if path[0] == 0:
        if not sys.platform.startswith("linux"):
            raise ValueError("address: abstract names of unix sockets exist on Linux only")
    elif 0 in path:
        # The kernel would end the path there and bind something else.
        raise ValueError(f"address: the path {path!r} has a NUL inside")
    return path


def _bind(sock: socket.socket, bind_to: Any) -> None:
    try:
        sock.bind(bind_to)
    except OSError as error:
        if error.errno is None:
            # Python's own complaint, before the kernel was asked: it only exists for paths beyond sun_path.
            raise OSError(
                errno.ENAMETOOLONG, f"address: a unix path of {len(bind_to)} bytes is too long", bind_to
            ) from None
        raise


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
