"""What peers are reached over and come in by: one chain of transports for each base, in the order of preference.

The chains are `SessionParams.peer_transports`: "utp" and "tcp" unless the program says otherwise, "tcp+scramble" with a filter
of somebody else's, "pipe" for a base of somebody else's, which then accepts beside every listening TCP socket.  What the
settings decide (encryption, TLS of SSL torrents, proxies) is not named there; it is put on top, or stands before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from ...listener.gate import Verdict
from ...listener.group import OpenEndpoint
from ...protocols.errors import EvtorrentError, LocalProtocolError, TransportBroken
from ...protocols.transport import ChainContext, Transport, TransportListener, build_chain, parse_chain
from ...protocols.transport.chain import base_of
from ...protocols.transport.dial import dial
from ...protocols.types import Address
from ..alerts import ListenFailedAlert
from ..errors import ErrorCode, InvalidSetting, Operation
from ..flags import SocketType
from ..params import DEFAULT_TRANSPORTS

if TYPE_CHECKING:
    from ...protocols.engine.ports import Platform
    from .core import Core

__all__ = ["I2P_BASE", "PeerTransports", "parse_transports"]

I2P_BASE = "i2p"
"""What strangers from I2P come over; not among the chains, since `i2p_hostname` says whether there is one."""

_BY_SETTINGS = {"http_connect", "mse", "sam", "socks4", "socks5", "tls"}
"""Filters that the settings put on."""


def parse_transports(chains: Sequence[str]) -> dict[str, list[str]]:
    """Base → filters on it, in the order given.  InvalidSetting, naming what is wrong."""
    parsed: dict[str, list[str]] = {}
    for chain in [chains] if isinstance(chains, str) else chains:
        try:
            base, filters = parse_chain(chain)
        except LocalProtocolError as error:
            raise InvalidSetting("peer_transports", chain, str(error)) from error
        if not chain.startswith(base):
            raise InvalidSetting("peer_transports", chain, "the base comes first")
        for name in filters:
            if name in _BY_SETTINGS:
                raise InvalidSetting("peer_transports", chain, f"{name!r} is put on by settings")
        if base in parsed:
            raise InvalidSetting("peer_transports", chain, f"there is another chain on {base!r}")
        if base not in DEFAULT_TRANSPORTS and base_of(base) is None:
            raise InvalidSetting("peer_transports", chain, f"{base!r} can neither dial nor listen by itself")
        parsed[base] = filters
    if not parsed:
        raise InvalidSetting("peer_transports", chains, "there has to be one")
    return parsed


class PeerTransports:
    """The chains of one session."""

    def __init__(
        self,
        core: Core,
        chains: Sequence[str] = DEFAULT_TRANSPORTS,
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """`options` go to every factory.  Any: each names and checks its own."""
        self._core = core
        self._filters = parse_transports(chains)
        self._options = dict(options)
        self._others = [base for base in self._filters if base not in DEFAULT_TRANSPORTS]
        self._listeners: dict[OpenEndpoint, list[TransportListener]] = {}

    def to_dial(self, address: Address, *, is_ssl: bool = False) -> list[str]:
        """The bases a peer may be reached over, the preferred one first.  Through a proxy go TCP, and uTP where it has datagrams."""
        core = self._core
        is_possible = {
            "utp": core.tuning.enable_outgoing_utp and core.datagrams.can_dial(address, is_ssl=is_ssl),
            "tcp": core.tuning.enable_outgoing_tcp,
        }
        has_others = core.proxying.for_peers is None
        return [base for base in self._filters if is_possible.get(base, has_others)]

    @property
    def may_dial(self) -> bool:
        """The settings allow some kind of outgoing connection."""
        core = self._core
        has_tcp = core.tuning.enable_outgoing_tcp and "tcp" in self._filters
        has_utp = core.tuning.enable_outgoing_utp and core.datagrams.is_open and "utp" in self._filters
        return (
            has_tcp or has_utp or core.i2p.is_open or (bool(self._others) and core.proxying.for_peers is None)
        )

    def has_filters_on(self, base: str) -> bool:
        """Somebody's filters are on it, which may fail in ways of their own."""
        return bool(self._filters[base])

    def dial(self, base: str, address: Address, *, is_ssl: bool = False) -> Transport:
        """Begin to connect.  TransportBroken when it cannot, also when a plug-in is to blame."""
        core = self._core
        try:
            if base == "utp":
                below: Transport = core.datagrams.dial(address, is_ssl=is_ssl)
                return build_chain(below, self._filters[base], self._context(address))
            proxy, options = core.proxying.for_peers, self._options
            chain = "+".join((base, *self._filters[base]))
            if proxy is not None:
                chain, options = f"{proxy.kind}+{chain}", {**options, "proxy": proxy}
            return dial(
                core.base,
                *address,
                chain=chain,
                options=options,
                timeout=float(core.tuning.peer_connect_timeout),
                platform=cast("Platform", core.outgoing),
            )
        except LocalProtocolError as error:
            raise TransportBroken("connect", error) from error

    def put_on_accepted(self, transport: Transport, base: str, address: Address) -> Transport | None:
        """What an accepted connection is read through; None when none is wanted, or a filter failed: then it is closed."""
        filters = [] if base == I2P_BASE else self._filters.get(base)
        if filters is not None:
            try:
                return build_chain(transport, filters, self._context(address, is_inbound=True))
            except EvtorrentError:
                pass  # told when it is dialled; a stranger is not the one to hear of it
        transport.abort()
        return None

    def sync(self, endpoints: list[OpenEndpoint]) -> None:
        """Bases of others accept beside these endpoints, and nowhere else."""
        for gone in [each for each in self._listeners if each not in endpoints]:
            self._close(self._listeners.pop(gone))
        for opened in endpoints:
            if self._others and opened not in self._listeners and not opened.endpoint.is_ssl:
                self._listeners[opened] = [
                    listener for base in self._others if (listener := self._listen(base, opened)) is not None
                ]

    def admit(self, base: str, transport: Transport, address: Address) -> None:
        """A stranger connected over `base`; if nobody may, or not that one, it is ended."""
        core, host = self._core, str(address[0])
        if core.closing or core.is_paused or core.gate.admit(host) is not Verdict.ADMIT:
            transport.abort()
            return
        core.lobby.admit_transport(transport, (host, int(address[1])), base=base)

    def close(self) -> None:
        """Accept nothing more."""
        while self._listeners:
            self._close(self._listeners.popitem()[1])

    def _listen(self, base: str, opened: OpenEndpoint) -> TransportListener | None:
        where = opened.host, opened.port
        maker = base_of(base)
        assert maker is not None
        try:
            return maker.listen(
                self._context(where, is_inbound=True),
                lambda transport, address: self.admit(base, transport, address),
            )
        except Exception as exc:  # of somebody else's code
            error = (
                ErrorCode.from_exception(exc)
                if isinstance(exc, OSError)
                else ErrorCode(1, "generic", f"transport {base!r} failed: {type(exc).__name__}: {exc}")
            )
            interface = f"{base} {opened.endpoint}"
            self._core.alerts.emplace(
                ListenFailedAlert, interface, *where, Operation.sock_listen, error, SocketType.tcp
            )
            return None

    def _context(self, address: Address, *, is_inbound: bool = False) -> ChainContext:
        return ChainContext(self._core.base, *address, is_inbound, self._options)

    @staticmethod
    def _close(listeners: list[TransportListener]) -> None:
        for listener in listeners:
            listener.close()
