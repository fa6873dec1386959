"""Connections through a proxy: "socks4+tcp", "socks5+tcp+mse", "http_connect+tcp+tls".

The base is dialled to the proxy, which is asked for the host and port that were given to `dial`.  Names go to the proxy
as they are; nothing is looked up here but the proxy itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..dialogue import Dialogue
from ..engine.ports import Base
from ..errors import LocalProtocolError
from ..proxy import HttpConnect, Socks4, Socks5
from ..types import Address
from .base import Transport
from .chain import ChainContext
from .handshaking import HandshakeFilter

__all__ = ["HANDSHAKE_TIMEOUT", "ProxyFilter", "ProxyOptions", "put_on_proxy"]

HANDSHAKE_TIMEOUT = 15.0
"""Seconds the proxy may take to connect (libtorrent's `peer_connect_timeout`)."""


@dataclass(frozen=True, slots=True)
class ProxyOptions:
    """The option "proxy" of a chain, and which chain it is for."""

    kind: str
    """The filter: "socks4", "socks5" or "http_connect"."""
    address: Address
    """Where the proxy is; its host may be a name."""
    username: str = ""
    password: str = ""
    resolves_names: bool = True
    """Names of others go to the proxy.  (Whoever dials a name without this looks it up before.)"""
    timeout: float = HANDSHAKE_TIMEOUT
    """Seconds the proxy may take."""
    tells_udp_port: bool = False
    """Say from which port datagrams will come, so that some can come in before any went out (`socks5_udp_send_local_ep`)."""

    def __repr__(self) -> str:
        return f"ProxyOptions({self.kind} {self.address[0]}:{self.address[1]})"  # without the password


def put_on_proxy(name: str, below: Transport, context: ChainContext) -> ProxyFilter:
    """The proxies of a chain.  Take the option "proxy", a `ProxyOptions`."""
    options = context.options.get("proxy")
    if not isinstance(options, ProxyOptions):
        raise LocalProtocolError(f"{name} takes the option proxy, which says where it is")
    target = context.host, context.port
    dialogue: Dialogue
    if name == "socks4":
        dialogue = Socks4(target, username=options.username)
    elif name == "socks5":
        dialogue = Socks5(target, username=options.username, password=options.password)
    else:
        dialogue = HttpConnect(target, username=options.username, password=options.password)
    return ProxyFilter(below, context.base, dialogue, name=name, target=target, timeout=options.timeout)


class ProxyFilter(HandshakeFilter):
    """A connection that somebody makes for us.  Its `peer_address` is the one behind the proxy."""

    def __init__(
        self, below: Transport, base: Base, dialogue: Dialogue, *, name: str, target: Address, timeout: float
    ) -> None:
        self.name = self.operation = name
        self._target = target
        super().__init__(below, base, dialogue, timeout=timeout)

    @property
    def peer_address(self) -> Address | None:
        return self._target

    def query(self, name: str) -> Any:
        """Stands before the base in "chain", since it is how that is reached."""
        fact = self.below.query(name)
        return f"{self.name}+{fact}" if name == "chain" else fact
