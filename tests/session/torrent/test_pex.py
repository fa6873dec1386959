from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.peer.extensions.ut_pex import MAX_IN_A_ROW, NEWS_INTERVAL
from evtorrent.protocols.peer.extensions.ut_pex_codec import (
    PexFlags,
    PexMessage,
    PexPeer,
    pack_message,
    parse_message,
)
from evtorrent.session import PeerSource, TorrentFlags
from evtorrent.session.alerts import PeerErrorAlert
from evtorrent.session.errors import TorrentErrc
from support.extension_wire import ExtensionWire
from support.world import HAVE_ALL, World, torrent_of

NONE = PexFlags(0)


@pytest.fixture
def world() -> World:
    return World()


def stage(world: World, **settings: Any) -> tuple[Any, Any]:
    node = world.node(**settings)
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    return node, torrent


def dialled(world: World, torrent: Any, host: str, **fields: Any) -> ExtensionWire:
    """A peer that the node dialled."""
    wire = ExtensionWire(world, torrent, host=host)
    wire.listen()
    torrent.connect_peer((host, 6881), PeerSource.tracker)
    world.pump()
    wire.introduce(**fields)
    return wire


def said(wire: ExtensionWire) -> list[PexMessage]:
    return [parse_message(payload) for payload in wire.told("ut_pex")]


def test_three_sessions_find_each_other(world: World) -> None:
    info, content = torrent_of(4)
    middle, one, two = (world.node() for _ in range(3))
    torrents = [one.add(info), two.add(info)]
    hub = middle.add(info, content, pieces=[0, 1])
    world.pump()
    for node in (one, two):
        hub.connect_peer(node.address, PeerSource.tracker)
    world.advance(5)
    hosts = [{link.address[0] for link in torrent.swarm.links} for torrent in torrents]  # type: ignore[union-attr]
    assert two.host in hosts[0] or one.host in hosts[1]
    sources = {
        link.source
        for torrent in torrents
        for link in torrent.swarm.links  # type: ignore[union-attr]
        if link.outgoing
    }
    assert sources == {PeerSource.pex}
    assert middle.core.statistics()["ses.num_outgoing_pex"] == 2
    assert one.core.statistics()["ses.num_incoming_pex"] == 1
    world.check()


def test_who_is_told_of(world: World) -> None:
    _node, torrent = stage(world)
    dialled(world, torrent, "10.9.0.1", upload_only=1)
    named = ExtensionWire(world, torrent, host="10.9.0.2").meet(_node, "ut_holepunch", p=7000)
    ExtensionWire(world, torrent, host="10.9.0.3").meet(_node)  # Nobody knows where it listens.
    listener = dialled(world, torrent, "10.9.0.4")
    world.advance(NEWS_INTERVAL + 0.5)
    flags = PexFlags.OUTGOING | PexFlags.HOLEPUNCH
    (message,) = said(listener)
    assert dict(message.added) == {("10.9.0.1", 6881): flags | PexFlags.SEED, ("10.9.0.2", 7000): NONE}
    (other,) = said(named)
    assert {peer.address[0] for peer in other.added} == {"10.9.0.1", "10.9.0.4"}


def test_seeds_are_named_so(world: World) -> None:
    node, torrent = stage(world)
    dialled(world, torrent, "10.9.0.1").say(HAVE_ALL)
    listener = ExtensionWire(world, torrent).meet(node)
    world.advance(NEWS_INTERVAL + 0.5)
    ((peer,),) = (message.added for message in said(listener))
    assert peer.flags & PexFlags.SEED


def test_coming_and_going_is_told_a_minute_later(world: World) -> None:
    node, torrent = stage(world, peer_timeout=1000)
    first = dialled(world, torrent, "10.9.0.1")
    listener = ExtensionWire(world, torrent).meet(node)
    world.advance(NEWS_INTERVAL + 0.5)
    said(listener)
    first.hang_up()
    dialled(world, torrent, "10.9.0.2")
    world.advance(55)
    assert said(listener) == []
    world.advance(6)
    (message,) = said(listener)
    assert [peer.address for peer in message.added] == [("10.9.0.2", 6881)]
    assert message.dropped == (("10.9.0.1", 6881),)


def test_a_peer_that_does_not_speak_it_is_told_nothing_and_not_heard(world: World) -> None:
    node, torrent = stage(world)
    dialled(world, torrent, "10.9.0.1")
    wire = ExtensionWire(world, torrent).meet(node, "ut_pex")
    wire.tell("ut_pex", pack_message([PexPeer(("10.8.0.1", 1000), NONE)], []))
    world.advance(5)
    assert said(wire) == [] and torrent.peers.find(("10.8.0.1", 1000)) is None
    wire.introduce()
    world.advance(5)
    assert len(said(wire)) == 1
    wire.introduce("ut_pex", m={"ut_pex": 0})
    dialled(world, torrent, "10.9.0.2")
    world.advance(100)
    assert said(wire) == []


def test_what_is_heard_is_dialled(world: World) -> None:
    node, torrent = stage(world)
    world.black_holes |= {"10.8.0.1", "10.8.0.2"}
    wire = ExtensionWire(world, torrent).meet(node)
    seed = PexPeer(("10.8.0.2", 1000), PexFlags.SEED)
    wire.tell("ut_pex", pack_message([PexPeer(("10.8.0.1", 1000), NONE), seed], []))
    entries = {peer.address[0]: peer for peer in torrent.peers}
    assert entries["10.8.0.2"].is_seed and not entries["10.8.0.1"].is_seed
    assert entries["10.8.0.1"].source == PeerSource.pex
    assert entries["10.8.0.1"].connection is not None


@pytest.mark.parametrize(("host", "count"), [("10.9.9.1", 2), ("198.51.100.1", 1)])
def test_a_strangers_own_network_is_not_ours(world: World, host: str, count: int) -> None:
    node, torrent = stage(world, torrent_connect_boost=0)
    wire = ExtensionWire(world, torrent, host=host).meet(node)
    found = [PexPeer(("10.8.0.1", 1000), NONE), PexPeer(("198.51.100.2", 1000), NONE)]
    wire.tell("ut_pex", pack_message(found, []))
    assert len(torrent.peers) == 1 + count


def test_one_peer_names_so_many(world: World) -> None:
    node, torrent = stage(world, max_pex_peers=3, torrent_connect_boost=0)
    wire = ExtensionWire(world, torrent).meet(node)
    wire.tell("ut_pex", pack_message([PexPeer((f"10.8.0.{n}", 1000), NONE) for n in range(1, 9)], []))
    assert len(torrent.peers) == 1 + 3


def test_floods_and_garbage_end_the_peer(world: World) -> None:
    node, torrent = stage(world)
    wire = ExtensionWire(world, torrent).meet(node)
    for _ in range(MAX_IN_A_ROW - 1):
        wire.tell("ut_pex", b"de")
    assert not wire.is_closed
    wire.tell("ut_pex", b"de")
    assert wire.is_closed
    wire = ExtensionWire(world, torrent, host="10.9.9.2").meet(node)
    wire.tell("ut_pex", b"garbage")
    assert wire.is_closed
    codes = [alert.error.value for alert in node.alerts(PeerErrorAlert)]
    assert codes == [TorrentErrc.too_frequent_pex, TorrentErrc.invalid_pex_message]
    world.check()


def test_the_flag_disables_it(world: World) -> None:
    node = world.node()
    torrent = node.add(torrent_of(2)[0], flags=TorrentFlags.disable_pex)
    world.pump()
    dialled(world, torrent, "10.9.0.1")
    wire = ExtensionWire(world, torrent).meet(node)
    assert "ut_pex" not in wire.theirs
    world.advance(5)
    assert said(wire) == []


def test_disabled_later_what_was_said_is_taken_back(world: World) -> None:
    node, torrent = stage(world, peer_timeout=1000)
    dialled(world, torrent, "10.9.0.1")
    wire = ExtensionWire(world, torrent).meet(node)
    world.advance(5)
    assert len(said(wire)) == 1
    torrent.handle.set_flags(TorrentFlags.disable_pex)
    wire.tell("ut_pex", pack_message([PexPeer(("10.8.0.1", 1000), NONE)], []))
    assert torrent.peers.find(("10.8.0.1", 1000)) is None
    world.advance(60)
    assert said(wire) == [PexMessage((), (("10.9.0.1", 6881),))]
    world.advance(200)
    assert said(wire) == []
