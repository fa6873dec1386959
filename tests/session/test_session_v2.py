"""Torrents of v2 only between our own sessions (BEP 52): links, names, and files of all sizes."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from evtorrent.protocols.peer.messages import MessageId
from evtorrent.session import AddTorrentParams, DuplicateTorrent, TorrentFlags, parse_magnet_uri
from evtorrent.session.alerts import PeerErrorAlert
from evtorrent.session.torrent.torrent import Torrent
from support.sessions import Member
from support.trackers import LocalTracker
from support.v2_content import V2Content
from support.waiting import wait_for
from support.world import Node, World

FILES = [("empty", 0), ("large", 1_000_000), ("small", 1), ("sub/one block", 16_384), ("sub/piece", 32_768)]


@pytest.fixture
def world() -> World:
    return World()


def seed(node: Node, content: V2Content) -> Torrent:
    given = content.params("/disk")  # type: ignore[arg-type]
    fields = {"merkle_trees": given.merkle_trees, "merkle_tree_mask": given.merkle_tree_mask}
    return node.seed(content.info, content.data, **fields)


def add(node: Node, content: V2Content, more: str = "") -> Torrent:
    params = parse_magnet_uri(content.magnet + more)
    params.save_path = "/disk"
    torrent = node.session.add_torrent(params)._torrent
    assert torrent is not None
    return torrent


@pytest.mark.parametrize("piece_length", [16_384, 32_768, 1 << 20])
def test_a_link_from_one_to_another_to_a_third(world: World, piece_length: int) -> None:
    content = V2Content(FILES, piece_length)
    first, second, third = world.node(), world.node(), world.node()
    seed(first, content)
    torrent = add(second, content, f"&x.pe={first.host}:6881")
    world.pump()  # No time passes.
    assert torrent.is_seed
    last = add(third, content, f"&x.pe={second.host}:6881")
    world.pump()
    assert last.is_seed
    layered = piece_length < 1_000_000
    counts = second.core.receive_buffer.counts
    assert (counts.sent[MessageId.HASHES] > 0, counts.received[MessageId.HASHES] > 0) == (layered, layered)
    for node in (first, second, third):
        assert node.alerts(PeerErrorAlert) == []
    world.check()


def test_one_name_is_one_torrent(world: World) -> None:
    content = V2Content(40_000, 16_384)
    node = world.node()
    torrent = seed(node, content)
    params: dict[str, Any] = {"save_path": "/disk", "info_hashes": content.info.info_hashes}
    with pytest.raises(DuplicateTorrent):
        node.session.add_torrent(AddTorrentParams(flags=TorrentFlags.duplicate_is_error, **params))
    assert node.session.add_torrent(AddTorrentParams(**params)) == torrent.handle


def test_trackers_hear_the_name_cut_short(tmp_path: Any) -> None:
    content = V2Content(100_000, 16_384)
    with LocalTracker() as tracker, Member() as one, Member() as other:
        fields: dict[str, Any] = {"trackers": [tracker.http_url]}
        one.seed(content, tmp_path / "one", **fields)
        wait_for(lambda: tracker.requests)
        params = parse_magnet_uri(content.magnet)
        params.save_path, params.trackers = str(tmp_path / "other"), [tracker.http_url]
        other.finish(other.session.add_torrent(params))
        content.assert_in(tmp_path / "other")
        assert {name_in(target) for target in tracker.requests} == {content.info.info_hashes.best()}


def name_in(target: str) -> bytes:
    """The info-hash of an announce."""
    return unquote_to_bytes(target.partition("info_hash=")[2].partition("&")[0])
