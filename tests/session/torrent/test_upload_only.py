from __future__ import annotations

from typing import Any

import pytest
from evtorrent.session import TorrentFlags
from evtorrent.session.flags import PeerFlags
from support.extension_wire import ExtensionWire
from support.world import UNCHOKE, World, answer, bitfield, torrent_of

KEEP = {"close_redundant_connections": False}


@pytest.fixture
def world() -> World:
    return World()


def test_a_peer_that_wants_nothing_is_shown_so(world: World) -> None:
    node = world.node()
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    wire = ExtensionWire(world, torrent).meet(node, upload_only=1)
    (info,) = torrent.handle.get_peer_info()
    assert info.flags & PeerFlags.upload_only
    wire.tell("upload_only", b"\0")
    assert not torrent.handle.get_peer_info()[0].flags & PeerFlags.upload_only
    wire.tell("upload_only", b"\1")
    assert torrent.handle.get_peer_info()[0].flags & PeerFlags.upload_only
    wire.tell("upload_only", b"two")  # Ignored.
    assert torrent.handle.get_peer_info()[0].flags & PeerFlags.upload_only


@pytest.mark.parametrize("how", ["handshake", "message"])
def test_two_that_want_nothing_part(world: World, how: str) -> None:
    for settings in ({}, KEEP):
        node = world.node(**settings)
        torrent = node.seed(*torrent_of(2))
        wire = ExtensionWire(world, torrent)
        if how == "handshake":
            wire.meet(node, upload_only=1)
        else:
            wire.meet(node).tell("upload_only", b"\1")
        assert wire.is_closed is (not settings)
        assert wire.fields[b"upload_only"] == 1


def test_peers_hear_when_we_are_finished_and_when_we_want_again(world: World) -> None:
    node = world.node(**KEEP)
    info, content = torrent_of(2)
    torrent = node.add(info)
    world.pump()
    wire = ExtensionWire(world, torrent).meet(node)
    silent = ExtensionWire(world, torrent, host="10.9.9.2").meet(node, "upload_only")
    assert b"upload_only" not in wire.fields
    wire.say(bitfield(0b11, 2), UNCHOKE)
    while answer(wire, content, info.piece_length):
        pass
    assert torrent.is_finished
    assert wire.told("upload_only") == [b"\1"]
    torrent.handle.set_flags(TorrentFlags.upload_mode)
    world.pump()
    assert wire.told("upload_only") == [] == silent.told("upload_only")


def test_upload_mode_and_back(world: World) -> None:
    node = world.node(**KEEP)
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    wire = ExtensionWire(world, torrent).meet(node)
    torrent.handle.set_flags(TorrentFlags.upload_mode)
    world.pump()
    assert wire.told("upload_only") == [b"\1"]
    late = ExtensionWire(world, torrent, host="10.9.9.3").meet(node)
    assert late.fields[b"upload_only"] == 1
    torrent.handle.unset_flags(TorrentFlags.upload_mode)
    world.pump()
    assert wire.told("upload_only") == late.told("upload_only") == [b"\0"]


def test_a_peer_that_shook_hands_before_hears_it_when_it_introduces_itself(world: World) -> None:
    node = world.node(**KEEP)
    torrent = node.add(torrent_of(2)[0])
    world.pump()
    wire = ExtensionWire(world, torrent)
    wire.call(node)
    torrent.handle.set_flags(TorrentFlags.upload_mode)
    world.pump()
    wire.introduce()
    assert wire.told("upload_only") == [b"\1"]


def test_a_stopped_torrent_tells_nobody(world: World) -> None:
    node = world.node()
    torrent: Any = node.add(torrent_of(2)[0])
    world.pump()
    torrent.pause()
    torrent.handle.set_flags(TorrentFlags.upload_mode)
    world.pump()
    assert torrent.is_upload_only
    world.check()
