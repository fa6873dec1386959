"""Ports for the sockets that listen, who may come in over uTP, and what is left when sockets go."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from evtorrent.protocols.errors import TransportBroken
from evtorrent.protocols.transport.stream import AF_INET, AF_INET6
from evtorrent.protocols.transport.utp_port import UtpPort
from evtorrent.reactor.sim import Link, SimHost, SimWorld
from evtorrent.session import IpFilter
from evtorrent.session.alerts import IncomingConnectionAlert
from evtorrent.session.core.datagrams import overhead_through_proxy, utp_settings
from evtorrent.session.flags import SocketType
from evtorrent.session.settings import SettingsPack
from support.sim_swarm import PORT, SimContent, SimPeer
from support.stream_kit import Listening

CONTENT = SimContent(50_000, 16_384)


@pytest.fixture
def world() -> Iterator[SimWorld]:
    with SimWorld(1) as world:
        yield world


def make_peer(world: SimWorld, name: str = "peer", **settings: Any) -> SimPeer:
    host = world.host(name, link=Link(delay=0.01))
    return SimPeer(host, CONTENT, is_seed=True, alert_mask=-1, **settings)


class Caller:
    """Somebody who speaks uTP and nothing else."""

    def __init__(self, world: SimWorld, name: str = "caller", *addresses: str) -> None:
        self.world = world
        self.host: SimHost = world.host(name, *addresses, link=Link(delay=0.01))
        bind = (self.host.addresses[0], 0)
        self.port = UtpPort.open(self.host.loop, self.host.platform, rng=Random(7), bind=bind)

    def call(self, peer: SimPeer, port: int = PORT) -> Listening:
        user = Listening(self.port.connect((peer.host.addresses[0], port)))
        self.world.run_for(0.5)
        return user


def test_settings() -> None:
    """libtorrent's are milliseconds and percent."""
    settings = utp_settings(
        SettingsPack(
            {
                "utp_target_delay": 50,
                "utp_gain_factor": 1500,
                "utp_min_timeout": 250,
                "utp_syn_resends": 4,
                "utp_fin_resends": 5,
                "utp_num_resends": 6,
                "utp_connect_timeout": 1500,
                "utp_loss_multiplier": 70,
                "utp_cwnd_reduce_timer": 30,
            }
        )
    )
    assert (settings.target_delay, settings.gain_factor, settings.min_timeout) == (0.05, 1500, 0.25)
    assert (settings.syn_resends, settings.fin_resends, settings.num_resends) == (4, 5, 6)
    assert settings.connect_timeout == 1.5
    assert (settings.loss_multiplier, settings.cwnd_reduce_timer) == (0.7, 0.03)


def test_settings_reach_new_connections(world: SimWorld) -> None:
    peer = make_peer(world)
    old = peer.session._core.datagrams.dial(("10.0.0.99", 1)).connection
    peer.session.apply_settings({"utp_target_delay": 42})
    new = peer.session._core.datagrams.dial(("10.0.0.99", 1)).connection
    assert old._settings.target_delay == 0.1
    assert new._settings.target_delay == 0.042


def test_a_stranger_over_utp_is_looked_at_as_one_over_tcp(world: SimWorld) -> None:
    peer, caller = make_peer(world), Caller(world)
    user = caller.call(peer)
    assert user.transport.is_connected
    (link,) = peer.session._core.lobby.links
    assert link.socket_type is SocketType.utp
    (alert,) = [each for each in peer.collect() if isinstance(each, IncomingConnectionAlert)]
    assert alert.socket_type is SocketType.utp
    assert peer.session._core.gate.num_open == 1
    user.transport.close()
    world.run_for(1.0)
    assert peer.session._core.gate.num_open == 0
    assert not peer.session._core.lobby.links


def refuse_incoming(peer: SimPeer, caller: Caller) -> None:
    peer.session.apply_settings({"enable_incoming_utp": False})


def pause(peer: SimPeer, caller: Caller) -> None:
    peer.session.pause()


def block(peer: SimPeer, caller: Caller) -> None:
    rules = IpFilter()
    rules.add_rule(caller.host.addresses[0], caller.host.addresses[0], 1)
    peer.session.set_ip_filter(rules)


@pytest.mark.parametrize("how", [refuse_incoming, pause, block])
def test_who_may_not_come_is_not_answered(world: SimWorld, how: Any) -> None:
    peer, caller = make_peer(world), Caller(world)
    how(peer, caller)
    user = caller.call(peer)
    assert user.heard == []
    assert peer.session._core.datagrams.num_connections == 0
    assert not peer.session._core.lobby.links


def test_between_the_syn_and_the_next_packet_things_may_change(world: SimWorld) -> None:
    """What was answered before is refused when it speaks: with a reset, since it has been told that we are here."""
    peer, caller = make_peer(world), Caller(world)
    user = Listening(caller.port.connect((peer.host.addresses[0], PORT)))
    world.run_until(lambda: peer.session._core.datagrams.num_connections)
    refuse_incoming(peer, caller)
    world.run_for(0.5)
    assert user.heard == ["connected", "closed"]
    assert peer.session._core.gate.num_open == 0


def test_an_endpoint_for_the_local_network_admits_nobody_else(world: SimWorld) -> None:
    peer = make_peer(world, listen_interfaces=f"0.0.0.0:{PORT}l")
    near, far = Caller(world, "near", "10.0.0.77"), Caller(world, "far", "203.0.113.5")
    heard = [caller.call(peer).heard for caller in (near, far)]
    assert heard[1] == []
    assert not peer.session._core.datagrams.can_dial(("203.0.113.5", 1))


def test_a_full_session_ends_it(world: SimWorld) -> None:
    peer, caller = make_peer(world, connections_limit=2, connections_slack=0), Caller(world)
    first, _, last = (caller.call(peer) for _ in range(3))
    assert first.transport.is_connected
    assert not last.transport.is_connected or last.is_ended
    assert peer.session._core.gate.num_open == 2


def test_who_has_no_socket_dials_nobody(world: SimWorld) -> None:
    peer = make_peer(world, listen_interfaces="")
    datagrams = peer.session._core.datagrams
    assert not datagrams.is_open
    assert not datagrams.can_dial(("10.0.0.9", 1))
    with pytest.raises(TransportBroken, match="no UDP socket of that family"):
        datagrams.dial(("10.0.0.9", 1))


def test_the_socket_is_of_the_peers_family(world: SimWorld) -> None:
    host = world.host("both", "10.0.0.50", "fd00::50")
    peer = SimPeer(host, CONTENT, listen_interfaces=f"10.0.0.50:{PORT},[fd00::50]:{PORT}")
    datagrams = peer.session._core.datagrams
    assert datagrams.dial(("10.0.0.9", 1)).local_address == ("10.0.0.50", PORT)
    six = datagrams.dial(("fd00::9", 1))
    assert six.local_address == ("fd00::50", PORT)
    assert six.peer_address == ("fd00::9", 1)
    assert datagrams.num_connections == 2


def test_over_ipv6(world: SimWorld) -> None:
    peers = [
        SimPeer(
            world.host(f"six{index}", f"fd00::{index + 1}", link=Link(delay=0.01)),
            CONTENT,
            is_seed=not index,
            enable_outgoing_utp=True,
            listen_interfaces=f"[fd00::{index + 1}]:{PORT}",
        )
        for index in range(2)
    ]
    for peer in peers:
        peer.start()
    world.run_for(0.5)
    peers[1].handle.connect_peer(peers[0].address)
    assert world.run_until(lambda: peers[1].is_complete, timeout=30, every=0.1)
    (link,) = peers[1].handle._torrent.swarm.links or [None]  # type: ignore[union-attr]
    assert link is None or link.socket_type is SocketType.utp


def test_sockets_for_tls_carry_no_utp_of_ours(world: SimWorld) -> None:
    peer = make_peer(world, listen_interfaces=f"0.0.0.0:{PORT}s")
    assert not peer.session._core.datagrams.can_dial(("10.0.0.9", 1))


def test_a_socket_that_goes_takes_its_connections_along_and_tells_their_peers(world: SimWorld) -> None:
    peer, caller = make_peer(world), Caller(world)
    user = caller.call(peer)
    peer.session.apply_settings({"listen_interfaces": f"0.0.0.0:{PORT + 1}"})
    assert not peer.session._core.lobby.links
    world.run_for(0.1)
    assert user.heard == ["connected", "closed"]
    assert isinstance(user.error.cause, ConnectionResetError)  # type: ignore[union-attr]
    assert caller.call(peer, PORT + 1).transport.is_connected


def test_a_socket_that_stays_keeps_its_connections(world: SimWorld) -> None:
    peer, caller = make_peer(world), Caller(world)
    user = caller.call(peer)
    peer.session.apply_settings({"listen_interfaces": f"0.0.0.0:{PORT},0.0.0.0:{PORT + 1}"})
    world.run_for(0.5)
    assert user.heard == ["connected"]
    assert len(peer.session._core.lobby.links) == 1


def test_the_end_of_the_session_is_told(world: SimWorld) -> None:
    peer, caller = make_peer(world), Caller(world)
    user = caller.call(peer)
    peer.session.close()
    world.run_for(1.0)
    assert user.is_ended or user.error is not None
    assert peer.session.is_closed
    assert not peer.session._core.datagrams.is_open


@pytest.mark.parametrize(
    ("proxy", "family", "overhead"),
    [
        ("10.0.0.1", AF_INET, 20 + 8 + 10),
        ("10.0.0.1", AF_INET6, 20 + 8 + 22),
        ("2001:db8::1", AF_INET, 40 + 8 + 10),
        ("proxy.example", AF_INET6, 40 + 8 + 22),
    ],
)
def test_packets_leave_room_for_the_header_of_a_proxy(
    world: SimWorld, proxy: str, family: int, overhead: int
) -> None:
    assert overhead_through_proxy(proxy, family) == overhead
    peer = make_peer(world, proxy_type=2, proxy_hostname=proxy, proxy_port=1080)
    transport = peer.session._core.datagrams.dial(("10.9.9.9" if family == AF_INET else "2001:db8::9", 1))
    assert transport.connection.packet_size == 1280 - overhead - 20
    transport.abort()
