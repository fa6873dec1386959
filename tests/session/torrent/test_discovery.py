"""Private torrents (BEP 27) and disabling flags, in one place."""

from __future__ import annotations

import pytest
from evtorrent.session import AddTorrentParams, TorrentFlags
from evtorrent.session.flags import PeerSource
from evtorrent.session.torrent.discovery import forget_public_peers, may_discover
from support.disk import make_torrent
from support.extension_wire import ExtensionWire
from support.world import World, torrent_of

PUBLIC = [PeerSource.dht, PeerSource.pex, PeerSource.lsd]


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("source", PUBLIC)
def test_a_private_torrent_may_nothing(world: World, source: PeerSource) -> None:
    info, _ = make_torrent(100_000, 16384, private=True)
    assert not may_discover(world.node().add(info), source)
    assert may_discover(world.node().add(torrent_of(2)[0]), source)


@pytest.mark.parametrize(
    ("flag", "source"),
    [
        (TorrentFlags.disable_dht, PeerSource.dht),
        (TorrentFlags.disable_pex, PeerSource.pex),
        (TorrentFlags.disable_lsd, PeerSource.lsd),
    ],
)
def test_flags_forbid_one_each(world: World, flag: TorrentFlags, source: PeerSource) -> None:
    torrent = world.node().add(torrent_of(2)[0], flags=flag)
    assert [each for each in PUBLIC if not may_discover(torrent, each)] == [source]


def test_private_metadata_leaves_peers_of_public_sources(world: World) -> None:
    node = world.node()
    info, _ = make_torrent(100_000, 16384, private=True)
    params = AddTorrentParams(info_hashes=info.info_hashes, save_path="/disk", flags=TorrentFlags(0))
    torrent = node.session.add_torrent(params)._torrent
    assert torrent is not None and may_discover(torrent, PeerSource.dht)
    world.black_holes.update({"10.5.0.1", "10.5.0.2", "10.5.0.3", "10.5.0.4"})
    torrent.peers_found([("10.5.0.1", 1000)], PeerSource.pex)
    torrent.peers_found([("10.5.0.2", 1000), ("10.5.0.3", 1000)], PeerSource.dht)
    torrent.peers_found([("10.5.0.3", 1000), ("10.5.0.4", 1000)], PeerSource.tracker)
    torrent.swarm.connect_next(world.now)  # type: ignore[union-attr]
    links = {link.address[0] for link in torrent.swarm.links}  # type: ignore[union-attr]
    assert "10.5.0.1" in links
    torrent.metadata_received(info)
    links = {link.address[0] for link in torrent.swarm.links}  # type: ignore[union-attr]
    assert not links & {"10.5.0.1", "10.5.0.2"}
    assert {peer.address[0] for peer in torrent.peers} == {"10.5.0.3", "10.5.0.4"}  # type: ignore[union-attr]
    assert not may_discover(torrent, PeerSource.dht)


def test_public_metadata_changes_nothing(world: World) -> None:
    node = world.node()
    torrent = node.add(torrent_of(2)[0])
    torrent.connect_peer(("10.5.0.1", 1000), PeerSource.pex)
    forget_public_peers(torrent)
    assert len(torrent.peers) == 1  # type: ignore[arg-type]


def test_a_private_torrent_does_not_offer_peer_exchange(world: World) -> None:
    node = world.node()
    info, content = make_torrent(100_000, 16384, private=True)
    torrent = node.seed(info, content)
    wire = ExtensionWire(world, torrent).meet(node)
    assert "lt_donthave" in wire.theirs
    assert "ut_pex" not in wire.theirs and "ut_metadata" not in wire.theirs
    assert b"metadata_size" not in wire.fields
    wire.theirs["ut_pex"] = node.core.registry._names.index("ut_pex") + 1
    wire.tell("ut_pex", b"d5:added6:\x0a\x05\x00\x01\x1a\xe1e")
    assert not wire.is_closed
    assert [peer.address[0] for peer in torrent.peers] == ["10.9.9.1"]  # type: ignore[union-attr]


@pytest.mark.parametrize("source", PUBLIC)
def test_a_torrent_on_i2p_may_nothing_outside(world: World, source: PeerSource) -> None:
    torrent = world.node().add(torrent_of(2)[0], flags=TorrentFlags.i2p_torrent)
    assert not may_discover(torrent, source)
    mixed = world.node(allow_i2p_mixed=True).add(torrent_of(2)[0], flags=TorrentFlags.i2p_torrent)
    assert may_discover(mixed, source)
