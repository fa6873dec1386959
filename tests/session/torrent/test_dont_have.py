from __future__ import annotations

from evtorrent.protocols.peer.extensions.lt_donthave import pack_dont_have
from evtorrent.session import AddTorrentParams, TorrentFlags
from support.extension_wire import ExtensionWire
from support.world import HAVE_ALL, HAVE_NONE, World, torrent_of


def met(first: bytes) -> tuple[World, ExtensionWire, object]:
    world = World()
    node = world.node()
    torrent = node.add(torrent_of(3)[0])
    world.pump()
    wire = ExtensionWire(world, torrent).meet(node)
    wire.say(first)
    return world, wire, torrent


def test_a_piece_that_is_gone_is_not_counted_or_wanted() -> None:
    world, wire, torrent = met(HAVE_ALL)
    (link,) = torrent.swarm.links  # type: ignore[attr-defined]
    assert link.is_seed and link.connection.am_interested
    for piece in range(3):
        wire.tell("lt_donthave", pack_dont_have(piece))
    assert torrent.download.picker.piece_availability() == [0, 0, 0]  # type: ignore[attr-defined]
    assert not link.is_seed and not link.connection.am_interested and link.pieces == 0
    wire.hang_up()
    world.check()
    torrent.download.picker.check_invariant()  # type: ignore[attr-defined]


def test_a_piece_it_never_had_changes_nothing() -> None:
    world, wire, torrent = met(HAVE_NONE)
    wire.tell("lt_donthave", pack_dont_have(1))
    assert not wire.is_closed
    assert torrent.download.picker.piece_availability() == [0, 0, 0]  # type: ignore[attr-defined]
    world.check()


def test_bad_messages_end_the_peer() -> None:
    for payload in (pack_dont_have(3), b"\0\0\0"):
        world, wire, _ = met(HAVE_ALL)
        wire.tell("lt_donthave", payload)
        assert wire.is_closed
        world.check()


def test_without_metadata_it_is_skipped() -> None:
    world = World()
    node = world.node()
    params = AddTorrentParams(
        info_hashes=torrent_of(3)[0].info_hashes, save_path="/disk", flags=TorrentFlags(0)
    )
    torrent = node.session.add_torrent(params)._torrent
    assert torrent is not None
    wire = ExtensionWire(world, torrent).meet(node)
    wire.tell("lt_donthave", pack_dont_have(77))
    assert not wire.is_closed
