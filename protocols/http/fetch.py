"""One HTTP request from URL to response: lookup, connection, redirects, deadlines.  Lives on any `Base`.

The steps are resolve → guard → dial → exchange, again for each redirect, all under one deadline.  The guard sees the
numeric addresses before anything is sent to them, so a name that resolves inwards is caught as well.

Bodies are collected up to `max_body`, or streamed to `on_body` where the caller takes them as they come (web seeds).
`on_done(response, error)` is called once, never inside `start` or `cancel`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..engine.ports import Base, ResolveCallback, Timer
from ..errors import ProtocolError, TransportBroken, TransportError
from ..transport.base import WOULD_BLOCK, Transport
from .addresses import AddressGuard, numeric_host
from .errors import (
    HttpConnectionError,
    HttpError,
    HttpRefused,
    HttpStatusError,
    HttpTimeout,
    HttpTooLarge,
)
from .exchange import BodyData, HttpExchange, ResponseStarted
from .url import Url, resolve_reference

__all__ = ["FetchOptions", "FetchPorts", "HttpFetch", "HttpResponse", "ResolvedAddress"]

DEFAULT_MAX_BODY = 1024 * 1024
"""Bytes of a collected body (libtorrent's `tracker_maximum_response_length`)."""

MAX_REDIRECTS = 5
"""Redirects followed (libtorrent's number for trackers)."""

RECEIVE_SIZE = 64 * 1024
"""Bytes read at a time."""

_REDIRECTS = frozenset((301, 302, 303, 307, 308))

ResolvedAddress = tuple[int, Any]
"""(family, socket address) as a resolver gives it.  Any: its shape depends on the family."""


class FetchPorts(Protocol):
    """What a fetch needs of the outside."""

    def resolve(self, base: Base, host: str, port: int, callback: ResolveCallback) -> Timer:
        """As `Platform.resolve`."""
        ...

    def dial(self, base: Base, url: Url, addresses: Sequence[ResolvedAddress], timeout: float) -> Transport:
        """A transport that connects to the first of `addresses` that answers, under TLS if `url` says so."""
        ...


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """How to ask."""

    user_agent: str = ""
    """Sent as `User-Agent` when not empty."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers, for example a range."""
    post: bytes | None = None
    """The body of a POST; None for a GET.  A POST follows no redirect."""
    max_body: int | None = DEFAULT_MAX_BODY
    """Bytes of body accepted, decoded; None for no limit, which only a streaming caller should choose."""
    max_redirects: int = MAX_REDIRECTS
    """Redirects followed."""
    completion_timeout: float = 30.0
    """Seconds for everything together."""
    receive_timeout: float = 10.0
    """Seconds without a byte once connected."""
    guard: AddressGuard = field(default_factory=AddressGuard)
    """Which addresses may be asked."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete answer, whatever its status."""

    url: Url
    """Where it came from, after redirects."""
    address: str
    """Numeric address of the server."""
    status: int
    reason: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    """Decoded; empty when it was streamed."""

    @property
    def is_success(self) -> bool:
        """A status of the 2xx kind."""
        return 200 <= self.status < 300

    def raise_for_status(self) -> None:
        """HttpStatusError unless it is a success."""
        if not self.is_success:
            raise HttpStatusError(self.status, self.reason)


OnFetched = Callable[[HttpResponse | None, HttpError | None], object]


class HttpFetch:
    """The user of its transport, one connection after another."""

    def __init__(
        self,
        base: Base,
        ports: FetchPorts,
        url: Url,
        on_done: OnFetched,
        *,
        options: FetchOptions | None = None,
        on_body: Callable[[bytes], object] | None = None,
    ) -> None:
        """`on_body` gets the decoded parts of a successful response instead of collecting them."""
        self._base = base
        self._ports = ports
        self._url = url
        self._on_done: OnFetched = on_done
        self._options = options or FetchOptions()
        self._on_body = on_body
        self._authorization = url.authorization
        self._visited = {str(url)}
        self._came_from: str | None = None
        self._doing = "starting"
        self._deadline = 0.0
        self._last_activity = 0.0
        self._timer: Timer | None = None
        self._lookup: Timer | None = None
        self._transport: Transport | None = None
        self._exchange: HttpExchange | None = None
        self._unsent = memoryview(b"")
        self._buffer = bytearray()
        self._started: ResponseStarted | None = None
        self._body = bytearray()

    def start(self) -> None:
        """Begin; call once."""
        now = self._base.time()
        self._deadline = now + self._options.completion_timeout
        self._timer = self._base.call_at(self._deadline, self._on_timer)
        self._resolve()

    def cancel(self) -> None:
        """Give up silently: `on_done` will not be called.  Repeatable, also after the end."""
        self._on_done = _tell_nobody
        self._release()

    # The transport's user

    def on_connected(self, now: float) -> None:
        """Send the request."""
        options = self._options
        self._exchange = HttpExchange(
            self._url,
            headers=options.headers,
            user_agent=options.user_agent,
            authorization=self._authorization,
            max_body=options.max_body,
            post=options.post,
        )
        self._doing = "waiting"
        self._last_activity = now
        self._arm(now)
        self._unsent = memoryview(self._exchange.data_to_send())
        self._flush()

    def on_writable(self, now: float) -> None:
        """Send the rest of the request."""
        self._last_activity = now
        self._flush()

    def on_readable(self, now: float) -> None:
        """Take what arrived."""
        self._last_activity = now
        transport, exchange = self._transport, self._exchange
        assert transport is not None and exchange is not None
        if not self._buffer:
            self._buffer = bytearray(RECEIVE_SIZE)
        try:
            count = transport.recv_into(self._buffer)
            if count == WOULD_BLOCK:
                return
            if count:
                self._doing = "receiving"
                exchange.receive_data(memoryview(self._buffer)[:count])
            else:
                exchange.receive_eof()
            self._handle_events(exchange)
        except TransportError as error:
            self._fail(HttpConnectionError(error))
        except HttpError as error:
            self._fail(error)

    def on_closed(self, error: TransportError, now: float) -> None:
        """Not connected, or no longer."""
        self._fail(HttpConnectionError(error))

    # Inside

    def _resolve(self) -> None:
        url = self._url
        self._doing = "resolving"
        assert url.port is not None  # http and https imply one
        self._lookup = self._ports.resolve(self._base, url.host, url.port, self._on_resolved)

    def _on_resolved(self, answer: list[ResolvedAddress] | OSError) -> None:
        self._lookup = None
        if isinstance(answer, OSError):
            self._fail(HttpConnectionError(TransportBroken("resolve", answer)))
            return
        hosts = [numeric_host(address) for _, address in answer]
        admitted = set(self._options.guard.admit(self._url, hosts, self._came_from))
        addresses = [entry for entry, host in zip(answer, hosts, strict=True) if host in admitted]
        if not addresses:
            self._fail(HttpRefused(f"no address of {self._url.host} may be asked"))
            return
        self._dial(addresses)

    def _dial(self, addresses: Sequence[ResolvedAddress]) -> None:
        self._doing = "connecting"
        remaining = max(self._deadline - self._base.time(), 0.0)
        try:
            self._transport = self._ports.dial(self._base, self._url, addresses, remaining)
        except (TransportError, ProtocolError) as error:
            cause = error if isinstance(error, TransportError) else TransportBroken("connect", str(error))
            self._fail(HttpConnectionError(cause))
            return
        self._transport.set_user(self)

    def _flush(self) -> None:
        transport = self._transport
        assert transport is not None
        try:
            while self._unsent:
                count = transport.send(self._unsent)
                if not count:
                    break
                self._unsent = self._unsent[count:]
        except TransportError as error:
            self._fail(HttpConnectionError(error))
            return
        transport.want_write(bool(self._unsent))

    def _handle_events(self, exchange: HttpExchange) -> None:
        while self._exchange is exchange and (event := exchange.next_event()) is not None:
            if isinstance(event, BodyData):  # first: nearly all are
                self._take_body(event.data)
            elif isinstance(event, ResponseStarted):
                self._started = event
                if event.status in _REDIRECTS and "location" in event.headers:
                    self._redirect(event.headers["location"])
            else:
                self._finish()

    def _take_body(self, data: bytes) -> None:
        assert self._started is not None
        if self._on_body is not None and 200 <= self._started.status < 300:
            self._on_body(data)
            return
        self._body += data
        if len(self._body) > (self._options.max_body or DEFAULT_MAX_BODY):
            raise HttpTooLarge("response body beyond every limit")

    def _redirect(self, location: str) -> None:
        if self._options.post is not None:
            raise HttpRefused("redirect of a POST")
        target = resolve_reference(self._url, location)
        if self._url.is_secure and not target.is_secure:
            raise HttpRefused(f"redirect from https to {target.scheme}")
        if str(target) in self._visited:
            raise HttpRefused("redirects in a circle")
        if len(self._visited) > self._options.max_redirects:
            raise HttpRefused(f"more than {self._options.max_redirects} redirects")
        self._visited.add(str(target))
        if target.credentials is not None or target.origin != self._url.origin:
            # Another server must not see the password meant for the first.
            self._authorization = target.authorization
        self._came_from = self._address()
        self._url = target
        self._drop_connection()
        self._resolve()

    def _address(self) -> str:
        peer = None if self._transport is None else self._transport.peer_address
        return "" if peer is None else peer[0]

    def _finish(self) -> None:
        started = self._started
        assert started is not None
        response = HttpResponse(
            self._url, self._address(), started.status, started.reason, started.headers, bytes(self._body)
        )
        self._end(response, None)

    def _fail(self, error: HttpError) -> None:
        self._end(None, error)

    def _end(self, response: HttpResponse | None, error: HttpError | None) -> None:
        on_done, self._on_done = self._on_done, _tell_nobody
        self._release()
        on_done(response, error)

    def _arm(self, now: float) -> None:
        """One timer for both deadlines; it is not moved on every byte but looks again when it fires."""
        if self._timer is not None:
            self._timer.cancel()
        when = self._deadline
        if self._exchange is not None:
            when = min(when, self._last_activity + self._options.receive_timeout)
        self._timer = self._base.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = self._base.time()
        is_idle = self._exchange is not None and now >= self._last_activity + self._options.receive_timeout
        if now >= self._deadline or is_idle:
            self._fail(HttpTimeout(self._doing))
        else:
            self._arm(now)

    def _drop_connection(self) -> None:
        transport, self._transport = self._transport, None
        self._exchange = None
        self._started = None
        self._unsent = memoryview(b"")
        self._body.clear()
        if transport is not None:
            transport.close()

    def _release(self) -> None:
        for timer in (self._timer, self._lookup):
            if timer is not None:
                timer.cancel()
        self._timer = self._lookup = None
        self._drop_connection()


def _tell_nobody(response: HttpResponse | None, error: HttpError | None) -> None:
    """After the end."""
