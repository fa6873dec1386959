from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.utp.incoming import MAX_GAP, Incoming
from hypothesis import given
from hypothesis import strategies as st


def make(window: int = 10_000) -> Incoming:
    incoming = Incoming(window)
    incoming.last = 100
    return incoming


def read(incoming: Incoming, size: int = 1 << 16) -> bytes:
    buffer = bytearray(size)
    return bytes(buffer[: incoming.read_into(buffer)])


def test_a_run_that_continues_is_taken_whole():
    incoming = make()
    incoming.receive_run(101, [b"ab", b"cd", b"e"])
    assert incoming.last == 103
    assert incoming.has_input
    assert incoming.room == 10_000 - 5
    assert read(incoming) == b"abcde"
    assert incoming.room == 10_000
    assert not incoming.has_input


def test_of_a_run_larger_than_the_window_the_beginning_is_taken():
    incoming = make(window=5)
    incoming.receive_run(101, [b"ab", b"cd", b"ef"])
    assert incoming.last == 102
    assert incoming.room == 1
    assert read(incoming) == b"abcd"


def test_reading_in_small_parts():
    incoming = make()
    incoming.receive_run(101, [b"abc"])
    incoming.receive_run(102, [b"defg"])
    assert [read(incoming, size) for size in (2, 3, 1, 9, 9)] == [b"ab", b"cde", b"f", b"g", b""]


def test_a_gap_is_closed():
    incoming = make()
    incoming.receive_run(102, [b"b", b"c"])
    assert incoming.has_gap
    assert not incoming.has_input
    assert incoming.receive(101, b"a")
    assert read(incoming) == b"abc"
    assert incoming.last == 103
    assert not incoming.has_gap


@given(
    st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=30),
    st.integers(0, 1 << 30),
    st.booleans(),
)
def test_any_order_with_repetitions_gives_the_stream(payloads, seed, is_ended):
    incoming, rng = make(), Random(seed)
    packets = list(enumerate(payloads, 101))
    packets += rng.choices(packets, k=5)
    rng.shuffle(packets)
    if is_ended:
        incoming.receive_end(101 + len(payloads))
    for number, payload in packets:
        incoming.receive(number, payload)
    assert read(incoming) == b"".join(payloads)
    assert incoming.is_ended is is_ended
    assert incoming.room == incoming.window
    assert not incoming.has_gap


def test_what_is_here_is_not_taken_twice():
    incoming = make()
    assert incoming.receive(103, b"x")
    assert not incoming.receive(103, b"y")
    assert not incoming.receive(100, b"z")


def test_no_more_is_kept_than_the_window_has_room_for():
    incoming = make(10)
    assert not incoming.receive(102, bytes(11))
    assert incoming.receive(103, bytes(6))
    assert not incoming.receive(104, bytes(5))
    assert incoming.room == 4
    # What closes the gap is taken even so: nothing else would ever make room.
    assert incoming.receive(101, bytes(10))
    assert incoming.room == 0
    assert not incoming.receive(102, bytes(1))
    incoming.receive_run(102, [bytes(1)])
    assert incoming.last == 101


def test_what_is_far_ahead_is_not_kept():
    incoming = make()
    assert incoming.receive(100 + MAX_GAP, b"x")
    assert not incoming.receive(101 + MAX_GAP, b"x")


def test_the_selective_ack():
    incoming = make()
    assert incoming.selective_ack(128) == b""
    incoming.receive(102, b"x")
    incoming.receive(104, b"x")
    assert incoming.selective_ack(128) == b"\x05\x00\x00\x00"
    incoming.receive(102 + 32, b"x")
    assert incoming.selective_ack(128) == b"\x05\x00\x00\x00\x01\x00\x00\x00"
    assert incoming.selective_ack(4) == b"\x05\x00\x00\x00"


def test_the_end():
    incoming = make()
    incoming.receive(104, b"beyond")
    incoming.receive_end(103)
    assert not incoming.is_ended
    incoming.receive_end(105)
    incoming.receive_run(101, [b"a", b"b"])
    assert incoming.has_input
    assert incoming.end == 103
    assert not incoming.is_ended
    assert read(incoming) == b"ab"
    assert incoming.is_ended
    assert incoming.has_input
    assert not incoming.receive(104, b"beyond")
    assert incoming.room == incoming.window


def test_an_end_in_the_past_is_none():
    incoming = make()
    incoming.receive_end(100)
    assert incoming.end is None


def test_a_run_behind_the_end_is_looked_at_one_by_one():
    incoming = make()
    incoming.receive_end(102)
    incoming.receive_run(101, [b"a", b"b"])
    assert read(incoming) == b"a"


@pytest.mark.parametrize("is_gap", [False, True])
def test_cleared(is_gap):
    incoming = make()
    incoming.receive(102 if is_gap else 101, b"x")
    incoming.clear()
    assert incoming.room == incoming.window
    assert not incoming.has_gap
    assert not incoming.has_input
