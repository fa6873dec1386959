"""All uTP connections of one UDP socket, sans-I/O: which packet belongs to whom, who may come in, who is told to go away.

A packet is addressed to a connection by its source and the id we chose.  Trains (packets of equal size that the kernel hands
over together) of plain data go to their connection as one.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Hashable
from random import Random

from ..errors import RemoteProtocolError
from .congestion import ControllerFactory, Ledbat
from .connection import Newest, Train, UtpConnection
from .counts import UtpCounts
from .lingering import Lingering
from .packet import HEADER, HEADER_SIZE, Packet, PacketType, cutter, first_of_run, pack_packet, parse_packet
from .settings import UtpSettings

__all__ = ["IPV4_OVERHEAD", "IPV6_OVERHEAD", "MAX_CONNECTIONS", "MAX_HALF_OPEN", "UtpEndpoint"]

IPV4_OVERHEAD = 28
IPV6_OVERHEAD = 48
"""Bytes of IP and UDP headers."""
MAX_CONNECTIONS = 20_000
"""Connections of one endpoint."""
MAX_HALF_OPEN = 512
"""SYNs answered whose sender has not spoken again; beyond, SYNs are dropped."""
MAX_ANSWERS = 64
"""Answers to strays waiting to be sent: they are told to stop, a flood of them is not answered."""
MAX_RUN = 256
"""Packets of a train that are taken as one."""

Key = tuple[Hashable, int]


class UtpEndpoint:
    """Routes packets.  The driver sends what `take_answers` and the connections in `take_touched` have to send."""

    def __init__(
        self,
        settings: UtpSettings,
        rng: Random,
        *,
        overhead: int = IPV4_OVERHEAD,
        accepts: Callable[[Hashable], bool] = lambda address: True,
        controller: ControllerFactory = Ledbat,
        counts: UtpCounts | None = None,
    ) -> None:
        """`accepts(address)` says whether a SYN from there is answered; connecting needs no permission."""
        self.settings = settings
        self.accepts = accepts
        self.connections: dict[Key, UtpConnection] = {}
        """By (source address, id their packets carry)."""
        self.half_open: set[UtpConnection] = set()
        """Those whose SYN was answered and whose sender has not spoken again."""
        self.counts = counts or UtpCounts()
        self.num_dropped_syns = 0
        self._rng = rng
        self._overhead = overhead
        self._controller = controller
        self._touched: dict[UtpConnection, Hashable] = {}
        self._answers: deque[tuple[Train, Hashable]] = deque()
        self._lingering = Lingering()

    def connect(self, address: Hashable, now: float) -> UtpConnection:
        """A connection that begins.  OSError EADDRNOTAVAIL when there are too many."""
        if len(self.connections) >= MAX_CONNECTIONS:
            raise OSError(errno.EADDRNOTAVAIL, "too many uTP connections")
        for _ in range(64):
            recv_id = self._rng.randrange(0x10000)
            if (address, recv_id) not in self.connections:
                break
        else:
            raise OSError(errno.EADDRNOTAVAIL, "no uTP connection id is free")
        connection = self._make(recv_id, (recv_id + 1) & 0xFFFF)
        self.connections[address, recv_id] = connection
        connection.connect(now)
        self._touched[connection] = address
        return connection

    def receive(self, data: memoryview, segment: int, address: Hashable, now: float) -> None:
        """Packets from one source: `data` cut into `segment` bytes each, the last may be shorter."""
        size = len(data)
        if size > segment:
            whole = size - size % segment
            if self._receive_train(data[:whole], segment, address, now):
                if whole < size:
                    self._receive_packet(data[whole:], address, now)
                return
        for position in range(0, size, segment):
            self._receive_packet(data[position : position + segment], address, now)

    def take_touched(self) -> dict[UtpConnection, Hashable]:
        """Connections to which something happened since the last call, with their addresses."""
        touched, self._touched = self._touched, {}
        return touched

    def take_answers(self) -> deque[tuple[Train, Hashable]]:
        """What strays are told."""
        answers, self._answers = self._answers, deque()
        return answers

    def touch(self, connection: UtpConnection, address: Hashable) -> None:
        """The application or the clock did something to a connection."""
        self._touched[connection] = address

    def forget(self, connection: UtpConnection, address: Hashable, now: float) -> None:
        """A connection has ended."""
        self.half_open.discard(connection)
        if self.connections.get((address, connection.recv_id)) is connection:
            del self.connections[address, connection.recv_id]
            if connection.is_over:
                key = (address, connection.recv_id)
                self._lingering.add(key, connection.send_id, connection.outgoing.next, now)

    # ----------------------------------------------------------------------------------------------- private

    def _make(self, recv_id: int, send_id: int) -> UtpConnection:
        return UtpConnection(
            self.settings,
            recv_id,
            send_id,
            first=self._rng.randrange(1, 0x10000),
            overhead=self._overhead,
            controller=self._controller,
            counts=self.counts,
        )

    def _receive_train(self, data: memoryview, segment: int, address: Hashable, now: float) -> bool:
        """The usual case: data packets of one connection that follow each other.  False: look at each."""
        count = len(data) // segment
        if segment <= HEADER_SIZE or not 1 < count <= MAX_RUN:
            return False
        connection = self.connections.get((address, data[2] << 8 | data[3]))
        if connection is None:
            return False
        first = first_of_run(data, segment)
        if first is None:
            return False
        payloads = cutter(HEADER_SIZE, segment, segment, count)(data)
        _, _, _, timestamp, difference, window, _, ack_nr = HEADER.unpack_from(data, len(data) - segment)
        if not connection.receive_run(first, payloads, Newest(timestamp, difference, window, ack_nr), now):
            return False
        self.counts.packets_in += count
        self._touched[connection] = address
        return True

    def _receive_packet(self, data: memoryview, address: Hashable, now: float) -> None:
        try:
            packet = parse_packet(data)
            if packet.kind is PacketType.SYN:
                self._receive_syn(packet, address, now)
                return
            connection = self._find(packet, address)
            if connection is None:
                self._reject(packet, address, now)
                return
            connection.receive_packet(packet, now)
        except RemoteProtocolError:
            self.counts.invalid_packets_in += 1
            return
        self.counts.packets_in += 1
        self.half_open.discard(connection)
        self._touched[connection] = address

    def _find(self, packet: Packet, address: Hashable) -> UtpConnection | None:
        connection = self.connections.get((address, packet.connection_id))
        if connection is None and packet.kind is PacketType.RESET:
            # A reset may carry the id of our own packets: its sender has nothing else to go by.
            for recv_id in (packet.connection_id - 1, packet.connection_id + 1):
                candidate = self.connections.get((address, recv_id & 0xFFFF))
                if candidate is not None and candidate.send_id == packet.connection_id:
                    return candidate
        return connection

    def _receive_syn(self, packet: Packet, address: Hashable, now: float) -> None:
        recv_id = (packet.connection_id + 1) & 0xFFFF
        connection = self.connections.get((address, recv_id))
        if connection is not None:
            connection.receive_packet(packet, now)
        elif (
            len(self.half_open) >= MAX_HALF_OPEN
            or len(self.connections) >= MAX_CONNECTIONS
            or not self.accepts(address)
        ):
            self.num_dropped_syns += 1
            return
        else:
            connection = self._make(recv_id, packet.connection_id)
            connection.accept(packet, now)
            self.connections[address, recv_id] = connection
            self.half_open.add(connection)
        self.counts.packets_in += 1
        self._touched[connection] = address

    def _reject(self, packet: Packet, address: Hashable, now: float) -> None:
        if packet.kind is PacketType.RESET or len(self._answers) >= MAX_ANSWERS:
            return
        key = (address, packet.connection_id)
        # Data is not acknowledged any more: who sends it has to hear that nobody reads it.
        if packet.kind is not PacketType.DATA and self._lingering.knows(key, now):
            answer = self._lingering.answer(key, packet, now)
            if answer is not None:
                self._answer(answer, address)
            return
        data = pack_packet(
            Packet(
                PacketType.RESET,
                packet.connection_id,
                int(now * 1_000_000) & 0xFFFFFFFF,
                0,
                0,
                self._rng.randrange(0x10000),
                packet.seq_nr,
            )
        )
        self._answer(data, address)

    def _answer(self, data: bytes, address: Hashable) -> None:
        self.counts.packets_out += 1
        self._answers.append((Train([data], len(data), 1), address))
