from __future__ import annotations

import random

import pytest
from evtorrent.reactor.sim import Link
from evtorrent.reactor.sim.lane import MIN_DELAY, Lane
from evtorrent.reactor.sim.packet import DATA, Datagram, Packet, Segments
from hypothesis import given, settings
from hypothesis import strategies as st

A, B = ("10.0.0.1", 1), ("10.0.0.2", 2)
MSS = 1460


def lane(**link: float) -> Lane:
    return Lane(Link(**link), random.Random(1))  # type: ignore[arg-type]


def datagram(size: int, *, can_fragment: bool = True) -> Datagram:
    return Datagram(A, B, bytes(size - 28), can_fragment)


def run_of(segments: int) -> Segments:
    run = Segments(DATA, A, B, MSS)
    run.load(0, bytes(segments * MSS), False)
    return run


def payloads(arrived: list[tuple[float, Packet]]) -> list[int]:
    return [len(packet.payload) for _, packet in arrived]


def test_delay_alone() -> None:
    assert [when for when, _ in lane(delay=0.5).carry(datagram(100), 2.0)] == [2.5]
    assert lane(delay=0.5).is_plain and not lane(delay=0.5).is_ordered
    assert lane().delay == MIN_DELAY


def test_bandwidth_is_shared_in_order() -> None:
    line = lane(bandwidth=1000, delay=1)
    times = [line.carry(datagram(500), 0.0)[0][0] for _ in range(3)]
    assert times == pytest.approx([1.5, 2.0, 2.5])
    assert line.backlog(0.5) == pytest.approx(1000)
    assert line.time_of_backlog(500) == pytest.approx(1.0)
    assert line.carry(datagram(500), 10.0)[0][0] == pytest.approx(11.5)


@pytest.mark.parametrize(
    "link", [{"loss": 0.3}, {"jitter": 0.1}, {"loss": 0.3, "jitter": 0.1, "delay": 0.05}]
)
def test_one_packet_fares_as_any_other(link: dict[str, float]) -> None:
    """Datagrams and single segments take different ways through the code, and draw the same lots."""
    arrivals = []
    for packet in (datagram(100), run_of(1)):
        line = lane(**link)
        arrivals.append([[when for when, _ in line.carry(packet, n / 100)] for n in range(100)])
    assert arrivals[0] == arrivals[1]
    times = [when for arrived in arrivals[0] for when in arrived]
    assert times == sorted(times)
    assert (len(times) < 100) is ("loss" in link)


def test_full_queue_drops_the_tail() -> None:
    line = lane(bandwidth=1000, queue=3000)
    assert [len(line.carry(datagram(1000), 0.0)) for _ in range(5)] == [1, 1, 1, 0, 0]
    assert len(line.carry(datagram(1000), 1.0)) == 1


def test_run_that_does_not_fit_is_cut() -> None:
    assert payloads(lane(bandwidth=1000, queue=4600).carry(run_of(5), 0.0)) == [3 * MSS]
    assert lane(bandwidth=1000, queue=1500).carry(run_of(1), 0.0)
    line = lane(bandwidth=1000, queue=1500)
    line.carry(run_of(1), 0.0)
    assert line.carry(run_of(1), 0.0) == []


def test_run_passes_a_faster_line_while_it_comes_in() -> None:
    slow, fast = lane(bandwidth=15_000), lane(bandwidth=150_000)
    ((out, run),) = slow.carry(run_of(10), 0.0)
    ((through, _),) = fast.carry(run, out)
    assert through - out == pytest.approx(0.01 + MIN_DELAY)  # its last segment only
    ((out, run),) = lane(bandwidth=15_000).carry(run_of(10), 0.0)
    ((last, _),) = lane(bandwidth=1_500).carry(run, out)
    assert last == pytest.approx(10, abs=0.1)  # it begins with the first segment


def test_loss_splits_a_run() -> None:
    arrived = lane(loss=0.3).carry(run_of(20), 0.0)
    assert 1 < len(arrived) < 20
    assert sum(payloads(arrived)) < 20 * MSS
    assert payloads(lane(loss=1.0).carry(run_of(20), 0.0)) == []
    assert payloads(lane(loss=1.0).carry(run_of(1), 0.0)) == []


def test_shares_are_kept_over_many() -> None:
    lossy, twice = lane(loss=0.25), lane(duplicates=0.25)
    assert sum(len(lossy.carry(datagram(100), 0.0)) for _ in range(2000)) == pytest.approx(1500, rel=0.1)
    assert sum(len(twice.carry(datagram(100), 0.0)) for _ in range(2000)) == pytest.approx(2500, rel=0.1)
    assert len(twice.carry(run_of(1), 0.0)) == 1, "streams are not doubled"


def test_fragments_are_lost_each_by_itself_and_df_forbids_them() -> None:
    line = lane(loss=0.1)
    assert sum(len(line.carry(datagram(15_000), 0.0)) for _ in range(1000)) == pytest.approx(349, rel=0.2)
    assert lane(delay=1).carry(datagram(1501, can_fragment=False), 0.0) == []
    assert len(lane(delay=1).carry(datagram(1500, can_fragment=False), 0.0)) == 1
    assert len(lane(bandwidth=1e6).carry(datagram(1501), 0.0)) == 1
    assert lane(bandwidth=1e6).carry(datagram(1501, can_fragment=False), 0.0) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 0.01), min_size=2, max_size=30))
def test_jitter_keeps_the_order(gaps: list[float]) -> None:
    line = lane(jitter=0.5, delay=0.1)
    now, times = 0.0, []
    for gap in gaps:
        now += gap
        ((when, _),) = line.carry(datagram(100), now)
        assert 0.1 <= when - now + 1e-9
        times.append(when)
    assert times == sorted(times)


def test_reordering_lets_later_ones_pass() -> None:
    line = lane(reordering=0.2, delay=0.1)
    times = [line.carry(datagram(100), index * 1e-4)[0][0] for index in range(200)]
    assert times != sorted(times)
    assert max(times) < 0.02 + 0.1 + 0.001 + 0.1 + 1e-6


def test_link_can_be_replaced() -> None:
    line = lane(bandwidth=1000)
    line.carry(datagram(500), 0.0)
    line.link = Link(delay=3)
    assert line.carry(datagram(500), 0.0)[0][0] == pytest.approx(3)
    assert line.is_plain
