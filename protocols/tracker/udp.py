"""UDP tracker client, sans-I/O: every announce and scrape of a session through one machine (BEP 15, 41).

A tracker's address needs a connection id first, good for a minute and shared by all requests to that address.  A request
without answer is sent again after 15 · 2^n seconds; when its share of the deadline is over, or it was sent often enough,
the next address of the same tracker is tried.

Departures: an error in answer to a *cached* connection id is taken for "that id is too old" and the request is made once
more with a fresh one (a restarted tracker is then no failed announce).

Answers count only from the address asked and with the transaction sent; anything else is ignored and counted.  Of a tracker
asked by name, which a proxy looked up, the address is not known: there the port and the transaction have to do.
"""

from __future__ import annotations

import heapq
import ipaddress
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from ..errors import LocalProtocolError, TransportError
from ..types import Address, Buffer
from .announce import AnnounceRequest, AnnounceResponse, ScrapeResponse
from .errors import InvalidTrackerResponse, TrackerError, TrackerFailure, TrackerTimeout, TrackerUnreachable
from .udp_packets import (
    Action,
    pack_announce,
    pack_connect,
    pack_scrape,
    unpack_announce,
    unpack_connect,
    unpack_error,
    unpack_header,
    unpack_scrape,
)

__all__ = ["RandomBits", "UdpAnnounced", "UdpEvent", "UdpFailed", "UdpScraped", "UdpTimings", "UdpTrackers"]

MAX_IDLE_ADDRESSES = 1024
"""Addresses remembered for their connection id; expired ones go when there are more."""


@dataclass(frozen=True, slots=True)
class UdpTimings:
    """Seconds and counts of the retransmission scheme."""

    retransmit_interval: float = 15.0
    """Wait before the first retransmission; doubles each time (BEP 15)."""
    max_retransmits: int = 8
    """Retransmissions to one address (BEP 15: n "is increased up to 8")."""
    token_expiry: float = 60.0
    """How long a connection id is used (libtorrent's `udp_tracker_token_expiry`)."""


@dataclass(frozen=True, slots=True)
class UdpAnnounced:
    """An announce was answered."""

    request_id: int
    response: AnnounceResponse


@dataclass(frozen=True, slots=True)
class UdpScraped:
    """A scrape was answered."""

    request_id: int
    response: ScrapeResponse


@dataclass(frozen=True, slots=True)
class UdpFailed:
    """A request is over without an answer."""

    request_id: int
    error: TrackerError


UdpEvent: TypeAlias = UdpAnnounced | UdpScraped | UdpFailed


@dataclass(slots=True, eq=False)
class _Request:
    request_id: int
    what: AnnounceRequest | tuple[bytes, ...]
    url_data: bytes
    addresses: deque[Address]
    """Not tried yet."""
    deadline: float
    address: Address = ("", 0)
    address_deadline: float = 0.0
    transaction: int = -1
    attempts: int = 0
    wake_at: float = 0.0
    used_connection: int | None = None
    """The connection id it was last sent with."""
    has_reconnected: bool = False
    """The connection id in use is not a cached one, or the second chance is spent."""


@dataclass(slots=True, eq=False)
class _Endpoint:
    connection: int | None = None
    expires: float = 0.0
    transaction: int | None = None
    """Of the connect under way."""
    connect_sent_at: float = 0.0
    waiting: dict[int, _Request] = field(default_factory=dict)
    """Requests in want of a connection id, in order of arrival."""


class RandomBits(Protocol):
    """Where transaction ids come from; `random.Random` has this shape."""

    def getrandbits(self, count: int, /) -> int: ...


class UdpTrackers:
    """The machine.  Drive it as STYLE says: input, then `datagrams_to_send`, `next_timeout`, `next_event`."""

    def __init__(self, *, rng: RandomBits, timings: UdpTimings | None = None) -> None:
        self._rng = rng
        self.timings = timings or UdpTimings()
        """May be replaced at any time; holds for what is sent from then on."""
        self._endpoints: dict[Address, _Endpoint] = {}
        self._named: set[Address] = set()
        """Of these, the ones that a proxy looks up."""
        self._requests: dict[int, _Request] = {}
        self._transactions: dict[int, _Request] = {}
        self._wakes: list[tuple[float, int]] = []
        self._next_id = 0
        self._output: deque[tuple[bytes, Address]] = deque()
        self._events: deque[UdpEvent] = deque()
        self.num_ignored = 0
        """Datagrams that answered nothing we asked."""

    def send_announce(
        self,
        request: AnnounceRequest,
        addresses: Sequence[Address],
        *,
        now: float,
        timeout: float,
        url_data: bytes = b"",
    ) -> int:
        """Announce at the first of `addresses` that answers, within `timeout` seconds.  Returns the request's id.

        LocalProtocolError when it does not fit a packet.
        """
        pack_announce(request, 0, 0, url_data=url_data)  # fails here rather than later
        return self._submit(request, url_data, addresses, now, timeout)

    def send_scrape(
        self, info_hashes: Sequence[bytes], addresses: Sequence[Address], *, now: float, timeout: float
    ) -> int:
        """Scrape up to MAX_SCRAPE_HASHES torrents.  Returns the request's id."""
        pack_scrape(info_hashes, 0, 0)
        return self._submit(tuple(bytes(h) for h in info_hashes), b"", addresses, now, timeout)

    def cancel(self, request_id: int) -> None:
        """Forget a request; no event follows.  Repeatable."""
        if (request := self._requests.pop(request_id, None)) is not None:
            self._leave_address(request)

    def close(self) -> None:
        """Forget everything."""
        for request_id in list(self._requests):
            self.cancel(request_id)
        self._endpoints.clear()
        self._named.clear()
        self._output.clear()
        self._events.clear()
        self._wakes.clear()

    def receive_datagram(self, data: Buffer, address: Address, *, now: float) -> None:
        """A datagram arrived.  Nothing escapes, whatever it holds."""
        header = unpack_header(data)
        asked = None if header is None else self._asked_as(address, header[1])
        if header is None or asked is None:
            self.num_ignored += 1
            return
        action, transaction = header
        endpoint = self._endpoints[asked]
        request = self._transactions.get(transaction)
        if transaction == endpoint.transaction:
            self._handle_connect_answer(endpoint, action, data, now)
        elif request is not None and request.address == asked and request.used_connection is not None:
            self._handle_answer(request, action, data, address[0], now)
        else:
            self.num_ignored += 1

    def receive_error(self, address: Address, error: OSError | TransportError, *, now: float) -> None:
        """A datagram to `address` could not be sent: whoever uses it goes on to the next address."""
        for request in [r for r in self._requests.values() if r.address == address]:
            self._give_up_address(request, _unreachable(error), now)

    def receive_loss(self, error: TransportError, *, now: float) -> None:
        """The way to all of them broke: nobody is asked at another address, since it would lead the same way.

        Connection ids are forgotten: shown on another way, they would tell that it is us again.
        """
        for endpoint in self._endpoints.values():
            endpoint.connection = None
        for request in list(self._requests.values()):
            self._finish(request, UdpFailed(request.request_id, _unreachable(error)))

    def datagrams_to_send(self, *, now: float) -> list[tuple[bytes, Address]]:
        """Take what must go out."""
        datagrams = list(self._output)
        self._output.clear()
        return datagrams

    def next_timeout(self) -> float | None:
        """When to call `handle_timeout`."""
        self._drop_stale_wakes()
        return self._wakes[0][0] if self._wakes else None

    def handle_timeout(self, *, now: float) -> None:
        """Retransmit, go on to the next address or give up what is due."""
        self._drop_stale_wakes()
        while self._wakes and self._wakes[0][0] <= now:
            request = self._requests[heapq.heappop(self._wakes)[1]]
            if now >= request.address_deadline or request.attempts > self.timings.max_retransmits:
                self._give_up_address(request, TrackerTimeout("no answer from the tracker"), now)
            else:
                self._transmit(request, now)
            self._drop_stale_wakes()

    def next_event(self) -> UdpEvent | None:
        """The next thing that happened, or None."""
        return self._events.popleft() if self._events else None

    @property
    def num_requests(self) -> int:
        """Requests under way."""
        return len(self._requests)

    def _submit(
        self,
        what: AnnounceRequest | tuple[bytes, ...],
        url_data: bytes,
        addresses: Sequence[Address],
        now: float,
        timeout: float,
    ) -> int:
        if not addresses:
            raise LocalProtocolError("a tracker without addresses cannot be asked")
        self._next_id += 1
        request = _Request(self._next_id, what, url_data, deque(addresses), now + timeout)
        self._requests[request.request_id] = request
        self._forget_idle_addresses(now)
        self._enter_next_address(request, now)
        return request.request_id

    def _handle_connect_answer(self, endpoint: _Endpoint, action: int, data: Buffer, now: float) -> None:
        waiting = list(endpoint.waiting.values())
        if action == Action.CONNECT:
            try:
                endpoint.connection = unpack_connect(data)
            except InvalidTrackerResponse:
                self.num_ignored += 1
                return
            endpoint.transaction = None
            endpoint.expires = now + self.timings.token_expiry
            for request in waiting:
                if request.used_connection is None:
                    request.attempts = 0
                request.has_reconnected = True  # a fresh id: an error now is the tracker's word
                self._transmit(request, now)
        elif action == Action.ERROR:
            endpoint.transaction = None
            for request in waiting:
                self._finish(request, UdpFailed(request.request_id, TrackerFailure(unpack_error(data))))
        else:
            self.num_ignored += 1

    def _asked_as(self, source: Address, transaction: int) -> Address | None:
        """The address whose answer this may be: the source, or a name that is waiting for just this transaction."""
        if source in self._endpoints:
            return source
        request = self._transactions.get(transaction)
        if request is not None and request.address in self._named and request.address[1] == source[1]:
            return request.address
        for name in self._named:
            if name[1] == source[1] and self._endpoints[name].transaction == transaction:
                return name
        return None

    def _handle_answer(self, request: _Request, action: int, data: Buffer, source: str, now: float) -> None:
        what = request.what
        is_ipv6 = ":" in source
        event: UdpEvent
        try:
            if action == Action.ERROR:
                if self._maybe_reconnect(request, now):
                    return
                raise TrackerFailure(unpack_error(data))
            if isinstance(what, AnnounceRequest) and action == Action.ANNOUNCE:
                response = replace(unpack_announce(data, is_ipv6=is_ipv6), tracker_address=source)
                event = UdpAnnounced(request.request_id, response)
            elif isinstance(what, tuple) and action == Action.SCRAPE:
                event = UdpScraped(request.request_id, unpack_scrape(data, what))
            else:
                self.num_ignored += 1
                return
        except TrackerError as error:
            event = UdpFailed(request.request_id, error)
        self._finish(request, event)

    def _maybe_reconnect(self, request: _Request, now: float) -> bool:
        """Ask again with a fresh connection id when a cached one may be to blame."""
        if request.has_reconnected:
            return False
        request.has_reconnected = True
        endpoint = self._endpoints[request.address]
        if endpoint.connection == request.used_connection:
            endpoint.connection = None
        request.attempts = 0
        self._transmit(request, now)
        return True

    def _enter_next_address(self, request: _Request, now: float) -> None:
        share = (request.deadline - now) / len(request.addresses)
        request.address = request.addresses.popleft()
        request.address_deadline = now + max(share, 0.0)
        request.transaction = self._new_transaction()
        request.attempts = 0
        request.used_connection = None
        request.has_reconnected = False
        self._transactions[request.transaction] = request
        self._endpoints.setdefault(request.address, _Endpoint())
        if not _is_numeric(request.address[0]):
            self._named.add(request.address)
        self._transmit(request, now)

    def _leave_address(self, request: _Request) -> None:
        del self._transactions[request.transaction]
        endpoint = self._endpoints[request.address]
        endpoint.waiting.pop(request.request_id, None)
        if not endpoint.waiting:
            endpoint.transaction = None

    def _give_up_address(self, request: _Request, error: TrackerError, now: float) -> None:
        if not request.addresses or now >= request.deadline:
            self._finish(request, UdpFailed(request.request_id, error))
            return
        self._leave_address(request)
        self._enter_next_address(request, now)

    def _finish(self, request: _Request, event: UdpEvent) -> None:
        del self._requests[request.request_id]
        self._leave_address(request)
        self._events.append(event)

    def _transmit(self, request: _Request, now: float) -> None:
        endpoint = self._endpoints[request.address]
        if endpoint.connection is not None and now < endpoint.expires:
            endpoint.waiting.pop(request.request_id, None)
            request.used_connection = endpoint.connection
            self._output.append((self._packet(request, endpoint.connection), request.address))
        else:
            endpoint.connection = None
            endpoint.waiting[request.request_id] = request
            self._connect(endpoint, request.address, now)
        wait = self.timings.retransmit_interval * 2.0**request.attempts
        request.attempts += 1
        request.wake_at = min(now + wait, request.address_deadline)
        heapq.heappush(self._wakes, (request.wake_at, request.request_id))

    def _connect(self, endpoint: _Endpoint, address: Address, now: float) -> None:
        """Send a connect, unless another waiter did so within the last retransmission interval."""
        if endpoint.transaction is None:
            endpoint.transaction = self._new_transaction()
        elif now < endpoint.connect_sent_at + self.timings.retransmit_interval:
            return
        endpoint.connect_sent_at = now
        self._output.append((pack_connect(endpoint.transaction), address))

    def _packet(self, request: _Request, connection: int) -> bytes:
        what = request.what
        if isinstance(what, tuple):
            return pack_scrape(what, connection, request.transaction)
        is_ipv6 = ":" in request.address[0]
        return pack_announce(
            what, connection, request.transaction, url_data=request.url_data, is_ipv6=is_ipv6
        )

    def _new_transaction(self) -> int:
        while True:
            transaction = self._rng.getrandbits(32)
            if transaction not in self._transactions:
                return transaction

    def _drop_stale_wakes(self) -> None:
        """Heap entries of requests that are over or were armed anew since."""
        wakes = self._wakes
        while wakes:
            request = self._requests.get(wakes[0][1])
            if request is not None and request.wake_at == wakes[0][0]:
                return
            heapq.heappop(wakes)

    def _forget_idle_addresses(self, now: float) -> None:
        if len(self._endpoints) <= MAX_IDLE_ADDRESSES:
            return
        in_use = {request.address for request in self._requests.values()}
        for address, endpoint in list(self._endpoints.items()):
            if address not in in_use and (endpoint.connection is None or now >= endpoint.expires):
                del self._endpoints[address]
                self._named.discard(address)


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _unreachable(error: OSError | TransportError) -> TrackerError:
    said = f"send: {error.strerror or error}" if isinstance(error, OSError) else str(error)
    unreachable = TrackerUnreachable(said)
    unreachable.__cause__ = error
    return unreachable
