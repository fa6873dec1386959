from __future__ import annotations

import pytest
from evtorrent.protocols.peer.priority import peer_priority
from evtorrent.session import PeerSource
from evtorrent.session.core.external_ip import IpSource
from support.world import Wire, World, torrent_of


def hosts(count, first=1):
    return [(f"10.7.{number // 250}.{number % 250 + 1}", 6881) for number in range(first, first + count)]


def stage(**settings):
    world = World()
    node = world.node(**settings)
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    world.black_holes.update(host for host, _ in hosts(400))
    return world, node, torrent


def test_the_first_peers_are_dialled_at_once():
    _world, node, torrent = stage(torrent_connect_boost=5)
    torrent.peers_found(hosts(20), PeerSource.tracker)
    assert len(torrent.swarm.links) == 5
    assert node.core.statistics()["peer.connection_attempts"] == 5


def test_boost_ends_with_the_candidates():
    _world, _node, torrent = stage()
    torrent.peers_found(hosts(3), PeerSource.tracker)
    assert len(torrent.swarm.links) == 3


def test_order_is_canonical_once_our_address_is_known():
    """BEP 40."""
    _world, node, torrent = stage(torrent_connect_boost=5)
    node.core.external_address("198.51.100.7", IpSource.TRACKER, "tracker.example")
    torrent.peers_found(hosts(60), PeerSource.tracker)
    canonical = sorted(hosts(60), key=lambda peer: peer_priority(("198.51.100.7", 0), peer), reverse=True)
    assert [link.peer.address for link in torrent.swarm.links] == canonical[:5] != hosts(5)


def test_speed_bounds_what_is_dialled_a_second():
    world, _node, torrent = stage(torrent_connect_boost=0, connection_speed=4)
    torrent.peers_found(hosts(100), PeerSource.tracker)
    assert not torrent.swarm.links
    world.advance(5)
    assert len(torrent.swarm.links) == pytest.approx(20, abs=4)


def test_an_idle_time_gives_one_second_of_speed_at_most():
    world, _node, torrent = stage(torrent_connect_boost=0, connection_speed=4)
    world.advance(60)
    torrent.peers_found(hosts(100), PeerSource.tracker)
    world.advance(0.5)
    assert len(torrent.swarm.links) <= 6


def test_speed_below_zero_is_without_limit():
    world, _node, torrent = stage(torrent_connect_boost=0, connection_speed=-1)
    torrent.peers_found(hosts(60), PeerSource.tracker)
    world.advance(0.5)
    assert len(torrent.swarm.links) == 60


def test_no_speed_dials_nobody():
    world, _node, torrent = stage(torrent_connect_boost=0, connection_speed=0)
    torrent.peers_found(hosts(10), PeerSource.tracker)
    world.advance(5)
    assert not torrent.swarm.links


def test_only_so_many_are_half_open():
    world, node, torrent = stage(torrent_connect_boost=0, connection_speed=500)
    torrent.peers_found(hosts(300), PeerSource.tracker)
    world.advance(2)
    assert len(torrent.swarm.links) == 100
    assert node.core.statistics()["peer.num_peers_half_open"] == 100


def test_the_limit_of_the_session_holds():
    world, node, torrent = stage(connections_limit=7)
    torrent.peers_found(hosts(50), PeerSource.tracker)
    world.advance(3)
    assert len(torrent.swarm.links) == node.core.connector.num_links == 7
    assert not node.core.connector.has_room()


def test_the_limit_of_the_torrent_holds():
    world, _node, torrent = stage()
    torrent.max_connections = 3
    torrent.peers_found(hosts(50), PeerSource.tracker)
    world.advance(3)
    assert len(torrent.swarm.links) == 3


def test_torrents_take_turns():
    world, node, torrent = stage(torrent_connect_boost=0, connection_speed=10)
    other = node.add(torrent_of(3, name="other")[0])
    world.pump()
    torrent.peers_found(hosts(50), PeerSource.tracker)
    other.peers_found(hosts(50, 60), PeerSource.tracker)
    world.advance(2)
    assert abs(len(torrent.swarm.links) - len(other.swarm.links)) <= 1
    assert other.swarm.links


@pytest.mark.parametrize("with_utp", [False, True])
def test_without_outgoing_tcp_nobody_is_dialled(with_utp):
    """Nor with uTP, while there is no socket for it."""
    world, node, torrent = stage(enable_outgoing_tcp=False, enable_outgoing_utp=with_utp)
    torrent.peers_found(hosts(5), PeerSource.tracker)
    torrent.connect_peer(("10.7.9.9", 6881), PeerSource.tracker)
    world.advance(3)
    assert not torrent.swarm.links
    assert node.core.statistics()["peer.connection_attempts"] == 0


def test_a_torrent_that_is_paused_or_checked_dials_nobody():
    world, node, torrent = stage()
    node.platform.holds_disk = True
    torrent.recheck()
    torrent.peers_found(hosts(5), PeerSource.tracker)
    world.advance(2)
    assert not torrent.swarm.links
    node.platform.holds_disk = False
    world.advance(1)
    assert len(torrent.swarm.links) == 5
    torrent.pause()
    assert node.core.connector.num_links == 0
    world.advance(3)
    assert node.core.connector.num_links == 0
    node.core.connector.boost(torrent, world.now)
    assert torrent.swarm is None


def test_a_dead_peer_is_tried_again_after_its_rest_and_then_given_up():
    world, node, torrent = stage(min_reconnect_time=10, max_failcount=2, peer_connect_timeout=5)
    torrent.peers_found(hosts(1), PeerSource.tracker)
    counts = node.core.counters
    world.advance(4)
    assert counts["peer.connection_attempts"] == 1
    world.advance(2)
    assert counts["peer.connect_timeouts"] == 1
    world.advance(17)
    assert counts["peer.connection_attempts"] == 1
    world.advance(10)
    assert counts["peer.connection_attempts"] == 2
    world.advance(200)
    assert counts["peer.connection_attempts"] == 2
    assert counts["peer.error_outgoing_peers"] == 2


def test_num_links_follows_coming_and_going():
    world, node, torrent = stage()
    wire = Wire(world, torrent.info_hashes.best()).call(node)
    assert node.core.connector.num_links == 1
    wire.hang_up()
    assert node.core.connector.num_links == 0


def swarms_of_each_kind(**settings):
    """(world, node, a download, a seed), each with more peers to dial than there are turns."""
    world, node, download = stage(torrent_connect_boost=0, **settings)
    seed = node.seed(*torrent_of(3, name="seed"))
    download.peers_found(hosts(100), PeerSource.tracker)
    seed.peers_found(hosts(100, 150), PeerSource.tracker)
    return world, node, download, seed


@pytest.mark.parametrize("every", [0, 1, 4])
def test_one_attempt_in_so_many_is_a_seeds(every):
    """`connect_seed_every_n_download`; with 0 downloads wait for seeds."""
    world, node, download, seed = swarms_of_each_kind(connect_seed_every_n_download=10_000)
    assert not seed.swarm.links
    node.session.apply_settings({"connect_seed_every_n_download": every, "connection_speed": 20})
    before = len(download.swarm.links)
    world.advance(2)
    dialled = len(download.swarm.links) - before
    assert len(seed.swarm.links) + dialled == pytest.approx(40, abs=10)
    assert dialled == pytest.approx(every * len(seed.swarm.links), abs=every)


@pytest.mark.parametrize(("is_smooth", "expected"), [(True, [4, 6, 7, 8, 8]), (False, [8, 8, 8, 8, 8])])
def test_the_nearer_the_limit_the_fewer_are_dialled_at_once(is_smooth, expected):
    world, _node, torrent = stage(
        torrent_connect_boost=0, connection_speed=100, connections_limit=8, smooth_connects=is_smooth
    )
    torrent.peers_found(hosts(50), PeerSource.tracker)
    found = []
    for _ in expected:
        world.advance(0.5)
        found.append(len(torrent.swarm.links))
    assert found == expected


def test_finished_torrents_wait_to_be_called_when_told_to():
    """`seeding_outgoing_connections`."""
    world, node, download, seed = swarms_of_each_kind(seeding_outgoing_connections=False)
    node.session.apply_settings({"torrent_connect_boost": 5})
    seed.peers_found(hosts(5, 300), PeerSource.tracker)
    seed.connect_peer(hosts(1, 310)[0], PeerSource.tracker)
    world.advance(2)
    assert download.swarm.links
    assert not seed.swarm.links
    Wire(world, seed.info_hashes.best()).call(node)
    assert len(seed.swarm.links) == 1
    node.session.apply_settings({"seeding_outgoing_connections": True})
    world.advance(5)
    assert len(seed.swarm.links) > 1


def test_privileged_ports_are_left_alone_when_asked_for():
    world, node, torrent = stage(no_connect_privileged_ports=True)
    torrent.peers_found([("10.7.0.1", 1023), ("10.7.0.2", 1024)], PeerSource.tracker)
    assert [link.address for link in torrent.swarm.links] == [("10.7.0.2", 1024)]
    node.session.apply_settings({"no_connect_privileged_ports": False})
    torrent.peers_found([("10.7.0.3", 1023)], PeerSource.tracker)
    assert len(torrent.swarm.links) == 2
    world.check()
