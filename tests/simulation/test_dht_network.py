"""DHT networks with the dead, the coming and going, and liars: what is found, how fast, and what it costs.

make soak ARGS='-s -k dht_network'      # prints the figures of the large ones
"""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from evtorrent.protocols.dht.node import Node
from support.dht_network import Network
from support.sources import ROOT


def run(num_nodes: int, *, searches: int, items: int, churn: int, settling: float = 20) -> Network:
    """The scenario: 5 % liars, 10 % dead, 30 % behind NAT boxes, 1 % loss, 100 ms round trips that vary by a third."""
    started = time.monotonic()
    network = Network(num_nodes, rtt=0.1, jitter=0.03, loss=0.01, nat=0.3, settling=settling)
    grown = time.monotonic()
    network.announce(searches // 2)
    network.put(items)
    network.kill(0.10)
    network.search(searches, churn=churn)
    network.read(items)
    network.check()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{network.figures}")
    world = network.world
    print(f"lies told {network.liars.num_lies}, datagrams {world.num_datagrams}", end=", ")
    print(f"lost or shut out {world.sim.trace.num_lost}, events {world.sim.num_events}", end=", ")
    print(f"virtual {world.now - 1000:.0f} s", end=", ")
    print(f"largest {world.largest} bytes, peak {peak:.0f} MiB", end=", ")
    print(f"wall {grown - started:.1f} s to grow, {time.monotonic() - grown:.1f} s after")
    return network


def check(network: Network) -> None:
    """What the README promises."""
    figures = network.figures
    assert figures.num_found >= 0.999 * figures.num_announced
    assert figures.num_newest == figures.num_items
    assert sorted(figures.first_latencies)[len(figures.first_latencies) // 2] <= 1.0
    assert sorted(figures.done_latencies)[len(figures.done_latencies) // 2] <= 1.0
    assert network.world.largest <= 1500


@pytest.mark.slow
def test_a_thousand_nodes() -> None:
    check(run(1_000, searches=100, items=15, churn=5))


TRACE = """
import sys
sys.path.insert(0, sys.argv[1])
from support.dht_network import Network
network = Network(60, loss=0.02, jitter=0.02)
network.announce(10)
network.search(10, churn=2)
ids = sorted(member.node.node_id.hex() for member in network.world.members.values())
print(network.world.num_datagrams, network.world.sim.trace_hash, network.figures.done_latencies, ids)
"""


@pytest.mark.slow
def test_it_does_the_same_in_two_processes() -> None:
    """Whatever order the hashes of a process bring."""
    traces = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", TRACE, str(ROOT / "tests")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        traces.add(done.stdout)
    assert len(traces) == 1


@pytest.mark.soak
def test_ten_thousand_nodes() -> None:
    check(run(10_000, searches=2_000, items=300, churn=10, settling=60))


def size_of(node: Node) -> int:
    """Everything a node keeps that could grow."""
    table, stored = node.parts.table, node.storage.statistics()
    guard = node.parts.guard
    return (
        table.num_live
        + table.num_spare
        + stored.torrents
        + stored.peers
        + stored.immutable_data
        + stored.mutable_data
        + guard.num_counted
        + guard.num_blocked
        + node.parts.rpc.num_waiting
        + node.num_lookups
    )


def resident_kib() -> int:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() // 1024


@pytest.mark.soak
def test_ten_hours_of_churn() -> None:
    """150 nodes, each replaced within some two hours, announcing all the time: nobody's memory goes on growing."""
    network = Network(150, rtt=0.1, loss=0.01)
    world = network.world
    sizes, memory = [], []
    started = time.monotonic()
    for minute in range(600):
        network.churn(1)
        network.announce(2)
        world.run(60)
        if minute % 60 == 59:
            for member in world.members.values():
                member.events.clear()
            network._announced.clear()
            gc.collect()
            sizes.append(max(size_of(member.node) for member in world.members.values()))
            memory.append(resident_kib())
    network.check()
    print(f"\nlargest node, by the hour: {sizes}; resident KiB: {memory}", end="; ")
    print(f"{world.num_datagrams} datagrams, wall {time.monotonic() - started:.0f} s")
    assert max(sizes[4:]) <= 1.3 * max(sizes[1:4])
    assert memory[-1] <= 1.1 * memory[2]
