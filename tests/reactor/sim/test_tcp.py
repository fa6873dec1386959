"""Connections over real lines of the simulator: handshakes, losses, endings."""

from __future__ import annotations

import errno
import random
import socket
import struct

import pytest
from evtorrent.reactor import READ, WRITE
from evtorrent.reactor.sim import Link, SimHost, SimWorld
from evtorrent.reactor.sim.tcp import LINGER_SECONDS, ORPHAN_SECONDS
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sim_kit import PORT, begin_to_connect, connect, listen, transfer

CONTENT = random.Random(1).randbytes(200_000)


def lines_of(world: SimWorld, kind: str) -> list[str]:
    return [line for line in world.trace.lines if f" {kind} " in line]


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([None, 50_000.0, 2_000_000.0]),
    st.floats(0, 0.1),
    st.floats(0, 0.05),
    st.floats(0, 0.03),
    st.sampled_from([576, 1500, 9000]),
    st.integers(0, 1000),
)
def test_a_stream_survives_any_line(
    bandwidth: float | None, loss: float, reordering: float, jitter: float, mtu: int, seed: int
) -> None:
    with SimWorld(seed) as world:
        link = Link(bandwidth=bandwidth, delay=0.02, loss=loss, reordering=reordering, jitter=jitter, mtu=mtu)
        one, other = world.host("one", link=link), world.host("other")
        stream = transfer(world, one, other, CONTENT)
        assert world.run_until(lambda: stream.ended_at is not None, timeout=600)
        assert stream.received == CONTENT and stream.error is None


def test_line_is_filled(world: SimWorld) -> None:
    one = world.host("one", link=Link(bandwidth=125_000, delay=0.02))
    stream = transfer(world, one, world.host("other"), bytes(1_000_000))
    began = world.time()
    world.run_until(lambda: stream.ended_at is not None)
    assert 8.0 < world.time() - began < 9.5


def test_connections_share_a_line(world: SimWorld) -> None:
    one = world.host("one", link=Link(bandwidth=250_000, delay=0.01))
    streams = [
        transfer(world, one, world.host(f"other{index}", link=Link(delay=0.02)), bytes(5_000_000))
        for index in range(4)
    ]
    world.run_for(20.0)
    got = [len(stream.received) for stream in streams]
    assert sum(got) == pytest.approx(20 * 250_000, rel=0.15)
    assert min(got) > sum(got) / 4 * 0.4


def test_loss_slows_a_connection_as_the_square_root_law_says(world: SimWorld) -> None:
    one = world.host("one", link=Link(delay=0.05, loss=0.01))
    stream = transfer(world, one, world.host("other"), bytes(50_000_000))
    world.run_for(60.0)
    law = 1.22 * 1460 / (0.1 * 0.01**0.5)  # Mathis, Semke, Mahdavi and Ott, 1997; all but the ACKs lost
    assert 0.4 * law < len(stream.received) / 60 < 1.6 * law


def test_reader_that_does_not_read_stops_the_writer(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, other = connect(alice, bob)
    sent = 0
    for _ in range(100):
        try:
            sent += one.send(bytes(100_000))
        except BlockingIOError:
            world.run_for(0.5)
    assert sent <= one.send_limit + other.receive_limit
    assert not one.ready & WRITE
    got, buffer = 0, bytearray(1 << 20)
    while got < sent:
        if other.ready & READ:
            got += other.recv_into(buffer)
        world.run_for(0.1)
    assert got == sent and one.ready & WRITE


def test_window_opens_again_though_the_news_was_lost(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, other = connect(alice, bob)
    left = memoryview(bytes(600_000))
    for _ in range(20):
        try:
            left = left[one.send(left) :]
        except BlockingIOError:
            world.run_for(0.5)
    bob.set_link(up=Link(loss=1.0))
    got, buffer = other.recv_into(bytearray(1 << 20)), bytearray(1 << 20)
    world.run_for(1.0)
    bob.set_link(up=Link())
    for _ in range(400):
        world.run_for(0.5)
        if left and one.ready & WRITE:
            left = left[one.send(left) :]
        while other.ready & READ:
            got += other.recv_into(buffer)
    assert got == 600_000


def test_nobody_listens(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    sock = begin_to_connect(alice, bob)
    world.run_for(1.0)
    assert sock.ready == READ | WRITE
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    assert not alice.connections and not bob.connections


def test_nobody_is_there(world: SimWorld, alice: SimHost) -> None:
    sock = begin_to_connect(alice, "10.9.9.9")
    world.run_for(126.0)
    assert not sock.ready
    world.run_for(2.0)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ETIMEDOUT
    assert len(lines_of(world, "syn")) == 7


def test_full_backlog_lets_the_client_try_again(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    listener = listen(bob, backlog=2)
    clients = [begin_to_connect(alice, bob) for _ in range(5)]
    world.run_for(0.5)
    assert sum(bool(client.ready & WRITE) for client in clients) == 3
    for _ in range(3):
        listener.accept()
    world.run_for(3.0)
    assert all(client.ready & WRITE for client in clients)


def test_both_ends_dial_at_once(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    alice.set_link(Link(delay=0.1))
    ends = []
    for here, there in ((alice, bob), (bob, alice)):
        sock = here.socket()
        sock.bind(("0.0.0.0", 5000))
        sock.connect_ex((there.addresses[0], 5000))
        ends.append(sock)
    world.run_for(2.0)
    one, other = ends
    assert one.getpeername() == ("10.0.0.2", 5000)
    one.send(b"hello")
    other.send(b"you too")
    world.run_for(1.0)
    assert (other.recv(10), one.recv(10)) == (b"hello", b"you too")


def test_half_close(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, other = connect(alice, bob)
    one.send(b"question")
    one.shutdown(socket.SHUT_WR)
    world.run_for(0.5)
    assert other.recv(100) == b"question"
    assert other.recv(100) == b""
    other.send(b"answer")
    other.close()
    world.run_for(0.5)
    assert one.recv(100) == b"answer"
    assert one.recv(100) == b""
    with pytest.raises(BrokenPipeError):
        one.send(b"more")
    one.close()
    world.run_for(LINGER_SECONDS + 1)
    assert not alice.connections and not bob.connections


def test_close_delivers_what_was_sent(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    alice.set_link(Link(bandwidth=50_000, delay=0.1))
    one, other = connect(alice, bob)
    assert one.send(bytes(200_000)) == 200_000
    one.close()
    got, buffer = 0, bytearray(1 << 20)
    while other.ready & READ or world.run_until(lambda: other.ready & READ, timeout=60):
        count = other.recv_into(buffer)
        if not count:
            break
        got += count
    assert got == 200_000
    other.close()
    world.run_for(LINGER_SECONDS + 1)
    assert not alice.connections and not bob.connections


def test_close_with_unread_input_resets(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, other = connect(alice, bob)
    one.send(b"x")
    world.run_for(0.5)
    other.close()
    world.run_for(0.5)
    assert one.ready == READ | WRITE
    with pytest.raises(ConnectionResetError):
        one.recv(10)
    assert one.recv(10) == b"", "the error is told once"


def test_linger_of_zero_resets(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, other = connect(alice, bob)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()
    world.run_for(0.5)
    with pytest.raises(ConnectionResetError):
        other.send(b"x")
    assert not alice.connections and not bob.connections


def test_data_for_a_closed_socket_is_answered_by_a_reset(
    world: SimWorld, alice: SimHost, bob: SimHost
) -> None:
    one, other = connect(alice, bob)
    other.close()
    world.run_for(0.5)
    one.send(b"anybody?")
    world.run_for(0.5)
    with pytest.raises(ConnectionResetError):
        one.recv(10)


def test_connection_reset_before_it_was_accepted(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    listener = listen(bob)
    sock = begin_to_connect(alice, bob)
    world.run_for(0.5)
    assert listener.ready & READ
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    world.run_for(0.5)
    assert not listener.ready
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_closing_a_listener_resets_who_waits(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    listener = listen(bob)
    sock = begin_to_connect(alice, bob)
    world.run_for(0.5)
    listener.close()
    world.run_for(0.5)
    with pytest.raises(ConnectionResetError):
        sock.recv(1)
    assert not bob.connections


def test_peer_that_never_finishes_does_not_stay_for_ever(
    world: SimWorld, alice: SimHost, bob: SimHost
) -> None:
    one, _other = connect(alice, bob)
    one.close()
    world.run_for(ORPHAN_SECONDS / 2)
    assert alice.connections
    world.run_for(ORPHAN_SECONDS)
    assert not alice.connections


def test_dead_peer_is_noticed_by_who_sends(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    one, _other = connect(alice, bob)
    bob.kill()
    one.send(b"x")
    assert world.run_until(lambda: one.error, timeout=2000)
    assert 300 < world.time() < 1000
    with pytest.raises(TimeoutError):
        one.recv(1)


def test_small_news_is_acknowledged_a_little_later_or_with_the_answer(
    world: SimWorld, alice: SimHost, bob: SimHost
) -> None:
    one, other = connect(alice, bob)
    world.run_for(1.0)
    before = len(lines_of(world, "data"))
    one.send(b"ping")
    world.run_for(0.01)
    other.send(b"pong")
    world.run_for(0.01)
    assert len(lines_of(world, "data")) == before + 2
    world.run_for(1.0)
    assert len(lines_of(world, "data")) == before + 3, "and the answer by itself"


def test_port_is_free_for_a_new_life_at_once(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    listener = listen(bob)
    for _ in range(3):
        sock = alice.socket()
        sock.bind(("0.0.0.0", 7000))
        sock.connect_ex((bob.addresses[0], PORT))
        world.run_for(0.5)
        accepted, address = listener.accept()
        assert address == ("10.0.0.1", 7000)
        sock.close()
        world.run_for(0.1)
        accepted.close()
        world.run_for(LINGER_SECONDS + 1)
