"""One UDP socket for several users: uTP, DHT and UDP trackers share the port that peers connect to.

A datagram goes to the route that owns its first byte, else to the first route whose predicate wants it, else nowhere.
The bytes are lent for the length of the call.

One user may take datagrams in trains, as the kernel hands them over (`route_trains`); for the others a train is cut up.
"""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Iterable
from typing import Any

from ..protocols.engine.ports import READ, WRITE, Base, Timer, Watch
from ..protocols.errors import TransportBroken, TransportBusy, TransportClosed
from ..protocols.transport.trains import MAX_DATAGRAM, TrainSocket
from ..protocols.transport.utp_port import send_train
from ..protocols.types import Buffer
from ..protocols.utp.connection import Train
from .binding import BindAddress, open_socket, resolve_numeric
from .flags import NO_FLAGS, ListenerFlag
from .origin import socket_maker

__all__ = ["DatagramMux", "Route"]

RECEIVE_LIMIT = 256
"""Datagrams, or trains of them, taken in one readiness event; level triggering brings the rest."""

RECEIVE_BYTES = 2 * 1024 * 1024
"""Bytes after which an event takes no more: what arrived is answered before its sender grows anxious."""

FIRST_PAUSE = 0.1
"""Seconds without receiving after an error of the socket itself, the first time."""
LONGEST_PAUSE = 1.0
"""The pause doubles up to this while errors last."""

# What an ICMP message of somebody we sent to leaves on the socket; anyone can cause it, so it means nothing.
_FROM_AFAR = frozenset(
    {
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.EMSGSIZE,
    }
)

DatagramCallback = Callable[[memoryview, Any, float], object]
"""(data, address, now); copy what must outlive the call."""

TrainCallback = Callable[[memoryview, int, Any, float], object]
"""(data, bytes of each datagram in it, address, now); copy what must outlive the call."""

_log = logging.getLogger(__name__)


class Route:
    """One user's part of the socket."""

    __slots__ = ("_mux", "_on_datagram", "_on_idle", "_on_train", "_wants")

    def __init__(
        self,
        mux: DatagramMux,
        on_datagram: DatagramCallback,
        wants: frozenset[int] | Callable[[memoryview, Any], bool],
        *,
        on_train: TrainCallback | None = None,
        on_idle: Callable[[float], object] | None = None,
    ) -> None:
        self._mux = mux
        self._on_datagram = on_datagram
        self._wants = wants
        self._on_train = on_train
        self._on_idle = on_idle

    def send(self, data: Buffer, address: Any) -> bool:
        """As `DatagramMux.send`."""
        return self._mux.send(data, address)

    def close(self) -> None:
        """Receive nothing more.  Repeatable."""
        self._mux._forget(self)


class DatagramMux:
    """Owns a bound UDP socket on a loop, and hands each datagram to one of its routes.

    A callback may close routes and the mux; what it raises goes to the loop's error report.
    """

    def __init__(
        self,
        base: Base,
        sock: socket.socket,
        *,
        on_error: Callable[[DatagramMux, OSError], object] | None = None,
    ) -> None:
        """Takes the socket over; it must be bound and non-blocking."""
        self._base = base
        self._sock = sock
        self._on_error = on_error
        self._address = sock.getsockname()
        self._trains = TrainSocket(sock, is_v6=sock.family == socket.AF_INET6)
        self._buffer = memoryview(bytearray(MAX_DATAGRAM))
        self._served: dict[Route, None] = {}
        self._by_first_byte: list[Route | None] = [None] * 256
        self._by_predicate: list[Route] = []
        self._writers: list[Callable[[], object]] = []
        self._pause = FIRST_PAUSE
        self._pause_timer: Timer | None = None
        self._num_unrouted = 0
        self._num_unsent = 0
        self._num_wakeups = 0
        self._watch: Watch | None = base.watch(sock.fileno(), READ, self._on_ready)

    @classmethod
    def bind(
        cls,
        base: Base,
        address: BindAddress,
        *,
        flags: ListenerFlag = NO_FLAGS,
        on_error: Callable[[DatagramMux, OSError], object] | None = None,
    ) -> DatagramMux:
        """A socket of its own at a numeric (host, port).  Raises OSError or ValueError, and leaves nothing open then."""
        family, bind_to = resolve_numeric(address)
        sock = open_socket(family, flags, socket.SOCK_DGRAM, make=socket_maker(base))
        try:
            sock.bind(bind_to)
            return cls(base, sock, on_error=on_error)
        except BaseException:
            sock.close()
            raise

    def route_first_bytes(self, first_bytes: Iterable[int], on_datagram: DatagramCallback) -> Route:
        """Datagrams that begin with one of these.  Raises TransportBusy when another route has one of them."""
        return self._add_route(Route(self, on_datagram, frozenset(first_bytes)))

    def route_trains(
        self,
        first_bytes: Iterable[int],
        on_train: TrainCallback,
        on_idle: Callable[[float], object],
    ) -> Route:
        """As `route_first_bytes`, in trains where the kernel has them; `on_idle(now)` follows the last of an event.

        The kernel's buffer is enlarged, for those who send without waiting for each answer.
        """
        route = Route(self, _as_train(on_train), frozenset(first_bytes), on_train=on_train, on_idle=on_idle)
        self._add_route(route)
        self._trains.enable_trains()
        return route

    def _add_route(self, route: Route) -> Route:
        self._check_open("route")
        wanted = route._wants
        assert isinstance(wanted, frozenset)
        for byte in wanted:
            if self._by_first_byte[byte] is not None:
                raise TransportBusy("route", f"first byte {byte:#04x} is taken")
        for byte in wanted:
            self._by_first_byte[byte] = route
        return route

    def route_matching(
        self, wants: Callable[[memoryview, Any], bool], on_datagram: DatagramCallback
    ) -> Route:
        """Datagrams nobody owns by first byte and for which `wants(data, address)`; asked in order of making."""
        self._check_open("route")
        route = Route(self, on_datagram, wants)
        self._by_predicate.append(route)
        return route

    def send(self, data: Buffer, address: Any) -> bool:
        """Send one datagram now; False when the kernel's buffer is full, and it is not sent.

        Raises TransportBroken when the system refuses this datagram or destination.
        """
        self._check_open("send")
        try:
            self._sock.sendto(data, address)
        except BlockingIOError:
            self._num_unsent += 1
            return False
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                self._num_unsent += 1
                return False
            raise TransportBroken("send", error) from error
        return True

    def send_train(self, train: Train, address: Any) -> bool:
        """Send the datagrams of a train.  As `send` otherwise."""
        self._check_open("send")
        if send_train(self._trains, train, address):
            return True
        self._num_unsent += train.count
        return False

    def call_when_writable(self, callback: Callable[[], object]) -> None:
        """Call once, as soon as a datagram can be sent; for after a False from `send`."""
        self._check_open("send")
        self._writers.append(callback)
        self._update_interest()

    def close(self) -> None:
        """Close the socket; no callback runs afterwards.  Repeatable."""
        watch, self._watch = self._watch, None
        if watch is None:
            return
        timer, self._pause_timer = self._pause_timer, None
        if timer is not None:
            timer.cancel()
        self._by_first_byte = [None] * 256
        self._by_predicate.clear()
        self._writers.clear()
        self._on_error = None
        watch.close()
        self._sock.close()

    def fileno(self) -> int:
        """-1 after `close()`."""
        return self._sock.fileno()

    @property
    def address(self) -> Any:
        """Where it is bound, as getsockname() told it."""
        return self._address

    @property
    def num_unrouted(self) -> int:
        """Datagrams that no route wanted."""
        return self._num_unrouted

    @property
    def num_unsent(self) -> int:
        """Datagrams given back because the kernel's buffer was full."""
        return self._num_unsent

    @property
    def num_wakeups(self) -> int:
        """Times there was something to receive."""
        return self._num_wakeups

    def __repr__(self) -> str:
        state = "closed" if self._watch is None else "open"
        return f"<DatagramMux {self._address[0]}:{self._address[1]} {state}>"

    def _on_ready(self, events: int) -> None:
        if events & WRITE and self._writers:
            writers, self._writers = self._writers, []
            self._update_interest()
            for callback in writers:
                if self._watch is not None:
                    callback()
        if events & READ:
            self._receive()

    def _receive(self) -> None:
        self._num_wakeups += 1
        now = self._base.time()
        try:
            self._receive_all(now)
        finally:
            served, self._served = self._served, {}
            for route in served:
                if route._on_idle is not None and self._watch is not None:
                    route._on_idle(now)

    def _receive_all(self, now: float) -> None:
        taken = 0
        for _ in range(RECEIVE_LIMIT):
            if self._watch is None or taken > RECEIVE_BYTES:
                return
            try:
                count, segment, address = self._trains.receive(self._buffer)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _FROM_AFAR:
                    continue
                self._report(error)
                return
            self._pause = FIRST_PAUSE
            taken += count
            self._dispatch(self._buffer[:count], segment, address, now)

    def _dispatch(self, data: memoryview, segment: int, address: Any, now: float) -> None:
        route = self._by_first_byte[data[0]] if data else None
        if route is not None and route._on_train is not None:
            # What follows came from the same socket over there, so it is of the same kind, or worth nothing.
            self._served[route] = None
            route._on_train(data, segment, address, now)
        elif segment < len(data):
            for position in range(0, len(data), segment):
                if self._watch is not None:
                    part = data[position : position + segment]
                    self._dispatch(part, len(part), address, now)
        else:
            self._dispatch_one(route, data, address, now)

    def _dispatch_one(self, route: Route | None, data: memoryview, address: Any, now: float) -> None:
        if route is None:
            route = next((each for each in self._by_predicate if each._wants(data, address)), None)  # type: ignore[operator]
        if route is None:
            self._num_unrouted += 1
        else:
            route._on_datagram(data, address, now)

    def _report(self, error: OSError) -> None:
        try:
            if self._on_error is not None:
                self._on_error(self, error)
            else:
                _log.warning("%r: receive: %s", self, error)
        finally:
            if self._watch is not None:
                self._pause_timer = self._base.call_later(self._pause, self._on_pause_over)
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
                self._update_interest()

    def _on_pause_over(self) -> None:
        self._pause_timer = None
        self._update_interest()

    def _update_interest(self) -> None:
        if self._watch is not None:
            reading = READ if self._pause_timer is None else 0
            self._watch.modify(reading | (WRITE if self._writers else 0))

    def _forget(self, route: Route) -> None:
        if route in self._by_predicate:
            self._by_predicate.remove(route)
        elif isinstance(route._wants, frozenset):
            for byte in route._wants:
                if self._by_first_byte[byte] is route:
                    self._by_first_byte[byte] = None

    def _check_open(self, operation: str) -> None:
        if self._watch is None:
            raise TransportClosed(operation, "the socket is closed")


def _as_train(on_train: TrainCallback) -> DatagramCallback:
    def on_datagram(data: memoryview, address: Any, now: float) -> None:
        on_train(data, len(data), address, now)

    return on_datagram
