"""Who a packet is for, who may come in, and what strangers can do."""

from __future__ import annotations

import errno
from random import Random

import pytest
from evtorrent.protocols.utp import (
    FIRST_BYTES,
    Packet,
    PacketType,
    State,
    UtpConnected,
    UtpConnection,
    UtpEndpoint,
    UtpSettings,
    pack_packet,
    parse_packet,
)
from evtorrent.protocols.utp import endpoint as endpoint_module
from evtorrent.protocols.utp.endpoint import MAX_ANSWERS, MAX_HALF_OPEN
from evtorrent.protocols.utp.packet import cutter
from support.utp_ends import Network, kinds

DATA = Random(1).randbytes(200_000)
HERE = 100.0


def syn(connection_id: int, seq_nr: int = 7) -> bytes:
    return pack_packet(Packet(PacketType.SYN, connection_id, 1, 0, 1 << 20, seq_nr, 0))


def data_packet(connection: UtpConnection, number: int, payload: bytes, **changes: int) -> bytes:
    """What the other side would send as its packet `number`."""
    fields = {"timestamp": 5, "window": 1 << 20, "ack_nr": connection.outgoing.acked & 0xFFFF} | changes
    return pack_packet(
        Packet(
            PacketType.DATA,
            connection.recv_id,
            fields["timestamp"],
            0,
            fields["window"],
            number & 0xFFFF,
            fields["ack_nr"],
            payload=payload,
        )
    )


def receive(endpoint: UtpEndpoint, data: bytes, address: str = "x", segment: int = 0) -> None:
    endpoint.receive(memoryview(data), segment or len(data), address, HERE)


def read(connection: UtpConnection) -> bytes:
    buffer = bytearray(1 << 20)
    return bytes(buffer[: connection.read_into(buffer)])


@pytest.fixture
def endpoint() -> UtpEndpoint:
    return UtpEndpoint(UtpSettings(), Random(5))


@pytest.fixture
def met() -> tuple[Network, UtpConnection, UtpConnection]:
    """Two that are connected and idle."""
    network = Network()
    one, two = network.connect()
    network.run_for(0.1)
    return network, one, two


# -- connecting


def test_connections_of_one_socket_have_ids_of_their_own(endpoint: UtpEndpoint) -> None:
    made = [endpoint.connect("x", HERE) for _ in range(500)]
    assert len({connection.recv_id for connection in made}) == 500
    assert all(connection.send_id == (connection.recv_id + 1) & 0xFFFF for connection in made)
    assert endpoint.take_touched() == dict.fromkeys(made, "x")
    assert endpoint.take_touched() == {}


def test_an_id_that_is_taken_is_not_used_again(endpoint: UtpEndpoint) -> None:
    class Repeating(Random):
        """Says everything twice."""

        last: int | None = None

        def randrange(self, *args: int) -> int:  # type: ignore[override]
            if len(args) == 2:
                return 1
            self.last, value = (None, self.last) if self.last is not None else (super().randrange(*args),) * 2
            return value  # type: ignore[return-value]

    endpoint = UtpEndpoint(UtpSettings(), Repeating(3))
    one, two = endpoint.connect("x", HERE), endpoint.connect("x", HERE)
    assert one.recv_id != two.recv_id
    assert len(endpoint.connections) == 2


def test_without_a_free_id_it_fails() -> None:
    class Constant(Random):
        def randrange(self, *args: int) -> int:  # type: ignore[override]
            return 9

    endpoint = UtpEndpoint(UtpSettings(), Constant())
    endpoint.connect("x", HERE)
    with pytest.raises(OSError, match="no uTP connection id is free") as caught:
        endpoint.connect("x", HERE)
    assert caught.value.errno == errno.EADDRNOTAVAIL
    endpoint.connect("y", HERE)  # An id belongs to an address.


def test_there_is_a_limit_to_connections(endpoint: UtpEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_module, "MAX_CONNECTIONS", 3)
    for number in range(2):
        endpoint.connect("x", HERE)
        receive(endpoint, syn(100 * number), "y")
    assert len(endpoint.connections) == 3
    assert endpoint.num_dropped_syns == 1
    with pytest.raises(OSError, match="too many") as caught:
        endpoint.connect("x", HERE)
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_a_connection_that_ended_is_forgotten_once(endpoint: UtpEndpoint) -> None:
    old = endpoint.connect("x", HERE)
    endpoint.forget(old, "x", HERE)
    assert not endpoint.connections
    receive(endpoint, syn((old.recv_id - 1) & 0xFFFF))
    (new,) = endpoint.connections.values()
    assert new.recv_id == old.recv_id
    endpoint.forget(old, "x", HERE)  # It does not take what is another's now.
    assert endpoint.connections == {("x", new.recv_id): new}


# -- strangers


def test_a_flood_of_syns_ends_at_a_limit_and_the_others_do_not_notice() -> None:
    network = Network()
    one, two = network.connect()
    network.a.send(one, DATA)
    for number in range(MAX_HALF_OPEN + 100):
        network.b.endpoint.receive(memoryview(syn(number * 3)), 20, f"spoofed {number % 7}", network.now)
    assert len(network.b.endpoint.half_open) == MAX_HALF_OPEN
    assert network.b.endpoint.num_dropped_syns == 100
    network.run(lambda: len(network.b.received.get(two, b"")) == len(DATA))
    assert network.b.events == [UtpConnected()], "nobody is told of strangers"
    network.run_for(20)
    assert not network.b.endpoint.half_open
    assert list(network.b.endpoint.connections.values()) == [two]


def test_a_syn_that_is_replayed_is_the_same_connection(endpoint: UtpEndpoint) -> None:
    receive(endpoint, syn(50))
    receive(endpoint, syn(50))
    (connection,) = endpoint.take_touched()
    assert endpoint.half_open == {connection}
    assert connection.recv_id == 51
    assert connection.send_id == 50
    (train,) = connection.trains_to_send(HERE)
    answer = parse_packet(bytes(train.buffers[0]))
    assert (answer.kind, answer.connection_id, answer.ack_nr) == (PacketType.STATE, 50, 7)


def test_a_syn_replayed_after_the_handshake_changes_nothing(
    met: tuple[Network, UtpConnection, UtpConnection],
) -> None:
    network, one, two = met
    again = next(packet for source, packet in network.packets if source == "a")
    network.inject(pack_packet(again), "a", "b")
    assert two.state is State.CONNECTED
    assert not network.b.endpoint.half_open
    network.a.send(one, DATA)
    network.run(lambda: len(network.b.received.get(two, b"")) == len(DATA))


def test_who_may_not_come_is_not_answered(endpoint: UtpEndpoint) -> None:
    endpoint.accepts = lambda address: address != "x"
    receive(endpoint, syn(1), "x")
    assert not endpoint.connections
    assert not endpoint.take_touched()
    assert not endpoint.take_answers()
    assert endpoint.num_dropped_syns == 1
    receive(endpoint, syn(1), "y")
    assert len(endpoint.connections) == 1


def test_the_answer_to_a_syn_is_known_to_its_sender_only(endpoint: UtpEndpoint) -> None:
    """Who made up a source cannot acknowledge the number we answered with."""
    receive(endpoint, syn(50))
    (connection,) = endpoint.half_open
    first = connection.outgoing.acked
    receive(endpoint, data_packet(connection, 8, b"guessed", ack_nr=(first + 9) & 0xFFFF))
    assert endpoint.counts.invalid_packets_in == 1
    assert connection.state is State.ACCEPTED
    assert endpoint.half_open == {connection}
    receive(endpoint, data_packet(connection, 8, b"known"))
    assert connection.state is State.CONNECTED
    assert not endpoint.half_open
    assert read(connection) == b"known"


@pytest.mark.parametrize("kind", [PacketType.DATA, PacketType.FIN, PacketType.STATE])
def test_a_stray_is_told_to_stop(endpoint: UtpEndpoint, kind: PacketType) -> None:
    receive(endpoint, pack_packet(Packet(kind, 77, 1, 0, 1, 5, 6, payload=b"for whom?")))
    ((train, address),) = endpoint.take_answers()
    assert address == "x"
    reset = parse_packet(bytes(train.buffers[0]))
    assert (reset.kind, reset.connection_id, reset.ack_nr) == (PacketType.RESET, 77, 5)
    assert train.count == 1
    assert train.segment == len(train.buffers[0])
    assert not endpoint.take_answers()


def test_a_reset_is_not_answered_and_a_flood_of_strays_only_so_often(endpoint: UtpEndpoint) -> None:
    receive(endpoint, pack_packet(Packet(PacketType.RESET, 77, 1, 0, 1, 5, 6)))
    assert not endpoint.take_answers()
    for number in range(MAX_ANSWERS * 2):
        receive(endpoint, pack_packet(Packet(PacketType.STATE, number, 1, 0, 1, 5, 6)))
    assert len(endpoint.take_answers()) == MAX_ANSWERS


@pytest.mark.parametrize(
    "data", [b"", b"\x01", bytes(19), bytes(20), b"\x51" + bytes(19), b"\x21\x01" + bytes(18)], ids=repr
)
def test_what_is_no_packet_is_counted(endpoint: UtpEndpoint, data: bytes) -> None:
    endpoint.receive(memoryview(data), len(data) or 1, "x", HERE)
    assert endpoint.counts.invalid_packets_in == bool(data)
    assert not endpoint.connections
    assert not endpoint.take_touched()
    assert not endpoint.take_answers()


def test_an_acknowledgement_of_what_was_not_sent_is_counted_and_changes_nothing(
    met: tuple[Network, UtpConnection, UtpConnection],
) -> None:
    network, one, two = met
    wrong = Packet(PacketType.STATE, one.recv_id, 1, 1, 0, 1, (one.outgoing.next + 50) & 0xFFFF)
    network.inject(pack_packet(wrong), "b", "a")
    assert network.a.endpoint.counts.invalid_packets_in == 1
    network.a.send(one, DATA)
    network.run(lambda: len(network.b.received.get(two, b"")) == len(DATA))


def test_packets_from_another_source_are_not_the_connections(
    met: tuple[Network, UtpConnection, UtpConnection],
) -> None:
    """All of it right but the address: the number is not known there."""
    network, _, two = met
    for kind in (PacketType.DATA, PacketType.FIN, PacketType.RESET):
        packet = Packet(
            kind, two.recv_id, 1, 1, 9, two.incoming.last + 1 & 0xFFFF, two.outgoing.acked & 0xFFFF
        )
        network.b.endpoint.receive(memoryview(pack_packet(packet)), 20, "elsewhere", network.now)
    assert two.state is State.CONNECTED
    assert two.incoming.end is None
    assert len(network.b.endpoint.take_answers()) == 2


# -- resets


@pytest.mark.parametrize("carries", ["recv_id", "send_id"])
@pytest.mark.parametrize("who", [0, 1])
def test_a_reset_with_the_id_of_either_direction(
    met: tuple[Network, UtpConnection, UtpConnection], carries: str, who: int
) -> None:
    network, *connections = met
    connection, end, other = connections[who], (network.a, network.b)[who], "ba"[who]
    reset = Packet(PacketType.RESET, getattr(connection, carries), 0, 0, 0, 1, 1)
    network.inject(pack_packet(reset), other, end.name)
    assert connection.state is State.CLOSED
    assert not end.endpoint.connections


def test_a_reset_for_the_neighbour_of_a_connection_is_not_for_it(
    met: tuple[Network, UtpConnection, UtpConnection],
) -> None:
    network, one, _ = met
    for by in (-1, 2):
        reset = Packet(PacketType.RESET, (one.recv_id + by) & 0xFFFF, 0, 0, 0, 1, 1)
        network.inject(pack_packet(reset), "b", "a")
    assert one.state is State.CONNECTED


def test_who_lost_its_memory_is_reset() -> None:
    """The other side started again: what it does not know it refuses, and the connection ends."""
    network = Network()
    one, _ = network.connect()
    network.run_for(0.1)
    network.b.endpoint.connections.clear()
    network.a.send(one, DATA)
    network.run(lambda: len(network.a.events) == 2)
    assert one.state is State.CLOSED
    assert PacketType.RESET in kinds(network.packets, "b")


# -- trains


def train(connection: UtpConnection, *payloads: bytes, first: int = 1) -> bytes:
    number = connection.incoming.last + first
    return b"".join(
        data_packet(connection, number + index, payload) for index, payload in enumerate(payloads)
    )


@pytest.fixture
def accepted(endpoint: UtpEndpoint) -> UtpConnection:
    """A connection whose sender spoke again."""
    receive(endpoint, syn(50))
    (connection,) = endpoint.half_open
    receive(endpoint, data_packet(connection, 8, b""))
    endpoint.take_touched()
    return connection


def test_a_train_is_the_same_as_its_packets(endpoint: UtpEndpoint, accepted: UtpConnection) -> None:
    receive(endpoint, train(accepted, b"abc", b"def", b"ghi"), segment=23)
    assert read(accepted) == b"abcdefghi"
    assert endpoint.take_touched() == {accepted: "x"}
    receive(endpoint, train(accepted, b"abc", b"def", b"g"), segment=23)  # The last may be shorter.
    assert read(accepted) == b"abcdefg"
    assert endpoint.counts.invalid_packets_in == 0


def test_a_train_with_a_tail_that_is_none(endpoint: UtpEndpoint, accepted: UtpConnection) -> None:
    receive(endpoint, train(accepted, b"abc", b"def") + b"short", segment=23)
    assert read(accepted) == b"abcdef"
    assert endpoint.counts.invalid_packets_in == 1


@pytest.mark.parametrize("change", ["kind", "extension", "id", "order", "ack", "version"])
def test_an_unusual_train_is_looked_at_packet_by_packet(
    endpoint: UtpEndpoint, accepted: UtpConnection, change: str
) -> None:
    data = bytearray(train(accepted, b"abc", b"def", b"ghi"))
    if change == "kind":
        data[46] = PacketType.STATE << 4 | 1
    elif change == "extension":
        data[24] = 9  # Beyond the end, as read from the payload.
    elif change == "id":
        data[25] ^= 1
    elif change == "order":
        data = data[23:46] + data[:23] + data[46:]
    elif change == "ack":
        data[64:66] = (accepted.outgoing.next + 7 & 0xFFFF).to_bytes(2, "big")
    else:
        data[23] = 0x02
    receive(endpoint, bytes(data), segment=23)
    expected = {"kind": b"abcdef", "ack": b"abcdef", "order": b"abcdefghi"}
    assert read(accepted) == expected.get(change, b"abc")
    assert endpoint.counts.invalid_packets_in == (change in ("extension", "ack", "version"))


def test_a_train_of_syns_or_of_nothing_but_headers(endpoint: UtpEndpoint) -> None:
    receive(endpoint, syn(1) + syn(3), segment=20)
    assert len(endpoint.half_open) == 2
    receive(endpoint, syn(1) + syn(3), segment=7)
    assert endpoint.counts.invalid_packets_in == 6


def test_a_train_for_nobody(endpoint: UtpEndpoint, accepted: UtpConnection) -> None:
    receive(endpoint, train(accepted, b"abc", b"def"), "elsewhere", segment=23)
    assert len(endpoint.take_answers()) == 2
    assert not read(accepted)


def test_trains_whose_numbers_wrap(endpoint: UtpEndpoint) -> None:
    receive(endpoint, syn(50, seq_nr=0xFFFD))
    (connection,) = endpoint.half_open
    receive(endpoint, data_packet(connection, 0xFFFE, b"1"))
    receive(endpoint, train(connection, b"2", b"3", b"4", b"5"), segment=21)
    assert read(connection) == b"12345"


def test_trains_of_any_size_leave_nothing_behind(endpoint: UtpEndpoint, accepted: UtpConnection) -> None:
    """A peer that changes its size with each train does not make us remember all of them."""
    for size in range(1, 300):
        receive(endpoint, train(accepted, bytes(size), bytes(size)), segment=20 + size)
        assert len(read(accepted)) == 2 * size
    assert cutter.cache_info().currsize <= 256


def test_garbage_in_any_cut() -> None:
    """Whatever a stranger or a peer sends, the endpoint stays up and within its limits."""
    network, rng = Network(), Random(11)
    one, two = network.connect()
    network.run_for(0.1)
    first_bytes = sorted(FIRST_BYTES)
    for _ in range(3000):
        size = rng.choice([1, 19, 20, 21, 60])
        body = bytearray(rng.randbytes(size * rng.randrange(1, 4)))
        body[0] = rng.choice([*first_bytes, body[0]])
        if len(body) > 3 and rng.random() < 0.5:
            body[1:4] = b"\0" + rng.choice([one, two]).recv_id.to_bytes(2, "big")
        source, target = rng.choice([("a", "b"), ("b", "a"), ("?", "b")])
        network.inject(bytes(body), source, target)
    assert network.b.endpoint.counts.invalid_packets_in > 100
    for end in (network.a, network.b):
        assert len(end.endpoint.half_open) <= MAX_HALF_OPEN
        assert not end.endpoint.take_answers()
