from __future__ import annotations

import random

import pytest
from evtorrent.reactor.sim.packet import DATA, Segments
from evtorrent.reactor.sim.tcp_receiver import TcpReceiver
from evtorrent.reactor.sim.tcp_sender import FIRST_RTO, INITIAL_WINDOW, MAX_RTO, MIN_RTO, TcpSender
from hypothesis import given, settings
from hypothesis import strategies as st

MSS = 100


def ack(
    ack: int, *, edge: int = 1 << 30, sacked: tuple[tuple[int, int], ...] = (), echo: float = -1.0
) -> Segments:
    packet = Segments(DATA, ("10.0.0.2", 2), ("10.0.0.1", 1), MSS)
    packet.ack, packet.edge, packet.sacked, packet.echo = ack, edge, sacked, echo
    return packet


def sender_with(size: int, *, edge: int = 1 << 30) -> TcpSender:
    sender = TcpSender(MSS, 1 << 20)
    sender.edge = edge
    sender.write(bytes(size))
    return sender


def drain(sender: TcpSender, now: float = 0.0, limit: int = 1 << 16) -> list[tuple[int, int]]:
    """[first, end) of all that may leave now."""
    runs = []
    while (run := sender.next_run(limit, now)) is not None:
        runs.append((run[0], run[0] + len(run[1])))
    sender.check_invariant()
    return runs


def test_first_window_then_twice_as_much_for_each_round() -> None:
    sender = sender_with(100_000)
    assert drain(sender) == [(0, INITIAL_WINDOW * MSS)]
    sender.receive_ack(ack(1000, echo=0.0), 0.1)
    assert drain(sender) == [(1000, 3000)]


def test_runs_are_limited() -> None:
    assert drain(sender_with(100_000), limit=300) == [(0, 300), (300, 600), (600, 900), (900, 1000)]


def test_peers_window_holds_back() -> None:
    sender = sender_with(1000, edge=250)
    assert drain(sender) == [(0, 200)], "no small segment while others are under way"
    sender.receive_ack(ack(200, edge=250), 0.1)
    assert drain(sender) == [(200, 250)], "a small window that is empty is used"
    sender.receive_ack(ack(250, edge=250), 0.2)
    assert drain(sender) == [] and sender.is_waiting


def test_single_loss_is_filled_at_once_and_halves_the_window() -> None:
    sender = sender_with(100_000)
    drain(sender)
    sender.receive_ack(ack(100, sacked=((200, 1000),)), 0.1)
    assert drain(sender, 0.1)[0] == (100, 200)
    assert sender.cwnd == 2 * MSS  # of 100 bytes in flight: the least there is
    sender.receive_ack(ack(1000), 0.2)
    sender.receive_ack(ack(sender.nxt), 0.3)
    assert sender.cwnd >= 2 * MSS


def test_few_bytes_behind_a_hole_are_no_loss_yet() -> None:
    sender = sender_with(100_000)
    drain(sender)
    cwnd = sender.cwnd
    sender.receive_ack(ack(0, sacked=((100, 300),)), 0.1)
    assert sender.cwnd == cwnd
    assert all(start >= 1000 for start, _ in drain(sender, 0.1)), "what arrived makes room for new data only"


def test_timeout_sends_everything_again_from_one_segment_on() -> None:
    sender = sender_with(1000)
    drain(sender)
    assert sender.rto == FIRST_RTO
    sender.on_timeout()
    assert (sender.num_timeouts, sender.rto, sender.cwnd) == (1, 2 * FIRST_RTO, MSS)
    assert drain(sender, 1.0) == [(0, 100)]
    sender.receive_ack(ack(100), 1.1)
    assert (sender.num_timeouts, drain(sender, 1.1)) == (0, [(100, 300)])
    for _ in range(20):
        sender.on_timeout()
    assert sender.rto == MAX_RTO


def test_lost_retransmission_is_sent_once_more() -> None:
    sender = sender_with(100_000)
    drain(sender)
    sender.receive_ack(ack(0, sacked=((100, 1000),), echo=0.0), 0.1)
    assert (0, 100) in drain(sender, 0.1)
    sender.receive_ack(ack(0, sacked=((100, 1100),), echo=0.15), 0.25)
    assert (0, 100) in drain(sender, 0.25)


def test_round_trip_is_measured() -> None:
    sender = sender_with(1000)
    drain(sender)
    sender.receive_ack(ack(100, echo=1.0), 1.5)
    assert (sender.srtt, sender.rto) == (0.5, 1.5)
    for _ in range(200):
        sender.receive_ack(ack(100, echo=1.0), 1.01)
    assert sender.srtt == pytest.approx(0.01)
    assert sender.rto == MIN_RTO


def test_end_of_the_stream_counts_as_a_byte() -> None:
    sender = sender_with(150)
    sender.finish()
    run = sender.next_run(1000, 0.0)
    assert run is not None and (run[0], len(run[1]), run[2]) == (0, 150, True)
    assert not sender.is_finished
    sender.receive_ack(ack(151), 0.1)
    assert sender.is_finished and not sender.is_waiting and sender.buffered == 0


def test_end_alone() -> None:
    sender = sender_with(0)
    assert not sender.is_waiting
    sender.finish()
    assert sender.next_run(1000, 0.0) == (0, b"", True)
    sender.on_timeout()
    assert sender.next_run(1000, 1.0) == (0, b"", True), "it can be lost, too"


def test_buffer_is_finite() -> None:
    sender = TcpSender(MSS, 250)
    assert [sender.write(bytes(200)), sender.write(bytes(200)), sender.write(b"x")] == [200, 50, 0]


def test_nonsense_is_ignored() -> None:
    sender = sender_with(100)
    drain(sender)
    assert not sender.receive_ack(ack(5000), 0.1)
    assert sender.receive_ack(ack(100), 0.1)
    assert not sender.receive_ack(ack(50), 0.2)
    assert sender.una == 100


def test_application_that_pauses_does_not_grow_the_window() -> None:
    sender = sender_with(0)
    for round_ in range(50):
        sender.write(bytes(100))
        drain(sender)
        sender.receive_ack(ack((round_ + 1) * 100), 0.1)
    assert sender.cwnd == INITIAL_WINDOW * MSS


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 20_000), st.floats(0, 0.4), st.integers(0, 1 << 20))
def test_everything_arrives_over_any_lossy_line(size: int, loss: float, seed: int) -> None:
    rng = random.Random(seed)
    data = rng.randbytes(size)
    sender, receiver = TcpSender(MSS, 1 << 20), TcpReceiver(5000)
    sender.edge = receiver.open_window()
    sender.write(data)
    sender.finish()
    got, buffer, now = bytearray(), bytearray(1 << 16), 0.0
    for _ in range(5000):
        runs = []
        while (run := sender.next_run(1000, now)) is not None:
            runs.append(run)
        sender.check_invariant()
        now += 0.1
        heard = False
        for seq, payload, is_final in runs:
            if rng.random() < loss:
                continue
            receiver.receive(seq, payload, is_final)
            receiver.check_invariant()
            got += buffer[: receiver.read_into(memoryview(buffer))]
            if rng.random() >= loss:
                heard = True
                sender.receive_ack(
                    ack(receiver.nxt, edge=receiver.open_window(), sacked=receiver.sacked, echo=now - 0.1),
                    now,
                )
        if sender.is_finished:
            break
        if not heard:
            sender.on_timeout()
    assert sender.is_finished and got == data
