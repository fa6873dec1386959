"""The DHT as programs run it, on simulated machines: engines, sockets, lossy lines, NAT boxes of all kinds, liars, the dead.

make soak ARGS='-s -k dht_hosts'      # a large one, with its figures
"""

from __future__ import annotations

import time
from statistics import median

import pytest
from evtorrent.protocols.dht import verify_node_id
from evtorrent.protocols.dht.ed25519 import public_key_of
from support.dht_hosts import DhtHosts


def run(count: int, searches: int, items: int) -> None:
    """Announce, put, change, let a tenth die, and look for all of it."""
    started = time.monotonic()
    with DhtHosts(count) as town:
        grown = time.monotonic()
        told = []
        for _ in range(searches):
            info_hash, machine = town.rng.randbytes(20), town.honest()
            operation = machine.dht.announce(info_hash, 4000)
            assert town.world.run_until(lambda operation=operation: operation.is_done, timeout=60)
            told.append((info_hash, (machine.address[0], 4000)))
        secrets = [town.rng.randbytes(32) for _ in range(items)]
        for value in (b"old", b"new"):
            for secret in secrets:
                put, _ = town.ask(
                    lambda dht, s=secret, v=value: dht.put_mutable(s, v, salt=b"salt", cas=True)
                )
                assert put.num_success >= 4
        town.kill(count // 10)
        took = []
        for info_hash, peer in told:
            found, passed = town.ask(lambda dht, info_hash=info_hash: dht.get_peers(info_hash))
            assert peer in found.peers
            took.append(passed)
        for secret in secrets:
            got, _ = town.ask(lambda dht, s=secret: dht.get_mutable(public_key_of(s), b"salt"))
            assert got.item.value == b"new"
        assert town.num_lies > 0
        fitting = [verify_node_id(each.node.node_id, each.address[0]) for each in town.members.values()]
        for machine in town.members.values():
            machine.node.parts.table.check_invariant()
        print(
            f"\n{count} machines: lookups take {median(took):.2f} s, at most {max(took):.2f} s of virtual time;"
            f" {sum(fitting)} of {len(fitting)} ids fit their address; {town.world.num_events} events;"
            f" wall {grown - started:.0f} s to grow, {time.monotonic() - grown:.0f} s after"
        )
        assert median(took) <= 1.0
        assert sum(fitting) >= 0.95 * len(fitting), "who sees us tells us our address (BEP 42)"


@pytest.mark.slow
def test_a_hundred_machines() -> None:
    run(100, searches=10, items=3)


@pytest.mark.soak
def test_a_thousand_machines() -> None:
    run(1_000, searches=300, items=50)
