from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.utp.outgoing import DUPLICATES, Acked, Burst, Outgoing
from evtorrent.protocols.utp.packet import PacketType
from hypothesis import given, settings
from hypothesis import strategies as st

UNIT = 1000


def make(limit: int = 100_000) -> Outgoing:
    return Outgoing(next=10, limit=limit, acked=9)


def check(outgoing: Outgoing) -> None:
    """The laws of its counters."""
    lost = [
        (burst, index)
        for burst in outgoing.bursts
        for index in range(len(burst.payloads))
        if burst.lost >> index & 1
    ]
    assert outgoing.num_lost == len(lost)
    assert outgoing.lost_bytes == sum(len(burst.payloads[index]) for burst, index in lost)
    assert outgoing.in_flight == sum(
        len(payload)
        for burst in outgoing.bursts
        for index, payload in enumerate(burst.payloads)
        if not (burst.sacked | burst.lost) >> index & 1
    )
    assert outgoing.num_unsent == sum(map(len, outgoing.unsent))
    number = outgoing.acked + 1
    for burst in outgoing.bursts:
        assert burst.first == number
        assert burst.payloads
        assert not burst.sacked & burst.lost
        assert (burst.sacked | burst.lost) >> len(burst.payloads) == 0
        number = burst.last + 1
    assert number == outgoing.next


def sent(count: int, bursts: int = 1, size: int = 10) -> Outgoing:
    """So many packets in each of so many bursts, that left at 1.0, 2.0, …"""
    outgoing = make()
    for index in range(bursts):
        assert outgoing.write(bytes(count * size), UNIT) == count * size
        burst = outgoing.take(size, count, index + 1.0)
        assert burst is not None
        assert len(burst.payloads) == count
    check(outgoing)
    return outgoing


def sack(*numbers: int, acked: int = 9) -> bytes:
    bits = sum(1 << (number - acked - 2) for number in numbers)
    return bits.to_bytes(16, "little")


def lost_numbers(outgoing: Outgoing) -> list[int]:
    return [
        burst.first + index
        for burst in outgoing.bursts
        for index in range(len(burst.payloads))
        if burst.lost >> index & 1
    ]


# -- writing and taking


def test_no_more_is_taken_than_there_is_room_for():
    outgoing = make(limit=25)
    assert outgoing.write(bytes(30), 10) == 25
    assert [len(chunk) for chunk in outgoing.unsent] == [10, 10, 5]
    assert outgoing.write(b"x", 10) == 0
    assert outgoing.take(10, 1, 0.0) is not None
    assert outgoing.write(bytes(30), 10) == 10


def test_what_was_written_is_a_copy():
    outgoing, data = make(), bytearray(b"abc")
    outgoing.write(data, UNIT)
    data[:] = b"xyz"
    burst = outgoing.take(10, 1, 0.0)
    assert burst is not None
    assert bytes(burst.payloads[0]) == b"abc"


@given(
    st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=20),
    st.integers(1, 30),
    st.integers(1, 9),
)
def test_packets_are_the_stream(chunks, size, most):
    outgoing, payloads = make(), []
    for chunk in chunks:
        assert outgoing.write(chunk, UNIT) == len(chunk)
    while (burst := outgoing.take(size, most, 0.0)) is not None:
        assert len(burst.payloads) <= most
        assert all(len(payload) == size for payload in burst.payloads[:-1])
        payloads += burst.payloads
        check(outgoing)
    assert b"".join(payloads) == b"".join(chunks)
    assert all(len(payload) == size for payload in payloads[:-1])


def test_nothing_to_take():
    outgoing = make()
    assert outgoing.take(10, 5, 0.0) is None
    outgoing.write(b"x", UNIT)
    assert outgoing.take(10, 0, 0.0) is None


def test_a_signal_has_a_number_and_no_bytes():
    outgoing = make()
    burst = outgoing.take_signal(PacketType.SYN, 1.0)
    assert (burst.first, outgoing.next, outgoing.in_flight) == (10, 11, 0)
    assert outgoing.has_unacked
    assert outgoing.oldest() == 1.0
    outgoing.acknowledge(10, b"")
    assert not outgoing.has_unacked
    assert outgoing.oldest() is None


# -- acknowledgements


def test_whole_bursts_and_parts_are_acknowledged():
    outgoing = sent(4, bursts=2)
    acked = outgoing.acknowledge(11, b"")
    assert (acked.num_packets, acked.num_bytes, acked.sent_at, acked.resent_at) == (2, 20, 1.0, None)
    check(outgoing)
    acked = outgoing.acknowledge(15, b"")
    assert (acked.num_packets, acked.sent_at) == (4, 2.0)
    check(outgoing)
    assert outgoing.acknowledge(12, b"").num_packets == 0
    assert outgoing.acked == 15


def test_packets_with_three_that_arrived_behind_them_are_lost():
    outgoing = sent(8)
    assert outgoing.acknowledge(9, sack(12, 13)).lost_at is None
    check(outgoing)
    acked = outgoing.acknowledge(9, sack(12, 13, 16))
    assert acked.lost_at == 1.0
    assert lost_numbers(outgoing) == [10, 11]
    check(outgoing)
    assert outgoing.acknowledge(9, sack(12, 13, 16)).lost_at is None
    outgoing.acknowledge(9, sack(12, 13, 16, 17, 15))
    assert lost_numbers(outgoing) == [10, 11, 14]
    outgoing.acknowledge(13, b"")
    assert lost_numbers(outgoing) == [14]
    check(outgoing)


def test_those_behind_may_be_in_another_burst():
    outgoing = sent(4, bursts=2)
    outgoing.acknowledge(9, sack(14, 15, 16))
    assert lost_numbers(outgoing) == [10, 11, 12, 13]
    check(outgoing)


def test_what_was_taken_for_lost_and_arrives_is_not_sent_again():
    outgoing = sent(8)
    outgoing.acknowledge(9, sack(12, 13, 14))
    outgoing.acknowledge(9, sack(11, 12, 13, 14))
    assert lost_numbers(outgoing) == [10]
    check(outgoing)


def test_by_time():
    outgoing = sent(2, bursts=3)
    result = Acked()
    outgoing.find_late(2.5, result)
    assert result.lost_at == 2.0
    assert lost_numbers(outgoing) == [10, 11, 12, 13]
    check(outgoing)
    (one, two) = outgoing.take_lost(99, 1000, 5.0)
    assert (one.first, two.first, one.sent_at) == (10, 12, 5.0)
    outgoing.find_late(3.5, result)
    assert lost_numbers(outgoing) == [14, 15], "those sent again left later"
    outgoing.find_late(5.5, result)
    assert lost_numbers(outgoing) == [10, 11, 12, 13, 14, 15]
    check(outgoing)


def test_the_first_is_lost():
    outgoing = sent(4)
    result = Acked()
    outgoing.first_is_lost(result)
    outgoing.first_is_lost(result)
    assert lost_numbers(outgoing) == [10]
    assert result.lost_at == 1.0
    outgoing.take_lost(1, 1000, 5.0)
    outgoing.first_is_lost(result)
    assert lost_numbers(outgoing) == []
    outgoing.clear()
    outgoing.first_is_lost(result)
    assert outgoing.num_lost == outgoing.in_flight == 0


def test_probing_sends_the_first_that_is_missing():
    outgoing = sent(4)
    outgoing.probe()
    assert lost_numbers(outgoing) == [10]
    outgoing.probe()
    assert lost_numbers(outgoing) == [10], "there is something to send already"
    outgoing.take_lost(9, 1000, 2.0)
    outgoing.probe()
    assert lost_numbers(outgoing) == [10]
    make().probe()


def test_after_a_timeout_all_are_lost_but_those_that_arrived():
    outgoing = sent(3, bursts=2)
    outgoing.acknowledge(10, sack(12, 14, acked=10))
    assert outgoing.all_are_lost() == 3
    assert lost_numbers(outgoing) == [11, 13, 15]
    check(outgoing)


# -- sending again


def test_neighbours_leave_together_within_the_room():
    outgoing = sent(8)
    outgoing.all_are_lost()
    (first,) = outgoing.take_lost(3, 1000, 4.0)
    assert (first.first, len(first.payloads), first.is_resent) == (10, 3, True)
    check(outgoing)
    (second,) = outgoing.take_lost(99, 15, 4.0)
    assert len(second.payloads) == 2
    (third,) = outgoing.take_lost(99, -5, 4.0)
    assert len(third.payloads) == 1, "one at least"
    check(outgoing)
    assert outgoing.take_lost(0, 1000, 4.0) == []
    assert [len(burst.payloads) for burst in outgoing.bursts] == [3, 2, 1, 2]


def test_gaps_and_shorter_packets_end_a_run():
    outgoing = make()
    outgoing.write(bytes(25), UNIT)
    outgoing.take(10, 3, 1.0)
    outgoing.write(bytes(20), UNIT)
    outgoing.take(10, 2, 1.0)
    outgoing.acknowledge(9, sack(14))
    outgoing.all_are_lost()
    runs = outgoing.take_lost(99, 1000, 2.0)
    assert [[len(payload) for payload in run.payloads] for run in runs] == [[10, 10, 5], [10]]
    check(outgoing)


def test_a_larger_packet_begins_a_run_of_its_own():
    outgoing = make()
    payloads = [memoryview(bytes(size)) for size in (5, 9, 9)]
    outgoing.bursts.append(Burst(10, payloads, 1.0))
    outgoing.next, outgoing.in_flight = 13, 23
    outgoing.all_are_lost()
    assert [len(run.payloads) for run in outgoing.take_lost(99, 1000, 2.0)] == [1, 2]
    check(outgoing)


def test_round_trips_of_what_was_sent_again_are_told_apart():
    outgoing = sent(2, bursts=2)
    outgoing.probe()
    outgoing.take_lost(9, 1000, 5.0)
    acked = outgoing.acknowledge(13, b"")
    assert (acked.sent_at, acked.resent_at) == (2.0, 5.0)
    check(outgoing)


def test_what_did_not_leave_is_sent_again():
    outgoing = sent(2, bursts=2)
    outgoing.did_not_leave(12)
    (again,) = outgoing.take_lost(9, 1000, 5.0)
    assert (again.first, len(again.payloads)) == (12, 1)
    check(outgoing)
    for unknown in (9, 99):
        outgoing.did_not_leave(unknown)
    assert outgoing.num_lost == 0


# -- everything at once


@settings(deadline=None)
@given(st.integers(0, 1 << 32))
def test_the_laws_hold_whatever_happens(seed):
    rng, outgoing, now, arrived = Random(seed), make(), 0.0, set()
    for _ in range(60):
        now += rng.choice([0.0, 0.01, 1.0])
        match rng.randrange(8):
            case 0 | 1:
                outgoing.write(bytes(rng.randrange(1, 200)), 60)
                outgoing.take(rng.randrange(1, 40), rng.randrange(1, 9), now)
            case 2:
                outgoing.take_lost(rng.randrange(0, 9), rng.randrange(-10, 90), now)
            case 3:
                outgoing.probe()
            case 4:
                outgoing.find_late(now - rng.random(), Acked())
            case 5:
                outgoing.all_are_lost()
            case _:
                arrived |= set(rng.choices(range(outgoing.acked + 1, outgoing.next + 1), k=4)) - {
                    outgoing.next
                }
                number = outgoing.acked
                while number + 1 in arrived:
                    number += 1
                bits = sum(1 << (one - number - 2) for one in arrived if one > number + 1)
                outgoing.acknowledge(number, bits.to_bytes(-(-bits.bit_length() // 8), "little"))
        check(outgoing)
    assert DUPLICATES == 3


@pytest.mark.parametrize("what", [b"", b"abc"])
def test_cleared(what):
    outgoing = sent(2)
    outgoing.write(what, UNIT)
    outgoing.all_are_lost()
    outgoing.clear()
    assert not outgoing.bursts
    assert outgoing.num_unsent == outgoing.in_flight == outgoing.num_lost == outgoing.lost_bytes == 0
