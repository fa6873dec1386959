"""uTP, sans-I/O (BEP 29): packets, connections, an endpoint that routes them.  `transport/utp.py` runs it on a socket."""

from __future__ import annotations

from .congestion import CongestionController, ControllerFactory, Ledbat
from .connection import State, Train, UtpConnected, UtpConnection, UtpEvent, UtpFailed
from .counts import UtpCounts
from .endpoint import IPV4_OVERHEAD, IPV6_OVERHEAD, UtpEndpoint
from .packet import FIRST_BYTES, Packet, PacketType, pack_packet, parse_packet
from .settings import UtpSettings

__all__ = [
    "FIRST_BYTES",
    "IPV4_OVERHEAD",
    "IPV6_OVERHEAD",
    "CongestionController",
    "ControllerFactory",
    "Ledbat",
    "Packet",
    "PacketType",
    "State",
    "Train",
    "UtpConnected",
    "UtpConnection",
    "UtpCounts",
    "UtpEndpoint",
    "UtpEvent",
    "UtpFailed",
    "UtpSettings",
    "pack_packet",
    "parse_packet",
]
