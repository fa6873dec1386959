"""Which way leads to a peer: uTP first where it is allowed, TCP where it is not answered, nothing around a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from evtorrent.protocols.errors import TransportBroken
from evtorrent.protocols.mse import Method
from evtorrent.protocols.peer.connection import PeerConnection
from evtorrent.protocols.transport.race import HEAD_START
from evtorrent.reactor.sim import Link, SimWorld
from evtorrent.session import EncPolicy, PeerSource, ProxyType
from evtorrent.session.alerts import PeerConnectAlert, PeerDisconnectedAlert
from evtorrent.session.core.dialing import dial_peer
from evtorrent.session.flags import SocketType
from support.sim_swarm import SimContent, SimPeer
from support.stream_kit import Listening

DELAY = 0.01
CONTENT = SimContent(100_000, 16_384)
PROXY = ("10.66.0.1", 1080)

PLAIN = {"in_enc_policy": int(EncPolicy.disabled), "out_enc_policy": int(EncPolicy.disabled)}
RC4 = {
    "in_enc_policy": int(EncPolicy.forced),
    "out_enc_policy": int(EncPolicy.forced),
    "allowed_enc_level": 2,
}
WITH_UTP = {"enable_outgoing_utp": True}
ALL = -1


@pytest.fixture
def world() -> Iterator[SimWorld]:
    with SimWorld(1, keep_lines=100_000) as world:
        yield world


class Two:
    """A seed, and a leecher that dials it."""

    def __init__(self, world: SimWorld, seed: dict[str, Any] | None = None, **leech: Any) -> None:
        self.world = world
        link = Link(delay=DELAY)
        self.seed = SimPeer(world.host("seed", link=link), CONTENT, is_seed=True, **{**PLAIN, **(seed or {})})
        self.leech = SimPeer(
            world.host("leech", link=link), CONTENT, **{**PLAIN, **WITH_UTP, "alert_mask": ALL, **leech}
        )
        self.seed.start()
        self.leech.start()
        world.run_for(0.5)
        self.began = world.time()
        self.leech.handle.connect_peer(self.seed.address, PeerSource.tracker)

    def connected(self) -> PeerConnectAlert:
        """How the leecher got there."""
        found: list[PeerConnectAlert] = []

        def look() -> bool:
            found[:] = [each for each in self.leech.collect() if isinstance(each, PeerConnectAlert)]
            return bool(found)

        assert self.world.run_until(look, timeout=60, every=0.01)
        return found[0]

    @property
    def chain(self) -> str:
        (link,) = self.leech.handle._torrent.swarm.links  # type: ignore[union-attr]
        return str(link.transport.query("chain"))

    def download(self) -> None:
        assert self.world.run_until(lambda: self.leech.is_complete, timeout=60, every=0.1)

    @property
    def packets(self) -> list[list[str]]:
        """(time, kind, host, port, >, host, port, …) of what the leecher's host sent."""
        host = self.leech.host.addresses[0]
        rows = [line.split() for line in self.world.trace.lines]
        return [row for row in rows if row[2] == host]


def test_utp_is_preferred_where_both_are_allowed(world: SimWorld) -> None:
    two = Two(world)
    assert two.connected().socket_type is SocketType.utp
    assert two.chain == "utp"
    assert world.time() - two.began < HEAD_START
    two.download()
    assert {row[1] for row in two.packets} == {"udp"}, "TCP was not even tried"


def test_tcp_when_utp_is_not_answered(world: SimWorld) -> None:
    two = Two(world, {"enable_incoming_utp": False})
    assert two.connected().socket_type is SocketType.tcp
    assert two.chain == "tcp"
    assert HEAD_START <= world.time() - two.began < 2 * HEAD_START
    two.download()
    world.run_for(30.0)
    assert two.leech.session._core.datagrams.num_connections == 0


def test_utp_when_tcp_is_refused(world: SimWorld) -> None:
    assert Two(world, {"enable_incoming_tcp": False}).connected().socket_type is SocketType.utp


@pytest.mark.parametrize(("off", "chain"), [("utp", "tcp"), ("tcp", "utp")])
def test_one_way_is_not_allowed(world: SimWorld, off: str, chain: str) -> None:
    two = Two(world, **{f"enable_outgoing_{off}": False})
    two.connected()
    assert two.chain == chain
    two.download()


def test_there_is_no_way_back_to_one_that_is_not_allowed(world: SimWorld) -> None:
    two = Two(world, {"enable_incoming_utp": False}, enable_outgoing_tcp=False)
    world.run_for(30.0)
    assert not [each for each in two.leech.collect() if isinstance(each, PeerConnectAlert)]
    (ended, *_) = [each for each in two.leech.collect() if isinstance(each, PeerDisconnectedAlert)]
    assert "timed out" in ended.message()


@pytest.mark.parametrize(
    ("refuses", "chain"), [({}, "utp+mse"), ({"enable_incoming_utp": False}, "tcp+mse")], ids=["utp", "tcp"]
)
def test_encryption_belongs_to_whichever_wins(world: SimWorld, refuses: dict[str, Any], chain: str) -> None:
    two = Two(world, {**RC4, **refuses}, **RC4)
    two.connected()
    assert two.chain == chain
    (link,) = two.leech.handle._torrent.swarm.links  # type: ignore[union-attr]
    assert link.transport.query("mse_method") is Method.RC4
    two.download()


def test_nothing_goes_around_a_proxy(world: SimWorld) -> None:
    """Datagrams would: with a proxy for peers there is no socket for them, and all packets go to the proxy."""
    two = Two(world, proxy_type=int(ProxyType.http), proxy_hostname=PROXY[0], proxy_port=PROXY[1])
    world.run_for(5.0)
    assert two.chain == "http_connect+tcp"
    assert not two.leech.session._core.datagrams.is_open
    assert two.packets
    assert {(row[1], row[5], row[6]) for row in two.packets} == {("syn", PROXY[0], str(PROXY[1]))}


def test_nothing_goes_around_a_proxy_that_is_set_later(world: SimWorld) -> None:
    two = Two(world)
    assert two.connected().socket_type is SocketType.utp
    two.leech.session.apply_settings(
        {"proxy_type": int(ProxyType.http), "proxy_hostname": PROXY[0], "proxy_port": PROXY[1]}
    )
    assert not two.leech.session._core.datagrams.is_open
    world.run_for(30.0)
    before = len(two.packets)
    two.leech.handle.connect_peer((two.seed.address[0], 7000), PeerSource.tracker)
    world.run_for(60.0)
    later = two.packets[before:]
    assert later
    assert {(row[1], row[5], row[6]) for row in later} == {("syn", PROXY[0], str(PROXY[1]))}


@pytest.mark.parametrize(
    "settings",
    [
        {"enable_outgoing_tcp": False, "listen_interfaces": "0.0.0.0:6881"},
        {"enable_outgoing_tcp": False, "enable_outgoing_utp": False},
        {"enable_outgoing_tcp": False, "proxy_type": int(ProxyType.http), "proxy_hostname": PROXY[0]},
    ],
    ids=["no socket of that family", "nothing allowed", "a proxy and no TCP"],
)
def test_where_there_is_no_way_it_fails_at_once(world: SimWorld, settings: dict[str, Any]) -> None:
    leech = SimPeer(world.host("leech"), CONTENT, **{**PLAIN, **WITH_UTP, **settings})
    leech.start()
    world.run_for(0.5)
    core = leech.session._core
    name = CONTENT.info.info_hashes.best()
    transport = dial_peer(core, ("fd00::1", 6881), name, PeerConnection(buffer=core.receive_buffer), None)
    user = Listening(transport)
    assert user.heard == [], "not inside the call"
    world.run_for(0.0)
    assert user.heard == ["closed"]
    assert isinstance(user.error, TransportBroken)
    assert "no transport is allowed" in str(user.error)
    assert transport.peer_address == ("fd00::1", 6881)
