"""How a peer is reached: over uTP, over TCP, or both at once, as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...protocols.transport.base import Transport
from ...protocols.transport.dial import dial
from ...protocols.transport.race import Race
from ...protocols.types import Address

if TYPE_CHECKING:
    from .core import Core

__all__ = ["dial_peer"]


def dial_peer(core: Core, address: Address) -> Transport:
    """A transport that connects to `address`.  With both kinds allowed uTP has the head start, as in libtorrent."""
    ways: list[Callable[[], Transport]] = []
    if core.tuning.enable_outgoing_utp and core.datagrams.can_dial(address):
        ways.append(lambda: core.datagrams.dial(address))
    if core.tuning.enable_outgoing_tcp or not ways:
        ways.append(lambda: _dial_tcp(core, address))
    return ways[0]() if len(ways) == 1 else Race(core.base, ways, address=address)


def _dial_tcp(core: Core, address: Address) -> Transport:
    return dial(
        core.base,
        address[0],
        address[1],
        chain="tcp",
        timeout=float(core.tuning.peer_connect_timeout),
        source=core.outgoing_source(address),
    )
