"""Dialling: a name becomes addresses, addresses race, the winner becomes a connected transport (RFC 8305, simplified).

Addresses alternate between the families, beginning with the first answer's, and the next attempt starts when one failed or
after ATTEMPT_DELAY.  The first that connects wins and the others are closed.  Left out: separate A and AAAA queries, and
remembering which family worked (both are the resolver's and the caller's business).

The first attempt runs in the returned transport itself, so in the usual case, one numeric address, nothing is handed over.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from ..engine.ports import Base, DialPlatform, StreamSocket, Timer
from ..errors import EvtorrentError, LocalProtocolError, TransportBroken
from ..types import Address
from .base import Transport
from .chain import ChainContext, base_of, build_chain, parse_chain, where_to_dial
from .stream import AF_INET, AF_INET6, StreamTransport

__all__ = ["ATTEMPT_DELAY", "CONNECT_TIMEOUT", "MAX_ADDRESSES", "dial"]

CONNECT_TIMEOUT = 15.0
"""Seconds for resolving and connecting together (libtorrent's `peer_connect_timeout`)."""
ATTEMPT_DELAY = 0.25
"""Seconds before the next address is tried beside the last (RFC 8305 section 5)."""
MAX_ADDRESSES = 16
"""Addresses of one name that are tried."""


def dial(
    engine: Base,
    host: str | Address,
    port: int = 0,
    *,
    chain: str = "tcp",
    source: Address | None = None,
    timeout: float | None = CONNECT_TIMEOUT,
    options: Mapping[str, Any] | None = None,
    platform: DialPlatform | None = None,
) -> Transport:
    """Begin to connect to `host` (a name or number, or an (address, port) pair) and give the transport at once.

    Set its user next: `on_connected` or `on_closed` follows, never inside this call.  `timeout` covers resolving and
    connecting; the filters of `chain` have their own.  `source` is the local address to connect from.  `platform` is
    needed when `engine` has none (a Reactor).  A base other than TCP makes its own way; `source`, `timeout` and `platform` are
    not for it.  LocalProtocolError when chain or port cannot be.
    """
    name, filters = parse_chain(chain)
    if isinstance(host, tuple):
        host, port = host
    if not 0 <= port <= 65535:
        raise LocalProtocolError(f"{port} is not a port")
    context = ChainContext(engine, host, port, False, options or {})
    if name != StreamTransport.name:
        return build_chain(_dial_base(name, chain, context), filters, context)
    where = where_to_dial(chain, (host, port), context.options)
    stream = StreamTransport(engine, peer_address=where)
    outside: DialPlatform = platform if platform is not None else engine.platform  # type: ignore[attr-defined]
    dialler = _Dialler(engine, outside, stream, source)
    top = build_chain(stream, filters, context)
    dialler.start(*where, timeout)
    return top


def _dial_base(name: str, chain: str, context: ChainContext) -> Transport:
    base = base_of(name)
    if base is None:
        raise LocalProtocolError(f"{name!r} is not dialled over TCP")
    if chain.split("+")[0] != name:
        raise LocalProtocolError(f"chain {chain!r}: a proxy is reached over TCP")
    try:
        transport: object = base.dial(context)
    except EvtorrentError:
        raise
    except Exception as exc:  # of a plug-in
        raise LocalProtocolError(f"transport {name!r} failed: {type(exc).__name__}: {exc}") from exc
    if not isinstance(transport, Transport):
        raise LocalProtocolError(f"transport {name!r} gave {transport!r}, which is no transport")
    return transport


class _Dialler:
    """Connects one stream.  Ends when the stream is connected, failed, or closed by its user."""

    def __init__(
        self, base: Base, platform: DialPlatform, stream: StreamTransport, source: Address | None
    ) -> None:
        self._base = base
        self._platform = platform
        self._stream = stream
        self._source = source
        self._waiting: list[tuple[int, Any]] = []
        """(family, socket address) not tried yet, in order."""
        self._is_stream_busy = False
        self._rivals: list[_Rival] = []
        self._lookup: Timer | None = None
        self._timeout: Timer | None = None
        self._next_attempt: Timer | None = None
        self._last_error: OSError | None = None

    def start(self, host: str, port: int, timeout: float | None) -> None:
        base = self._base
        self._stream.observe(self)
        if timeout is not None:
            self._timeout = base.call_later(timeout, self._on_timeout)
        numeric = _numeric(host, port)
        if numeric is not None:
            self._lookup = base.call_soon(self._on_resolved, [numeric])
            return
        try:
            self._lookup = self._platform.resolve(base, host, port, self._on_resolved)
        except (OSError, ValueError) as exc:  # a name that cannot even be asked for
            self._lookup = base.call_soon(self._on_resolved, OSError(str(exc)))

    def on_connect_succeeded(self, now: float) -> None:
        """The stream's own attempt won."""
        self._cancel()
        self._stream.opened(now)

    def on_connect_failed(self, error: OSError, now: float) -> None:
        """The stream's own attempt failed."""
        self._is_stream_busy = False
        self._last_error = error
        self._try_next(now)

    def on_abandoned(self) -> None:
        """The user closed the stream."""
        self._cancel()

    def rival_won(self, rival: _Rival, now: float) -> None:
        """Another attempt won: its socket becomes the stream's."""
        self._rivals.remove(rival)
        self._stream.adopt(rival.stream.release())
        self._cancel()
        self._stream.opened(now)

    def rival_failed(self, rival: _Rival, error: OSError, now: float) -> None:
        """Another attempt failed."""
        self._rivals.remove(rival)
        self._last_error = error
        self._try_next(now)

    def _on_resolved(self, answer: list[tuple[int, Any]] | OSError) -> None:
        self._lookup = None
        now = self._base.time()
        if isinstance(answer, OSError):
            self._fail(TransportBroken("resolve", answer), now)
            return
        self._waiting = _interleave(answer)[:MAX_ADDRESSES]
        self._try_next(now)

    def _try_next(self, now: float) -> None:
        """Start the next attempt that can start; fail when nothing is left or under way."""
        if self._next_attempt is not None:
            self._next_attempt.cancel()
            self._next_attempt = None
        while self._waiting:
            family, address = self._waiting.pop(0)
            try:
                self._attempt(family, address)
            except OSError as exc:
                self._last_error = exc
                continue
            if self._waiting:
                self._next_attempt = self._base.call_later(ATTEMPT_DELAY, self._on_attempt_delay)
            return
        if not self._is_stream_busy and not self._rivals:
            self._fail(TransportBroken("connect", self._last_error or "the name has no address"), now)

    def _attempt(self, family: int, address: Any) -> None:
        sock = self._platform.stream_socket(family, source=self._source)
        if self._is_stream_busy:
            self._rivals.append(_Rival(self, self._base, sock, address, self._platform))
            return
        self._stream.connect(sock, address, self, self._platform.connect_error)
        self._is_stream_busy = True

    def _on_attempt_delay(self) -> None:
        self._next_attempt = None
        self._try_next(self._base.time())

    def _on_timeout(self) -> None:
        self._timeout = None
        operation = "connect" if self._lookup is None else "resolve"
        self._fail(TransportBroken(operation, TimeoutError("timed out")), self._base.time())

    def _fail(self, error: TransportBroken, now: float) -> None:
        self._cancel()
        self._stream.failed(error, now)

    def _cancel(self) -> None:
        for timer in (self._lookup, self._timeout, self._next_attempt):
            if timer is not None:
                timer.cancel()
        self._lookup = self._timeout = self._next_attempt = None
        self._waiting.clear()
        rivals, self._rivals = self._rivals, []
        for rival in rivals:
            rival.stream.close()


class _Rival:
    """An attempt beside the stream's own."""

    def __init__(
        self, dialler: _Dialler, base: Base, sock: StreamSocket, address: Any, platform: DialPlatform
    ) -> None:
        self._dialler = dialler
        self.stream = StreamTransport(base)
        self.stream.connect(sock, address, self, platform.connect_error)

    def on_connect_succeeded(self, now: float) -> None:
        self._dialler.rival_won(self, now)

    def on_connect_failed(self, error: OSError, now: float) -> None:
        self._dialler.rival_failed(self, error, now)

    def on_abandoned(self) -> None:
        """Closed by the dialler, which knows."""


def _numeric(host: str, port: int) -> tuple[int, Address] | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if "%" in host:  # a scope must be looked up
        return None
    return (AF_INET if address.version == 4 else AF_INET6), (host, port)


def _interleave(answers: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """Alternate between the families, each in its own order, beginning with the first answer's (RFC 8305 section 4)."""
    if not answers:
        return []
    first = [answer for answer in answers if answer[0] == answers[0][0]]
    other = [answer for answer in answers if answer[0] != answers[0][0]]
    mixed: list[tuple[int, Any]] = []
    for index in range(max(len(first), len(other))):
        mixed += first[index : index + 1] + other[index : index + 1]
    return mixed
