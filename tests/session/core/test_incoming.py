from __future__ import annotations

import pytest
from evtorrent.listener.gate import Verdict
from evtorrent.protocols.transport import memory_pair
from evtorrent.session import IpFilter, TorrentFlags
from evtorrent.session.alerts import IncomingConnectionAlert, PeerConnectAlert
from evtorrent.session.core.peer_transports import I2P_BASE
from support.sam_kit import destination
from support.world import HAVE_ALL, HAVE_NONE, Wire, World, torrent_of


@pytest.fixture
def world():
    return World()


@pytest.fixture
def info_and_content():
    return torrent_of(2)


def test_a_handshake_names_the_torrent(world, info_and_content):
    info, content = info_and_content
    node = world.node()
    torrent = node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node)
    assert wire.heard()[0] == ("have_all",)
    assert wire.their_handshake.info_hash == info.info_hashes.best()
    assert len(torrent.swarm.links) == 1
    assert not node.core.lobby.links
    assert [alert.endpoint for alert in node.alerts(IncomingConnectionAlert)] == [("10.9.9.1", 41001)]
    assert len(node.alerts(PeerConnectAlert)) == 1
    assert node.core.gate.num_open == 1
    wire.hang_up()
    assert node.core.gate.num_open == 0


def test_what_comes_behind_the_handshake_is_heard(world, info_and_content):
    info, content = info_and_content
    node = world.node()
    torrent = node.seed(info, content, flags=TorrentFlags(0))
    node.session.apply_settings({"close_redundant_connections": False})
    wire = Wire(world, info.info_hashes.best()).call(node, handshake=False)
    wire.say(wire.handshake.pack() + HAVE_ALL)
    (link,) = torrent.swarm.links
    assert link.is_seed


def test_a_torrent_nobody_has(world, info_and_content):
    info, content = info_and_content
    node = world.node()
    node.seed(info, content)
    wire = Wire(world, bytes(20)).call(node)
    assert wire.is_closed
    assert wire.heard() == []
    assert node.core.gate.num_open == 0
    assert node.core.statistics()["peer.disconnected_peers"] == 1


def test_a_torrent_that_is_paused(world, info_and_content):
    info, _ = info_and_content
    node = world.node()
    node.add(info, start=False)
    assert Wire(world, info.info_hashes.best()).call(node).is_closed
    assert node.core.gate.num_open == 0


def test_a_torrent_that_is_being_checked_takes_nobody(world, info_and_content):
    info, content = info_and_content
    node = world.node()
    node.platform.holds_disk = True
    torrent = node.add(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node)
    assert wire.is_closed
    node.platform.holds_disk = False
    world.pump()
    assert torrent.is_seed
    assert not Wire(world, info.info_hashes.best()).call(node).is_closed


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", b"\x13BitTorrent protocox", b"\x00" * 80])
def test_strangers_are_refused_at_the_first_wrong_byte(world, sent):
    node = world.node()
    wire = Wire(world, bytes(20)).call(node, handshake=False)
    wire.say(sent)
    assert wire.is_closed
    assert node.core.gate.num_open == 0
    assert node.core.statistics()["peer.error_incoming_peers"] == 1


def test_one_that_never_speaks_is_ended(world):
    node = world.node(handshake_timeout=10)
    first = Wire(world, bytes(20)).call(node, handshake=False)
    world.advance(6)
    second = Wire(world, bytes(20), host="10.9.9.2").call(node, handshake=False)
    world.advance(5)
    assert first.is_closed
    assert not second.is_closed
    assert node.core.statistics()["peer.connect_timeouts"] == 1
    world.advance(6)
    assert second.is_closed
    assert node.core.gate.num_open == 0


def test_a_stranger_that_hangs_up(world):
    node = world.node()
    wire = Wire(world, bytes(20)).call(node, handshake=False)
    assert node.core.gate.num_open == 1
    wire.hang_up()
    assert node.core.gate.num_open == 0
    counts = node.core.statistics()
    assert counts["peer.eof_peers"] == 1
    assert counts["peer.num_tcp_peers"] == 0


def test_bytes_of_strangers_count(world):
    node = world.node()
    Wire(world, bytes(20)).call(node, handshake=False).say(b"\x13Bit").hang_up()
    world.advance(1)
    assert node.core.statistics()["net.recv_bytes"] == 4


def test_strangers_count_towards_the_limit_of_connections(world, info_and_content):
    info, content = info_and_content
    node = world.node(connections_limit=2, connections_slack=1)
    node.seed(info, content)
    Wire(world, info.info_hashes.best()).call(node)
    for host in ("10.9.9.2", "10.9.9.3"):
        assert not Wire(world, bytes(20), host=host).call(node, handshake=False).is_closed
    assert Wire(world, bytes(20), host="10.9.9.4").call(node, handshake=False).is_closed
    assert node.core.gate.num_open == 3
    assert node.core.statistics()["peer.too_many_peers"] == 1


def test_a_full_torrent(world, info_and_content):
    info, content = info_and_content
    node = world.node()
    torrent = node.seed(info, content)
    torrent.max_connections = 1
    assert not Wire(world, info.info_hashes.best()).call(node).is_closed
    other = Wire(world, info.info_hashes.best(), host="10.9.9.2", peer_id=b"-XX0000-abcdefghijkl").call(node)
    assert other.is_closed
    assert node.core.gate.num_open == 1
    assert node.core.statistics()["peer.too_many_peers"] == 1


def test_a_full_session(world, info_and_content):
    info, content = info_and_content
    node = world.node(connections_limit=2)
    node.seed(info, content)
    early = Wire(world, info.info_hashes.best()).call(node, handshake=False)
    other = Wire(world, info.info_hashes.best(), host="10.9.9.2", peer_id=b"-XX0000-abcdefghijkl").call(node)
    node.session.apply_settings({"connections_limit": 2})
    node.core.tuning.connections_limit = 1
    early.say(early.handshake.pack())
    assert early.is_closed
    assert not other.is_closed


def test_closing_ends_strangers(world):
    node = world.node()
    wire = Wire(world, bytes(20)).call(node, handshake=False)
    node.session.close()
    world.pump()
    assert wire.is_closed
    assert node.session.is_closed
    late = Wire(world, bytes(20), host="10.9.9.2").call(node, handshake=False)
    assert late.is_closed


def test_a_paused_session_takes_nobody(world, info_and_content):
    info, content = info_and_content
    node = world.node()
    node.seed(info, content)
    node.session.pause()
    wire = Wire(world, info.info_hashes.best()).call(node, handshake=False)
    assert wire.is_closed
    assert node.core.gate.num_open == 0
    node.session.resume()
    world.pump()
    assert Wire(world, info.info_hashes.best()).call(node).heard("have_all", "have_none") == [("have_all",)]


def test_an_incomplete_torrent_says_what_it_has(world, info_and_content):
    info, content = info_and_content
    node = world.node()
    node.add(info, content, pieces=[1])
    world.pump()
    assert Wire(world, info.info_hashes.best()).call(node).heard()[0] == ("bitfield", b"\x40")
    other = world.node()
    other.add(info)
    world.pump()
    wire = Wire(world, info.info_hashes.best()).call(other)
    assert wire.heard()[0] == ("have_none",)
    wire.say(HAVE_NONE)
    assert not wire.is_closed


def test_a_filter_set_before_the_handshake_came(world):
    node = world.node()
    info, content = torrent_of(2)
    torrent = node.seed(info, content)
    wire = Wire(world, info.info_hashes.best()).call(node, handshake=False)
    blocked = IpFilter()
    blocked.add_rule(wire.host, wire.host, 1)
    node.session.set_ip_filter(blocked)
    wire.say(wire.handshake.pack())
    assert wire.is_closed
    assert not torrent.swarm.links


def test_strangers_on_i2p_have_more_time(world):
    node = world.node(handshake_timeout=10)
    core, name = node.core, destination(1).name
    near, far = memory_pair(core.base)
    assert core.gate.admit(name) is Verdict.ADMIT
    core.lobby.admit_transport(near, (name, 0), base=I2P_BASE)
    other = Wire(world, bytes(20)).call(node, handshake=False)
    world.advance(12)
    assert other.is_closed
    assert not near.is_closed
    world.advance(30)
    assert near.is_closed
    assert core.gate.num_open == 0
    far.abort()
