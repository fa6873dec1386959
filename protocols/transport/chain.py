"""Chains: "tcp", "tcp+tls", "socks5+tcp+mse", built from a table of filters.

A chain names one base and any number of filters, in the order in which the bytes leave the host: what stands before the base
is how it is reached (a proxy), what stands behind it is what runs on it.  Bottom-up that is: base, proxies, filters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..engine.ports import Base
from ..errors import LocalProtocolError
from ..types import Address
from .base import Transport

__all__ = [
    "ChainContext",
    "FilterFactory",
    "build_chain",
    "parse_chain",
    "register_base",
    "register_filter",
    "where_to_dial",
]


@dataclass(frozen=True, slots=True)
class ChainContext:
    """What a filter may need to know when it is put on."""

    base: Base
    """The loop, for timers."""
    host: str = ""
    """The name dialled, as the user gave it; empty for an accepted connection."""
    port: int = 0
    """The port dialled."""
    is_inbound: bool = False
    """The other side opened the connection."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of filters by name, for example "tls_context".  Any: each filter names and checks its own."""


FilterFactory = Callable[[Transport, ChainContext], Transport]


def _load_tls(below: Transport, context: ChainContext) -> Transport:
    from .tls import put_on_tls  # OpenSSL is loaded with the first TLS connection

    return put_on_tls(below, context)


def _load_mse(below: Transport, context: ChainContext) -> Transport:
    from .mse import put_on_mse  # as are the machines of encryption

    return put_on_mse(below, context)


def _proxy(name: str) -> FilterFactory:
    def load(below: Transport, context: ChainContext) -> Transport:
        from .proxy import put_on_proxy

        return put_on_proxy(name, below, context)

    return load


_bases: set[str] = {"tcp"}
_filters: dict[str, FilterFactory] = {
    "http_connect": _proxy("http_connect"),
    "mse": _load_mse,
    "socks4": _proxy("socks4"),
    "socks5": _proxy("socks5"),
    "tls": _load_tls,
}


def register_base(name: str) -> None:
    """Let chains name another kind of base.  It is up to the maker of the base to build it."""
    _bases.add(name)


def register_filter(name: str, factory: FilterFactory) -> None:
    """Let chains name a filter; `factory(below, context)` puts one on."""
    _filters[name] = factory


def parse_chain(chain: str) -> tuple[str, list[str]]:
    """(base, filters bottom-up).  LocalProtocolError when a name is unknown or there is not exactly one base."""
    names = chain.split("+")
    for name in names:
        if name not in _bases and name not in _filters:
            raise LocalProtocolError(f"chain {chain!r} names {name!r}, which is not registered")
    bases = [index for index, name in enumerate(names) if name in _bases]
    if len(bases) != 1:
        raise LocalProtocolError(f"chain {chain!r} names {len(bases)} bases instead of one")
    at = bases[0]
    return names[at], [*reversed(names[:at]), *names[at + 1 :]]


def where_to_dial(chain: str, target: Address, options: Mapping[str, Any]) -> Address:
    """Where the base of `chain` connects to: `target`, or the proxy on the way to it.

    LocalProtocolError for more than one proxy.
    """
    names = chain.split("+")
    num_proxies = next(index for index, name in enumerate(names) if name in _bases)
    if num_proxies > 1:
        raise LocalProtocolError(f"chain {chain!r} names {num_proxies} proxies")
    proxy = options.get("proxy") if num_proxies else None
    address: Address = getattr(proxy, "address", target)
    return address


def build_chain(below: Transport, filters: list[str], context: ChainContext) -> Transport:
    """Put `filters` on `below`, bottom-up; gives the topmost."""
    for name in filters:
        below = _filters[name](below, context)
    return below
