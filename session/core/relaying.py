"""The session's association with a SOCKS 5 proxy, which UDP trackers, the DHT and uTP share, and what becomes of it.

There is one for the session, not one for each socket that listens: the header of each datagram says which family it is of, and
beside a proxy for peers nothing listens.  It is made with the first datagram.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...protocols.errors import TransportClosed, TransportError
from ...protocols.tracker.udp_service import DatagramRelay
from ...protocols.transport.proxy import ProxyOptions
from ...protocols.transport.shared_relay import SharedRelay, SourceKind
from ...protocols.types import Address, Buffer
from ..alerts import Socks5Alert
from ..errors import ErrorCode, Operation
from ..operations import operation_of

if TYPE_CHECKING:
    from .core import Core

__all__ = ["TRACKER_BYTES", "Relaying"]

TRACKER_BYTES = (0,)
"""What the answers of UDP trackers begin with: an action below 2 ** 24 (BEP 15)."""


class Relaying:
    """Keeps the association the settings ask for."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._proxy: ProxyOptions | None = None
        self.relay: SharedRelay | None = None
        """None without a proxy, and with one that has no datagrams."""
        self._num_past_wakeups = 0

    def settings_changed(self, proxy: ProxyOptions | None) -> None:
        """What goes through a proxy goes through this one now.  Users of an earlier association have to ask again."""
        if proxy == self._proxy:
            return
        self.close()
        self._proxy = proxy
        if proxy is not None and proxy.kind == "socks5":
            self.relay = SharedRelay(self._core.base, proxy, self._failed)

    def close(self) -> None:
        """End the association.  Repeatable."""
        relay, self.relay = self.relay, None
        self._proxy = None
        if relay is not None:
            self._num_past_wakeups += relay.num_wakeups
            relay.close()

    def open_for_trackers(
        self,
        on_datagram: Callable[[Buffer, Address, float], object],
        on_lost: Callable[[TransportError], object],
    ) -> DatagramRelay:
        """The part of UDP trackers, as `TrackerClient` asks for it.  TransportClosed when there is no association."""
        if self.relay is None:
            raise TransportClosed("send", "there is no association with a proxy")
        return self.relay.open_route(TRACKER_BYTES, SourceKind, on_datagram, on_lost=on_lost)

    @property
    def num_wakeups(self) -> int:
        """Times something came from the proxy."""
        return self._num_past_wakeups + (self.relay.num_wakeups if self.relay is not None else 0)

    def _failed(self, error: TransportError) -> None:
        assert self._proxy is not None
        # libtorrent calls the whole conversation with the proxy a handshake.
        operation = Operation.handshake if error.operation == "socks5" else operation_of(error)
        self._core.alerts.emplace(
            Socks5Alert, ErrorCode.from_exception(error), operation, self._proxy.address
        )
