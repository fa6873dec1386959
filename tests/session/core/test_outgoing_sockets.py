from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest
from evtorrent.listener.interfaces import Interface
from evtorrent.reactor.sim import Link, SimWorld
from evtorrent.session import PeerSource
from evtorrent.session.alerts import PeerBlockedAlert, PeerConnectAlert, PeerDisconnectedAlert
from evtorrent.session.alerts.peer import BlockedReason
from evtorrent.session.flags import SocketType
from support.sessions import Content, Member
from support.sim_swarm import SimContent, SimPeer
from support.waiting import wait_for
from support.web_server import WebServer
from support.world import Wire, World, torrent_of

INTERFACES = [
    Interface("eth0", "10.0.0.1", 24),
    Interface("eth0", "fe80::1%eth0", 64),
    Interface("eth0", "2001:db8::1", 64),
    Interface("tun0", "10.8.0.1", 24),
]


@pytest.fixture
def world():
    return World()


def dialled(world, *peers, **settings):
    """(node, torrent, what its sockets were bound to) after all peers were dialled."""
    node = world.node(**settings)
    node.core.outgoing._interfaces = lambda: INTERFACES
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    for peer in peers:
        Wire(world, torrent.info_hashes.best(), host=peer, peer_id=peer.ljust(20).encode()).listen()
        torrent.connect_peer((peer, 6881), PeerSource.tracker)
        world.pump()
    return node, torrent, node.platform.sources


def test_by_default_nothing_is_bound(world):
    assert dialled(world, "10.9.9.1", "10.9.9.2")[2] == [None, None]


def test_ports_are_used_in_turn(world):
    sources = dialled(world, "10.9.9.1", "10.9.9.2", "2001:db8::9", outgoing_port=7000, num_outgoing_ports=1)[
        2
    ]
    assert sources == [("0.0.0.0", 7000), ("0.0.0.0", 7001), ("::", 7000)]


def test_addresses_and_devices_are_used_in_turn(world):
    node, torrent, sources = dialled(
        world, *(f"10.9.9.{number}" for number in range(1, 5)), outgoing_interfaces="192.0.2.5, tun0,,eth0"
    )
    assert sources == [("192.0.2.5", 0), ("10.8.0.1", 0), ("10.0.0.1", 0), ("192.0.2.5", 0)]
    options = [link.transport.query("socket").options for link in torrent.swarm.links]
    device = (socket.SOL_SOCKET, getattr(socket, "SO_BINDTODEVICE", 25))
    bound = [[value for level, name, value in each if (level, name) == device] for each in options]
    assert bound == [[], [b"tun0"], [b"eth0"], []]
    node.session.apply_settings({"outgoing_interfaces": "eth0", "outgoing_port": 9000})
    torrent.connect_peer(("10.9.9.9", 6881), PeerSource.tracker)
    world.pump()
    assert sources[-1] == ("10.0.0.1", 9000)


def test_of_a_device_the_address_of_the_peers_family_is_used(world):
    assert dialled(world, "2001:db8::9", outgoing_interfaces="eth0")[2] == [("2001:db8::1", 0)]


@pytest.mark.parametrize("name", ["eth7", "tun0"])
def test_without_such_a_device_the_connection_fails(world, name):
    node, _torrent, sources = dialled(world, "2001:db8::9", outgoing_interfaces=name)
    (alert,) = node.alerts(PeerDisconnectedAlert)
    assert alert.error.value == errno.ENODEV
    assert sources == []
    world.check()


def test_a_peer_that_came_in_elsewhere_is_refused(world):
    node, torrent, _ = dialled(world, outgoing_interfaces="tun0")
    name = torrent.info_hashes.best()
    wire = Wire(world, name).call(node, handshake=False)
    assert wire.is_closed
    (alert,) = node.alerts(PeerBlockedAlert)
    assert (alert.endpoint, alert.reason) == (wire.sock.name, BlockedReason.invalid_local_interface)
    assert node.core.gate.num_open == 0
    node.session.apply_settings({"outgoing_interfaces": f"tun0,{node.host}"})
    assert not Wire(world, name).call(node).is_closed
    node.session.apply_settings({"outgoing_interfaces": ""})
    assert node.core.outgoing.allows("203.0.113.9")


def test_an_address_of_a_named_device_is_allowed(world):
    outgoing = dialled(world, outgoing_interfaces="tun0,192.0.2.5")[0].core.outgoing
    assert [outgoing.allows(host) for host in ("10.8.0.1", "192.0.2.5", "10.0.0.1", "0.0.0.0")] == [
        True,
        True,
        False,
        False,
    ]


def test_web_seeds_are_asked_from_there_too(tmp_path):
    content = Content(50_000)
    with WebServer() as server, Member({"outgoing_interfaces": "127.0.0.77"}) as member:
        server.offer(content.info, content.data)
        handle = member.add(content, tmp_path, url_seeds=[server.url])
        member.finish(handle)
        wait_for(lambda: server.requests)
        assert set(server.clients) == {"127.0.0.77"}


# -- uTP, in the simulator


@pytest.fixture
def sim() -> Iterator[SimWorld]:
    with SimWorld(1) as world:
        yield world


def two(sim: SimWorld, seed: dict[str, object], **leech: object) -> tuple[SimPeer, SimPeer]:
    content = SimContent(100_000, 16_384)
    settings = {"in_enc_policy": 2, "out_enc_policy": 2, "enable_outgoing_utp": True, "alert_mask": -1}
    one = SimPeer(sim.host("seed", link=Link(delay=0.01)), content, is_seed=True, **{**settings, **seed})
    other = SimPeer(sim.host("leech", link=Link(delay=0.01)), content, **{**settings, **leech})
    one.start()
    other.start()
    sim.run_for(0.5)
    other.handle.connect_peer(one.address, PeerSource.tracker)
    sim.run_for(3.0)
    return one, other


def connected(peer: SimPeer) -> list[SocketType]:
    return [each.socket_type for each in peer.collect() if isinstance(each, PeerConnectAlert)]


@pytest.mark.parametrize(
    ("listen", "expected"), [("0.0.0.0:6881", SocketType.tcp), ("sim0:6881", SocketType.utp)]
)
def test_utp_leaves_from_sockets_bound_there(sim: SimWorld, listen: str, expected: SocketType) -> None:
    _seed, leech = two(sim, {}, outgoing_interfaces="sim0", listen_interfaces=listen)
    assert connected(leech) == [expected]


def test_utp_that_comes_in_elsewhere_is_refused(sim: SimWorld) -> None:
    seed, leech = two(sim, {"outgoing_interfaces": "192.0.2.1", "listen_interfaces": "sim0:6881"})
    assert connected(leech) == []
    refused = [each.reason for each in seed.collect() if isinstance(each, PeerBlockedAlert)]
    assert set(refused) == {BlockedReason.invalid_local_interface}
