"""What nodes say of their inner life, to whoever listens: lines by module, and every datagram as it is (libtorrent `dht_logger`).

Nothing is built while nobody listens: whoever speaks looks at `on_line` or `on_packet` first.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TypeAlias

from ..types import Address

__all__ = ["DhtLog", "DhtModule", "OnLine", "OnPacket", "where"]


class DhtModule(IntEnum):
    """Which part speaks; libtorrent's numbers."""

    tracker = 0
    """What all nodes share: which there are, and whom they listen to."""
    node = 1
    routing_table = 2
    rpc_manager = 3
    traversal = 4


OnLine: TypeAlias = Callable[[DhtModule, str], object]
OnPacket: TypeAlias = Callable[[bytes, Address, bool], object]
"""(datagram, the other end, whether it is ours)"""


class DhtLog:
    """One for all nodes of a process.  Listeners must not call the node that speaks."""

    __slots__ = ("on_line", "on_packet")

    def __init__(self) -> None:
        self.on_line: OnLine | None = None
        self.on_packet: OnPacket | None = None

    def say(self, module: DhtModule, text: str) -> None:
        """A line, if somebody listens."""
        if self.on_line is not None:
            self.on_line(module, text)


def where(address: Address) -> str:
    """An address in a line."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
