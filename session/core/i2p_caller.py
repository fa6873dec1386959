"""A stream that waits for somebody on I2P to call, then is a stranger's connection like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ...protocols.errors import TransportError
from ...protocols.sam import AcceptStream
from ...protocols.transport import dial
from ...protocols.transport.sam import SamFilter, SamOptions
from ...protocols.types import Address
from .peer_transports import I2P_BASE, PeerTransports

if TYPE_CHECKING:
    from .core import Core
    from .i2p_bridge import I2pBridge

__all__ = ["Caller"]


class Caller:
    """User of the stream until somebody called."""

    def __init__(self, core: Core, owner: I2pBridge, bridge: SamOptions) -> None:
        self._owner = owner
        options = SamOptions(bridge.address, exchange=AcceptStream(bridge.session_id), timeout=bridge.timeout)
        timeout = float(core.tuning.peer_connect_timeout)
        transport = dial(core.base, "", 0, chain="sam+tcp", options={"proxy": options}, timeout=timeout)
        self.transport = cast("SamFilter", transport)
        self.transport.set_user(self)
        self._now = 0.0

    def close(self) -> None:
        """Wait no longer.  Repeatable."""
        self.transport.abort()

    def hand_over(self, transports: PeerTransports, address: Address) -> None:
        """To whoever takes strangers, who then hears that it is connected."""
        transports.admit(I2P_BASE, self.transport, address)
        if self.transport.user is not self and not self.transport.is_closed:
            self.transport.user.on_connected(self._now)

    def on_connected(self, now: float) -> None:
        """Somebody called."""
        self._now = now
        self._owner.called(self)

    def on_readable(self, now: float) -> None:
        """Not before it was handed over."""

    def on_writable(self, now: float) -> None:
        """Nothing is sent before it was handed over."""

    def on_closed(self, error: TransportError, now: float) -> None:
        """Nobody will call here."""
        self._owner.call_failed(error)
