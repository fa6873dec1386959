"""Transports: byte streams under one interface, and filters that stack on them."""

from __future__ import annotations

from .base import WOULD_BLOCK, Filter, Transport, TransportUser
from .chain import (
    ChainContext,
    TransportBase,
    TransportListener,
    build_chain,
    parse_chain,
    register_base,
    register_filter,
)
from .dial import dial
from .memory import MemoryTransport, memory_pair
from .stream import StreamTransport, wrap_accepted

__all__ = [
    "WOULD_BLOCK",
    "ChainContext",
    "Filter",
    "MemoryTransport",
    "StreamTransport",
    "Transport",
    "TransportBase",
    "TransportListener",
    "TransportUser",
    "build_chain",
    "dial",
    "memory_pair",
    "parse_chain",
    "register_base",
    "register_filter",
    "wrap_accepted",
]
