"""Chains: "tcp", "tcp+tls", "socks5+tcp+mse", built from a table of filters.

A chain names one base and any number of filters, in the order in which the bytes leave the host: what stands before the base
is how it is reached (a proxy), what stands behind it is what runs on it.  Bottom-up that is: base, proxies, filters.

A name that is not in the table is looked for among the entry points of installed distributions (`plugins.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ..engine.ports import Base
from ..errors import EvtorrentError, LocalProtocolError
from ..types import Address
from .base import Transport
from .plugins import find_transport

__all__ = [
    "ChainContext",
    "FilterFactory",
    "TransportBase",
    "TransportListener",
    "base_of",
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
"""Puts a filter on: `factory(below, context)`."""


class TransportListener(Protocol):
    """What listens; somebody else's."""

    def close(self) -> object:
        """Accept nothing more."""
        ...


@runtime_checkable
class TransportBase(Protocol):
    """The bottom of chains, made by somebody else: what "tcp" is, over something other than TCP."""

    def dial(self, context: ChainContext) -> Transport:
        """A transport that connects to `context.host` and `context.port`; its user is set at once.

        What fails later is told by `on_closed`; a TransportError may be raised for what fails now.
        """
        ...

    def listen(
        self, context: ChainContext, on_accept: Callable[[Transport, Address], object]
    ) -> TransportListener:
        """Accept beside the TCP socket that listens at `context.host` and `context.port`.

        Each accepted transport is given to `on_accept(transport, address)` before its `on_connected`.  OSError when it
        cannot listen.
        """
        ...


def _load_tls(below: Transport, context: ChainContext) -> Transport:
    from .tls import put_on_tls  # OpenSSL is loaded with the first TLS connection

    return put_on_tls(below, context)


def _load_mse(below: Transport, context: ChainContext) -> Transport:
    from .mse import put_on_mse  # as are the machines of encryption

    return put_on_mse(below, context)


def _load_sam(below: Transport, context: ChainContext) -> Transport:
    from .sam import put_on_sam

    return put_on_sam(below, context)


def _proxy(name: str) -> FilterFactory:
    def load(below: Transport, context: ChainContext) -> Transport:
        from .proxy import put_on_proxy

        return put_on_proxy(name, below, context)

    return load


_bases: dict[str, TransportBase | None] = {"tcp": None, "utp": None}
_filters: dict[str, FilterFactory] = {
    "http_connect": _proxy("http_connect"),
    "mse": _load_mse,
    "sam": _load_sam,
    "socks4": _proxy("socks4"),
    "socks5": _proxy("socks5"),
    "tls": _load_tls,
}


def register_base(name: str, base: TransportBase | None = None) -> None:
    """Let chains name another kind of base, made by `base`; None: its maker builds the chain, too."""
    _bases[name] = base


def register_filter(name: str, factory: FilterFactory) -> None:
    """Let chains name a filter; `factory(below, context)` puts one on."""
    _filters[name] = factory


def base_of(name: str) -> TransportBase | None:
    """What makes the base `name`; None for TCP, for uTP, whose socket is shared, and for others whose makers build the chain."""
    return _bases[name]


def parse_chain(chain: str) -> tuple[str, list[str]]:
    """(base, filters bottom-up).  LocalProtocolError when a name is unknown, its plug-in cannot be loaded, or there is not
    exactly one base.
    """
    names = chain.split("+")
    for name in names:
        if name not in _bases and name not in _filters:
            _adopt(chain, name)
    bases = [index for index, name in enumerate(names) if name in _bases]
    if len(bases) != 1:
        raise LocalProtocolError(f"chain {chain!r} names {len(bases)} bases instead of one")
    at = bases[0]
    return names[at], [*reversed(names[:at]), *names[at + 1 :]]


def _adopt(chain: str, name: str) -> None:
    """Register what an installed distribution offers under `name`."""
    found = find_transport(name) if name else None
    if found is None:
        raise LocalProtocolError(f"chain {chain!r} names {name!r}, which is not registered")
    if isinstance(found, TransportBase):
        register_base(name, found)
    elif callable(found):
        register_filter(name, found)
    else:
        raise LocalProtocolError(
            f"transport {name!r} is neither a filter factory nor a base with dial and listen, but {found!r}"
        )


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
    """Put `filters` on `below`, bottom-up; gives the topmost.  LocalProtocolError, naming it, when one cannot be put on."""
    for name in filters:
        try:
            filtered: object = _filters[name](below, context)
        except EvtorrentError:
            raise
        except Exception as exc:  # of a plug-in
            raise LocalProtocolError(f"transport {name!r} failed: {type(exc).__name__}: {exc}") from exc
        if not isinstance(filtered, Transport):
            raise LocalProtocolError(f"transport {name!r} gave {filtered!r}, which is no transport")
        below = filtered
    return below
