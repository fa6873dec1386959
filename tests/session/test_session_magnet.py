"""Magnet links in a swarm: metadata from peers, the peers a link names (x.pe), the files it selects (BEP 53)."""

from __future__ import annotations

from typing import Any

import pytest
from evtorrent.session import parse_magnet_uri
from evtorrent.session.alerts import PeerConnectAlert
from evtorrent.session.flags import PeerSource
from support.disk import make_torrent
from support.world import Node, World

FILES = [("a", 40_000), ("b", 50_000), ("c", 60_000), ("d", 70_000)]


@pytest.fixture
def world() -> World:
    return World()


def magnet(info: Any, *nodes: Node, more: str = "") -> str:
    peers = "".join(f"&x.pe={node.host}:6881" for node in nodes)
    return f"magnet:?xt=urn:btih:{info.info_hashes.v1}{peers}{more}"


def add(node: Node, link: str) -> Any:
    params = parse_magnet_uri(link)
    params.save_path = "/disk"
    return node.session.add_torrent(params)._torrent


def test_the_peers_a_link_names_are_connected_at_once(world: World) -> None:
    info, content = make_torrent(FILES, 16384)
    seed, node = world.node(), world.node()
    seed.seed(info, content)
    torrent = add(node, magnet(info, seed))
    world.pump()  # No time passes.
    assert torrent.info is not None and torrent.info.info_section == info.info_section
    assert [alert.endpoint for alert in node.alerts(PeerConnectAlert)] == [seed.address]
    assert torrent.peers.find(seed.address).source == PeerSource.resume_data
    assert torrent.is_seed
    world.check()


def test_several_peers_give_the_metadata_together(world: World) -> None:
    info, content = make_torrent(2_000 * 64, 64, name="much metadata")  # 40 kB of hashes: three pieces.
    assert len(info.info_section) > 2 * 16384
    seeds = [world.node() for _ in range(3)]
    for seed in seeds:
        seed.seed(info, content)
    node = world.node()
    torrent = add(node, magnet(info, *seeds))
    world.pump()
    assert torrent.info is not None
    world.check()


def test_only_the_selected_files_are_fetched(world: World) -> None:
    info, content = make_torrent(FILES, 16384)
    seed, node = world.node(), world.node()
    seed.seed(info, content)
    torrent = add(node, magnet(info, seed, more="&so=1,3"))
    world.advance(5)
    assert torrent.handle.get_file_priorities() == [0, 4, 0, 4]
    assert torrent.is_finished and not torrent.is_seed
    assert torrent.handle.file_progress()[1] == 50_000 and torrent.handle.file_progress()[3] == 70_000
    assert not torrent.have[0]
    world.check()
