"""A hundred real sessions on consumers' lines, and what may befall smaller swarms."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from evtorrent.reactor.sim import Link, NatKind, SimWorld
from evtorrent.session.alerts import PeerBanAlert, TrackerErrorAlert, TrackerReplyAlert
from support.sim_swarm import MBIT, SimContent, SimPeer, make_peer
from support.sim_tracker import SimTracker

TESTS = Path(__file__).resolve().parents[1]


def hundred_peers(
    seed: int, *, num_peers: int = 100, size: int = 2 << 20, joining: float = 300.0
) -> SimWorld:
    """A world in which 100 peers, four of them seeds, come within five minutes, on mixed lines, and all finish."""
    world = SimWorld(seed, burst=0.05)
    tracker = SimTracker(world.host("tracker", link=Link(delay=0.02)), interval=120)
    content = SimContent(size)
    peers = [
        make_peer(world, f"peer{index}", content, is_seed=index < 4, num_want=8) for index in range(num_peers)
    ]
    for peer in peers:
        delay = 0.0 if peer.is_seed else world.rng.random() * joining
        peer.host.loop.call_later(delay, peer.start, tracker.url)
    world.run_for(joining)
    assert world.run_until(lambda: all(peer.is_complete for peer in peers), timeout=joining, every=5.0)
    assert not [alert for peer in peers for alert in peer.collect() if isinstance(alert, PeerBanAlert)]
    assert all(peer.handle.status().total_payload_download >= size for peer in peers if not peer.is_seed)
    return world


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_swarm_of_a_hundred_peers_does_the_same_in_two_processes() -> None:
    code = (
        f"import sys; sys.path[:0] = [{str(TESTS)!r}, {str(Path(__file__).parent)!r}]\n"
        "from test_swarm import hundred_peers\n"
        "print(hundred_peers(1).trace_hash)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONHASHSEED": "4711", "PATH": ""},
    ) as other:
        threads, began = threading.enumerate(), time.process_time()
        world = hundred_peers(1)
        seconds = time.process_time() - began
        assert threading.enumerate() == threads, "nothing in it needs a thread"
        printed, _ = other.communicate(timeout=250)
    assert other.returncode == 0
    assert printed.split() == [world.trace_hash]
    assert world.trace_hash != hundred_peers(2, num_peers=5, size=1 << 18, joining=5.0).trace_hash
    # How fast is told (pytest -s), not asserted.
    print(
        f"\n{world.time():.0f} virtual seconds in {seconds:.1f}: {world.time() / seconds:.0f} times as fast; "
        f"{world.num_events / seconds:,.0f} events a second"
    )


class Town:
    """A small swarm: a tracker, one seed and some peers, all on the same lines."""

    def __init__(
        self, world: SimWorld, num_peers: int, *, size: int = 1 << 20, piece_length: int = 65_536
    ) -> None:
        self.world = world
        self.content = SimContent(size, piece_length)
        self.tracker = SimTracker(world.host("tracker", link=Link(delay=0.01)), interval=60)
        line = Link(bandwidth=4 * MBIT, delay=0.02)
        self.seed = SimPeer(world.host("seed", link=line), self.content, is_seed=True)
        self.peers = [
            SimPeer(world.host(f"peer{index}", link=line), self.content) for index in range(num_peers)
        ]

    def start(self) -> None:
        for peer in (self.seed, *self.peers):
            peer.start(self.tracker.url)

    def run_until_all_have(self, share: float, *, timeout: float = 600) -> bool:
        return self.world.run_until(
            lambda: all(peer.progress >= share for peer in self.peers), timeout=timeout, every=0.5
        )


def pieces_among(peers: list[SimPeer]) -> int:
    """How many pieces at least one of them has."""
    have = 0
    for peer in peers:
        pieces = peer.handle.status().pieces
        have |= pieces.bits if pieces is not None else 0
    return have.bit_count()


def test_tracker_outage() -> None:
    """While the tracker is silent nobody finds anybody; who had found somebody goes on; afterwards all is well."""
    with SimWorld(1) as world:
        town = Town(world, 6)
        *early, late = town.peers
        for peer in (town.seed, *early):
            peer.start(town.tracker.url)
        world.run_for(2.0)
        town.tracker.is_silent = True
        late.start(town.tracker.url)
        assert world.run_until(lambda: all(peer.is_complete for peer in early), timeout=300, every=0.5)
        world.run_for(60)
        assert late.progress == 0
        assert [alert for alert in late.collect() if isinstance(alert, TrackerErrorAlert)]
        town.tracker.is_silent = False
        assert world.run_until(lambda: late.is_complete, timeout=1800, every=1.0)
        assert [alert for alert in late.collect() if isinstance(alert, TrackerReplyAlert)]


@pytest.mark.slow
def test_partition_and_heal() -> None:
    """The half without a seed gets as far as its pieces go, and finishes once the halves see each other again."""
    with SimWorld(2) as world:
        town = Town(world, 8, size=2 << 20)
        town.start()
        cut_off, with_seed = town.peers[:4], town.peers[4:]
        assert world.run_until(lambda: max(peer.progress for peer in cut_off) > 0.1, timeout=60, every=0.1)
        world.cut(*(peer.host for peer in cut_off))
        assert world.run_until(lambda: all(peer.is_complete for peer in with_seed), timeout=600, every=1.0)
        world.run_for(200)  # longer than `peer_timeout`: nobody waits for the other side any more
        stuck = pieces_among(cut_off)
        assert 0 < stuck < town.content.info.num_pieces
        assert [pieces_among([peer]) for peer in cut_off] == [stuck] * 4
        world.run_for(60)
        assert pieces_among(cut_off) == stuck
        world.heal()
        assert world.run_until(lambda: all(peer.is_complete for peer in cut_off), timeout=1800, every=1.0)


@pytest.mark.slow
def test_seed_that_dies_at_99_percent() -> None:
    """The last piece is nowhere: nobody finishes, nothing is lost, and another seed ends it in a moment."""
    with SimWorld(3) as world:
        town = Town(world, 3, size=100 * 131_072, piece_length=131_072)
        # Little of it is still under way when it dies.
        town.seed.host.set_link(up=Link(bandwidth=4 * MBIT, delay=0.02, queue=16_384))
        town.start()
        assert world.run_until(lambda: pieces_among(town.peers) == 99, timeout=600, every=0.05)
        town.seed.host.kill()
        world.run_for(300)
        assert [pieces_among([peer]) for peer in town.peers] == [99] * 3, "they share what the seed gave"
        assert not any(peer.is_complete for peer in town.peers)
        other = SimPeer(world.host("another seed", link=Link(delay=0.01)), town.content, is_seed=True)
        other.start(town.tracker.url)
        assert town.run_until_all_have(1.0)
        # What they had before, nobody asked for again.
        asked = other.handle.status().total_payload_upload
        assert asked <= 2 * 131_072 * len(town.peers)


@pytest.mark.parametrize("kind", NatKind)
def test_peers_behind_boxes_are_served_by_those_they_reach(kind: NatKind) -> None:
    with SimWorld(4) as world:
        town = Town(world, 0)
        for index in range(3):
            nat = world.nat(f"nat{index}", f"1.0.0.{index + 1}", kind=kind)
            host = world.host(
                f"inside{index}", "192.168.1.2", link=Link(bandwidth=4 * MBIT, delay=0.02), nat=nat
            )
            town.peers.append(SimPeer(host, town.content))
        town.start()
        assert town.run_until_all_have(1.0)
        assert {address for _, address, _ in town.tracker.announces} >= {"1.0.0.1", "1.0.0.2", "1.0.0.3"}


def test_one_lossy_line_does_not_hold_up_the_others() -> None:
    with SimWorld(5) as world:
        town = Town(world, 4)
        town.peers[0].host.set_link(Link(bandwidth=4 * MBIT, delay=0.1, loss=0.03))
        town.start()
        assert world.run_until(
            lambda: all(peer.is_complete for peer in town.peers[1:]), timeout=60, every=0.5
        )
        assert town.run_until_all_have(1.0, timeout=300)


def test_sessions_end_politely() -> None:
    """Closed sessions tell the tracker, and leave nothing on their loops."""
    with SimWorld(6) as world:
        town = Town(world, 2)
        town.start()
        assert town.run_until_all_have(1.0)
        everybody = [town.seed, *town.peers]
        for peer in everybody:
            peer.session.close()
        assert world.run_until(lambda: all(peer.session.is_closed for peer in everybody), timeout=30)
        stopped = [who for _, who, event in town.tracker.announces if event == "stopped"]
        assert sorted(stopped) == sorted(peer.host.addresses[0] for peer in everybody)
        for peer in everybody:
            peer.driver.close()
            peer.multi.close()
            assert peer.host.loop.num_watches == 0 and not peer.host.descriptors
