"""uTP and TCP through one narrow line, 20 Mbit/s and 50 ms: what LEDBAT promises.  Virtual time, so figures are asserted."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean

import pytest
from evtorrent.reactor.sim import SimWorld
from support.utp_sim import BANDWIDTH, Flow, TcpFlow, UtpFlow, narrow, sample

TARGET = 0.1
"""Seconds of queueing that uTP aims at."""

pytestmark = pytest.mark.slow


@pytest.fixture
def world() -> Iterator[SimWorld]:
    with SimWorld(1) as world:
        yield world


def delay_of(flow: UtpFlow) -> float:
    """Seconds of queueing that the sender sees."""
    return float(flow.connection._current.least) / 1e6


def shares(world: SimWorld, seconds: float, *flows: Flow) -> list[float]:
    """What each takes of the line from now on."""
    for flow in flows:
        flow.mark()
    world.run_for(seconds)
    return [flow.since / seconds / BANDWIDTH for flow in flows]


def test_an_idle_line_is_filled_and_the_queue_kept_at_the_target(world: SimWorld) -> None:
    flow = UtpFlow(world.host("sender"), narrow(world))
    world.run_for(5.0)
    flow.mark()
    delays = sample(world, 12.0, lambda: delay_of(flow))
    share = flow.since / 12.0 / BANDWIDTH
    print(f"\nidle line: {share:.1%}, queue {mean(delays) * 1000:.0f} ms (most: {max(delays) * 1000:.0f} ms)")
    assert share >= 0.9
    assert TARGET * 0.8 <= mean(delays) <= TARGET * 1.2
    assert max(delays) <= TARGET * 1.2


@pytest.mark.parametrize(("first", "seconds"), [("utp", 20.0), ("tcp", 60.0)])
def test_it_yields_to_tcp_and_takes_what_that_leaves(world: SimWorld, first: str, seconds: float) -> None:
    """Who comes while TCP's queue is there never sees the path empty; over a rise and fall of TCP's window it yields all the same."""
    host, senders = narrow(world), [world.host("one"), world.host("two")]
    if first == "utp":
        utp = UtpFlow(senders[0], host)
        world.run_for(5.0)
        tcp = TcpFlow(senders[1], host)
    else:
        tcp = TcpFlow(senders[1], host)
        world.run_for(5.0)
        utp = UtpFlow(senders[0], host)
    world.run_for(10.0)
    ours, theirs = shares(world, seconds, utp, tcp)
    print(f"\n{first} first: uTP {ours:.1%}, TCP {theirs:.1%}")
    assert ours <= 0.15
    assert theirs >= 0.8
    senders[1].kill()
    world.run_for(8.0)
    (again,) = shares(world, 4.0, utp)
    print(f"and alone again {again:.1%}")
    assert again >= 0.8


@pytest.mark.parametrize("queue", [0.05, 0.1])
def test_a_queue_shorter_than_the_target_is_left_to_tcp(world: SimWorld, queue: float) -> None:
    """It overflows before uTP would hear of a delay worth yielding to (seconds of the line)."""
    host = narrow(world, queue=int(queue * BANDWIDTH))
    tcp = TcpFlow(world.host("two"), host)
    world.run_for(3.0)
    utp = UtpFlow(world.host("one"), host)
    world.run_for(7.0)
    ours, theirs = shares(world, 15.0, utp, tcp)
    print(f"\na queue of {queue} s: uTP {ours:.1%}, TCP {theirs:.1%}")
    assert ours <= 0.15
    assert theirs >= 0.8


def test_random_loss_is_survived() -> None:
    """Two packets in a hundred: as good as TCP at least."""
    taken = {}
    for kind in (UtpFlow, TcpFlow):
        with SimWorld(1) as world:
            flow = kind(world.host("sender"), narrow(world, loss=0.02))
            world.run_for(3.0)
            (taken[kind],) = shares(world, 15.0, flow)
    print(f"\n2 % loss: uTP {taken[UtpFlow]:.1%}, TCP {taken[TcpFlow]:.1%}")
    assert taken[UtpFlow] >= 0.5 * taken[TcpFlow]


def test_two_flows_share(world: SimWorld) -> None:
    """Even when one comes while the other's queue is there, and takes that for the empty path at first."""
    host = narrow(world)
    one = UtpFlow(world.host("one"), host, seed=1)
    world.run_for(5.0)
    two = UtpFlow(world.host("two"), host, seed=2)
    world.run_for(20.0)
    got = shares(world, 30.0, one, two)
    print(f"\n5 s later: {got[0]:.1%} and {got[1]:.1%}")
    assert sum(got) >= 0.9
    assert all(abs(share - mean(got)) <= 0.2 * mean(got) for share in got)
