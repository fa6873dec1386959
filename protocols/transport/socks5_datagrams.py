"""Datagrams through a SOCKS 5 proxy (UDP ASSOCIATE, RFC 1928 section 7): for UDP trackers, and whoever else speaks over UDP.

An association is a connection to the proxy that says where datagrams are to be sent, and lasts as long as that connection.  It is
made with the first datagram and made anew with the next one after it ended.  Nothing is sent but to the proxy, no name is looked
up but the proxy's own, and nothing is taken from anybody but the relay.

Departure: a relay the proxy names by "0.0.0.0" or "::" is at the proxy's own address, which is what such proxies mean.
Left out: a relay that is given as a name, and fragments.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from ..engine.ports import READ, Base, DatagramSocket, Platform, Watch
from ..errors import LocalProtocolError, TransportBroken, TransportClosed, TransportError
from ..proxy import ProxyError, Socks5, Socks5Command, unwrap_datagram, wrap_datagram
from ..types import Address, Buffer
from .dial import dial
from .proxy import ProxyFilter, ProxyOptions
from .stream import AF_INET, AF_INET6

__all__ = ["MAX_DATAGRAMS_PER_WAKEUP", "MAX_WAITING", "RETRY_DELAY", "RelayEngine", "Socks5Datagrams"]

MAX_WAITING = 64
"""Datagrams kept until the association is there; further ones are not taken."""
RETRY_DELAY = 5.0
"""Seconds after a failure in which the proxy is not asked again."""
MAX_DATAGRAMS_PER_WAKEUP = 64
"""Datagrams taken before others get their turn; the rest is announced again."""
DATAGRAM_SIZE = 64 * 1024
"""Room for the largest datagram there is."""

_ANYWHERE: Address = ("0.0.0.0", 0)
_READ_SIZE = 512


class RelayEngine(Base, Protocol):
    """A base that knows its platform: a `Multi`, a `Handle`."""

    @property
    def platform(self) -> Platform: ...


class Socks5Datagrams:
    """A datagram socket at the other end of a proxy.  `on_datagram(data, source, now)` gets what arrives.

    `on_lost(error)` hears that the association could not be made, or ended: what was sent lately may be lost.  It is never called
    inside `send`.
    """

    def __init__(
        self,
        engine: RelayEngine,
        proxy: ProxyOptions,
        on_datagram: Callable[[bytes, Address, float], object],
        on_lost: Callable[[TransportError], object] | None = None,
    ) -> None:
        """LocalProtocolError when `proxy` is of a kind that has no datagrams."""
        if proxy.kind != "socks5":
            raise LocalProtocolError(f"{proxy.kind} takes no datagrams")
        self._engine = engine
        self._proxy = proxy
        self._on_datagram = on_datagram
        self._on_lost = on_lost
        self._control: ProxyFilter | None = None
        self._dialogue: Socks5 | None = None
        self._sock: DatagramSocket | None = None
        self._watch: Watch | None = None
        self._relay: Address = _ANYWHERE
        self._waiting: deque[bytes] = deque()
        self._buffer = bytearray()
        self._last_error: TransportError | None = None
        self._retry_at = 0.0
        self._is_closed = False
        self.num_ignored = 0
        """Datagrams that did not come from the relay or were none of SOCKS 5."""

    def send(self, data: Buffer, address: Address) -> bool:
        """Send one datagram to a number or a name; False when there is no room and it is not sent.

        LocalProtocolError for an address that cannot be said; TransportBroken when the proxy just failed, or the system
        refuses; TransportClosed after `close`.
        """
        if self._is_closed:
            raise TransportClosed("send", "the socket is closed")
        datagram = wrap_datagram(data, address)
        if self._sock is not None:
            return self._emit(datagram)
        if self._last_error is not None and self._engine.time() < self._retry_at:
            raise TransportBroken(self._last_error.operation, self._last_error.cause)
        if len(self._waiting) >= MAX_WAITING:
            return False
        if self._control is None:
            self._associate()
        self._waiting.append(datagram)
        return True

    def close(self) -> None:
        """End the association; nothing is called afterwards.  Repeatable."""
        self._is_closed = True
        self._release()

    @property
    def is_associated(self) -> bool:
        """Datagrams leave at once."""
        return self._sock is not None

    # The connection that keeps the association

    def on_connected(self, now: float) -> None:
        """The proxy agreed."""
        control, dialogue = self._control, self._dialogue
        assert control is not None and dialogue is not None and dialogue.bound is not None
        try:
            self._relay = _relay_of(dialogue.bound, control.below.peer_address)
            sock = self._engine.platform.datagram_socket(AF_INET6 if ":" in self._relay[0] else AF_INET)
        except (ProxyError, OSError) as exc:
            self._lost(TransportBroken("socks5", exc))
            return
        self._sock = sock
        self._watch = self._engine.watch(sock.fileno(), READ, self._on_ready)
        waiting, self._waiting = self._waiting, deque()
        for datagram in waiting:
            try:
                self._emit(datagram)
            except TransportBroken as exc:
                self._lost(exc)
                return

    def on_readable(self, now: float) -> None:
        """Nothing is said here any more, except that it ends."""
        assert self._control is not None
        try:
            count = self._control.recv_into(bytearray(_READ_SIZE))
        except TransportError as exc:
            self._lost(exc)
            return
        if count == 0:
            self._lost(TransportBroken("socks5", "the proxy ended the association"))

    def on_writable(self, now: float) -> None:
        """Never asked for."""

    def on_closed(self, error: TransportError, now: float) -> None:
        """It could not be made, or broke."""
        self._lost(error)

    # Inside

    def _associate(self) -> None:
        proxy, engine = self._proxy, self._engine
        try:
            self._dialogue = Socks5(
                _ANYWHERE,
                username=proxy.username,
                password=proxy.password,
                command=Socks5Command.UDP_ASSOCIATE,
            )
            stream = dial(engine, proxy.address, timeout=proxy.timeout)
        except LocalProtocolError as exc:  # a password that cannot be said, a port that is none
            raise TransportBroken("socks5", exc) from exc
        self._control = ProxyFilter(
            stream, engine, self._dialogue, name="socks5", target=proxy.address, timeout=proxy.timeout
        )
        self._control.set_user(self)

    def _emit(self, datagram: bytes) -> bool:
        assert self._sock is not None
        try:
            self._sock.sendto(datagram, self._relay)
        except BlockingIOError:
            return False
        except OSError as exc:
            raise TransportBroken("send", exc) from exc
        return True

    def _on_ready(self, events: int) -> None:
        if not self._buffer:
            self._buffer = bytearray(DATAGRAM_SIZE)
        view, now = memoryview(self._buffer), self._engine.time()
        for _ in range(MAX_DATAGRAMS_PER_WAKEUP):
            if self._sock is None:  # closed by who got the last one
                return
            try:
                size, source = self._sock.recvfrom_into(view)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier datagram; what it was for will time out
            self._take(view[:size], source, now)

    def _take(self, datagram: memoryview, source: Any, now: float) -> None:
        # Any: the shape depends on the family.
        if (_host_of(source), source[1]) != self._relay:
            self.num_ignored += 1
            return
        try:
            data, address = unwrap_datagram(datagram)
        except ProxyError:
            self.num_ignored += 1
            return
        self._on_datagram(data, address, now)

    def _lost(self, error: TransportError) -> None:
        self._release()
        self._last_error, self._retry_at = error, self._engine.time() + RETRY_DELAY
        if self._on_lost is not None:
            self._on_lost(error)

    def _release(self) -> None:
        watch, self._watch = self._watch, None
        sock, self._sock = self._sock, None
        control, self._control = self._control, None
        self._waiting.clear()
        if watch is not None:
            watch.close()
        if sock is not None:
            sock.close()
        if control is not None:
            control.abort()


def _host_of(address: Any) -> str:
    # Any: as above.  One spelling, as in `_relay_of`.
    return str(ipaddress.ip_address(str(address[0]).partition("%")[0]))


def _relay_of(bound: Address, proxy: Address | None) -> Address:
    """Where datagrams are to be sent.  ProxyError when that cannot be told."""
    try:
        host = ipaddress.ip_address(bound[0])
        if host.is_unspecified and proxy is not None:
            host = ipaddress.ip_address(proxy[0].partition("%")[0])
    except ValueError:
        raise ProxyError(f"the proxy names a relay that is no address: {bound[0][:80]!r}") from None
    return str(host), bound[1]
