"""Streams over I2P, through a SAM bridge: "sam+tcp", "sam+tcp+mse", and those that come in.

The base is dialled to the bridge, which is asked for the host that was given to `dial`: a destination in Base64, or a name that
ends in ".i2p".  Nothing is looked up but the bridge itself.  A stream that comes in is dialled to the bridge as well, and
connected once somebody called.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..engine.ports import Base
from ..errors import LocalProtocolError
from ..sam import (
    AcceptStream,
    ConnectStream,
    CreateSession,
    Destination,
    SamError,
    SamExchange,
    is_i2p_host,
    parse_destination,
)
from ..types import Address
from .base import Transport
from .chain import ChainContext
from .handshaking import HandshakeFilter

__all__ = ["BRIDGE_PORT", "STREAM_TIMEOUT", "SamFilter", "SamOptions", "put_on_sam"]

BRIDGE_PORT = 7656
"""Where bridges listen."""
STREAM_TIMEOUT = 60.0
"""Seconds the bridge may take for a stream: four times a proxy's, as in libtorrent, since the way is long."""


@dataclass(frozen=True, slots=True)
class SamOptions:
    """The option "proxy" of a chain with "sam": the bridge, and our session there."""

    address: Address
    """Where the bridge is; its host may be a name."""
    session_id: str = ""
    """The session that streams are of, as it was made."""
    exchange: SamExchange | None = field(default=None, compare=False)
    """What is asked in place of the host dialled: `AcceptStream` or `CreateSession`, once."""
    known: Destination | None = None
    """Who the host dialled is, if that need not be looked up."""
    timeout: float = STREAM_TIMEOUT
    """Seconds the bridge may take; waiting for somebody to call has no limit."""
    kind: str = field(default="sam", init=False)
    """The filter."""
    resolves_names: bool = field(default=True, init=False)
    """Names are the bridge's to look up."""

    def __repr__(self) -> str:
        return f"SamOptions({self.address[0]}:{self.address[1]})"


def put_on_sam(below: Transport, context: ChainContext) -> SamFilter:
    """The "sam" of a chain.  Takes the option "proxy", a `SamOptions`."""
    options = context.options.get("proxy")
    if not isinstance(options, SamOptions):
        raise LocalProtocolError("sam takes the option proxy, which says where the bridge is")
    exchange = options.exchange or ConnectStream(options.session_id, _target(context.host, options.known))
    return SamFilter(
        below, context.base, exchange, target=(context.host, context.port), timeout=options.timeout
    )


def _target(host: str, known: Destination | None) -> str | Destination:
    if known is not None:
        return known
    if is_i2p_host(host):
        return host.rstrip(".")
    try:
        return parse_destination(host)
    except SamError as error:
        raise LocalProtocolError(f"{host[:60]} is not on I2P") from error


class SamFilter(HandshakeFilter):
    """A connection to a bridge, and through it.  Its `peer_address` is the one on I2P, which has no port."""

    name = operation = "sam"

    def __init__(
        self, below: Transport, base: Base, exchange: SamExchange, *, target: Address, timeout: float
    ) -> None:
        self.exchange = exchange
        self._target = target
        super().__init__(below, base, exchange, timeout=timeout)

    @property
    def destination(self) -> Destination | None:
        """Who is at the other end, or of a session's own connection, who we are."""
        exchange = self.exchange
        if isinstance(exchange, (AcceptStream, ConnectStream, CreateSession)):
            return exchange.destination
        return None

    @property
    def peer_address(self) -> Address | None:
        destination = self.destination
        is_stream = destination is not None and not isinstance(self.exchange, CreateSession)
        return (destination.name, 0) if destination is not None and is_stream else self._target

    def query(self, name: str) -> Any:
        """ "i2p" is true, "i2p_destination" a `Destination`.  Stands before the base in "chain", since it is how that is reached."""
        if name == "i2p":
            return True
        if name == "i2p_destination":
            return self.destination
        fact = self.below.query(name)
        return f"{self.name}+{fact}" if name == "chain" else fact

    def _proceed(self, now: float) -> None:
        super()._proceed(now)
        if self.exchange.is_patient:
            self._cancel_deadline()
