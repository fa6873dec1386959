from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.peer.extensions.ut_holepunch import MAX_PER_MINUTE
from evtorrent.protocols.peer.extensions.ut_holepunch_codec import (
    HolepunchError,
    HolepunchKind,
    HolepunchMessage,
    pack_message,
    parse_message,
)
from evtorrent.protocols.peer.extensions.ut_pex_codec import PexFlags, PexPeer
from evtorrent.protocols.peer.extensions.ut_pex_codec import pack_message as pack_pex
from evtorrent.session import PeerSource
from evtorrent.session.core.external_ip import IpSource
from evtorrent.session.flags import PeerFlags
from support.disk import make_torrent
from support.extension_wire import ExtensionWire
from support.sam_kit import destination
from support.world import World

TARGET = ("10.9.0.2", 7000)


@pytest.fixture
def world() -> World:
    return World()


def stage(world: World, *, private: bool = False, **settings: Any) -> tuple[Any, Any]:
    node = world.node(**settings)
    torrent = node.add(make_torrent(100_000, 16384, private=private)[0])
    world.pump()
    return node, torrent


def said(wire: ExtensionWire) -> list[HolepunchMessage | None]:
    return [parse_message(payload) for payload in wire.told("ut_holepunch")]


def ask(wire: ExtensionWire, address: tuple[str, int]) -> None:
    wire.tell("ut_holepunch", pack_message(HolepunchMessage(HolepunchKind.RENDEZVOUS, address)))


def connect(wire: ExtensionWire, address: tuple[str, int]) -> None:
    wire.tell("ut_holepunch", pack_message(HolepunchMessage(HolepunchKind.CONNECT, address)))


# -------------------------------------------------------------------------------------------------------------- relay


def test_two_peers_are_introduced(world: World) -> None:
    node, torrent = stage(world)
    one = ExtensionWire(world, torrent, host="10.9.0.1").meet(node, p=6000)
    two = ExtensionWire(world, torrent, host="10.9.0.2").meet(node, p=7000)
    ask(one, TARGET)
    assert said(one) == [HolepunchMessage(HolepunchKind.CONNECT, TARGET)]
    assert said(two) == [HolepunchMessage(HolepunchKind.CONNECT, ("10.9.0.1", 6000))]


def test_who_did_not_name_its_port_is_introduced_with_the_one_it_has(world: World) -> None:
    node, torrent = stage(world)
    one = ExtensionWire(world, torrent, host="10.9.0.1").meet(node)
    two = ExtensionWire(world, torrent, host="10.9.0.2").meet(node)
    assert one.sock is not None and two.sock is not None
    ask(one, two.sock.name)
    assert said(two) == [HolepunchMessage(HolepunchKind.CONNECT, one.sock.name)]


@pytest.mark.parametrize(
    ("address", "error"),
    [
        (("10.9.0.2", 0), HolepunchError.NO_SUCH_PEER),
        (("10.9.0.7", 7000), HolepunchError.NOT_CONNECTED),
        (("10.9.0.2", 7000), HolepunchError.NO_SUPPORT),
        (("10.9.0.1", 6000), HolepunchError.NO_SELF),
    ],
)
def test_what_cannot_be_done_is_said(world: World, address: tuple[str, int], error: HolepunchError) -> None:
    node, torrent = stage(world)
    one = ExtensionWire(world, torrent, host="10.9.0.1").meet(node, p=6000)
    ExtensionWire(world, torrent, host="10.9.0.2").meet(node, "ut_holepunch", p=7000)
    ask(one, address)
    assert said(one) == [HolepunchMessage(HolepunchKind.ERROR, address, error)]


def test_nobody_is_introduced_to_ourselves(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    node, torrent = stage(world)
    monkeypatch.setattr(type(node.core), "listen_port", 6881)
    node.core.external_address("198.51.100.7", IpSource.TRACKER, "tracker.example")
    one = ExtensionWire(world, torrent, host="10.9.0.1").meet(node)
    ask(one, ("198.51.100.7", 6881))
    (message,) = said(one)
    assert message is not None and message.error == HolepunchError.NO_SELF


def test_our_network_and_the_world_are_not_bridged(world: World) -> None:
    node, torrent = stage(world)
    one = ExtensionWire(world, torrent, host="198.51.100.1").meet(node, p=6000)
    two = ExtensionWire(world, torrent, host="10.9.0.2").meet(node, p=7000)
    ask(one, TARGET)
    assert said(one) == said(two) == []


def test_who_does_not_speak_it_is_not_answered(world: World) -> None:
    node, torrent = stage(world)
    one = ExtensionWire(world, torrent, host="10.9.0.1").meet(node, "ut_holepunch")
    ask(one, TARGET)
    one.introduce()
    one.tell("ut_holepunch", b"nonsense")
    assert said(one) == [] and not one.is_closed


def test_only_so_many_a_minute(world: World) -> None:
    node, torrent = stage(world)
    one = ExtensionWire(world, torrent, host="10.9.0.1").meet(node)
    for _ in range(MAX_PER_MINUTE + 5):
        ask(one, TARGET)
    assert len(said(one)) == MAX_PER_MINUTE
    world.advance(60.5)
    ask(one, TARGET)
    assert len(said(one)) == 1


# ----------------------------------------------------------------------------------------------------------- both ends


def test_told_to_connect_we_dial(world: World) -> None:
    node, torrent = stage(world)
    one = ExtensionWire(world, torrent, host="10.9.0.1").meet(node)
    world.black_holes.add("10.9.0.2")
    connect(one, TARGET)
    (info,) = [info for info in torrent.handle.get_peer_info() if info.ip == TARGET]
    assert info.flags & PeerFlags.holepunched and info.source == PeerSource.pex
    connect(one, TARGET)  # It is being dialled already.
    assert len(torrent.swarm.links) == 2
    connect(one, one.sock.name)  # type: ignore[union-attr]
    assert len(torrent.swarm.links) == 2


def test_a_stranger_cannot_have_us_dial_into_our_network(world: World) -> None:
    node, torrent = stage(world)
    one = ExtensionWire(world, torrent, host="198.51.100.1").meet(node)
    connect(one, TARGET)
    assert len(torrent.swarm.links) == len(torrent.peers) == 1


def test_a_full_session_does_not_dial(world: World) -> None:
    node, torrent = stage(world, connections_limit=2)
    one = ExtensionWire(world, torrent, host="10.9.0.1").meet(node)
    ExtensionWire(world, torrent, host="10.9.0.3").meet(node)
    connect(one, TARGET)
    assert len(torrent.swarm.links) == 2


def test_a_private_torrent_dials_only_whom_it_knows(world: World) -> None:
    node, torrent = stage(world, private=True, torrent_connect_boost=0, connection_speed=0)
    world.black_holes.update({"10.9.0.2", "10.9.0.3"})
    one = ExtensionWire(world, torrent, host="10.9.0.1").meet(node)
    connect(one, TARGET)
    assert len(torrent.swarm.links) == 1
    torrent.peers_found([("10.9.0.3", 7000)], PeerSource.tracker)
    connect(one, ("10.9.0.3", 7000))
    assert len(torrent.swarm.links) == 2


def test_an_error_is_taken_note_of(world: World) -> None:
    node, torrent = stage(world)
    one = ExtensionWire(world, torrent, host="10.9.0.1").meet(node)
    message = HolepunchMessage(HolepunchKind.ERROR, TARGET, HolepunchError.NOT_CONNECTED)
    one.tell("ut_holepunch", pack_message(message))
    assert said(one) == [] and not one.is_closed


# ---------------------------------------------------------------------------------------------------------- initiator


@pytest.mark.parametrize("flags", [PexFlags.HOLEPUNCH, PexFlags(0)])
def test_who_cannot_be_reached_is_asked_for_once(world: World, flags: PexFlags) -> None:
    node, torrent = stage(world, min_reconnect_time=1)
    one = ExtensionWire(world, torrent, host="10.9.0.1").meet(node)
    one.tell("ut_pex", pack_pex([PexPeer(TARGET, flags)], []))
    world.advance(0.5)  # Refused: nobody listens there.
    expected = [HolepunchMessage(HolepunchKind.RENDEZVOUS, TARGET)] if flags else []
    assert said(one) == expected
    world.advance(10)
    assert node.core.counters["peer.connection_attempts"] > 1
    assert said(one) == []


def test_nobody_is_asked_when_we_gave_up_the_attempt_ourselves(world: World) -> None:
    node, torrent = stage(world)
    world.black_holes.add("10.9.0.2")
    one = ExtensionWire(world, torrent, host="10.9.0.1").meet(node)
    one.tell("ut_pex", pack_pex([PexPeer(TARGET, PexFlags.HOLEPUNCH)], []))
    assert len(torrent.swarm.links) == 2
    torrent.pause()
    assert said(one) == []
    world.check()


def test_a_punched_attempt_is_not_asked_for_again(world: World) -> None:
    node, torrent = stage(world)
    one = ExtensionWire(world, torrent, host="10.9.0.1").meet(node)
    world.black_holes.add("10.9.0.2")
    connect(one, TARGET)
    one.tell("ut_pex", pack_pex([PexPeer(TARGET, PexFlags.HOLEPUNCH)], []))
    world.advance(20)  # It times out.
    assert said(one) == []


def test_on_i2p_nothing_is_punched_through(world: World) -> None:
    node, torrent = stage(world)
    wire = ExtensionWire(world, torrent, host="10.9.0.1").meet(node)
    link = next(iter(torrent.swarm.links))
    link.address = (destination(1).name, 0)
    ask(wire, TARGET)
    assert said(wire) == []
