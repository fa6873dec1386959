from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.peer.priority import peer_priority
from evtorrent.session.alerts import PeerDisconnectedAlert
from evtorrent.session.close_reason import CloseReason
from evtorrent.session.core.external_ip import IpSource
from evtorrent.session.flags import PeerSource
from support.world import Wire, World, torrent_of

OURS = "198.51.100.7"
HOSTS = sorted((f"203.{n}.113.1" for n in range(1, 12)), key=lambda host: peer_priority((OURS, 0), (host, 1)))
"""From the lowest to the highest priority."""


def full(
    world: World, *hosts: str, knows_itself: bool = True, **settings: Any
) -> tuple[Any, Any, list[Wire]]:
    """A session whose places are taken by `hosts`."""
    node = world.node(**{"connections_limit": max(2, len(hosts)), "connections_slack": 3, **settings})
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    if knows_itself:
        node.core.external_address(OURS, IpSource.TRACKER, "tracker.example")
    wires = [call(world, node, torrent, host) for host in hosts]
    assert not any(wire.is_closed for wire in wires)
    return node, torrent, wires


def call(world: World, node: Any, torrent: Any, host: str) -> Wire:
    name = host.encode().ljust(20, b"-")
    return Wire(world, torrent.info_hashes.best(), host=host, peer_id=name).call(node)


@pytest.fixture
def world() -> World:
    return World()


def test_the_lowest_priority_goes_for_a_higher_one(world: World) -> None:
    node, torrent, wires = full(world, HOSTS[5], HOSTS[2], HOSTS[7])
    newcomer = call(world, node, torrent, HOSTS[3])
    assert [wire.is_closed for wire in wires] == [False, True, False]
    assert not newcomer.is_closed and len(torrent.swarm.links) == 3
    (alert,) = node.alerts(PeerDisconnectedAlert)
    assert alert.endpoint[0] == HOSTS[2] and alert.reason is CloseReason.too_many_connections
    world.check()


def test_a_lower_priority_is_refused(world: World) -> None:
    node, torrent, wires = full(world, HOSTS[5], HOSTS[2])
    assert call(world, node, torrent, HOSTS[1]).is_closed
    assert not any(wire.is_closed for wire in wires)
    assert node.core.statistics()["peer.too_many_peers"] == 1


def test_the_limit_of_a_torrent_is_kept_likewise(world: World) -> None:
    node, torrent, wires = full(world, HOSTS[5], HOSTS[2], connections_limit=100)
    torrent.max_connections = 2
    assert call(world, node, torrent, HOSTS[0]).is_closed
    assert not call(world, node, torrent, HOSTS[9]).is_closed
    assert [wire.is_closed for wire in wires] == [False, True]


def test_without_our_address_nobody_goes(world: World) -> None:
    node, torrent, wires = full(world, HOSTS[0], HOSTS[1], knows_itself=False)
    assert call(world, node, torrent, HOSTS[10]).is_closed
    assert not any(wire.is_closed for wire in wires)


def test_attempts_that_do_not_get_through_go_first(world: World) -> None:
    node, torrent, wires = full(world, HOSTS[10], connections_limit=3)
    world.black_holes.update({"10.7.0.1", "10.7.0.2"})
    torrent.connect_peer(("10.7.0.1", 1000), PeerSource.tracker)
    world.advance(1)
    torrent.connect_peer(("10.7.0.2", 1000), PeerSource.tracker)
    newcomer = call(world, node, torrent, HOSTS[0])
    assert not newcomer.is_closed and not wires[0].is_closed
    assert {link.address[0] for link in torrent.swarm.links} == {HOSTS[10], "10.7.0.2", HOSTS[0]}


def test_no_place_is_taken_from_another_torrent(world: World) -> None:
    node, _torrent, wires = full(world, HOSTS[0], HOSTS[1])
    other = node.add(torrent_of(3, name="other")[0])
    world.pump()
    assert call(world, node, other, HOSTS[10]).is_closed
    assert not any(wire.is_closed for wire in wires)


def test_beyond_the_slack_nobody_is_looked_at(world: World) -> None:
    node, torrent, _ = full(world, HOSTS[0], HOSTS[1], connections_slack=1)
    silent = Wire(world, torrent.info_hashes.best(), host="203.0.99.1").call(node, handshake=False)
    assert not silent.is_closed
    assert call(world, node, torrent, HOSTS[10]).is_closed
    assert node.core.statistics()["peer.too_many_peers"] == 1
