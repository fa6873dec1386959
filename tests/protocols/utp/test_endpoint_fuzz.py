"""Damaged packets, alone and in trains, for a parser and for an endpoint with connections in every state."""

from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.utp import (
    Packet,
    PacketType,
    State,
    UtpConnection,
    UtpEndpoint,
    UtpSettings,
    pack_packet,
    parse_packet,
)
from evtorrent.protocols.utp.endpoint import MAX_ANSWERS, MAX_HALF_OPEN
from support.mutation import mutate

TOKENS = (b"\0", b"\xff", b"\x01\x04", b"\x02\x08", b"\x01\x00", b"\x11", b"\x21", b"\x31", b"\x41")
SMALL = UtpSettings(receive_window=50_000, send_buffer=20_000)
MAX_ENDS = 40
"""Connections an endpoint has here before it makes room for others."""


def packet(kind: PacketType, connection_id: int, seq_nr: int, ack_nr: int, **fields: bytes) -> bytes:
    return pack_packet(Packet(kind, connection_id, 1, 2, 1 << 20, seq_nr & 0xFFFF, ack_nr & 0xFFFF, **fields))


def samples_for(rng: Random, connections: list[UtpConnection]) -> list[bytes]:
    """What a peer may well say now."""
    samples = [packet(PacketType.SYN, rng.randrange(0x10000), rng.randrange(0x10000), 0)]
    for connection in connections[:4]:
        seq_nr, ack_nr = connection.incoming.last + rng.randrange(1, 4), connection.outgoing.next - 1
        samples += [
            packet(kind, connection.recv_id, seq_nr, ack_nr - rng.randrange(3), payload=rng.randbytes(50))
            for kind in (PacketType.DATA, PacketType.DATA, PacketType.STATE, PacketType.FIN)
        ]
        ack = bytes(rng.randrange(256) for _ in range(8))
        samples.append(packet(PacketType.STATE, connection.recv_id, seq_nr, ack_nr, selective_ack=ack))
    return samples


class Storm:
    """One endpoint, and time that passes."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.now = 100.0
        self.buffer = bytearray(60_000)
        self.endpoint = UtpEndpoint(SMALL, rng)
        for _ in range(3):
            self.endpoint.connect("x", self.now)

    def blow(self) -> int:
        """One input, and what a driver does then; gives how many packets it had."""
        rng, endpoint = self.rng, self.endpoint
        mine = [each for (source, _), each in endpoint.connections.items() if source == "x"]
        samples = samples_for(rng, mine)
        data = mutate(rng, samples, TOKENS) or b"\0"
        count = rng.choice((1, 1, 1, 2, 5))
        train = b"".join(
            [data, *(rng.choice((data, mutate(rng, samples, TOKENS))) for _ in range(count - 1))]
        )
        endpoint.receive(memoryview(train), len(data), rng.choice(("x", "x", "x", "y")), self.now)
        self.now += rng.choice((0.0, 0.001, 0.4))
        self._serve()
        assert len(endpoint.half_open) <= MAX_HALF_OPEN
        return count

    def _serve(self) -> None:
        rng, endpoint = self.rng, self.endpoint
        for connection, address in endpoint.take_touched().items():
            if rng.random() < 0.5:
                connection.send(bytes(rng.choice((10, 3000))))
            if rng.random() < 0.7:
                connection.read_into(self.buffer)
            while connection.next_event() is not None:
                pass
            if (due := connection.next_timeout()) is not None and due <= self.now:
                connection.handle_timeout(self.now)
            for train in connection.trains_to_send(self.now):
                assert sum(map(len, train.buffers)) <= train.segment * train.count
            assert connection.incoming.room >= 0
            assert connection.incoming.buffered <= SMALL.receive_window + 1500
            if connection.state is State.CLOSED or len(endpoint.connections) > MAX_ENDS:
                endpoint.forget(connection, address, self.now)
        assert len(endpoint.take_answers()) <= MAX_ANSWERS
        if not endpoint.connections:
            endpoint.connect("x", self.now)


def storm_on_endpoint(count: int, seed: int) -> UtpEndpoint:
    storm, done = Storm(Random(seed)), 0
    while done < count:
        done += storm.blow()
    return storm.endpoint


def storm_on_parser(count: int, seed: int) -> int:
    """Damaged packets give a packet or RemoteProtocolError.  Gives how many were good."""
    rng, num_good = Random(seed), 0
    samples = [
        packet(PacketType.DATA, 7, 8, 9, payload=b"x" * 40),
        packet(PacketType.STATE, 7, 8, 9, selective_ack=b"\x01\0\0\x80"),
        packet(PacketType.SYN, 7, 8, 9),
    ]
    for _ in range(count):
        data = mutate(rng, samples, TOKENS)
        try:
            parsed = parse_packet(memoryview(data))
        except RemoteProtocolError:
            continue
        num_good += 1
        assert len(parsed.payload) <= len(data)
    return num_good


@pytest.mark.slow
def test_ten_thousand_packets() -> None:
    endpoint = storm_on_endpoint(10_000, seed=1)
    assert endpoint.counts.invalid_packets_in > 500
    assert endpoint.counts.packets_in > 500
    assert 1000 < storm_on_parser(10_000, seed=2) < 9500


@pytest.mark.soak
def test_a_million_packets_for_an_endpoint() -> None:
    storm_on_endpoint(1_000_000, seed=3)


@pytest.mark.soak
def test_a_million_packets_for_the_parser() -> None:
    assert storm_on_parser(1_000_000, seed=4)
