"""One association with a SOCKS 5 proxy for several users: UDP trackers, DHT nodes and uTP, told apart as on a shared socket.

A datagram goes to the route of its first byte and of the kind of address it comes from, else nowhere.  When the association ends
every route hears of it; the next datagram of anybody makes it anew (`socks5_datagrams.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum

from ..errors import TransportBusy, TransportClosed, TransportError
from ..types import Address
from ..utp.connection import Train
from .proxy import ProxyOptions
from .socks5_datagrams import RelayEngine, Socks5Datagrams

__all__ = ["RelayRoute", "SharedRelay", "SourceKind"]

OnDatagram = Callable[[memoryview, Address, float], object]
"""(data, source, now); copy what must outlive the call."""


class SourceKind(Enum):
    """How the proxy writes where a datagram comes from."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    NAME = "name"


class RelayRoute:
    """One user's part of an association."""

    __slots__ = ("_relay", "on_datagram", "on_idle", "on_lost")

    def __init__(
        self,
        relay: SharedRelay,
        on_datagram: OnDatagram,
        on_lost: Callable[[TransportError], object] | None,
        on_idle: Callable[[float], object] | None,
    ) -> None:
        self._relay = relay
        self.on_datagram = on_datagram
        self.on_lost = on_lost
        self.on_idle = on_idle

    def send(self, data: bytes | bytearray | memoryview, address: Address) -> bool:
        """As `Socks5Datagrams.send`."""
        return self._relay.datagrams_of(self).send(data, address)

    def send_train(self, train: Train, address: Address) -> bool:
        """As `Socks5Datagrams.send_train`."""
        return self._relay.datagrams_of(self).send_train(train, address)

    def call_when_writable(self, callback: Callable[[], object]) -> None:
        """As `Socks5Datagrams.call_when_writable`."""
        self._relay.datagrams_of(self).call_when_writable(callback)

    def close(self) -> None:
        """Receive and send nothing more; the association stays.  Repeatable."""
        self._relay.forget(self)


class SharedRelay:
    """Routes the datagrams of one association.

    `on_failed(error)` hears after the routes that it could not be made, or ended.  No callback is called inside a call of a user.
    """

    def __init__(
        self,
        engine: RelayEngine,
        proxy: ProxyOptions,
        on_failed: Callable[[TransportError], object] | None = None,
    ) -> None:
        """LocalProtocolError when `proxy` is of a kind that has no datagrams."""
        self._datagrams = Socks5Datagrams(engine, proxy, self._dispatch, self._on_lost, on_idle=self._on_idle)
        self._on_failed = on_failed
        self._routes: dict[RelayRoute, None] = {}
        self._by_start: dict[tuple[int, SourceKind], RelayRoute] = {}
        self._served: dict[RelayRoute, None] = {}
        self.num_wakeups = 0
        """Times there was something to receive."""
        self.num_unrouted = 0
        """Datagrams that nobody wanted."""

    def open_route(
        self,
        first_bytes: Iterable[int],
        kinds: Iterable[SourceKind],
        on_datagram: OnDatagram,
        *,
        on_lost: Callable[[TransportError], object] | None = None,
        on_idle: Callable[[float], object] | None = None,
    ) -> RelayRoute:
        """Datagrams that begin with one of these and come from such an address; `on_idle(now)` follows the last of a wake-up.

        TransportBusy when another route has them; TransportClosed after `close`.
        """
        if self._datagrams.is_closed:
            raise TransportClosed("route", "the relay is closed")
        kinds = list(kinds)
        starts = [(byte, kind) for byte in first_bytes for kind in kinds]
        for byte, kind in starts:
            if (byte, kind) in self._by_start:
                raise TransportBusy("route", f"first byte {byte:#04x} from {kind.value} is taken")
        route = RelayRoute(self, on_datagram, on_lost, on_idle)
        self._routes[route] = None
        self._by_start.update(dict.fromkeys(starts, route))
        return route

    def close(self) -> None:
        """End the association and all routes; nothing is called afterwards.  Repeatable."""
        self._routes.clear()
        self._by_start.clear()
        self._served.clear()
        self._datagrams.close()

    @property
    def is_associated(self) -> bool:
        """The proxy carries datagrams."""
        return self._datagrams.is_associated

    @property
    def is_refusing(self) -> bool:
        """The proxy just failed, so that nothing is taken, or this is closed."""
        return self._datagrams.is_refusing

    @property
    def num_ignored(self) -> int:
        """Datagrams that did not come from the proxy or were none of SOCKS 5."""
        return self._datagrams.num_ignored

    # What routes call

    def datagrams_of(self, route: RelayRoute) -> Socks5Datagrams:
        """Where a route sends.  TransportClosed when it was closed."""
        if route not in self._routes:
            raise TransportClosed("send", "the route is closed")
        return self._datagrams

    def forget(self, route: RelayRoute) -> None:
        """A route ends."""
        if route in self._routes:
            del self._routes[route]
            self._served.pop(route, None)
            self._by_start = {start: each for start, each in self._by_start.items() if each is not route}

    # Inside

    def _dispatch(self, data: bytes, source: Address, now: float) -> None:
        route = self._by_start.get((data[0], _kind_of(source))) if data else None
        if route is None:
            self.num_unrouted += 1
            return
        self._served[route] = None
        route.on_datagram(memoryview(data), source, now)

    def _on_idle(self, now: float) -> None:
        self.num_wakeups += 1
        served, self._served = self._served, {}
        for route in served:
            if route.on_idle is not None and route in self._routes:
                route.on_idle(now)

    def _on_lost(self, error: TransportError) -> None:
        for route in list(self._routes):
            if route.on_lost is not None and route in self._routes:
                route.on_lost(error)
        if self._on_failed is not None:
            self._on_failed(error)


def _kind_of(source: Address) -> SourceKind:
    host = source[0]
    if ":" in host:
        return SourceKind.IPV6
    return SourceKind.IPV4 if host.replace(".", "").isdigit() else SourceKind.NAME
