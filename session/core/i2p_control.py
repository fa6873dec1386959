"""The connection to the SAM bridge that a session on I2P is: it makes the session, and ends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ...protocols.errors import EvtorrentError, ProtocolError, TransportBroken, TransportError
from ...protocols.sam import CreateSession, SessionKeeper, TunnelOptions
from ...protocols.transport import dial
from ...protocols.transport.sam import SamFilter, SamOptions
from ...protocols.types import Address

if TYPE_CHECKING:
    from .core import Core
    from .i2p_bridge import I2pBridge

__all__ = ["SESSION_TIMEOUT", "Control"]

SESSION_TIMEOUT = 300.0
"""Seconds a session may take: the router answers once its tunnels stand."""
_READ_SIZE = 4096


class Control:
    """One attempt at a session, and what comes of it.  Tells its owner once that it was made, and once that it is lost."""

    def __init__(self, core: Core, owner: I2pBridge, address: Address, tunnels: TunnelOptions) -> None:
        self._owner = owner
        self._keeper = SessionKeeper()
        self._unsent = b""
        self.session_id = core.platform.random_bytes(16).hex()
        exchange = CreateSession(self.session_id, tunnels=tunnels)
        options = SamOptions(address, exchange=exchange, timeout=SESSION_TIMEOUT)
        timeout = float(core.tuning.peer_connect_timeout)
        # The host is nobody's: what is dialled is the bridge.
        transport = dial(core.base, "", 0, chain="sam+tcp", options={"proxy": options}, timeout=timeout)
        self._transport = cast("SamFilter", transport)
        self._transport.set_user(self)

    def close(self) -> None:
        """End the session.  Repeatable; nothing is told."""
        self._transport.abort()

    def on_connected(self, now: float) -> None:
        """The session is made."""
        destination = self._transport.destination
        assert destination is not None
        self._owner.session_made(destination)

    def on_readable(self, now: float) -> None:
        """The bridge says something."""
        buffer = bytearray(_READ_SIZE)
        try:
            count = self._transport.recv_into(buffer)
            if count == 0:
                raise TransportBroken("recv", EOFError("the bridge ended the session"))
            if count > 0:
                self._answer(self._keeper.receive_data(memoryview(buffer)[:count]))
        except (TransportError, ProtocolError) as error:
            self._lost(error)

    def on_writable(self, now: float) -> None:
        """There is room for answers."""
        try:
            self._answer(b"")
        except TransportError as error:
            self._lost(error)

    def on_closed(self, error: TransportError, now: float) -> None:
        """It failed, or ended."""
        self._lost(error)

    def _answer(self, data: bytes) -> None:
        # A bridge that asks and does not read gets no answers beyond the first.
        self._unsent = self._unsent or data
        if self._unsent:
            self._unsent = self._unsent[self._transport.send(self._unsent) :]
        self._transport.want_write(bool(self._unsent))

    def _lost(self, error: EvtorrentError) -> None:
        self._transport.abort()
        self._owner.session_lost(error)
