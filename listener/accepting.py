"""accept() at the least cost Python allows.

`socket.accept` asks the listening socket for family and type each time and makes enum members of them, which costs two microseconds of
four.  They are asked for once here; whatever accepts in its own way (a subclass, a simulated socket) is left to it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

__all__ = ["accept_of"]


def accept_of(sock: socket.socket) -> Callable[[], tuple[socket.socket, Any]]:
    """What accepts one connection of `sock`, as `sock.accept` does."""
    accept_number = getattr(sock, "_accept", None)
    if getattr(type(sock), "accept", None) is not socket.socket.accept or accept_number is None:
        return sock.accept
    family, kind, protocol = int(sock.family), int(sock.type), sock.proto
    make = socket.socket

    def accept() -> tuple[socket.socket, Any]:
        number, address = accept_number()
        return make(family, kind, protocol, number), address

    return accept
