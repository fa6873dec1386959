from __future__ import annotations

from typing import Any

import pytest
from evtorrent.session import PeerSource
from support.world import HAVE_ALL, Wire, World, torrent_of

QUICK = {
    "peer_turnover_interval": 30,
    "connection_speed": 0,
    "torrent_connect_boost": 0,
    "peer_timeout": 1000,
}


@pytest.fixture
def world() -> World:
    return World()


def guests(world: World, node: Any, torrent: Any, count: int, first: int = 1) -> list[Wire]:
    found = []
    for number in range(first, first + count):
        name = f"-XX0000-{number:012}".encode()
        wire = Wire(world, torrent.info_hashes.best(), host=f"10.9.9.{number}", peer_id=name)
        found.append(wire.call(node))
    return found


def stage(world: World, count: int, *, num_waiting: int = 50, **settings: Any) -> tuple[Any, Any, list[Wire]]:
    node = world.node(**{**QUICK, **settings})
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    torrent.peers_found([(f"10.6.0.{n}", 1000) for n in range(1, num_waiting + 1)], PeerSource.tracker)
    return node, torrent, guests(world, node, torrent, count)


def closed(wires: list[Wire]) -> int:
    return sum(wire.is_closed for wire in wires)


def test_the_least_useful_end_when_the_session_is_full(world: World) -> None:
    _node, _torrent, wires = stage(world, 9, connections_limit=10, peer_turnover=34)
    for wire in wires[:7]:
        wire.say(HAVE_ALL)
    world.advance(25)
    assert closed(wires) == 0
    world.advance(10)
    assert [wire.is_closed for wire in wires].count(True) == 3
    assert wires[7].is_closed and wires[8].is_closed
    world.check()


def test_one_goes_at_least_and_a_changed_interval_counts_at_once(world: World) -> None:
    node, _torrent, wires = stage(world, 9, connections_limit=10, peer_turnover_interval=3000)
    world.advance(10)
    node.session.apply_settings({"peer_turnover_interval": 30})
    world.advance(32)
    assert closed(wires) == 1


@pytest.mark.parametrize(
    ("count", "settings"),
    [
        (8, {"connections_limit": 10}),
        (9, {"connections_limit": 10, "num_waiting": 0}),
        (5, {"connections_limit": 5}),
        (9, {"connections_limit": 10, "peer_turnover_cutoff": 100}),
    ],
    ids=["room", "nobody waits", "a small limit", "cutoff"],
)
def test_nobody_goes(world: World, count: int, settings: dict[str, Any]) -> None:
    _node, _torrent, wires = stage(world, count, **settings)
    world.advance(100)
    assert closed(wires) == 0


def test_the_limit_of_a_torrent_counts_too(world: World) -> None:
    node, torrent, wires = stage(world, 9)
    other = node.add(torrent_of(3, name="other")[0])
    world.pump()
    torrent.max_connections = 10
    others = guests(world, node, other, 3, first=50)
    world.advance(35)
    assert (closed(wires), closed(others)) == (1, 0)


def test_of_a_full_session_the_largest_torrent_gives(world: World) -> None:
    node, _torrent, wires = stage(world, 4, connections_limit=10)
    other = node.add(torrent_of(3, name="other")[0])
    world.pump()
    other.peers_found([("10.6.1.1", 1000)], PeerSource.tracker)
    others = guests(world, node, other, 5, first=50)
    world.advance(35)
    assert (closed(wires), closed(others)) == (0, 1)


def test_without_torrents_nothing_happens(world: World) -> None:
    world.node(**QUICK)
    world.advance(100)
    world.check()
