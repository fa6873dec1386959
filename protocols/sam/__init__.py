"""SAM 3, the protocol of I2P routers for programs, sans-I/O: sessions, streams, names and destinations."""

from __future__ import annotations

from .destination import Destination, b32_hash, b32_name, is_i2p_host, parse_destination, parse_peer
from .errors import SamError, SamRefused
from .exchange import SamExchange
from .keeping import SessionKeeper
from .naming import GenerateDestination, LookUpName
from .session import CreateSession, TunnelOptions
from .streams import AcceptStream, ConnectStream

__all__ = [
    "AcceptStream",
    "ConnectStream",
    "CreateSession",
    "Destination",
    "GenerateDestination",
    "LookUpName",
    "SamError",
    "SamExchange",
    "SamRefused",
    "SessionKeeper",
    "TunnelOptions",
    "b32_hash",
    "b32_name",
    "is_i2p_host",
    "parse_destination",
    "parse_peer",
]
