from __future__ import annotations

import pytest
from evtorrent.session.alerts import PeerDisconnectedAlert
from evtorrent.session.close_reason import CloseReason
from evtorrent.session.torrent.choked_requests import GRACE
from support.world import BLOCK, HAVE_NONE, INTERESTED, Wire, World, request, torrent_of


@pytest.fixture
def world():
    return World()


def caller(world, **settings):
    """(node, torrent, a peer that is choked and has been for a while)."""
    node = world.node(unchoke_slots_limit=0, max_rejects=5, **settings)
    info, content = torrent_of(20)
    torrent = node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_NONE, INTERESTED)
    world.advance(GRACE + 0.5)
    wire.heard()
    return node, torrent, wire


def reasons(node):
    return [alert.reason for alert in node.alerts(PeerDisconnectedAlert)]


def test_more_requests_than_allowed_end_a_choked_peer(world):
    node, _torrent, wire = caller(world, allowed_fast_set_size=0)
    wire.say(*[request(1, 0)] * 2)
    wire.say(*[request(2, 0)] * 3)
    assert len(wire.heard("reject")) == 5
    assert not wire.is_closed
    wire.say(request(3, 0))
    assert wire.is_closed
    assert reasons(node) == [CloseReason.request_when_choked]
    world.check()


def test_the_limit_may_change(world):
    node, _torrent, wire = caller(world, allowed_fast_set_size=0)
    node.session.apply_settings({"max_rejects": 0})
    wire.say(request(1, 0))
    assert wire.is_closed


def test_a_request_that_is_granted_begins_a_new_row(world):
    _node, torrent, wire = caller(world, allowed_fast_set_size=1)
    (link,) = torrent.swarm.links
    (fast,) = link.user_data["allowed_fast"]
    other = 0 if fast else 1
    for _ in range(3):
        wire.say(*[request(other, 0)] * 3, request(fast, 0))
    assert wire.heard("piece") == [("piece", fast, 0, BLOCK)] * 3
    assert not wire.is_closed


def test_an_unchoke_begins_a_new_row(world):
    node, torrent, wire = caller(world, allowed_fast_set_size=0)
    (link,) = torrent.swarm.links
    wire.say(*[request(1, 0)] * 5)
    link.choke(False, world.now)
    link.choke(True, world.now)
    world.advance(GRACE + 0.5)
    wire.say(*[request(1, 0)] * 5)
    assert not wire.is_closed
    wire.say(request(1, 0))
    assert reasons(node) == [CloseReason.request_when_choked]


def test_requests_under_way_when_we_choked_do_not_count(world):
    _node, torrent, wire = caller(world, allowed_fast_set_size=0)
    (link,) = torrent.swarm.links
    link.choke(False, world.now)
    world.pump()
    link.choke(True, world.now)
    wire.say(*[request(1, 0)] * 50)
    assert len(wire.heard("reject")) == 50
    assert not wire.is_closed
