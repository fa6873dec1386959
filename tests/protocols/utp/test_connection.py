from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.utp import (
    Packet,
    PacketType,
    State,
    UtpConnected,
    UtpConnection,
    UtpFailed,
    UtpSettings,
)
from evtorrent.protocols.utp.connection import (
    KEEP_ALIVE_AFTER,
    MAX_REPEATED_ACKS,
    MAX_TRAIN,
    TRAINS_PER_TURN,
    ZERO_WINDOW_PROBE,
    Newest,
)
from evtorrent.protocols.utp.incoming import Incoming
from evtorrent.protocols.utp.mtu import SAFE_MTU
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.utp_ends import Network, kinds

DATA = Random(1).randbytes(400_000)
HEADERS = 48


# -- the handshake


def test_connecting():
    network = Network()
    one, two = network.connect()
    network.run_for(0.1)
    assert network.a.events == network.b.events == [UtpConnected()]
    assert one.state is two.state is State.CONNECTED
    assert kinds(network.packets, "a")[0] is PacketType.SYN
    assert network.packets[0][1].connection_id == one.recv_id == two.send_id
    assert one.send_id == two.recv_id == (one.recv_id + 1) & 0xFFFF
    assert one.round_trip == pytest.approx(0.02)


def test_nobody_is_told_of_a_stranger_before_it_spoke_twice():
    network = Network()
    network.tap = lambda source, packet: packet.kind is PacketType.SYN
    network.a.connect()
    network.run(lambda: network.b.endpoint.connections)
    assert network.b.connection.state is State.ACCEPTED
    assert network.b.connection.send(b"early") == 5
    network.run_for(40.0)
    assert UtpConnected() not in network.b.events
    assert not network.b.endpoint.connections


def test_syns_are_sent_again_and_then_it_fails():
    network = Network(settings=UtpSettings(connect_timeout=1.0, syn_resends=2))
    network.tap = lambda source, packet: False
    network.a.connect()
    network.run(lambda: network.a.events)
    assert kinds(network.packets, "a") == [PacketType.SYN] * 3
    (event,) = network.a.events
    assert isinstance(event, UtpFailed)
    assert isinstance(event.error, TimeoutError)
    assert network.now == pytest.approx(100 + 1 + 2 + 4)


def test_a_lost_answer_is_given_again():
    network, lost = Network(), []

    def lose_first(source: str, packet: Packet) -> bool:
        if source == "b" and not lost:
            lost.append(packet)
            return False
        return True

    network.tap = lose_first
    network.connect()
    assert kinds(network.packets, "a").count(PacketType.SYN) == 2


def test_the_first_acknowledgement_is_repeated():
    """Nobody asks for it when it is lost, and without it the other side waits for ever."""
    network, lost = Network(), []

    def lose_two(source: str, packet: Packet) -> bool:
        if source == "a" and packet.kind is PacketType.STATE and len(lost) < 2:
            lost.append(packet)
            return False
        return True

    network.tap = lose_two
    network.connect()
    network.run_for(5.0)
    assert kinds(network.packets, "a").count(PacketType.STATE) == 3


def test_it_is_not_repeated_for_ever():
    network = Network()
    network.connect()
    network.run_for(0.1)
    network.ends.pop("b")
    network.packets.clear()
    network.run_for(KEEP_ALIVE_AFTER - 1)
    assert not network.packets
    network = Network()
    network.tap = lambda source, packet: source == "a" or packet.kind is PacketType.STATE
    network.a.connect()
    network.run(lambda: network.b.endpoint.connections)
    network.run_for(0.05)
    network.ends.pop("b")
    network.run_for(KEEP_ALIVE_AFTER - 1)
    assert kinds(network.packets, "a").count(PacketType.STATE) <= 1 + MAX_REPEATED_ACKS


def test_an_answer_to_something_else_is_none():
    network = Network()
    connection = network.a.connect()
    network.a.turn()
    connection.receive_packet(
        Packet(PacketType.STATE, connection.recv_id, 1, 0, 9, 5, connection.outgoing.acked - 5), network.now
    )
    assert connection.state is State.CONNECTING


def test_data_that_overtakes_the_answer_connects():
    network = Network()
    connection = network.a.connect()
    network.a.turn()
    syn = network.packets[0][1]
    connection.receive_packet(
        Packet(PacketType.DATA, connection.recv_id, 1, 0, 9000, 77, syn.seq_nr, payload=b"hi"), network.now
    )
    assert connection.state is State.CONNECTED
    buffer = bytearray(9)
    assert connection.read_into(buffer) == 2


def test_refused():
    network = Network()
    network.b.endpoint.accepts = lambda address: False
    connection = network.a.connect()
    network.a.turn()
    reset = Packet(PacketType.RESET, connection.send_id, 0, 0, 0, 1, 1)
    connection.receive_packet(reset, network.now)
    event = connection.next_event()
    assert isinstance(event, UtpFailed)
    assert isinstance(event.error, ConnectionRefusedError)
    assert connection.state is State.CLOSED


# -- the stream


NETWORKS = {
    "good": {},
    "one by one": {"in_trains": False},
    "loss": {"loss": 0.05},
    "reordering": {"reordering": 0.2},
    "duplicates": {"duplicates": 0.2},
    "all": {"loss": 0.1, "reordering": 0.1, "duplicates": 0.1},
    "a long way": {"delay": 0.4},
    "no way at all": {"delay": 0.0},
    "narrow": {"mtu": 1300},
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_both_streams_arrive(kind):
    options = dict(NETWORKS[kind])
    in_trains = options.pop("in_trains", True)
    network = Network(**options)
    network.in_trains = bool(in_trains)
    one, two = network.connect()
    network.a.send(one, DATA, and_end=True)
    network.b.send(two, DATA[::-1], and_end=True)
    network.run(lambda: one.state is two.state is State.CLOSED)
    assert network.b.received[two] == DATA
    assert network.a.received[one] == DATA[::-1]
    assert network.a.events == network.b.events == [UtpConnected()]
    assert not network.a.endpoint.connections
    assert network.a.endpoint.counts.invalid_packets_in == network.b.endpoint.counts.invalid_packets_in == 0


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 1 << 32),
    st.floats(0, 0.2),
    st.floats(0, 0.3),
    st.floats(0, 0.3),
    st.floats(0.0001, 0.3),
    st.integers(1, 60_000),
)
@example(
    2058, 0.25, 0.0, 0.25, 0.25, 1
)  # A SYN that came again when the answer to the first was about to be given up.
def test_any_network(seed, loss, duplicates, reordering, delay, size):
    network = Network(
        seed=seed,
        delay=delay,
        loss=loss,
        duplicates=duplicates,
        reordering=reordering,
        settings=UtpSettings(num_resends=12, syn_resends=9, fin_resends=9),
    )
    one = network.a.connect()
    network.a.send(one, DATA[:size], and_end=True)
    network.run(lambda: network.b.received and len(next(iter(network.b.received.values()))) == size)
    assert next(iter(network.b.received.values())) == DATA[:size]


@pytest.mark.parametrize("offset", [0.0, -99.0, 4294.9, 1e6])
@pytest.mark.parametrize("drift", [0.0, 0.0005, -0.0005])
def test_clocks_that_differ_drift_and_wrap(offset, drift):
    network = Network(delay=0.03)
    network.b.offset, network.b.drift = offset, drift
    one, two = network.connect()
    network.a.send(one, DATA[:200_000])
    network.run(lambda: len(network.b.received.get(two, b"")) == 200_000)
    assert one.round_trip < 0.1
    assert one.controller.window > 100_000, "no queue was seen where there is none"


def test_sequence_numbers_wrap():
    network = Network(delay=0.001)
    one, two = network.connect()
    one.outgoing.next = one.outgoing.next | 0xFFF0
    one.outgoing.acked = one.outgoing.next - 1
    two.incoming.last = one.outgoing.acked & 0xFFFF
    network.a.send(one, DATA)
    network.run(lambda: len(network.b.received.get(two, b"")) == len(DATA))
    assert network.b.received[two] == DATA


# -- loss


class WithoutSack(Incoming):
    __slots__ = ()

    def selective_ack(self, most: int) -> bytes:
        return b""


class WithEmptySack(Incoming):
    __slots__ = ()

    def selective_ack(self, most: int) -> bytes:
        return bytes(len(super().selective_ack(most)))


def lose_once(*numbers: int):
    """Data packets by their place in the stream."""
    seen: list[int] = []

    def tap(source: str, packet: Packet) -> bool:
        if source == "a" and packet.kind is PacketType.DATA and packet.seq_nr not in seen:
            seen.append(packet.seq_nr)
            return len(seen) - 1 not in numbers
        return True

    return tap


@pytest.mark.parametrize(
    "numbers", [[0], [3, 4], list(range(2, 40)), list(range(0, 60, 2)), [99], list(range(60, 100))]
)
def test_what_is_lost_is_sent_again_long_before_the_timeout(numbers):
    network = Network(settings=UtpSettings(min_timeout=5.0))
    one, two = network.connect()
    network.tap = lose_once(*numbers)
    start = network.now
    network.a.send(one, DATA[:120_000])
    network.run(lambda: len(network.b.received.get(two, b"")) == 120_000)
    assert network.now - start < 1.0


def test_what_is_sent_again_and_lost_again():
    network, lost = Network(settings=UtpSettings(min_timeout=5.0)), []
    one, two = network.connect()

    def tap(source: str, packet: Packet) -> bool:
        if source == "a" and packet.kind is PacketType.DATA and len(lost) < 4:
            if not lost or packet.seq_nr == lost[0]:
                lost.append(packet.seq_nr)
                return False
        return True

    network.tap = tap
    start = network.now
    network.a.send(one, DATA[:300_000])
    network.run(lambda: len(network.b.received.get(two, b"")) == 300_000)
    assert len(lost) == 4
    assert network.now - start < 3.0


def test_a_peer_whose_selective_ack_names_nothing():
    """libtorrent's ends too early when the first gap is long: that there is one must be enough."""
    network = Network(settings=UtpSettings(min_timeout=5.0))
    one, two = network.connect()
    two.incoming.__class__ = WithEmptySack
    network.tap = lose_once(*range(12))
    start = network.now
    network.a.send(one, DATA[:200_000])
    network.run(lambda: len(network.b.received.get(two, b"")) == 200_000)
    assert network.now - start < 2.0


def test_a_peer_without_selective_acks():
    network = Network(settings=UtpSettings(min_timeout=5.0))
    network.in_trains = False
    one, two = network.connect()
    two.incoming.__class__ = WithoutSack
    network.tap = lose_once(2)
    start = network.now
    network.a.send(one, DATA[:60_000])
    network.run(lambda: len(network.b.received.get(two, b"")) == 60_000)
    assert network.now - start < 2.0


def test_silence_is_probed_and_then_timed_out():
    network = Network(settings=UtpSettings(num_resends=2))
    one, _ = network.connect()
    network.run_for(1.0)
    network.tap = lambda source, packet: source == "b"
    network.packets.clear()
    network.a.send(one, DATA[:100])
    network.run(lambda: len(network.a.events) > 1)
    assert isinstance(network.a.events[1], UtpFailed)
    assert isinstance(network.a.events[1].error, TimeoutError)
    times = len(network.packets)
    assert 5 <= times <= 12, "probes, and the timeouts' own"
    assert not network.a.endpoint.connections


def test_after_a_silence_it_goes_on():
    network = Network()
    one, two = network.connect()
    network.a.send(one, DATA)
    network.run(lambda: len(network.b.received.get(two, b"")) > 50_000)
    network.tap = lambda source, packet: False
    network.run_for(1.2)
    network.tap = lambda source, packet: True
    network.run(lambda: len(network.b.received[two]) == len(DATA))
    assert network.b.received[two] == DATA


# -- windows


def test_a_reader_that_does_not_read_stops_the_sender():
    network = Network(settings=UtpSettings(receive_window=50_000, send_buffer=20_000))
    one, two = network.connect()
    network.b.is_reading = False
    network.a.send(one, DATA)
    network.run_for(3.0)
    assert two.incoming.buffered <= 50_000
    assert one.outgoing.num_unsent == 20_000
    assert not one.can_send
    before = len(network.packets)
    network.run_for(ZERO_WINDOW_PROBE * 4)
    assert len(network.packets) - before < 30, "it asks now and then"
    network.b.is_reading = True
    network.b.touch(two)
    network.run(lambda: len(network.b.received.get(two, b"")) == len(DATA))
    assert network.b.received[two] == DATA


def test_that_there_is_room_again_may_be_lost():
    network = Network(settings=UtpSettings(receive_window=20_000))
    one, two = network.connect()
    network.b.is_reading = False
    network.a.send(one, DATA[:100_000])
    network.run_for(2.0)
    network.b.is_reading = True
    network.tap = lambda source, packet: source == "a"
    network.b.touch(two)
    network.b.turn()
    network.tap = lambda source, packet: True
    network.run(lambda: len(network.b.received.get(two, b"")) == 100_000)


def test_a_turn_gives_so_many_trains_and_no_more():
    network = Network()
    one, _ = network.connect()
    one.controller.window = 1e9
    one._peer_window = 1 << 30
    network.a.send(one, bytes(1 << 20))
    trains = one.trains_to_send(network.now)
    assert len(trains) == TRAINS_PER_TURN
    assert max(train.count for train in trains) == MAX_TRAIN
    assert one.wants_turn


# -- ends


def test_half_an_end():
    network = Network()
    one, two = network.connect()
    assert not one.has_sent_end
    network.a.send(one, b"asked", and_end=True)
    network.run(lambda: two.incoming.is_ended)
    assert one.has_sent_end
    assert not two.has_sent_end
    assert one.send(b"more") == 0
    network.b.send(two, DATA)
    network.run(lambda: len(network.a.received.get(one, b"")) == len(DATA))
    two.shutdown()
    network.b.touch(two)
    network.run(lambda: one.state is two.state is State.CLOSED)
    assert network.a.events == network.b.events == [UtpConnected()]


def test_both_end_at_once():
    network = Network()
    one, two = network.connect()
    network.run_for(0.1)
    for end, connection in ((network.a, one), (network.b, two)):
        connection.shutdown()
        end.touch(connection)
    network.run(lambda: one.state is two.state is State.CLOSED)
    assert network.a.events == network.b.events == [UtpConnected()]


@pytest.mark.parametrize("who", ["a", "b"])
@pytest.mark.parametrize("kind", [PacketType.FIN, PacketType.STATE])
def test_ends_whose_packets_are_lost(who, kind):
    network, lost = Network(), []
    one, two = network.connect()
    network.run_for(0.1)

    def tap(source: str, packet: Packet) -> bool:
        if source == who and packet.kind is kind and len(lost) < 2:
            lost.append(packet)
            return False
        return True

    network.tap = tap
    network.a.send(one, b"x", and_end=True)
    network.b.send(two, b"y", and_end=True)
    network.run(lambda: one.state is two.state is State.CLOSED)
    assert network.a.received[one] == b"y"
    assert network.b.received[two] == b"x"
    assert network.a.events == network.b.events == [UtpConnected()]


def test_a_fin_that_nobody_answers_is_taken_as_heard():
    network = Network(settings=UtpSettings(fin_resends=1))
    one, two = network.connect()
    network.run_for(0.1)
    one.close()
    network.a.touch(one)
    network.tap = lambda source, packet: False
    network.run(lambda: one.state is State.CLOSED)
    assert network.a.events == [UtpConnected()]
    assert two.state is State.CONNECTED


def test_closing_delivers_what_was_sent():
    network = Network()
    one, two = network.connect()
    assert one.send(DATA[:50_000]) == 50_000
    one.close()
    network.a.touch(one)
    network.b.send(two, DATA)
    network.run(lambda: two.incoming.is_ended)
    assert network.b.received[two] == DATA[:50_000]
    two.close()
    network.b.touch(two)
    network.run(lambda: one.state is State.CLOSED)
    assert not network.a.received


def test_closed_while_connecting_it_is_gone():
    network = Network()
    one = network.a.connect()
    one.close()
    assert one.state is State.CLOSED
    network.run_for(1.0)
    assert network.a.events == []
    assert one.send(b"x") == 0
    assert one.next_timeout() is None
    assert not one.wants_turn
    assert one.trains_to_send(network.now) == []
    one.handle_timeout(network.now)
    one.receive_packet(Packet(PacketType.STATE, 1, 1, 1, 1, 1, 1), network.now)
    assert not one.has_news


def test_an_abort_resets_the_other_side():
    network = Network()
    one, _two = network.connect()
    network.run_for(0.1)
    network.a.network.send_train(one.abort(network.now), "a", "b")
    network.run(lambda: len(network.b.events) > 1)
    event = network.b.events[1]
    assert isinstance(event, UtpFailed)
    assert isinstance(event.error, ConnectionResetError)


def test_a_reset_after_both_ends_is_none():
    network = Network()
    one, two = network.connect()
    network.run_for(0.1)
    network.tap = lambda source, packet: not (source == "b" and packet.kind is PacketType.STATE)
    network.b.send(two, b"y", and_end=True)
    network.run(lambda: one.incoming.is_ended)
    one.shutdown()
    network.a.touch(one)
    network.a.turn()
    one.receive_packet(Packet(PacketType.RESET, one.recv_id, 0, 0, 0, 1, 1), network.now)
    assert one.state is State.CLOSED
    assert one.next_event() is None


# -- idle


def test_an_idle_connection_is_kept_alive():
    network = Network()
    one, two = network.connect()
    network.run_for(1.0)
    network.packets.clear()
    network.run_for(KEEP_ALIVE_AFTER * 3)
    assert 4 <= len(network.packets) <= 8
    assert one.state is two.state is State.CONNECTED


def test_acknowledgements_travel_with_data():
    network = Network()
    one, two = network.connect()
    network.run_for(0.1)
    network.packets.clear()
    network.a.send(one, DATA[:1000])
    network.b.send(two, DATA[:1000])
    network.run_for(0.1)
    assert len(network.packets) <= 4


# -- sizes


@pytest.mark.parametrize(("mtu", "most"), [(1500, 1500), (1400, 1400), (1300, 1300)])
def test_the_size_of_the_path_is_found(mtu, most):
    network = Network(mtu=mtu, delay=0.001)
    one, two = network.connect()
    network.a.send(one, DATA)
    network.run(lambda: len(network.b.received.get(two, b"")) == len(DATA))
    assert most - 20 <= one.packet_size + HEADERS <= most


def test_a_path_that_becomes_narrow():
    network = Network(delay=0.001)
    one, two = network.connect()
    network.a.send(one, DATA)
    network.run(lambda: one.packet_size + HEADERS == 1500)
    network.mtu = 1000
    network.run(lambda: len(network.b.received.get(two, b"")) == len(DATA))
    assert network.b.received[two] == DATA
    assert one.packet_size + HEADERS <= SAFE_MTU


def test_the_only_packet_that_is_lost_is_a_probe():
    """The path is too narrow and not too full: the window does not shrink."""
    network = Network(mtu=1400, delay=0.01)
    one, two = network.connect()
    network.a.send(one, DATA)
    least = one.controller.window
    network.run(lambda: len(network.b.received.get(two, b"")) == len(DATA))
    assert one.controller.window > 4 * least


# -- what cannot be


@pytest.mark.parametrize("by", [1, 5, 1000])
def test_an_ack_of_what_was_not_sent_is_refused(by):
    network = Network()
    one, _ = network.connect()
    packet = Packet(PacketType.STATE, one.recv_id, 1, 1, 1, 1, (one.outgoing.next - 1 + by) & 0xFFFF)
    with pytest.raises(RemoteProtocolError, match="not sent"):
        one.receive_packet(packet, network.now)
    assert one.state is State.CONNECTED


def test_old_acks_change_nothing():
    network = Network()
    one, two = network.connect()
    network.a.send(one, DATA[:50_000])
    network.run(lambda: len(network.b.received.get(two, b"")) == 50_000)
    network.run_for(0.5)
    window = one._peer_window
    one.receive_packet(
        Packet(PacketType.STATE, one.recv_id, 1, 1, 0, 1, (one.outgoing.acked - 3) & 0xFFFF), network.now
    )
    assert one._peer_window == window


def test_runs_that_are_not_usual_are_given_back():
    network = Network()
    connection = network.a.connect()
    assert not connection.receive_run(1, [b"x"], Newest(1, 1, 1, 1), network.now)
    one, two = Network().connect()
    assert not one.receive_run(1, [b"x"], Newest(1, 1, 1, (one.outgoing.next + 5) & 0xFFFF), 100.0)
    two.close()
    assert two.receive_run(two.incoming.last + 1, [b"x"], Newest(1, 1, 1, two.outgoing.acked & 0xFFFF), 100.0)
    assert not two.incoming.buffered


def fuzzed(rng: Random, connection: UtpConnection) -> Packet:
    near = rng.choice([connection.outgoing.acked, connection.outgoing.next, rng.randrange(0x10000)])
    return Packet(
        rng.choice(list(PacketType) if rng.random() < 0.05 else [PacketType.DATA, PacketType.STATE]),
        connection.recv_id,
        rng.randrange(1 << 32),
        rng.randrange(1 << 32),
        rng.choice([0, 100, 1 << 20, (1 << 32) - 1]),
        (connection.incoming.last + rng.randrange(-20, 40)) & 0xFFFF,
        (near + rng.randrange(-3, 4)) & 0xFFFF,
        rng.randbytes(rng.choice([0, 0, 1, 4, 128])),
        rng.randbytes(rng.choice([0, 1, 1400])),
    )


def fuzz(seed: int, inputs: int) -> int:
    """Connections that hear anything at any time: only RemoteProtocolError, and memory has bounds."""
    rng, done = Random(seed), 0
    while done < inputs:
        network = Network(seed=rng.randrange(1 << 30))
        one, _ = network.connect()
        now, buffer = network.now, bytearray(5000)
        for _ in range(200):
            done += 1
            now += rng.choice([0.0, 0.001, 0.3])
            one.send(bytes(rng.choice([0, 10, 9000])))
            try:
                one.receive_packet(fuzzed(rng, one), now)
            except RemoteProtocolError:
                pass
            if rng.random() < 0.3:
                one.handle_timeout(now)
            if rng.random() < 0.5:
                one.read_into(buffer)
            if rng.random() < 0.01:
                rng.choice([one.shutdown, one.close])()
            for train in one.trains_to_send(now):
                assert sum(map(len, train.buffers)) <= train.segment * train.count
            assert one.incoming.room >= 0
            assert one.incoming.buffered + one.incoming._early_bytes <= one.incoming.window + 1500
            assert one.outgoing.in_flight >= 0
            assert one.outgoing.num_lost >= 0
            if one.state is State.CLOSED:
                break
    return done


def test_fuzzed():
    assert fuzz(1, 10_000) >= 10_000


@pytest.mark.soak
def test_fuzzed_for_long():
    assert fuzz(2, 1_000_000) >= 1_000_000
