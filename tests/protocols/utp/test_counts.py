"""What is counted agrees with what was on the wire."""

from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.utp import Packet, PacketType, UtpSettings, pack_packet
from support.utp_ends import Network, kinds

DATA = Random(1).randbytes(200_000)


@pytest.mark.parametrize("in_trains", [True, False])
def test_a_good_network(in_trains: bool) -> None:
    network = Network()
    network.in_trains = in_trains
    one, two = network.connect()
    network.a.send(one, DATA)
    network.run(lambda: len(network.b.received.get(two, b"")) == len(DATA))
    network.run_for(1.0)
    a, b = network.a.endpoint.counts, network.b.endpoint.counts
    sent = {source: [packet for end, packet in network.packets if end == source] for source in "ab"}
    assert a.packets_out == b.packets_in == len(sent["a"])
    assert b.packets_out == a.packets_in == len(sent["b"])
    carrying = sum(bool(packet.payload) for packet in sent["a"])
    assert a.payload_packets_out == b.payload_packets_in == carrying
    assert a.samples_below_target > 0
    assert a.resent_packets == a.fast_resent_packets == a.lost_packets == a.timeouts == 0
    assert b.redundant_packets_in == b.invalid_packets_in == a.samples_above_target == 0


def test_loss_is_mended_without_timeouts() -> None:
    network = Network(loss=0.02, seed=4)
    one, two = network.connect()
    network.a.send(one, DATA)
    network.run(lambda: len(network.b.received.get(two, b"")) == len(DATA))
    counts = network.a.endpoint.counts
    assert counts.lost_packets > 0
    assert counts.resent_packets >= counts.lost_packets
    assert counts.fast_resent_packets > 0
    assert counts.fast_resent_packets <= counts.resent_packets


def test_repetitions_are_redundant() -> None:
    network = Network(duplicates=1.0)
    one, two = network.connect()
    network.a.send(one, DATA[:20_000])
    network.run(lambda: len(network.b.received.get(two, b"")) == 20_000)
    network.run_for(1.0)
    numbers = [packet.seq_nr for end, packet in network.packets if end == "a" and packet.payload]
    assert network.b.endpoint.counts.redundant_packets_in == 2 * len(numbers) - len(set(numbers))


def test_silence_is_a_timeout() -> None:
    network = Network(settings=UtpSettings(syn_resends=2))
    network.tap = lambda source, packet: False
    network.a.connect()
    network.run(lambda: network.a.events)
    counts = network.a.endpoint.counts
    assert counts.packets_out == kinds(network.packets, "a").count(PacketType.SYN) == 3
    assert counts.timeouts == 3
    assert counts.resent_packets == 2
    assert counts.fast_resent_packets == 0


def test_a_queue_on_the_path_is_above_the_target() -> None:
    network = Network()
    one, two = network.connect()
    network.a.send(one, DATA[:50_000])
    network.run(lambda: len(network.b.received.get(two, b"")) == 50_000)
    network.delay = 0.3
    network.a.send(one, DATA)
    network.run(lambda: len(network.b.received[two]) == 50_000 + len(DATA))
    assert network.a.endpoint.counts.samples_above_target > 0


def test_what_is_no_packet() -> None:
    network = Network()
    network.inject(bytes(20), "a", "b")
    network.inject(pack_packet(Packet(PacketType.DATA, 5, 1, 1, 1, 1, 1)), "a", "b")
    counts = network.b.endpoint.counts
    assert counts.invalid_packets_in == 1
    assert counts.packets_in == 0, "a stray belongs to nobody"
    assert counts.packets_out == 1, "its reset"
