"""Datagrams through a SOCKS 5 proxy (UDP ASSOCIATE, RFC 1928 section 7): for UDP trackers, the DHT and uTP.

An association is a connection to the proxy that says where datagrams are to be sent, and lasts as long as that connection.  It is
made with the first datagram and made anew with the next one after it ended, later each time it comes to nothing.  Nothing is sent
but to the proxy, no name is looked up but the proxy's own, and nothing is taken from anybody but the relay.  `shared_relay.py`
lets several users have one.

Departure: a relay the proxy names by "0.0.0.0" or "::" is at the proxy's own address, which is what such proxies mean.
Left out: a relay that is given as a name, and fragments.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from ..engine.ports import READ, WRITE, Base, DatagramSocket, Platform, Watch
from ..errors import LocalProtocolError, TransportBroken, TransportClosed, TransportError
from ..proxy import ProxyError, Socks5, Socks5Command, unwrap_datagram, wrap_datagram
from ..types import Address, Buffer
from ..utp.connection import Train
from .dial import dial
from .proxy import ProxyFilter, ProxyOptions
from .stream import AF_INET, AF_INET6
from .trains import MAX_DATAGRAM, TrainSocket
from .utp_port import send_train

__all__ = [
    "MAX_RETRY_DELAY",
    "MAX_TRAINS_PER_WAKEUP",
    "MAX_WAITING",
    "RETRY_DELAY",
    "RelayEngine",
    "Socks5Datagrams",
]

MAX_WAITING = 64
"""Datagrams kept until the association is there; further ones are not taken."""
RETRY_DELAY = 5.0
"""Seconds after a failure in which the proxy is not asked again; doubled with each until something comes back."""
MAX_RETRY_DELAY = 120.0
"""What the delay grows to."""
MAX_TRAINS_PER_WAKEUP = 64
"""Datagrams, or trains of them, taken before others get their turn; the rest is announced again."""

_ANYWHERE: Address = ("0.0.0.0", 0)
_READ_SIZE = 512


class RelayEngine(Base, Protocol):
    """A base that knows its platform: a `Multi`, a `Handle`."""

    @property
    def platform(self) -> Platform: ...


class Socks5Datagrams:
    """A datagram socket at the other end of a proxy.  `on_datagram(data, source, now)` gets what arrives.

    `on_lost(error)` hears that the association could not be made, or ended: what was sent lately may be lost, and who was spoken to
    will see another address.  It is never called inside `send`.  `on_idle(now)` follows the last datagram of a wake-up.
    """

    def __init__(
        self,
        engine: RelayEngine,
        proxy: ProxyOptions,
        on_datagram: Callable[[bytes, Address, float], object],
        on_lost: Callable[[TransportError], object] | None = None,
        *,
        on_idle: Callable[[float], object] | None = None,
    ) -> None:
        """LocalProtocolError when `proxy` is of a kind that has no datagrams."""
        if proxy.kind != "socks5":
            raise LocalProtocolError(f"{proxy.kind} takes no datagrams")
        self._engine = engine
        self._proxy = proxy
        self._on_datagram = on_datagram
        self._on_lost = on_lost
        self._on_idle = on_idle
        self._control: ProxyFilter | None = None
        self._dialogue: Socks5 | None = None
        self._bound: DatagramSocket | None = None
        """A socket whose port the proxy was told, until there is an association."""
        self._sock: DatagramSocket | None = None
        self._trains: TrainSocket | None = None
        self._writers: list[Callable[[], object]] = []
        self._watch: Watch | None = None
        self._relay: Address = _ANYWHERE
        self._waiting: deque[bytes] = deque()
        self._buffer = memoryview(b"")
        self._last_error: TransportError | None = None
        self._num_failures = 0
        self._retry_at = 0.0
        self._is_closed = False
        self.num_ignored = 0
        """Datagrams that did not come from the relay or were none of SOCKS 5."""

    def send(self, data: Buffer, address: Address) -> bool:
        """Send one datagram to a number or a name; False when there is no room and it is not sent.

        LocalProtocolError for an address that cannot be said; TransportBroken when the proxy just failed, or the system
        refuses; TransportClosed after `close`.
        """
        datagram = wrap_datagram(data, address)
        if self._is_on_the_way():
            return self._emit(Train([datagram], len(datagram), 1))
        return self._wait(datagram)

    def send_train(self, train: Train, address: Address) -> bool:
        """Send the datagrams of a train, each with a header for the proxy.  Before the association is there they wait, or are lost.

        As `send` otherwise.
        """
        head, buffers = wrap_datagram(b"", address), train.buffers
        if self._is_on_the_way():
            wrapped = [head + bytes(each) if index % 2 == 0 else each for index, each in enumerate(buffers)]
            return self._emit(replace(train, buffers=wrapped, segment=train.segment + len(head)))
        for index in range(0, len(buffers), 2):
            self._wait(b"".join((head, *buffers[index : index + 2])))
        return True

    def call_when_writable(self, callback: Callable[[], object]) -> None:
        """Call once, as soon as something can be sent; for after a False of a train.  Forgotten when the association ends."""
        if self._watch is not None:
            self._writers.append(callback)
            self._watch.modify(READ | WRITE)

    def close(self) -> None:
        """End the association; nothing is called afterwards.  Repeatable."""
        self._is_closed = True
        self._release()

    @property
    def is_associated(self) -> bool:
        """Datagrams leave at once."""
        return self._sock is not None

    @property
    def is_closed(self) -> bool:
        """By us."""
        return self._is_closed

    @property
    def is_refusing(self) -> bool:
        """The proxy just failed, so that nothing is taken, or this is closed."""
        if self._is_closed:
            return True
        return self._control is None and self._last_error is not None and self._engine.time() < self._retry_at

    # The connection that keeps the association

    def on_connected(self, now: float) -> None:
        """The proxy agreed."""
        control, dialogue = self._control, self._dialogue
        assert control is not None and dialogue is not None and dialogue.bound is not None
        try:
            self._relay = _relay_of(dialogue.bound, control.below.peer_address)
            sock = self._socket_for(self._relay)
        except (ProxyError, OSError) as exc:
            self._lost(TransportBroken("socks5", exc))
            return
        self._sock = sock
        self._trains = TrainSocket(sock, is_v6=":" in self._relay[0])
        self._trains.enable_trains()
        self._watch = self._engine.watch(sock.fileno(), READ, self._on_ready)
        waiting, self._waiting = self._waiting, deque()
        for datagram in waiting:
            try:
                self._emit(Train([datagram], len(datagram), 1))
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
            self._lost(TransportBroken("recv", "the proxy ended the association"))

    def on_writable(self, now: float) -> None:
        """Never asked for."""

    def on_closed(self, error: TransportError, now: float) -> None:
        """It could not be made, or broke."""
        self._lost(error)

    # Inside

    def _associate(self) -> None:
        proxy, engine, source = self._proxy, self._engine, _ANYWHERE
        try:
            if proxy.tells_udp_port:
                self._bound = engine.platform.datagram_socket(AF_INET, bind=_ANYWHERE)
                source = _ANYWHERE[0], int(self._bound.getsockname()[1])
            self._dialogue = Socks5(
                source,
                username=proxy.username,
                password=proxy.password,
                command=Socks5Command.UDP_ASSOCIATE,
            )
            stream = dial(engine, proxy.address, timeout=proxy.timeout)
        except (LocalProtocolError, OSError) as exc:  # a password that cannot be said, a port that is none
            self._release()
            raise TransportBroken("socks5", exc) from exc
        self._control = ProxyFilter(
            stream, engine, self._dialogue, name="socks5", target=proxy.address, timeout=proxy.timeout
        )
        self._control.set_user(self)

    def _socket_for(self, relay: Address) -> DatagramSocket:
        """The one whose port was told, where it leads there."""
        bound, self._bound = self._bound, None
        if bound is not None and ":" not in relay[0]:
            return bound
        if bound is not None:
            bound.close()
        return self._engine.platform.datagram_socket(AF_INET6 if ":" in relay[0] else AF_INET)

    def _is_on_the_way(self) -> bool:
        """What is sent leaves now; False: it waits for the association."""
        if self._is_closed:
            raise TransportClosed("send", "the socket is closed")
        if self._sock is not None:
            return True
        if self.is_refusing:
            assert self._last_error is not None
            raise TransportBroken(self._last_error.operation, self._last_error.cause)
        return False

    def _wait(self, datagram: bytes) -> bool:
        if len(self._waiting) >= MAX_WAITING:
            return False
        if self._control is None:
            self._associate()
        self._waiting.append(datagram)
        return True

    def _emit(self, train: Train) -> bool:
        assert self._trains is not None
        return send_train(self._trains, train, self._relay)

    def _on_ready(self, events: int) -> None:
        if events & WRITE and self._watch is not None:
            writers, self._writers = self._writers, []
            self._watch.modify(READ)
            for callback in writers:
                callback()
        if events & READ:
            now = self._engine.time()
            try:
                self._receive(now)
            finally:
                if self._on_idle is not None and not self._is_closed:
                    self._on_idle(now)

    def _receive(self, now: float) -> None:
        if not self._buffer:
            self._buffer = memoryview(bytearray(MAX_DATAGRAM))
        view = self._buffer
        for _ in range(MAX_TRAINS_PER_WAKEUP):
            if self._trains is None:  # closed by who got the last one
                return
            try:
                size, segment, source = self._trains.receive(view)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier datagram; what it was for will time out
            if (_host_of(source), source[1]) != self._relay:
                self.num_ignored += 1
                continue
            for start in range(0, size or 1, segment or 1):
                self._take(view[start : min(start + segment, size)], now)

    def _take(self, datagram: memoryview, now: float) -> None:
        if self._is_closed:
            return
        try:
            data, address = unwrap_datagram(datagram)
        except ProxyError:
            self.num_ignored += 1
            return
        self._num_failures = 0
        self._on_datagram(data, address, now)

    def _lost(self, error: TransportError) -> None:
        self._release()
        delay = min(RETRY_DELAY * 2 ** min(self._num_failures, 10), MAX_RETRY_DELAY)
        self._num_failures += 1
        self._last_error, self._retry_at = error, self._engine.time() + delay
        if self._on_lost is not None:
            self._on_lost(error)

    def _release(self) -> None:
        watch, self._watch = self._watch, None
        socks = [each for each in (self._sock, self._bound) if each is not None]
        self._sock = self._bound = None
        control, self._control = self._control, None
        self._trains = None
        self._waiting.clear()
        self._writers.clear()
        if watch is not None:
            watch.close()
        for sock in socks:
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
