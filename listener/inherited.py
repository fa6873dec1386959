"""Sockets a service manager opened before the program began (systemd's socket activation, `sd_listen_fds`).

The manager sets LISTEN_PID to the process it means, LISTEN_FDS to how many descriptors there are, from number 3 on, and
LISTEN_FDNAMES to their names.  Variables meant for another process are left alone.  Descriptors that are no sockets (a FIFO, a stored
file) are not listed, and are left as they are.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FIRST_FD", "InheritedSocket", "inherited_sockets"]

FIRST_FD = 3
"""The first descriptor handed over; SD_LISTEN_FDS_START."""

UNNAMED = "unknown"
"""The name of each where LISTEN_FDNAMES is not set, as systemd has it."""

MAX_INHERITED = 65536
"""More are taken for a mistake."""

_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


@dataclass(frozen=True, slots=True)
class InheritedSocket:
    """One of them: `Listener.adopt(base, it.fd, on_accept, backlog=0)` if it is listening."""

    name: str
    """What the manager calls it (`FileDescriptorName=`), by default the unit's name."""
    fd: int
    """Its number; it stays open until somebody closes it."""
    family: int
    """AF_INET, AF_INET6, AF_UNIX, …"""
    kind: int
    """SOCK_STREAM, SOCK_DGRAM, …"""
    is_listening: bool
    """Connections can be accepted: adopt it with backlog 0.  A stream socket that is not is bound only, or connected."""
    address: Any
    """What it is bound to, as getsockname() tells it."""


def inherited_sockets(
    environ: MutableMapping[str, str] | None = None, *, keep_variables: bool = False
) -> list[InheritedSocket]:
    """The sockets meant for this process, in the manager's order; none when there is no manager.

    They are no longer inherited by programs started from here, and the variables are removed, so a second call finds none,
    unless `keep_variables`.  ValueError for variables that make no sense, OSError for a number that is not open; nothing
    has been changed then.
    """
    variables = os.environ if environ is None else environ
    if "LISTEN_FDS" not in variables or "LISTEN_PID" not in variables:
        return []
    if _number(variables, "LISTEN_PID") != os.getpid():
        return []
    count = _number(variables, "LISTEN_FDS")
    if count > MAX_INHERITED:
        raise ValueError(f"LISTEN_FDS={count} is more than {MAX_INHERITED}")
    names = _names(variables, count)
    fds = range(FIRST_FD, FIRST_FD + count)
    found = [one for fd, name in zip(fds, names, strict=True) if (one := _look_at(fd, name)) is not None]
    for fd in fds:
        os.set_inheritable(fd, False)
    if not keep_variables:
        for variable in _VARIABLES:
            variables.pop(variable, None)
    return found


def _number(variables: MutableMapping[str, str], name: str) -> int:
    text = variables.get(name, "")
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"{name}={text!r} is not a number")
    return int(text)


def _names(variables: MutableMapping[str, str], count: int) -> list[str]:
    if "LISTEN_FDNAMES" not in variables:
        return [UNNAMED] * count
    text = variables["LISTEN_FDNAMES"]
    names = text.split(":") if text or count else []
    if len(names) != count:
        raise ValueError(f"LISTEN_FDNAMES={text!r} does not name {count} descriptors")
    return names


def _look_at(fd: int, name: str) -> InheritedSocket | None:
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        if error.errno == errno.ENOTSOCK:
            return None
        raise OSError(error.errno, f"LISTEN_FDS: descriptor {fd}: {error.strerror}") from error
    try:
        is_listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) != 0
        return InheritedSocket(name, fd, int(sock.family), int(sock.type), is_listening, sock.getsockname())
    finally:
        sock.detach()
