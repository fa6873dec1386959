"""A graceful pause: what is on order may come, nothing else."""

from __future__ import annotations

import pytest
from evtorrent.session import PauseFlags, TorrentFlags
from evtorrent.session.alerts import PieceFinishedAlert, TorrentPausedAlert, TorrentResumedAlert
from evtorrent.session.torrent.torrent import Torrent
from support.world import (
    HAVE_ALL,
    HAVE_NONE,
    INTERESTED,
    UNCHOKE,
    Node,
    Wire,
    World,
    answer,
    request,
    torrent_of,
)

GRACEFUL = PauseFlags.graceful_pause
INFO, CONTENT = torrent_of(4)


@pytest.fixture
def world() -> World:
    return World()


def call(world: World, node: Node, number: int = 1) -> Wire:
    wire = Wire(world, INFO.info_hashes.best(), host=f"10.9.9.{number}", peer_id=b"-XX0000-%012d" % number)
    return wire.call(node)


def downloading(world: World, **settings: int) -> tuple[Node, Torrent, Wire]:
    """One peer owes every block."""
    node = world.node(**settings)
    torrent = node.add(INFO)
    world.pump()
    wire = call(world, node)
    wire.say(HAVE_ALL, UNCHOKE)
    return node, torrent, wire


def test_blocks_on_order_arrive(world: World) -> None:
    node, torrent, wire = downloading(world)
    idle = call(world, node, 2)
    idle.say(HAVE_NONE)
    torrent.handle.pause(GRACEFUL)
    world.pump()
    assert torrent.flags & TorrentFlags.paused
    assert idle.is_closed, "it owes nothing"
    assert not wire.is_closed
    assert not node.alerts(TorrentPausedAlert)
    late = call(world, node, 3)
    assert late.is_closed, "nobody comes any more"
    assert answer(wire, CONTENT, INFO.piece_length) == 8
    assert wire.is_closed
    world.advance(1)
    assert len(node.alerts(PieceFinishedAlert)) == 4
    assert len(node.alerts(TorrentPausedAlert)) == 1
    assert torrent.swarm is None
    assert torrent.is_seed
    world.check()


def test_nothing_more_is_asked_for_or_served(world: World) -> None:
    node = world.node()
    info, content = torrent_of(40)
    torrent = node.add(info, content, pieces=range(20))
    world.pump()
    wire = Wire(world, info.info_hashes.best(), host="10.9.9.1").call(node)
    wire.say(HAVE_ALL, UNCHOKE, INTERESTED)
    assert wire.heard("unchoke")
    wire.say(request(0, 0))
    assert wire.heard("piece")
    torrent.handle.pause(GRACEFUL)
    world.advance(16)  # The choker had a round.
    assert wire.heard("choke")
    wire.say(request(0, 0))
    assert not wire.heard("piece", "unchoke", "request")
    assert not wire.is_closed


def test_a_peer_that_never_sends_is_not_waited_for_for_ever(world: World) -> None:
    node, torrent, wire = downloading(world, request_timeout=30, piece_timeout=100)
    torrent.handle.pause(GRACEFUL)
    world.advance(29)
    assert not wire.is_closed
    world.advance(2)
    assert wire.is_closed
    assert torrent.swarm is None
    assert node.alerts(TorrentPausedAlert)


def test_without_peers_it_is_a_pause(world: World) -> None:
    node = world.node()
    torrent = node.add(INFO)
    world.pump()
    torrent.handle.pause(GRACEFUL)
    assert torrent.swarm is None
    assert node.alerts(TorrentPausedAlert)


def test_a_pause_ends_a_graceful_one(world: World) -> None:
    node, torrent, wire = downloading(world)
    torrent.handle.pause(GRACEFUL)
    torrent.handle.pause(GRACEFUL)
    world.pump()
    assert not wire.is_closed
    torrent.handle.pause()
    world.pump()
    assert wire.is_closed
    assert len(node.alerts(TorrentPausedAlert)) == 1


def test_resumed_on_the_way(world: World) -> None:
    node, torrent, wire = downloading(world)
    torrent.handle.pause(GRACEFUL)
    torrent.handle.resume()
    assert torrent.drain is None
    assert node.alerts(TorrentResumedAlert)
    assert not node.alerts(TorrentPausedAlert)
    answer(wire, CONTENT, INFO.piece_length)
    assert torrent.is_seed
    assert torrent.swarm is not None
    other = call(world, node, 2)
    other.say(HAVE_NONE, INTERESTED)
    assert other.heard("unchoke"), "it serves again"
    other.say(request(0, 0))
    assert other.heard("piece")


@pytest.mark.parametrize("end", ["remove", "recheck", "close"])
def test_other_ends_on_the_way(world: World, end: str) -> None:
    node, torrent, wire = downloading(world)
    torrent.handle.pause(GRACEFUL)
    if end == "remove":
        node.session.remove_torrent(torrent.handle)
    elif end == "recheck":
        torrent.handle.force_recheck()
    else:
        node.session.close()
    world.advance(1)
    assert wire.is_closed
    assert torrent.swarm is None
    world.check()
