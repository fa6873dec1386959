from __future__ import annotations

import pytest
from evtorrent.session import IpFilter, PeerSource, PortFilter, TorrentFlags
from evtorrent.session.alerts import BlockedReason, PeerBlockedAlert, PeerDisconnectedAlert
from evtorrent.session.close_reason import CloseReason
from support.sam_kit import destination
from support.world import Wire, World, torrent_of


@pytest.fixture
def scene():
    """(world, node, torrent) of somebody who looks for peers."""
    world = World()
    node = world.node()
    info, _ = torrent_of(4)
    torrent = node.add(info)
    world.pump()
    node.forget_alerts()
    return world, node, torrent


def blocked(node):
    return [(alert.endpoint, alert.reason) for alert in node.alerts(PeerBlockedAlert)]


def ports(first, last):
    chosen = PortFilter()
    chosen.add_rule(first, last, PortFilter.BLOCKED)
    return chosen


def hosts(host, flags=IpFilter.BLOCKED):
    chosen = IpFilter()
    chosen.add_rule(host, host, flags)
    return chosen


def test_peers_at_forbidden_ports_are_not_remembered(scene):
    _world, node, torrent = scene
    node.session.set_port_filter(ports(1, 1023))
    assert node.session.get_port_filter().is_blocked(80)
    torrent.peers_found([("1.2.3.4", 80), ("1.2.3.5", 6881)], PeerSource.tracker)
    assert torrent.peers.addresses() == [("1.2.3.5", 6881)]
    assert blocked(node) == [(("1.2.3.4", 80), BlockedReason.port_filter)]
    assert node.alerts(PeerBlockedAlert)[0].handle == torrent.handle


def test_nor_dialled_by_hand(scene):
    world, node, torrent = scene
    Wire(world, torrent.wire_name, host="1.2.3.4").listen(80)
    node.session.set_port_filter(ports(80, 80))
    torrent.handle.connect_peer(("1.2.3.4", 80))
    world.pump()
    assert torrent.handle.status().num_connections == 0
    assert blocked(node)[0] == (("1.2.3.4", 80), BlockedReason.port_filter)


def test_a_new_filter_ends_what_we_dialled_and_forgets_the_rest(scene):
    world, node, torrent = scene
    wire = Wire(world, torrent.wire_name, host="1.2.3.4").listen(80)
    guest = Wire(world, torrent.wire_name, host="1.2.3.9", peer_id=b"-XX0000-" + b"9" * 12)
    torrent.handle.connect_peer(("1.2.3.4", 80))
    world.pump()
    guest.call(node)
    assert torrent.handle.status().num_connections == 2
    node.session.set_port_filter(ports(1, 65535))
    world.pump()
    assert wire.is_closed
    assert not guest.is_closed, "who calls us may have any port"
    (end,) = node.alerts(PeerDisconnectedAlert)
    assert end.reason is CloseReason.port_blocked
    node.session.set_port_filter(PortFilter())
    assert not node.session.get_port_filter().is_blocked(80)
    world.check()


def test_hosts_are_told_whichever_way_they_come(scene):
    world, node, torrent = scene
    node.session.set_ip_filter(hosts("1.2.3.4"))
    torrent.peers_found([("1.2.3.4", 6881)], PeerSource.tracker)
    torrent.handle.connect_peer(("1.2.3.4", 6882))
    assert Wire(world, torrent.wire_name, host="1.2.3.4").call(node, handshake=False).is_closed
    assert blocked(node) == [
        (("1.2.3.4", 6881), BlockedReason.ip_filter),
        (("1.2.3.4", 6882), BlockedReason.ip_filter),
        (("1.2.3.4", 0), BlockedReason.ip_filter),
    ]
    assert not node.alerts(PeerBlockedAlert)[2].handle.is_valid()


def test_only_the_flag_that_means_it_blocks(scene):
    _world, node, torrent = scene
    node.session.set_ip_filter(hosts("1.2.3.4", flags=2))
    torrent.peers_found([("1.2.3.4", 6881)], PeerSource.tracker)
    assert blocked(node) == []
    assert not node.core.is_blocked("1.2.3.4")
    assert len(torrent.peers) == 1


def test_ports_that_are_none_are_not_judged(scene):
    _world, node, _torrent = scene
    node.session.set_port_filter(ports(0, 65535))
    assert not node.core.blocking.is_port_blocked(("1.2.3.4", 70000))
    assert node.core.blocking.is_port_blocked(("1.2.3.4", 0))


def test_privileged_ports_are_refused_when_asked_for(scene):
    _world, node, torrent = scene
    node.session.apply_settings({"no_connect_privileged_ports": True})
    torrent.peers_found([("1.2.3.4", 1023), ("1.2.3.5", 1024)], PeerSource.tracker)
    assert torrent.peers.addresses() == [("1.2.3.5", 1024)]
    assert blocked(node) == [(("1.2.3.4", 1023), BlockedReason.privileged_ports)]


def test_i2p_has_no_ports(scene):
    _world, node, torrent = scene
    torrent.handle.set_flags(TorrentFlags.i2p_torrent)
    node.session.apply_settings({"no_connect_privileged_ports": True})
    node.session.set_port_filter(ports(0, 65535))
    there = (destination(1).name, 0)
    assert not node.core.blocking.refuses(torrent, there)
    assert not node.core.blocking.is_port_blocked(there)
    torrent.peers_found([there, ("1.2.3.4", 7000)], PeerSource.tracker)
    assert [peer.address for peer in torrent.peers] == [there]
    assert blocked(node) == [(("1.2.3.4", 7000), BlockedReason.i2p_mixed)]
