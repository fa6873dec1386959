"""Where sockets come from: the base's platform, where it has one, else the system.

The one place by which listeners are at home in a simulation.  An engine there has a simulated platform, which opens simulated sockets,
knows them by number, and has addresses of its own; the real platform opens the system's sockets and has no say in the rest.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Any

from .address_changes import open_address_socket
from .gateways import Gateway, list_gateways
from .interfaces import Interface, list_interfaces

__all__ = [
    "SocketMaker",
    "address_socket_of",
    "gateways_of",
    "interfaces_of",
    "socket_finder",
    "socket_maker",
]

SocketMaker = Callable[[int, int], Any]
"""Called as `socket.socket` is, with (family, kind)."""


def socket_maker(base: object) -> SocketMaker:
    """What opens the sockets of whatever lives on `base`."""
    platform = getattr(base, "platform", None)
    return socket.socket if platform is None else platform.open_socket


def socket_finder(base: object) -> Callable[[int], Any] | None:
    """What gives the socket that has a number, where numbers are not the system's; None where they are."""
    return getattr(getattr(base, "platform", None), "socket_of", None)


def interfaces_of(base: object) -> Callable[[], list[Interface]]:
    """What lists the addresses of the machine `base` is on."""
    listed = getattr(getattr(base, "platform", None), "interfaces", None)
    if listed is None:
        return list_interfaces
    return lambda: [Interface(*each) for each in listed()]


def address_socket_of(base: object) -> Callable[[], Any]:
    """What opens the socket that tells of address changes.  A machine with addresses of its own has one only if it says so."""
    platform = getattr(base, "platform", None)
    if getattr(platform, "interfaces", None) is None:
        return open_address_socket
    opener: Callable[[], Any] = getattr(platform, "address_socket", _tells_nobody)
    return opener


def _tells_nobody() -> Any:
    raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))


def gateways_of(base: object) -> Callable[[], list[Gateway]]:
    """What lists the routers of the machine `base` is on.  One with addresses of its own has those it tells, or none."""
    platform = getattr(base, "platform", None)
    if getattr(platform, "interfaces", None) is None:
        return list_gateways
    listed = getattr(platform, "gateways", list)
    return lambda: [Gateway(*each) for each in listed()]
