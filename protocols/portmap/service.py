"""The two mappers on real sockets: a driver each, on any `Base`.

A driver takes over a bound datagram socket, hands events to its owner, and lets go of everything when the mapper has closed:
`close(on_closed)` removes the mappings first, `abort()` does not wait.  A datagram that cannot leave counts as lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..engine.ports import READ, Base, DatagramSocket, Timer, Watch
from ..http.addresses import AddressGuard, numeric_host
from ..http.errors import HttpError
from ..http.fetch import FetchOptions, FetchPorts, HttpFetch, HttpResponse
from ..types import Address, Buffer
from .events import PortmapEvent
from .mapping import MapRequest
from .upnp import HttpCall, Upnp
from .xml_tree import MAX_XML

__all__ = ["MAX_DATAGRAMS_PER_WAKEUP", "MapperService", "PortMapper", "UpnpService"]

MAX_DATAGRAMS_PER_WAKEUP = 64
"""Datagrams taken before others get their turn; the rest is announced again."""

DATAGRAM_SIZE = 4096
"""Bytes read of a datagram: more than any that is accepted."""

CALL_TIMEOUT = 10.0
"""Seconds a gateway has for an answer by HTTP (libtorrent's number)."""

OnEvent = Callable[[PortmapEvent], object]


class PortMapper(Protocol):
    """A mapper, as a driver sees it: `GatewayMapper`, `Upnp`."""

    def send_mapping(self, request: MapRequest, *, now: float) -> None:
        """Ask for a mapping."""
        ...

    def send_removal(self, mapping_id: int, *, now: float) -> None:
        """Give one back."""
        ...

    def receive_datagram(self, data: Buffer, addr: Address, *, now: float) -> None:
        """A gateway speaks."""
        ...

    def datagrams_to_send(self, *, now: float) -> list[tuple[bytes, Address]]:
        """What must go out."""
        ...

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due; None for never."""
        ...

    def handle_timeout(self, *, now: float) -> None:
        """The time has come."""
        ...

    def next_event(self) -> PortmapEvent | None:
        """What happened; None when that was all."""
        ...

    def close(self, *, now: float) -> None:
        """Give every mapping back."""
        ...

    @property
    def is_closed(self) -> bool:
        """Nothing is left to be given back."""
        ...

    @property
    def is_full(self) -> bool:
        """No more mappings are taken."""
        ...


class MapperService:
    """Drives one mapper."""

    def __init__(self, base: Base, mapper: PortMapper, sock: DatagramSocket, on_event: OnEvent) -> None:
        """`on_event` is never called inside a call of ours."""
        self._base = base
        self._mapper = mapper
        self._sock = sock
        self._on_event = on_event
        self._buffer = bytearray(DATAGRAM_SIZE)
        self._timer: Timer | None = None
        self._soon: Timer | None = None
        self._on_closed: Callable[[], object] | None = None
        self._is_over = False
        self._watch: Watch = base.watch(sock.fileno(), READ, self._on_readable)
        self._wake()

    def add(self, request: MapRequest) -> None:
        """Map a port.  LocalProtocolError as the mapper has it."""
        self._mapper.send_mapping(request, now=self._base.time())
        self._wake()

    def remove(self, mapping_id: int) -> None:
        """Remove a mapping."""
        self._mapper.send_removal(mapping_id, now=self._base.time())
        self._wake()

    def close(self, on_closed: Callable[[], object]) -> None:
        """Remove every mapping, then call `on_closed`, never inside this."""
        self._on_closed = on_closed
        self._mapper.close(now=self._base.time())
        self._wake()

    def abort(self) -> None:
        """Let go of everything at once and tell nobody.  Repeatable."""
        if self._is_over:
            return
        self._is_over = True
        for timer in (self._timer, self._soon):
            if timer is not None:
                timer.cancel()
        self._watch.close()
        self._sock.close()

    @property
    def is_full(self) -> bool:
        """There is no room for another mapping."""
        return self._mapper.is_full

    def _wake(self) -> None:
        if self._soon is None and not self._is_over:
            self._soon = self._base.call_soon(self._on_soon)

    def _on_soon(self) -> None:
        self._soon = None
        self._pump()

    def _on_timer(self) -> None:
        self._timer = None
        self._mapper.handle_timeout(now=self._base.time())
        self._pump()

    def _on_readable(self, events: int) -> None:
        view = memoryview(self._buffer)
        for _ in range(MAX_DATAGRAMS_PER_WAKEUP):
            try:
                size, address = self._sock.recvfrom_into(view)
            except BlockingIOError:
                break
            except OSError:
                continue  # an ICMP error of an earlier datagram; the timeout will tell
            source = numeric_host(address), int(address[1])
            self._mapper.receive_datagram(view[:size], source, now=self._base.time())
        self._pump()

    def _pump(self) -> None:
        """Send, arm the timer, hand events over: the driver's order."""
        self._send()
        self._arm()
        self._deliver()

    def _deliver(self) -> None:
        while (event := self._mapper.next_event()) is not None:
            self._on_event(event)
            if self._is_over:
                return
        if self._mapper.is_closed:
            assert self._on_closed is not None
            self.abort()
            self._on_closed()

    def _send(self) -> None:
        for data, address in self._mapper.datagrams_to_send(now=self._base.time()):
            try:
                self._sock.sendto(data, address)
            except OSError:
                pass  # Lost, as it might be on the way; it is sent again.

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._mapper.next_timeout()
        if deadline is not None:
            self._timer = self._base.call_at(deadline, self._on_timer)


class UpnpService(MapperService):
    """Drives a UPnP mapper, HTTP included."""

    def __init__(
        self, base: Base, mapper: Upnp, sock: DatagramSocket, on_event: OnEvent, *, ports: FetchPorts
    ) -> None:
        """`ports` dial from our address on the mapper's network."""
        self._upnp = mapper
        self._ports = ports
        self._fetches: dict[int, HttpFetch] = {}
        super().__init__(base, mapper, sock, on_event)

    def search(self) -> None:
        """Search for gateways anew."""
        self._upnp.send_search(now=self._base.time())
        self._wake()

    def abort(self) -> None:
        """See `MapperService`."""
        for fetch in self._fetches.values():
            fetch.cancel()
        self._fetches.clear()
        super().abort()

    def _send(self) -> None:
        super()._send()
        for call in self._upnp.calls_to_send(now=self._base.time()):
            self._fetch(call)

    def _fetch(self, call: HttpCall) -> None:
        def on_done(response: HttpResponse | None, error: HttpError | None) -> None:
            del self._fetches[call.call_id]
            now = self._base.time()
            if response is not None:
                self._upnp.receive_answer(call.call_id, response.status, response.body, now=now)
            else:
                self._upnp.receive_failure(call.call_id, str(error), now=now)
            self._pump()

        options = FetchOptions(
            headers=call.headers,
            post=call.post,
            max_body=MAX_XML,
            max_redirects=0,
            completion_timeout=CALL_TIMEOUT,
            receive_timeout=CALL_TIMEOUT,
            # The mapper's rule is stricter than the guard's own, which must not refuse a gateway on a private network.
            guard=AddressGuard(is_enabled=False, is_allowed=self._upnp.admits),
        )
        fetch = self._fetches[call.call_id] = HttpFetch(
            self._base, self._ports, call.url, on_done, options=options
        )
        fetch.start()
