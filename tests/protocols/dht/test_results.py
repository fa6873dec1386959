"""Results of several nodes."""

from __future__ import annotations

import pytest
from evtorrent.protocols.dht.events import (
    Announced,
    Bootstrapped,
    DirectResponse,
    Event,
    ItemFound,
    ItemPut,
    NodesFound,
    PeersDone,
    PeersFound,
)
from evtorrent.protocols.dht.items import ImmutableItem, MutableItem
from evtorrent.protocols.dht.node_id import NodeId
from evtorrent.protocols.dht.results import (
    AnnounceResult,
    BootstrapCollector,
    Collector,
    ItemCollector,
    ItemResult,
    NodesCollector,
    PeersCollector,
    PeersResult,
    PutCollector,
    PutResult,
    SingleCollector,
)

HASH = NodeId(b"h" * 20)
ONE, TWO, THREE = (("1.2.3.4", port) for port in (1, 2, 3))
IMMUTABLE = ImmutableItem.of(b"v")
OLD, NEW = (MutableItem.signed(b"v", bytes(32), sequence=n) for n in (1, 2))


def ends(collector: Collector, *events: Event) -> list[bool]:
    return [collector.take(event) for event in events]


def found(*peers: tuple[str, int]) -> PeersFound:
    return PeersFound(1, HASH, peers, ONE)


def test_peers() -> None:
    told: list[tuple[tuple[str, int], ...]] = []
    collector = PeersCollector(told.append)
    events = found(ONE, TWO), PeersDone(1, HASH, 3, None, 5.0), found(TWO), found(TWO, THREE)
    assert ends(collector, *events, PeersDone(2, HASH, 4, 2.0, 6.0)) == [False, True, False, False, True]
    assert told == [(ONE, TWO), (THREE,)]
    assert collector.result() == PeersResult((ONE, TWO, THREE), 7, 2.0, 11.0)
    other = PeersCollector(None)
    ends(other, found(ONE), PeersDone(1, HASH, 1, 2.0, None), PeersDone(1, HASH, 1, None, None))
    assert other.result() == PeersResult((ONE,), 2, 2.0, None)


def test_announces() -> None:
    collector = PeersCollector(None, is_announce=True)
    events = found(ONE), PeersDone(1, HASH, 3, None, None), Announced(1, HASH, 8), Bootstrapped(1, 1)
    assert ends(collector, *events) == [False, False, True, False]
    assert collector.result() == AnnounceResult((ONE,), 8)


def test_items() -> None:
    told: list[MutableItem] = []
    collector = ItemCollector(told.append)
    events = (
        ItemFound(1, HASH, OLD, False, 1),
        ItemFound(1, HASH, NEW, False, 1),
        ItemFound(2, HASH, OLD, True, 4),
        ItemFound(1, HASH, NEW, True, 5),
        ItemFound(3, HASH, NEW, True, 6),
        ItemFound(4, HASH, None, True),
    )
    assert ends(collector, *events) == [False, False, True, True, True, True]
    assert told == [OLD, NEW]
    assert collector.result() == ItemResult(NEW, 11)
    immutable = ItemCollector()
    ends(immutable, ItemFound(1, HASH, IMMUTABLE, True, 1), ItemFound(2, HASH, IMMUTABLE, True, 1))
    assert immutable.result() == ItemResult(IMMUTABLE, 2)
    assert ItemCollector().result() == ItemResult(None, 0)
    quiet = ItemCollector()
    ends(quiet, ItemFound(1, HASH, OLD, True, 1))
    assert quiet.result() == ItemResult(OLD, 1)


def test_puts() -> None:
    collector = PutCollector()
    events = ItemPut(1, HASH, NEW, 7, ((301, "no"),)), ItemPut(2, HASH, None, 0)
    assert ends(collector, *events) == [True, True]
    assert collector.result() == PutResult(NEW, 7, ((301, "no"),))


def test_nodes() -> None:
    near, middle, far = (NodeId(bytes((n,)) + bytes(19)) for n in (1, 2, 3))
    collector = NodesCollector(NodeId(bytes(20)))
    ends(collector, NodesFound(1, HASH, ((near, ONE), (far, THREE))), NodesFound(2, HASH, ((middle, TWO),)))
    assert collector.result() == ((near, ONE), (middle, TWO), (far, THREE))


def test_one_node_and_bootstraps() -> None:
    answer = DirectResponse(1, ONE, {})
    collector = SingleCollector()
    assert collector.result() is None
    assert ends(collector, answer) == [True]
    assert collector.result() is answer
    bootstrap = BootstrapCollector()
    assert ends(bootstrap, Bootstrapped(1, 3), Bootstrapped(2, 4)) == [True, True]
    assert bootstrap.result() == 7


@pytest.mark.parametrize(
    "collector", [ItemCollector(), PutCollector(), NodesCollector(HASH), BootstrapCollector()]
)
def test_events_of_others_are_a_mistake(collector: Collector) -> None:
    with pytest.raises(AssertionError):
        collector.take(found(ONE))
