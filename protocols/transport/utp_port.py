"""Runs a `UtpEndpoint` on a UDP socket of a loop: packets in, turns of the connections that have something to do, trains out.

The socket may carry other protocols, too (`listener/datagram_mux.py`), or be the port's own (`UtpPort.open`).  Everything that
happened in one wake-up is answered in one turn: first all users are told, then each connection sends what it has.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple, Protocol

from ..engine.ports import READ, WRITE, Base, Platform, Timer, Watch
from ..errors import TransportBroken, TransportClosed, TransportError
from ..types import Address
from ..utp.congestion import ControllerFactory, Ledbat
from ..utp.connection import State, Train, UtpConnection
from ..utp.counts import UtpCounts
from ..utp.endpoint import IPV4_OVERHEAD, IPV6_OVERHEAD, UtpEndpoint
from ..utp.settings import UtpSettings
from .stream import AF_INET, AF_INET6
from .trains import MAX_DATAGRAM, TrainSocket
from .utp import UtpTransport

__all__ = ["DatagramPort", "UtpPort", "send_train"]

RECEIVE_LIMIT = 64
"""Trains taken from a socket of its own in one wake-up; level triggering brings the rest."""
MAX_BACKLOG = 4096
"""Trains kept while the kernel takes none; beyond, the oldest are lost, as packets may be."""
TURN_BYTES = 256 * 1024
"""Bytes sent in one turn before the connections left wait for the next: what all of them have at once fits no buffer over there."""
_EARLIER_BY = 0.001


class DatagramPort(Protocol):
    """A UDP socket as a port uses it."""

    def send_train(self, train: Train, address: Any) -> bool:
        """Send the datagrams of a train; False when the kernel is full.  TransportBroken when the system refuses."""
        ...

    def call_when_writable(self, callback: Callable[[], object]) -> None:
        """Call once, as soon as something can be sent."""
        ...


class UtpPort:
    """All uTP connections of one socket.  `receive` and `turn` are called by whoever reads the socket."""

    def __init__(
        self,
        base: Base,
        port: DatagramPort,
        address: Address,
        *,
        rng: Random,
        family: int = AF_INET,
        settings: UtpSettings | None = None,
        on_accept: Callable[[UtpTransport], object] | None = None,
        accepts: Callable[[Any], bool] | None = None,
        controller: ControllerFactory = Ledbat,
        counts: UtpCounts | None = None,
        overhead: int = 0,
    ) -> None:
        """`on_accept(transport)` gets connections that came in and sets their user; without it none are taken.

        `accepts(socket address)` is asked before a stranger is answered.  `overhead` is what each packet carries beside uTP where
        that is more than the headers of IP and UDP.
        """
        self.address = address
        self.family = family
        self.num_lost_trains = 0
        """Trains that were given up because the kernel took none for long."""
        self._base = base
        self._port = port
        self._on_accept = on_accept
        self._accepts = accepts
        self.endpoint = UtpEndpoint(
            settings or UtpSettings(),
            rng,
            overhead=overhead or (IPV6_OVERHEAD if family == AF_INET6 else IPV4_OVERHEAD),
            accepts=self._may_accept,
            controller=controller,
            counts=counts,
        )
        self._transports: dict[UtpConnection, UtpTransport] = {}
        self._timers: dict[UtpConnection, _Deadline] = {}
        self._again: dict[UtpConnection, Any] = {}
        self._backlog: deque[tuple[Train, Any]] = deque()
        self._soon: Timer | None = None
        self._is_in_turn = False
        self._turn_bytes = 0
        self._is_closed = False
        self._own: _OwnSocket | None = None

    @classmethod
    def open(
        cls,
        base: Base,
        platform: Platform,
        *,
        rng: Random,
        bind: Address = ("0.0.0.0", 0),
        settings: UtpSettings | None = None,
        on_accept: Callable[[UtpTransport], object] | None = None,
        controller: ControllerFactory = Ledbat,
    ) -> UtpPort:
        """A port with a socket of its own.  OSError."""
        family = AF_INET6 if ":" in bind[0] else AF_INET
        own = _OwnSocket(base, platform.datagram_socket(family, bind=bind), is_v6=family == AF_INET6)
        name = own.sock.getsockname()
        port = cls(
            base,
            own,
            (name[0], name[1]),
            rng=rng,
            family=family,
            settings=settings,
            on_accept=on_accept,
            controller=controller,
        )
        port._own = own
        own.start(port)
        return port

    def connect(self, address: Any) -> UtpTransport:
        """Begin to connect to a socket address; set the user next.  TransportBroken, TransportClosed.

        Any: (host, port), with flow and scope for IPv6.
        """
        if self._is_closed:
            raise TransportClosed("connect", "the port is closed")
        try:
            connection = self.endpoint.connect(address, self._base.time())
        except OSError as error:
            raise TransportBroken("connect", error) from error
        transport = self._transports[connection] = UtpTransport(self, connection, address)
        self._need_turn()
        return transport

    def receive(self, data: memoryview, segment: int, address: Any, now: float) -> None:
        """Datagrams came in; `turn` is called when that was all (Any: a socket address)."""
        self.endpoint.receive(data, segment, address, now)

    def turn(self, now: float) -> None:
        """Tell users what happened and send what there is to send.  What users raise goes to the loop."""
        if self._is_in_turn or self._is_closed:
            return
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        self._is_in_turn = True
        try:
            touched, self._again = self.endpoint.take_touched() | self._again, {}
            for connection, address in touched.items():
                self._serve(connection, address, now)
            # What users did meanwhile, to these and others, leaves in this turn, too; whom to tell again waits.
            self._flush_all(list((touched | self.endpoint.take_touched()).items()), now)
            for train, address in self.endpoint.take_answers():
                self._send(train, address)
        finally:
            self._is_in_turn = False

    def touch(self, connection: UtpConnection, address: Any) -> None:
        """A user did something to a connection (Any: a socket address)."""
        self.endpoint.touch(connection, address)
        self._need_turn()

    def call_again(self, connection: UtpConnection, address: Any) -> None:
        """There is something left that a user can do (Any: a socket address): tell it, in the next turn."""
        self._again[connection] = address
        self._need_turn()

    def release(self, transport: UtpTransport) -> None:
        """The user is gone; what was sent is still delivered."""
        self._transports.pop(transport.connection, None)
        transport.connection.close()
        self.touch(transport.connection, transport.address)

    def abort(self, transport: UtpTransport) -> None:
        """The user is gone, and the other side is told so."""
        connection = transport.connection
        self._transports.pop(connection, None)
        if connection.state is not State.CLOSED and not self._is_closed:
            self._send(connection.abort(self._base.time()), transport.address)
        self._forget(connection, transport.address)

    def close(self) -> None:
        """End everything: users hear `on_closed`, peers get resets.  Repeatable."""
        if self._is_closed:
            return
        now = self._base.time()
        for (address, _), connection in list(self.endpoint.connections.items()):
            if connection.state is not State.CLOSED:
                self._send(connection.abort(now), address)
        self._is_closed = True
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if self._own is not None:
            self._own.close()
        self.drop_all(TransportClosed("close", "the port is closed"))

    def drop_all(self, error: TransportError) -> None:
        """The way to all of them is gone: users hear `on_closed(error)`, peers nothing.  Others may connect again."""
        for deadline in self._timers.values():
            deadline.timer.cancel()
        self._timers.clear()
        now = self._base.time()
        for (address, _), connection in list(self.endpoint.connections.items()):
            if connection.state is not State.CLOSED:
                connection.abort(now)
            self.endpoint.forget(connection, address, now)
        self.endpoint.take_touched()
        self.endpoint.take_answers()
        self._again.clear()
        self._backlog.clear()
        transports, self._transports = self._transports, {}
        for transport in transports.values():
            transport.failed(error, now)

    @property
    def num_connections(self) -> int:
        """Connections of any state, lingering ones included."""
        return len(self.endpoint.connections)

    # ----------------------------------------------------------------------------------------------- private

    def _may_accept(self, address: Any) -> bool:
        return self._on_accept is not None and (self._accepts is None or self._accepts(address))

    def _need_turn(self) -> None:
        if self._soon is None and not self._is_closed:
            self._soon = self._base.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._soon = None
        self.turn(self._base.time())

    def _serve(self, connection: UtpConnection, address: Any, now: float) -> None:
        transport = self._transports.get(connection)
        try:
            if transport is None:
                if connection.state is not State.CONNECTED or not connection.has_news:
                    return
                assert self._on_accept is not None  # nobody was let in otherwise
                transport = self._transports[connection] = UtpTransport(self, connection, address)
                self._on_accept(transport)
            transport.serve(now)
        except Exception as error:
            # It goes to the loop; the others get their turn all the same.
            self._base.call_soon(_raise, error)
        if transport is not None and transport.is_closed:
            self._transports.pop(connection, None)

    def _flush_all(self, touched: list[tuple[UtpConnection, Any]], now: float) -> None:
        self._turn_bytes = 0
        for index, (connection, address) in enumerate(touched):
            if self._turn_bytes > TURN_BYTES:
                # Those that did not get their turn come before those that did.
                for each in (*touched[index:], *self.endpoint.take_touched().items()):
                    self.touch(*each)
                return
            self._flush(connection, address, now)

    def _flush(self, connection: UtpConnection, address: Any, now: float) -> None:
        if not self._backlog:
            for train in connection.trains_to_send(now):
                if not self._send(train, address) and train.is_probe:
                    connection.probe_refused(now)
            if connection.wants_turn:
                self.touch(connection, address)
        if connection.state is State.CLOSED:
            self._forget(connection, address)
        else:
            self._arm(connection, address)

    def _send(self, train: Train, address: Any) -> bool:
        """False when it is too large."""
        self._turn_bytes += train.segment * train.count
        if self._backlog:
            self._keep(train, address)
            return True
        try:
            sent = self._port.send_train(train, address)
        except TransportError as error:
            # Not routable now, or the socket is gone: lost, as on the way; the connection notices.
            return not (isinstance(error.cause, OSError) and error.cause.errno == errno.EMSGSIZE)
        if not sent:
            self._keep(train, address)
            self._port.call_when_writable(self._on_writable)
        return True

    def _keep(self, train: Train, address: Any) -> None:
        if len(self._backlog) >= MAX_BACKLOG:
            self._backlog.popleft()
            self.num_lost_trains += 1
        self._backlog.append((train, address))

    def _on_writable(self) -> None:
        backlog, self._backlog = self._backlog, deque()
        while backlog and not self._backlog:
            train, address = backlog.popleft()
            self._send(train, address)
        self._backlog += backlog
        if not self._backlog:
            for (address, _), connection in self.endpoint.connections.items():
                if connection.wants_turn:
                    self.endpoint.touch(connection, address)
            self._need_turn()

    def _arm(self, connection: UtpConnection, address: Any) -> None:
        """Have the connection's deadline kept.  A later one than before is found out when the earlier one comes."""
        due = connection.next_timeout()
        deadline = self._timers.get(connection)
        if due is None or (deadline is not None and deadline.when <= due + _EARLIER_BY):
            return
        if deadline is not None:
            deadline.timer.cancel()
        self._timers[connection] = _Deadline(
            due, self._base.call_at(due, self._on_deadline, connection, address)
        )

    def _on_deadline(self, connection: UtpConnection, address: Any) -> None:
        self._timers.pop(connection, None)
        now = self._base.time()
        due = connection.next_timeout()
        if due is None:
            return
        if due <= now:
            connection.handle_timeout(now)
            self.touch(connection, address)
        else:
            self._arm(connection, address)

    def _forget(self, connection: UtpConnection, address: Any) -> None:
        """A connection has ended; its transport stays as long as its user wants to read what is there."""
        self.endpoint.forget(connection, address, self._base.time())
        deadline = self._timers.pop(connection, None)
        if deadline is not None:
            deadline.timer.cancel()


class _Deadline(NamedTuple):
    when: float
    timer: Timer


class _OwnSocket:
    """A socket that carries nothing but one port's packets."""

    def __init__(self, base: Base, sock: Any, *, is_v6: bool) -> None:
        """Any: a `DatagramSocket`, which is ours from now on."""
        self.sock = sock
        self._base = base
        self._trains = TrainSocket(sock, is_v6=is_v6)
        self._trains.enable_trains()
        self._buffer = memoryview(bytearray(MAX_DATAGRAM))
        self._writers: list[Callable[[], object]] = []
        self._watch: Watch | None = None
        self._port: UtpPort | None = None

    def start(self, port: UtpPort) -> None:
        self._port = port
        self._watch = self._base.watch(self.sock.fileno(), READ, self._on_ready)

    def send_train(self, train: Train, address: Any) -> bool:
        """See `DatagramPort`."""
        return send_train(self._trains, train, address)

    def call_when_writable(self, callback: Callable[[], object]) -> None:
        """See `DatagramPort`."""
        if self._watch is not None:
            self._writers.append(callback)
            self._watch.modify(READ | WRITE)

    def close(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()
            self.sock.close()

    def _on_ready(self, events: int) -> None:
        if events & WRITE and self._writers and self._watch is not None:
            writers, self._writers = self._writers, []
            self._watch.modify(READ)
            for writer in writers:
                writer()
        port = self._port
        if events & READ and port is not None:
            now = self._base.time()
            for _ in range(RECEIVE_LIMIT):
                try:
                    count, segment, address = self._trains.receive(self._buffer)
                except BlockingIOError:
                    break
                except OSError:
                    continue  # What ICMP said of a datagram of ours; anyone can cause it.
                if count:
                    port.receive(self._buffer[:count], segment, address, now)
            port.turn(now)


def send_train(sock: TrainSocket, train: Train, address: Any) -> bool:
    """`DatagramPort.send_train` over a `TrainSocket` (Any: a socket address)."""
    buffers = train.buffers
    try:
        if train.is_probe:
            sock.send_probe(b"".join(buffers), address)
        elif train.may_fragment:
            for position in range(0, len(buffers), 2):
                sock.send_whole(b"".join(buffers[position : position + 2]), address)
        else:
            sock.send(buffers, train.segment, train.count, address)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno == errno.ENOBUFS:
            return False
        raise TransportBroken("send", error) from error
    return True


def _raise(error: Exception) -> None:
    raise error
