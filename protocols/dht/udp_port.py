"""A UDP socket of a node's own, where it does not share one with others.

The shape a node is driven through is two methods, `DatagramPort`; `listener.DatagramMux` gives routes of that shape for a port
shared with uTP and trackers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

from ..engine.ports import READ, Base, DatagramSocket, Platform
from ..errors import TransportBroken
from ..types import Address, Buffer
from .krpc import MAX_MESSAGE

__all__ = ["MAX_DATAGRAMS_PER_WAKEUP", "DatagramPort", "OnDatagram", "OpenPort", "UdpPort"]

MAX_DATAGRAMS_PER_WAKEUP: Final = 128
"""Datagrams taken before others get their turn; the rest is announced again."""

DATAGRAM_SIZE: Final = MAX_MESSAGE + 1
"""Room for one byte more than a message may have, so that none is cut into a valid one."""

AF_INET: Final = 2  # the same number everywhere; the other one is not, and `socket` is not ours to import
AF_INET6: Final = {"darwin": 30, "win32": 23}.get(sys.platform, 10)

OnDatagram: TypeAlias = Callable[[memoryview, Any, float], object]
"""(data, socket address, now); the data is lent for the call."""


class DatagramPort(Protocol):
    """Where datagrams leave."""

    def send(self, data: Buffer, address: Any, /) -> bool:
        """False when it could not be sent now.  Raises TransportBroken when the system refuses it."""
        ...

    def close(self) -> None:
        """Neither receive nor send any more.  Repeatable."""
        ...


OpenPort: TypeAlias = Callable[[OnDatagram], DatagramPort]
"""Opens a port that hands what it receives to a callback."""


class UdpPort:
    """A socket and its watch."""

    def __init__(self, base: Base, platform: Platform, address: Address, on_datagram: OnDatagram) -> None:
        """Binds to a numeric host.  OSError."""
        self._base = base
        self._on_datagram = on_datagram
        self._buffer = memoryview(bytearray(DATAGRAM_SIZE))
        family = AF_INET6 if ":" in address[0] else AF_INET
        self._socket: DatagramSocket | None = platform.datagram_socket(family, bind=address)
        self.address: Address = self._socket.getsockname()[:2]
        """Where it is bound."""
        self._watch = base.watch(self._socket.fileno(), READ, self._on_ready)

    def send(self, data: Buffer, address: Any, /) -> bool:
        """As `DatagramPort.send`."""
        if self._socket is None:
            return False
        try:
            self._socket.sendto(data, address)
        except BlockingIOError:
            return False
        except OSError as error:
            raise TransportBroken("send", error) from error
        return True

    def close(self) -> None:
        """As `DatagramPort.close`."""
        opened, self._socket = self._socket, None
        if opened is not None:
            self._watch.close()
            opened.close()

    def _on_ready(self, events: int) -> None:
        now = self._base.time()
        for _ in range(MAX_DATAGRAMS_PER_WAKEUP):
            if self._socket is None:
                return
            try:
                size, address = self._socket.recvfrom_into(self._buffer)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier datagram; the timeout will tell
            self._on_datagram(self._buffer[:size], address, now)
