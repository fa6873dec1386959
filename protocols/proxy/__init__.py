"""Proxies, sans-I/O: SOCKS 4, 4a and 5, and HTTP CONNECT."""

from __future__ import annotations

from .errors import ProxyError
from .http_connect import HttpConnect
from .socks4 import Socks4
from .socks5 import Socks5, Socks5Command
from .socks5_udp import unwrap_datagram, wrap_datagram

__all__ = [
    "HttpConnect",
    "ProxyError",
    "Socks4",
    "Socks5",
    "Socks5Command",
    "unwrap_datagram",
    "wrap_datagram",
]
