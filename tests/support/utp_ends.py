"""Two uTP endpoints, a network between them, and clocks that are moved: no sockets, no loop, no port."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

from evtorrent.protocols.utp import (
    IPV4_OVERHEAD,
    ControllerFactory,
    Ledbat,
    Packet,
    PacketType,
    State,
    UtpConnection,
    UtpEndpoint,
    UtpEvent,
    UtpSettings,
    parse_packet,
)

LIMIT = 600.0
"""Virtual seconds after which what never happens fails a test."""


class End:
    """One endpoint, its clock, and what its connections said."""

    def __init__(self, network: Network, name: str, endpoint: UtpEndpoint) -> None:
        self.network = network
        self.name = name
        self.endpoint = endpoint
        self.offset = 0.0
        self.drift = 0.0
        self.received: dict[UtpConnection, bytearray] = {}
        self.events: list[UtpEvent] = []
        self.is_reading = True
        self.to_send: dict[UtpConnection, memoryview] = {}
        self.ends_after: set[UtpConnection] = set()
        self.addresses: dict[UtpConnection, str] = {}

    @property
    def now(self) -> float:
        return self.network.now * (1 + self.drift) + self.offset

    @property
    def connection(self) -> UtpConnection:
        """The only one."""
        (connection,) = self.endpoint.connections.values()
        return connection

    def connect(self, to: str = "b") -> UtpConnection:
        return self.endpoint.connect(to, self.now)

    def send(self, connection: UtpConnection, data: bytes, *, and_end: bool = False) -> None:
        """Send everything, as room comes."""
        self.to_send[connection] = memoryview(data)
        if and_end:
            self.ends_after.add(connection)
        self._fill(connection)
        self.touch(connection)

    def touch(self, connection: UtpConnection) -> None:
        self.endpoint.touch(connection, self.addresses.get(connection, self._other))

    @property
    def _other(self) -> str:
        return "b" if self.name == "a" else "a"

    def _fill(self, connection: UtpConnection) -> None:
        left = self.to_send.get(connection)
        if left is None:
            return
        left = left[connection.send(left) :]
        self.to_send[connection] = left
        if not left:
            del self.to_send[connection]
            if connection in self.ends_after:
                connection.shutdown()

    def turn(self) -> None:
        """As a port does it."""
        now, buffer = self.now, bytearray(1 << 16)
        for connection, address in self.endpoint.take_touched().items():
            self.addresses[connection] = str(address)
            while (event := connection.next_event()) is not None:
                self.events.append(event)
            while self.is_reading and (size := connection.read_into(buffer)):
                self.received.setdefault(connection, bytearray()).extend(buffer[:size])
            self._fill(connection)
            for train in connection.trains_to_send(now):
                self.network.send_train(train, self.name, str(address))
            if connection.state is State.CLOSED:
                self.endpoint.forget(connection, address, now)
            elif connection.wants_turn:
                self.endpoint.touch(connection, address)
        for train, address in self.endpoint.take_answers():
            self.network.send_train(train, self.name, str(address))

    def deadline(self) -> float | None:
        """In the network's time."""
        dues = [
            due
            for connection in self.endpoint.connections.values()
            if (due := connection.next_timeout()) is not None
        ]
        return (min(dues) - self.offset) / (1 + self.drift) if dues else None

    def handle_timeouts(self) -> None:
        now = self.now
        for (address, _), connection in list(self.endpoint.connections.items()):
            due = connection.next_timeout()
            if due is not None and due <= now + 1e-9:
                connection.handle_timeout(due if due > now else now)
                self.endpoint.touch(connection, address)


class Network:
    """`a` and `b`, and whatever happens to packets between them."""

    def __init__(
        self,
        *,
        seed: int = 1,
        delay: float = 0.01,
        loss: float = 0.0,
        duplicates: float = 0.0,
        reordering: float = 0.0,
        mtu: int = 1500,
        settings: UtpSettings | None = None,
        controller: ControllerFactory = Ledbat,
    ) -> None:
        self.now = 100.0
        self.rng = Random(seed)
        self.delay, self.loss, self.duplicates, self.reordering = delay, loss, duplicates, reordering
        self.mtu = mtu
        self.in_trains = True
        """Packets that left together arrive together, as with UDP_GRO."""
        self.tap: Callable[[str, Packet], bool] = lambda source, packet: True
        """Sees each packet; False loses it."""
        self.packets: list[tuple[str, Packet]] = []
        self.sizes: list[int] = []
        self._heap: list[tuple[float, int, str, str, bytes, int]] = []
        self._order = count()
        self.a, self.b = (
            End(
                self,
                name,
                UtpEndpoint(settings or UtpSettings(), Random(seed + index), controller=controller),
            )
            for index, name in enumerate("ab")
        )
        self.ends = {"a": self.a, "b": self.b}

    def send_train(self, train: Any, source: str, target: str) -> None:
        """Lose, repeat and delay, packet by packet; what is left of a train stays together (Any: a Train)."""
        whole = b"".join(train.buffers)
        assert train.segment * (train.count - 1) < len(whole) <= train.segment * train.count
        run = b""
        for position in range(0, len(whole), train.segment):
            data = whole[position : position + train.segment]
            if not self._passes(source, data, may_fragment=train.may_fragment):
                self._post(run, source, target, train.segment)
                run = b""
                continue
            if self.rng.random() < self.reordering or not self.in_trains:
                self._post(data, source, target, train.segment, late=self.in_trains)
            else:
                run += data
            if self.rng.random() < self.duplicates:
                self._post(data, source, target, train.segment, late=True)
        self._post(run, source, target, train.segment)

    def inject(self, data: bytes, source: str, target: str) -> None:
        """A datagram by somebody else."""
        end = self.ends[target]
        end.endpoint.receive(memoryview(data), len(data), source, end.now)
        end.turn()

    def run(self, until: Callable[[], object], limit: float = LIMIT) -> None:
        """Until something is true."""
        end = self.now + limit
        while not until():
            assert self.now < end, "it never came true"
            assert self._step(end) or until(), "nothing happens any more"

    def run_for(self, seconds: float) -> None:
        """Whatever happens."""
        end = self.now + seconds
        while self.now < end and self._step(end):
            pass
        self.now = max(self.now, end)

    def connect(self) -> tuple[UtpConnection, UtpConnection]:
        """Connections of both that know each other."""
        one = self.a.connect()
        self.run(lambda: self.b.endpoint.connections and self.b.events)
        return one, next(iter(self.b.endpoint.connections.values()))

    def _passes(self, source: str, data: bytes, *, may_fragment: bool) -> bool:
        packet = parse_packet(data)
        self.packets.append((source, packet))
        self.sizes.append(len(data))
        if not self.tap(source, packet) or self.rng.random() < self.loss:
            return False
        return may_fragment or len(data) + IPV4_OVERHEAD <= self.mtu

    def _post(self, data: bytes, source: str, target: str, segment: int, *, late: bool = False) -> None:
        if data:
            when = self.now + self.delay * (1 + 2 * late * self.rng.random())
            heapq.heappush(self._heap, (when, next(self._order), source, target, data, segment))

    def _step(self, end: float) -> bool:
        for each in self.ends.values():
            each.turn()
        dues = [due for each in self.ends.values() if (due := each.deadline()) is not None]
        if self._heap:
            dues.append(self._heap[0][0])
        if not dues:
            return False
        self.now = max(self.now, min(min(dues), end))
        while self._heap and self._heap[0][0] <= self.now:
            _, _, source, target, data, segment = heapq.heappop(self._heap)
            if target in self.ends:
                receiver = self.ends[target]
                receiver.endpoint.receive(memoryview(data), min(segment, len(data)), source, receiver.now)
        for each in self.ends.values():
            each.handle_timeouts()
        return True


def kinds(packets: list[tuple[str, Packet]], source: str) -> list[PacketType]:
    """What one side sent."""
    return [packet.kind for sender, packet in packets if sender == source]
