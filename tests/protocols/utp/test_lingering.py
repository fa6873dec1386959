from __future__ import annotations

import pytest
from evtorrent.protocols.utp import Packet, PacketType, pack_packet, parse_packet
from evtorrent.protocols.utp.lingering import LINGER, MAX_LINGERING, Lingering
from support.utp_ends import Network

KEY = ("x", 7)


def packet(kind: PacketType, number: int = 50) -> Packet:
    return Packet(kind, 7, 1_000_000, 0, 0, number, 0)


def test_a_connection_is_known_for_a_while() -> None:
    lingering = Lingering()
    assert not lingering.knows(KEY, 0.0)
    lingering.add(KEY, 8, 9, 1.0)
    assert lingering.knows(KEY, 1.0 + LINGER * 0.99)
    assert not lingering.knows(KEY, 1.0 + LINGER)
    assert not lingering.knows(("y", 7), 1.0)


def test_a_fin_is_acknowledged_again_and_nothing_else_is() -> None:
    lingering = Lingering()
    lingering.add(KEY, 8, 0x10009, 1.0)
    assert lingering.answer(KEY, packet(PacketType.STATE), 2.0) is None
    answer = lingering.answer(KEY, packet(PacketType.FIN), 2.0)
    assert answer is not None
    said = parse_packet(answer)
    assert (said.kind, said.connection_id, said.seq_nr, said.ack_nr) == (PacketType.STATE, 8, 9, 50)
    assert (said.timestamp, said.timestamp_difference) == (2_000_000, 1_000_000)


def test_the_oldest_are_forgotten_by_time_and_by_number() -> None:
    lingering = Lingering()
    lingering.add(KEY, 8, 9, 1.0)
    lingering.add(("y", 1), 8, 9, 1.0 + LINGER)
    assert len(lingering) == 1
    for number in range(MAX_LINGERING + 10):
        lingering.add(("z", number), 8, 9, 1.0 + LINGER)
    assert len(lingering) == MAX_LINGERING
    assert not lingering.knows(("y", 1), 1.0 + LINGER)
    assert lingering.knows(("z", 10), 1.0 + LINGER)


def test_who_ends_again_is_remembered_anew() -> None:
    lingering = Lingering()
    lingering.add(KEY, 8, 9, 1.0)
    lingering.add(KEY, 18, 19, 3.0)
    assert len(lingering) == 1
    assert lingering.knows(KEY, 2.9 + LINGER)


@pytest.mark.parametrize("late", [PacketType.STATE, PacketType.FIN, PacketType.DATA])
def test_what_comes_after_a_clean_end_breaks_nothing(late: PacketType) -> None:
    """Nobody reads data any more, which has to be said; the rest is what was still under way."""
    network = Network()
    one, two = network.connect()
    one.close()
    network.a.touch(one)
    network.run(lambda: not network.a.endpoint.connections)
    words = Packet(late, one.recv_id, 1, 0, 0, (two.outgoing.next) & 0xFFFF, (one.outgoing.next - 1) & 0xFFFF)
    network.a.endpoint._receive_packet(memoryview(pack_packet(words)), "b", network.a.now)
    answers = [parse_packet(bytes(train.buffers[0])).kind for train, _ in network.a.endpoint.take_answers()]
    expected = {PacketType.STATE: [], PacketType.FIN: [PacketType.STATE], PacketType.DATA: [PacketType.RESET]}
    assert answers == expected[late]
