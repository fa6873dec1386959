from __future__ import annotations

import random

from evtorrent.reactor.sim.tcp_receiver import TcpReceiver
from hypothesis import given, settings
from hypothesis import strategies as st

DATA = bytes(range(250))


def read_all(receiver: TcpReceiver, step: int = 7) -> bytes:
    found, buffer = b"", bytearray(step)
    while count := receiver.read_into(memoryview(buffer)):
        found += buffer[:count]
    return found


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 249), st.integers(1, 80)), max_size=40), st.integers(1, 1000))
def test_any_overlapping_runs_in_any_order_give_the_stream(cuts: list[tuple[int, int]], seed: int) -> None:
    runs = [*cuts, *((at, 50) for at in range(0, 250, 50))]
    random.Random(seed).shuffle(runs)
    receiver = TcpReceiver(1000)
    got = b""
    for start, size in runs:
        stop = min(start + size, len(DATA))
        receiver.receive(start, DATA[start:stop], stop == len(DATA))
        receiver.check_invariant()
        got += read_all(receiver)
    assert got == DATA
    assert receiver.is_ended and receiver.is_at_end and not receiver.has_holes
    assert receiver.nxt == len(DATA) + 1, "the end counts as one byte"


def test_holes_are_named_in_order_and_joined() -> None:
    receiver = TcpReceiver(1000)
    assert not receiver.receive(20, DATA[20:30], False)
    receiver.receive(50, DATA[50:60], False)
    receiver.receive(30, DATA[30:40], False)
    assert receiver.sacked == ((20, 40), (50, 60))
    assert receiver.receive(0, DATA[:20], False)
    assert (receiver.nxt, receiver.sacked) == (40, ((50, 60),))


def test_window_closes_and_opens_and_never_moves_back() -> None:
    receiver = TcpReceiver(100)
    assert receiver.open_window() == 100
    receiver.receive(0, DATA[:100], False)
    assert receiver.open_window() == 100
    receiver.receive(100, DATA[100:150], False)
    assert receiver.nxt == 100, "there was no room"
    receiver.read_into(memoryview(bytearray(60)))
    assert receiver.window_gain == 60
    assert receiver.open_window() == 160
    receiver.limit = 10
    assert receiver.open_window() == 160


def test_what_is_beyond_the_window_is_cut_off() -> None:
    receiver = TcpReceiver(100)
    receiver.receive(50, DATA[50:200], False)
    assert receiver.sacked == ((50, 100),)


def test_end_of_the_stream_waits_for_the_bytes_before_it() -> None:
    receiver = TcpReceiver(100)
    receiver.receive(10, DATA[10:20], True)
    assert not receiver.is_ended
    receiver.receive(0, DATA[:10], False)
    assert receiver.is_ended and not receiver.is_at_end
    assert read_all(receiver) == DATA[:20]
    assert receiver.is_at_end
    assert not receiver.receive(10, DATA[10:20], True), "again is no news"


def test_discarded_input_is_acknowledged_and_gone() -> None:
    receiver = TcpReceiver(100)
    receiver.receive(0, DATA[:10], False)
    receiver.discard()
    receiver.receive(10, DATA[10:20], False)
    assert (receiver.nxt, receiver.queued, receiver.is_at_end) == (20, 0, True)
