"""Sockets that dial: which port, address and device they leave from (`outgoing_port`, `outgoing_interfaces`), marked as wished.

With `outgoing_interfaces` connections take them in turn.  Of a device, its address of the peer's family is bound, and the device itself
where the system lets us; one without such an address cannot be used, and the connection fails.  What comes in by another address of ours is
refused; uTP is used on sockets that are bound to one of them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...listener.interfaces import Interface
from ...listener.origin import interfaces_of
from ...protocols.engine.ports import Base, ResolveCallback, StreamSocket, Timer
from ..alerts import BlockedReason, PeerBlockedAlert

if TYPE_CHECKING:
    from .core import Core

__all__ = ["OutgoingSockets"]


class OutgoingSockets:
    """The platform as who dials sees it."""

    __slots__ = ("_core", "_interfaces", "_names", "_port_turn", "_text", "_turn", "connect_error")

    def __init__(self, core: Core, interfaces: Callable[[], list[Interface]] | None = None) -> None:
        self._core = core
        self._interfaces = interfaces or interfaces_of(core.base)
        self._names: list[str] = []
        self._text = ""
        self._turn = self._port_turn = 0
        self.connect_error = core.platform.connect_error

    def stream_socket(self, family: int, *, source: tuple[str, int] | None = None) -> StreamSocket:
        """A socket that leaves from where the settings say.  OSError, also when that is nowhere."""
        core, is_ipv6 = self._core, family == socket.AF_INET6
        device = ""
        if source is None:
            source, device = self._source(is_ipv6=is_ipv6)
        sock = core.platform.stream_socket(family, source=source)
        core.socket_options.mark(sock, is_ipv6=is_ipv6)
        if device and hasattr(socket, "SO_BINDTODEVICE"):
            with contextlib.suppress(OSError):  # The address alone does nearly the same.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, os.fsencode(device))
        return sock

    def resolve(
        self, base: Base, host: str, port: int, callback: ResolveCallback, *, family: int = 0
    ) -> Timer:
        """As the platform does."""
        return self._core.platform.resolve(base, host, port, callback, family=family)

    def allows(self, local: str) -> bool:
        """Connections may have this address of ours."""
        names = self._list()
        return (
            not names
            or local in names
            or any(each.address == local and each.device in names for each in self._interfaces())
        )

    def refuses_stranger(self, local: str, address: Any) -> bool:
        """A peer came in by an address of ours that is not to be used; says so.  Any: a socket address."""
        if self.allows(local):
            return False
        peer = str(address[0]), int(address[1])
        self._core.post_stranger(PeerBlockedAlert, peer, None, BlockedReason.invalid_local_interface)
        return True

    def _list(self) -> list[str]:
        text = self._core.settings.get_str("outgoing_interfaces")
        if text != self._text:
            self._text = text
            self._names = [name for each in text.split(",") if (name := each.strip())]
        return self._names

    def _source(self, *, is_ipv6: bool) -> tuple[tuple[str, int] | None, str]:
        """((address, port) to bind, or None; device)"""
        port, names = self._port(), self._list()
        anywhere = "::" if is_ipv6 else "0.0.0.0"
        if not names:
            return ((anywhere, port) if port else None), ""
        self._turn += 1
        name = names[(self._turn - 1) % len(names)]
        if _is_address(name):
            return (name, port), ""
        for each in self._interfaces():
            if each.device == name and (":" in each.address) == is_ipv6 and "%" not in each.address:
                return (each.address, port), name
        raise OSError(errno.ENODEV, f"{os.strerror(errno.ENODEV)}: {name}")

    def _port(self) -> int:
        """`outgoing_port` and those behind it, in turn."""
        settings = self._core.settings
        first = settings.get_int("outgoing_port")
        if not first:
            return 0
        self._port_turn += 1
        return first + (self._port_turn - 1) % (settings.get_int("num_outgoing_ports") + 1)


def _is_address(name: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            socket.inet_pton(family, name)
            return True
    return False
