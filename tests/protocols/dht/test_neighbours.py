"""When neighbours are looked for."""

from __future__ import annotations

from random import Random

from evtorrent.protocols.dht.neighbours import INTERVAL, NeighbourSearch
from evtorrent.protocols.dht.node_id import NodeId
from evtorrent.protocols.dht.routing_table import RoutingTable
from evtorrent.protocols.dht.settings import DhtSettings
from support.dht_peers import OURS, at, far, near


def table(count: int) -> RoutingTable:
    made = RoutingTable(OURS, DhtSettings())
    for n in range(count):
        made.node_seen(far(n), at(n), 0.1, now=0.0)
    return made


def test_while_few_are_known_soon_and_then_less_often() -> None:
    search, few = NeighbourSearch(), table(3)
    delays = [search.looked(few, now=100.0) - 100.0 for _ in range(9)]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert search.should_look(few, now=0.0)


def test_enough_but_shallow_every_ten_minutes() -> None:
    search, enough = NeighbourSearch(), table(20)
    assert search.looked(enough, now=0.0) == INTERVAL
    assert not search.should_look(enough, now=INTERVAL - 1)
    assert search.should_look(enough, now=INTERVAL)
    assert search.when_to_decide(table(1), now=0.0) == 1.0, "the patience begins anew"


def test_never_when_nobody_is_there_to_ask() -> None:
    search, nobody = NeighbourSearch(), table(0)
    assert not search.should_look(nobody, now=0.0)
    nobody.routers[at(1)] = None
    assert search.should_look(nobody, now=0.0)


def test_never_when_the_table_is_deep() -> None:
    settings = DhtSettings(prefer_verified_node_ids=False, extended_routing_table=False)
    deep = RoutingTable(OURS, settings)
    rng = Random(1)
    for bits in range(6):
        for n in range(12):
            node_id = NodeId((int.from_bytes(near(bits), "big") | rng.getrandbits(100)).to_bytes(20, "big"))
            deep.node_seen(node_id, at(100 * bits + n), 0.1, now=0.0)
    assert deep.depth >= 4
    assert not NeighbourSearch().should_look(deep, now=1e9)
