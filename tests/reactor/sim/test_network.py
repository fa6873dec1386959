from __future__ import annotations

import pytest
from evtorrent.reactor.sim import Link, SimHost, SimWorld
from evtorrent.reactor.sim.network import LOOPBACK_DELAY
from support.sim_kit import datagram_socket, receive_all, transfer


def arrival(world: SimWorld, sender: SimHost, receiver: SimHost, size: int = 72) -> float:
    """Seconds that a datagram takes."""
    with datagram_socket(sender) as out, datagram_socket(receiver, 9) as into:
        began = world.time()
        out.sendto(bytes(size), (receiver.addresses[0], 9))
        assert world.run_until(lambda: into.ready & 2, timeout=10)
        return world.time() - began


def test_delays_of_both_lines_add_up(world: SimWorld, bob: SimHost) -> None:
    far = world.host("far", up=Link(delay=0.1), down=Link(delay=0.3))
    bob.set_link(up=Link(delay=0.01), down=Link(delay=0.02))
    assert arrival(world, far, bob) == pytest.approx(0.12)
    assert arrival(world, bob, far) == pytest.approx(0.31)


def test_receivers_line_is_shared_by_all_senders(world: SimWorld) -> None:
    home = world.host("home", down=Link(bandwidth=10_000, queue=1 << 20))
    into = datagram_socket(home, 9)
    for index in range(10):
        datagram_socket(world.host(f"sender{index}")).sendto(bytes(972), (home.addresses[0], 9))
    times = []
    while len(times) < 10:
        world.run_until(lambda: into.ready & 2, timeout=10)
        times += [world.time()] * len(receive_all(into))
    assert times == pytest.approx([0.1 * (index + 1) for index in range(10)], abs=0.01)


def test_packets_from_near_pass_those_from_far(world: SimWorld) -> None:
    home = world.host("home", down=Link(bandwidth=1e6, jitter=0.001))
    near, far = world.host("near", link=Link(delay=0.01)), world.host("far", link=Link(delay=0.5))
    into = datagram_socket(home, 9)
    datagram_socket(far).sendto(b"far", (home.addresses[0], 9))
    datagram_socket(near).sendto(b"near", (home.addresses[0], 9))
    world.run_for(1)
    assert [data for data, _ in receive_all(into)] == [b"near", b"far"]


def test_loopback(world: SimWorld, alice: SimHost) -> None:
    into, out = datagram_socket(alice, 9), datagram_socket(alice)
    out.sendto(b"a", ("127.0.0.1", 9))
    out.sendto(b"b", ("10.0.0.1", 9))
    world.run_for(LOOPBACK_DELAY * 2)
    assert [(data, source[0]) for data, source in receive_all(into)] == [
        (b"a", "127.0.0.1"),
        (b"b", "10.0.0.1"),
    ]


def test_line_of_their_own(world: SimWorld, alice: SimHost, bob: SimHost) -> None:
    carol = world.host("carol")
    alice.set_link(Link(delay=1.0))
    world.join(alice, bob, Link(bandwidth=100_000, delay=0.05, mtu=9000))
    assert arrival(world, alice, bob) == pytest.approx(0.051)
    assert arrival(world, bob, alice) == pytest.approx(0.051)
    assert arrival(world, alice, carol) == pytest.approx(1.0, abs=1e-4)
    stream = transfer(world, alice, bob, bytes(1_000_000))
    began = world.time()
    world.run_until(lambda: stream.ended_at is not None)
    assert world.time() - began == pytest.approx(10.1, rel=0.1)
    assert alice.network.segment_sizes(alice, "10.0.0.2")[0] == 8960


def test_lost_packets_are_in_the_trace(world: SimWorld, alice: SimHost) -> None:
    out = datagram_socket(alice)
    out.sendto(b"x", ("10.7.7.7", 9))
    alice.set_link(Link(loss=1.0))
    out.sendto(b"x", ("10.0.0.2", 9))
    world.run_for(1)
    assert [line.endswith("lost") for line in world.trace.lines] == [True, True]


def test_segments_fit_the_narrowest_line_and_runs_the_slowest(world: SimWorld) -> None:
    one = world.host("one", "10.0.0.3", "fd00::3", up=Link(bandwidth=1e6, mtu=1400))
    world.host("other", "10.0.0.4", "fd00::4", down=Link(bandwidth=1e5, mtu=1280))
    assert one.network.segment_sizes(one, "10.0.0.4") == (1240, 1240)
    assert one.network.segment_sizes(one, "fd00::4") == (1220, 1220)
    mss, run = one.network.segment_sizes(one, "127.0.0.1")
    assert mss > 60_000 and run == 65_536
    plain = world.host("plain")
    assert plain.network.segment_sizes(plain, "10.9.9.9") == (1460, 64_240)
