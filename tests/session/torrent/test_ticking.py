from __future__ import annotations

import pytest
from evtorrent.session.alerts import TorrentPausedAlert
from evtorrent.session.plugins import TorrentPlugin
from evtorrent.session.torrent import ticking
from support.world import HAVE_ALL, UNCHOKE, Wire, World, answer, block, torrent_of


@pytest.fixture
def world():
    return World()


def tick(node, torrent):
    return ticking.tick(torrent, node.core, node.core.base.time(), 1.0)


def leech(world):
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info)
    world.pump()
    return node, torrent, content


def call(world, node, torrent):
    return Wire(world, torrent.info.info_hashes.best(), host="10.9.9.1").call(node)


def test_without_peers_nothing_happens_until_it_is_woken(world):
    node, torrent, _content = leech(world)
    assert tick(node, torrent) is False
    world.advance(3)
    assert torrent not in node.core.lively
    torrent.wake()
    assert torrent in node.core.lively


def test_a_peer_keeps_it_going_and_so_do_rates_until_they_are_nothing(world):
    node, torrent, content = leech(world)
    wire = call(world, node, torrent)
    assert tick(node, torrent) is True
    answer(wire.say(HAVE_ALL, UNCHOKE), content, torrent.info.piece_length)
    wire.hang_up()
    world.pump()
    assert not torrent.swarm.links
    assert tick(node, torrent) is True
    assert torrent.meters.payload_down.rate > 0
    ticks = 1
    while tick(node, torrent):
        ticks += 1
    assert torrent.meters.is_quiet
    assert ticks > 5


def test_moments_of_payload(world):
    node, torrent, content = leech(world)
    clocks = torrent.clocks
    assert tick(node, torrent) is False
    assert (clocks.last_download, clocks.last_upload, clocks.last_seen_complete) == (0, 0, 0)
    wire = call(world, node, torrent).say(HAVE_ALL, UNCHOKE)
    tick(node, torrent)
    assert clocks.last_seen_complete == 0  # Anybody can say so; one who sends has something.
    _, piece, begin, length = next(each for each in wire.heard("request"))
    at = piece * torrent.info.piece_length + begin
    wire.say(block(piece, begin, content[at : at + length]))
    tick(node, torrent)
    now = node.core.wall_time()
    assert clocks.last_download == clocks.last_seen_complete == now
    assert clocks.last_upload == 0


def test_rates_that_change_are_worth_posting(world):
    node, torrent, content = leech(world)
    wire = call(world, node, torrent)
    answer(wire.say(HAVE_ALL, UNCHOKE), content, torrent.info.piece_length)
    torrent.status_changed = False
    node.core.dirty.clear()
    tick(node, torrent)
    assert torrent in node.core.dirty


def test_a_graceful_pause_ends_here(world):
    node, torrent, content = leech(world)
    wire = call(world, node, torrent).say(HAVE_ALL, UNCHOKE)
    torrent.pause(graceful=True)
    assert torrent.drain is not None
    assert not node.alerts(TorrentPausedAlert)
    answer(wire, content, torrent.info.piece_length)
    world.advance(2)
    assert len(node.alerts(TorrentPausedAlert)) == 1
    assert torrent.drain is None


def test_plug_ins_hear_of_every_tick_also_at_rest(world):
    node, torrent, _content = leech(world)
    heard = []

    class Watcher(TorrentPlugin):
        def __init__(self, handle, userdata):
            pass

        def tick(self):
            heard.append(node.core.base.time())

    world.advance(3)
    torrent.handle.add_extension(Watcher)
    world.advance(5)
    assert len(heard) >= 4
