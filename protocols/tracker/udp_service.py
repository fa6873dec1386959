"""`UdpTrackers` on real datagram sockets: one socket a family, opened with the first request of that family.

`open_socket(family)` gives a non-blocking socket: a platform's `datagram_socket`, or one that is shared with others.  With a
relay (`Socks5Datagrams`) there is no socket here at all: everything goes through that.
A datagram that cannot leave because the buffer is full counts as lost; the machine sends it again in time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ..engine.ports import READ, Base, DatagramSocket, Timer, Watch
from ..errors import TransportBroken, TransportError
from ..http.addresses import numeric_host
from ..types import Address, Buffer
from .announce import AnnounceRequest, AnnounceResponse, ScrapeResponse
from .errors import TrackerError
from .udp import UdpAnnounced, UdpEvent, UdpFailed, UdpScraped, UdpTrackers

__all__ = ["MAX_DATAGRAMS_PER_WAKEUP", "DatagramRelay", "OpenRelay", "UdpTrackerService"]

MAX_DATAGRAMS_PER_WAKEUP = 64
"""Datagrams taken before others get their turn; the rest is announced again."""

DATAGRAM_SIZE = 64 * 1024
"""Room for the largest datagram there is."""

AF_INET = 2  # the same number everywhere


class DatagramRelay(Protocol):
    """Sends and receives for us, far away."""

    def send(self, data: Buffer, address: Address) -> bool: ...
    def close(self) -> object: ...


OpenRelay = Callable[
    [Callable[[Buffer, Address, float], object], Callable[[TransportError], object]], DatagramRelay
]
"""Makes one: gets what takes datagrams and what hears that the way broke."""

OnAnswered = Callable[[AnnounceResponse | ScrapeResponse | None, TrackerError | None], object]


class UdpTrackerService:
    """All UDP trackers of a session."""

    def __init__(
        self, base: Base, machine: UdpTrackers, open_socket: Callable[[int], DatagramSocket]
    ) -> None:
        self._base = base
        self._machine = machine
        self._open_socket = open_socket
        self._sockets: dict[int, tuple[DatagramSocket, Watch]] = {}
        self._families: dict[Address, int] = {}
        self._waiting: dict[int, OnAnswered] = {}
        self._buffer = bytearray()
        self._timer: Timer | None = None
        self._open_relay: OpenRelay | None = None
        self._relay: DatagramRelay | None = None

    def set_relay(self, open_relay: OpenRelay | None) -> None:
        """From now on everything goes through a relay made by this, or (None) through sockets of our own.

        What was asked the other way and is not answered fails: nobody is asked twice, on two ways.
        """
        self._machine.receive_loss(TransportBroken("send", "the proxy was changed"), now=self._base.time())
        self._close_sockets()
        self._open_relay = open_relay
        if self._waiting:
            self._base.call_soon(self._pump)

    def submit(
        self,
        what: AnnounceRequest | Sequence[bytes],
        addresses: Sequence[tuple[int, Address]],
        on_done: OnAnswered,
        *,
        timeout: float,
        url_data: bytes = b"",
    ) -> int:
        """Announce, or scrape these info-hashes, at the first of (family, address) that answers.

        Gives an id for `cancel`; `on_done` is never called inside this.  LocalProtocolError when it cannot be asked.
        """
        now = self._base.time()
        targets = [address for _, address in addresses]
        if isinstance(what, AnnounceRequest):
            request_id = self._machine.send_announce(
                what, targets, now=now, timeout=timeout, url_data=url_data
            )
        else:
            request_id = self._machine.send_scrape(what, targets, now=now, timeout=timeout)
        self._families.update((address, family) for family, address in addresses)
        self._waiting[request_id] = on_done
        self._base.call_soon(self._pump)
        return request_id

    def cancel(self, request_id: int) -> None:
        """Forget a request silently.  Repeatable."""
        self._machine.cancel(request_id)
        self._waiting.pop(request_id, None)
        self._arm()

    def close(self) -> None:
        """Forget everything and close the sockets."""
        self._machine.close()
        self._waiting.clear()
        self._families.clear()
        self._arm()
        self._close_sockets()

    @property
    def num_requests(self) -> int:
        """Requests under way."""
        return len(self._waiting)

    def _close_sockets(self) -> None:
        for sock, watch in self._sockets.values():
            watch.close()
            sock.close()
        self._sockets.clear()
        relay, self._relay = self._relay, None
        if relay is not None:
            relay.close()

    def _on_relayed(self, data: Buffer, address: Address, now: float) -> None:
        self._machine.receive_datagram(data, address, now=now)
        self._pump()

    def _on_relay_lost(self, error: TransportError) -> None:
        self._machine.receive_loss(error, now=self._base.time())
        self._pump()

    def _on_ready(self, family: int) -> None:
        if not self._buffer:
            self._buffer = bytearray(DATAGRAM_SIZE)
        view = memoryview(self._buffer)
        sock = self._sockets[family][0]
        for _ in range(MAX_DATAGRAMS_PER_WAKEUP):
            try:
                size, address = sock.recvfrom_into(view)
            except BlockingIOError:
                break
            except OSError:
                continue  # an ICMP error of an earlier datagram; the timeout will tell
            source = numeric_host(address), address[1]
            self._machine.receive_datagram(view[:size], source, now=self._base.time())
        self._pump()

    def _on_timer(self) -> None:
        self._timer = None
        self._machine.handle_timeout(now=self._base.time())
        self._pump()

    def _pump(self) -> None:
        """Send, arm the timer, hand events over: the driver's order."""
        self._send()
        while (event := self._machine.next_event()) is not None:
            self._deliver(event)
            self._send()
        if not self._waiting:
            self._families.clear()
        self._arm()

    def _send(self) -> None:
        now = self._base.time()
        while datagrams := self._machine.datagrams_to_send(now=now):
            for data, address in datagrams:
                try:
                    self._send_one(data, address)
                except BlockingIOError:
                    pass
                except (OSError, TransportError) as error:
                    self._machine.receive_error(address, error, now=now)

    def _send_one(self, data: bytes, address: Address) -> None:
        if self._open_relay is None:
            self._socket(self._families.get(address, AF_INET)).sendto(data, address)
            return
        if self._relay is None:
            self._relay = self._open_relay(self._on_relayed, self._on_relay_lost)
        self._relay.send(data, address)  # False counts as lost, too

    def _deliver(self, event: UdpEvent) -> None:
        on_done = self._waiting.pop(event.request_id, None)
        if on_done is None:
            return
        if isinstance(event, UdpFailed):
            on_done(None, event.error)
        else:
            assert isinstance(event, UdpAnnounced | UdpScraped)
            on_done(event.response, None)

    def _socket(self, family: int) -> DatagramSocket:
        opened = self._sockets.get(family)
        if opened is None:
            sock = self._open_socket(family)
            watch = self._base.watch(sock.fileno(), READ, lambda _: self._on_ready(family))
            opened = self._sockets[family] = (sock, watch)
        return opened[0]

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._machine.next_timeout()
        if deadline is not None:
            self._timer = self._base.call_at(deadline, self._on_timer)
