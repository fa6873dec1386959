from __future__ import annotations

import pytest
from evtorrent.session import PeerSource
from evtorrent.session.torrent.peer_link import ReadBlock
from support.world import HAVE_ALL, INTERESTED, UNCHOKE, Wire, World, request, torrent_of

KIB = 1024


def download(up=0, down=0, *, pieces=40, torrent_limits=(0, 0)):
    """A seed and a leech, limited as told; (world, seed's node, leech's node, torrent)."""
    world = World()
    a = world.node(upload_rate_limit=up)
    b = world.node(download_rate_limit=down)
    info, content = torrent_of(pieces)
    a.seed(info, content)
    torrent = b.add(info, download_limit=torrent_limits[1], upload_limit=torrent_limits[0])
    world.pump()
    torrent.connect_peer(a.address, PeerSource.tracker)
    world.pump()
    return world, a, b, torrent


def received(node):
    return node.core.statistics()["net.recv_bytes"]


def test_without_limits_links_have_no_quota():
    world, a, _b, torrent = download()
    assert torrent.is_seed
    (torrent,) = a.core.active
    Wire(world, torrent.info_hashes.best()).call(a)
    assert [link.quota for link in torrent.swarm.links] == [None]


@pytest.mark.parametrize(
    "limits", [{"up": 100 * KIB}, {"down": 100 * KIB}, {"torrent_limits": (0, 100 * KIB)}]
)
def test_a_limit_is_kept_and_used(limits):
    world, _a, b, torrent = download(**limits)
    world.advance(4, step=0.1)
    start = received(b)
    world.advance(5, step=0.1)
    assert (received(b) - start) / 5 == pytest.approx(100 * KIB, rel=0.1)
    world.advance(10, step=0.1)
    assert torrent.is_seed
    world.check()


def test_a_limit_costs_few_wake_ups():
    world, a, b, _torrent = download(down=100 * KIB)
    before = b.platform.num_polls
    world.advance(5, step=0.1)
    assert b.platform.num_polls - before < 1500
    assert a.multi.timeout() != 0 != b.multi.timeout()


def test_both_limits_at_once_the_tighter_one_counts():
    world, _a, b, _torrent = download(up=400 * KIB, down=100 * KIB)
    world.advance(4, step=0.1)
    start = received(b)
    world.advance(5, step=0.1)
    assert (received(b) - start) / 5 == pytest.approx(100 * KIB, rel=0.15)


def test_a_limit_taken_away_frees_those_that_wait():
    world, _a, b, torrent = download(down=20 * KIB)
    world.advance(1, step=0.1)
    assert not torrent.is_seed
    (link,) = torrent.swarm.links
    assert link.transport.read_suspended & ReadBlock.BANDWIDTH
    b.session.apply_settings({"download_rate_limit": 0})
    assert not link.transport.read_suspended
    assert link.quota is None
    world.pump()
    assert torrent.is_seed


def test_an_upload_limit_taken_away_frees_those_that_wait():
    world, a, _b, torrent = download(up=20 * KIB)
    world.advance(1, step=0.1)
    assert not torrent.is_seed
    a.session.apply_settings({"upload_rate_limit": 0})
    world.pump()
    assert torrent.is_seed


def test_a_limit_set_on_links_that_exist():
    world, _a, b, torrent = download(down=200 * KIB)
    torrent.download_limit = 30 * KIB
    torrent.limits_changed()
    world.advance(3, step=0.1)
    start = received(b)
    world.advance(4, step=0.1)
    assert (received(b) - start) / 4 == pytest.approx(30 * KIB, rel=0.15)
    torrent.download_limit = -1
    torrent.limits_changed()
    world.advance(3, step=0.1)
    assert received(b) - start > 400 * KIB


def test_torrents_share_the_limit_of_the_session():
    world = World()
    a, b = world.node(), world.node(download_rate_limit=100 * KIB)
    c = world.node()
    torrents = []
    for node, name in ((a, "one"), (c, "two")):
        info, content = torrent_of(30, name=name)
        node.seed(info, content)
        torrents.append(b.add(info))
        world.pump()
        torrents[-1].connect_peer(node.address, PeerSource.tracker)
    world.advance(6, step=0.1)
    one, two = (torrent.meters.down.total for torrent in torrents)
    assert one + two == pytest.approx(600 * KIB, rel=0.1)
    assert one == pytest.approx(two, rel=0.25)


def test_a_link_that_goes_while_it_waits_is_forgotten():
    world, _a, b, torrent = download(down=10 * KIB)
    world.advance(0.5, step=0.1)
    quotas = b.core.quotas
    assert quotas.down.num_waiting == 1
    (link,) = torrent.swarm.links
    link.close(RuntimeError("gone"))  # type: ignore[arg-type]
    assert quotas.down.num_waiting == 0
    world.advance(2, step=0.1)
    world.check()


def test_a_torrent_that_stops_loses_its_channels_and_has_them_again():
    world, a, b, torrent = download(torrent_limits=(0, 50 * KIB))
    torrent.pause()
    torrent.resume()
    torrent.connect_peer(a.address, PeerSource.tracker)
    world.pump()
    (link,) = torrent.swarm.links
    assert link.quota is not None
    start = received(b)
    world.advance(4, step=0.1)
    assert (received(b) - start) / 4 == pytest.approx(50 * KIB, rel=0.3)


def test_limits_of_a_torrent_that_does_not_run():
    world = World()
    node = world.node()
    torrent = node.add(torrent_of(2)[0], start=False)
    torrent.upload_limit = 1000
    torrent.limits_changed()
    torrent.upload_limit = -1
    torrent.limits_changed()
    world.check()


def test_a_slab_that_leaves_in_parts():
    world = World()
    node = world.node(upload_rate_limit=50 * KIB)
    info, content = torrent_of(8)
    node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node).say(INTERESTED)
    wire.say(*[request(piece, begin) for piece in range(8) for begin in (0, 16384)])
    got = []
    for _ in range(60):
        world.advance(0.1, step=0.1)
        got += wire.heard("piece")
    assert [message[1:3] for message in got] == [(piece, begin) for piece in range(8) for begin in (0, 16384)]
    assert b"".join(wire.blocks.values()) == content
    assert node.core.statistics()["net.sent_payload_bytes"] == len(content)


def test_a_grant_beside_one_set_aside_is_not_lost():
    """What was set aside for a link is less than it wants now, and the channel holds the rest."""
    world = World()
    node = world.node(upload_rate_limit=100 * KIB)
    info, content = torrent_of(8)
    torrent = node.seed(info, content)
    Wire(world, info.info_hashes.best()).call(node)
    (link,) = torrent.swarm.links
    quotas = node.core.quotas
    channel = node.core.classes.pool.get(0).up
    channel.use(channel.quota)
    assert link.quota.take_up(link, 6000) == 0
    quotas.close()
    quotas.up.handle_timeout(world.now + 1)
    held = int(channel.quota)
    assert held > 50 * KIB
    assert link.quota.take_up(link, 26_000) == 26_000
    assert channel.quota == pytest.approx(held - 20_000, abs=2)
    assert quotas.up.num_waiting == 0


def test_quota_not_used_goes_back():
    world = World()
    node = world.node(upload_rate_limit=1000 * KIB)
    info, content = torrent_of(8)
    node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node).say(INTERESTED)
    wire.sock.limit = 10_000
    world.advance(2)
    wire.say(*[request(piece, begin) for piece in range(3) for begin in (0, 16384)])
    channel = node.core.classes.pool.get(0).up
    assert channel.quota == pytest.approx(channel.limit - 10_000, abs=200)
    world.advance(1)
    assert len(wire.heard("piece")) == 0
    for _ in range(40):
        wire.heard()
        world.advance(0.1, step=0.1)
    assert len(wire.blocks) == 6
    world.check()


def test_closing_disarms_the_timer():
    world, _a, b, _torrent = download(down=10 * KIB)
    b.core.quotas.arm()
    b.core.quotas.close()
    b.core.quotas.close()
    left = received(b)
    world.advance(2, step=0.1)
    assert received(b) == left


def test_a_lost_peer_between_grant_and_wake_up_is_harmless():
    world, a, b, _torrent = download(up=10 * KIB, down=10 * KIB)
    for node in (a, b):
        for link in list(next(iter(node.core.active)).swarm.links):
            link.closed = True
    world.advance(3, step=0.1)
    world.check()


def test_seed_of_nothing_wanted():
    """A limit of upload on a torrent that only downloads costs nothing."""
    world = World()
    node = world.node()
    info, _content = torrent_of(2)
    torrent = node.add(info, upload_limit=5000)
    world.pump()
    wire = Wire(world, info.info_hashes.best()).call(node).say(HAVE_ALL, UNCHOKE)
    assert len(wire.heard("request")) == 4
    (link,) = torrent.swarm.links
    assert link.quota is not None
