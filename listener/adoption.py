"""Listening sockets made elsewhere and taken over: by number, or as an object.

Until everything succeeded the descriptor is the caller's: a failure never closes it and leaves it blocking if it was.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .arguments import check_backlog
from .binding import DEFAULT_BACKLOG

__all__ = ["Adopted", "UnownedSocket", "adopt_socket"]

_METHODS = ("accept", "close", "detach", "fileno", "getsockname", "listen", "setblocking")
"""What makes something a listening socket here: simulated ones have it too."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A socket on its way into a listener."""

    sock: socket.socket
    """Non-blocking, and listening as far as we were asked for it."""
    is_borrowed: bool
    """`sock` is the caller's own object, and not one made here around a number."""
    timeout: float | None
    """As it came: None blocks, 0 does not."""

    def give_back(self) -> None:
        """Undo it, as far as it can be: the caller has its descriptor again."""
        with contextlib.suppress(OSError, AttributeError):
            self.sock.settimeout(self.timeout)
        if not self.is_borrowed:
            self.sock.detach()


class UnownedSocket(socket.socket):
    """A socket object around a number that stays the caller's: its end does not close it."""

    def __del__(self) -> None:
        self.detach()


def adopt_socket(
    sock_or_fd: socket.socket | int,
    backlog: int,
    *,
    owns: bool = False,
    find: Callable[[int], Any] | None = None,
) -> Adopted:
    """Take over a bound socket: it becomes non-blocking, and listens unless `backlog` is 0.

    A number is closed with the object made around it only if `owns`.  Whether it is inherited by other programs stays as it is.  OSError, or ValueError for what is no socket at all.
    """
    check_backlog(backlog)
    if find is not None and isinstance(sock_or_fd, int) and not isinstance(sock_or_fd, bool):
        sock_or_fd = find(
            sock_or_fd
        )  # the number of a simulated host: its own object, which goes on being its own
    adopted = _open(sock_or_fd, owns)
    try:
        _check_kind(adopted.sock)
        adopted.sock.setblocking(False)
        if backlog != 0:
            adopted.sock.listen(DEFAULT_BACKLOG if backlog < 0 else backlog)
    except BaseException:
        adopted.give_back()
        raise
    return adopted


def _open(sock_or_fd: Any, owns: bool) -> Adopted:
    if isinstance(sock_or_fd, int) and not isinstance(sock_or_fd, bool):
        if sock_or_fd < 0:
            raise ValueError(f"sock_or_fd: the descriptor {sock_or_fd} is negative")
        sock = (socket.socket if owns else UnownedSocket)(fileno=sock_or_fd)
        return Adopted(sock, is_borrowed=False, timeout=_timeout_of(sock_or_fd))
    if all(callable(getattr(sock_or_fd, name, None)) for name in _METHODS):
        fd = sock_or_fd.fileno()
        if fd < 0:
            raise OSError(errno.EBADF, "sock_or_fd: the socket is closed")
        return Adopted(sock_or_fd, is_borrowed=True, timeout=getattr(sock_or_fd, "gettimeout", float)())
    raise ValueError(f"sock_or_fd is a socket or the number of a descriptor, not {sock_or_fd!r}")


def _check_kind(sock: socket.socket) -> None:
    if getattr(sock, "type", socket.SOCK_STREAM) not in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        raise OSError(errno.EOPNOTSUPP, f"sock_or_fd: a {sock.type!r} socket cannot accept connections")


def _timeout_of(fd: int) -> float | None:
    try:
        return None if os.get_blocking(fd) else 0.0
    except (AttributeError, OSError):  # not known for sockets on every system
        return 0.0
