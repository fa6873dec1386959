from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.peer.messages import MessageId
from evtorrent.session import TorrentFlags
from evtorrent.session.torrent.super_seeding import PATIENCE
from support.extension_wire import ExtensionWire
from support.world import (
    BLOCK,
    HAVE_NONE,
    INTERESTED,
    NOT_INTERESTED,
    UNCHOKE,
    Node,
    Wire,
    World,
    answer,
    bitfield,
    numbers,
    request,
    torrent_of,
)

SUPER = TorrentFlags.super_seeding


@pytest.fixture
def world() -> World:
    return World()


def have(piece: int) -> bytes:
    return numbers(MessageId.HAVE, piece)


def super_seed(world: World, pieces: int = 8, flags: TorrentFlags = SUPER) -> tuple[Node, Any, bytes]:
    node = world.node(close_redundant_connections=False)
    info, content = torrent_of(pieces)
    torrent = node.seed(info, content, flags=flags)
    return node, torrent, content


def meet(world: World, node: Node, torrent: Any, number: int = 1) -> Wire:
    host = f"10.9.9.{number}"
    name = f"-XX0000-{host}".ljust(20, "x").encode()
    return Wire(world, torrent.info_hashes.best(), host=host, peer_id=name).call(node)


def shown(wire: Wire) -> list[int]:
    return [message[1] for message in wire.heard("have")]


def test_a_peer_is_told_of_nothing_and_then_of_two_pieces(world: World) -> None:
    node, torrent, _ = super_seed(world)
    wire = meet(world, node, torrent)
    kinds = [message[0] for message in wire.heard() if message[0] != "extended"]
    assert kinds == ["have_none", "have", "have"]
    assert torrent.is_seed


def test_what_is_shown_is_sent_and_nothing_else(world: World) -> None:
    node, torrent, content = super_seed(world)
    wire = meet(world, node, torrent)
    first, second = shown(wire)
    hidden = next(piece for piece in range(8) if piece not in (first, second))
    wire.say(INTERESTED)
    assert wire.heard("unchoke")
    wire.say(request(hidden, 0), request(second, 0))
    assert wire.heard("piece", "reject") == [("reject", hidden, 0, BLOCK), ("piece", second, 0, BLOCK)]
    assert wire.blocks[second, 0] == content[2 * second * BLOCK : (2 * second + 1) * BLOCK]


def test_the_next_piece_follows_the_one_that_came(world: World) -> None:
    node, torrent, _ = super_seed(world)
    wire = meet(world, node, torrent)
    wire.say(INTERESTED)
    got: set[int] = set()
    waiting = shown(wire)
    while waiting:
        piece = waiting.pop(0)
        assert piece not in got
        got.add(piece)
        wire.say(have(piece))
        waiting += shown(wire)
        assert len(waiting) <= 2
    assert got == set(range(8))


def test_peers_are_shown_different_pieces(world: World) -> None:
    node, torrent, _ = super_seed(world)
    wires = [meet(world, node, torrent, number) for number in range(1, 5)]
    assert sorted(piece for wire in wires for piece in shown(wire)) == list(range(8))
    wires[0].hang_up()
    late = meet(world, node, torrent, 9)  # What the first one was shown is nobody's now.
    assert len(shown(late)) == 2


def test_the_rarest_come_first(world: World) -> None:
    node, torrent, _ = super_seed(world)
    other = meet(world, node, torrent, 1)
    other.say(bitfield(0b00001111, 8))
    seen = set(shown(other)[-2:])
    wire = meet(world, node, torrent, 2)
    assert set(shown(wire)) == set(range(4, 8)) - seen


def test_a_peer_that_wants_neither_is_shown_another_after_a_while(world: World) -> None:
    node, torrent, _ = super_seed(world)
    wire = meet(world, node, torrent)
    first = shown(wire)
    wire.say(INTERESTED)
    world.advance(PATIENCE + 2)
    assert shown(wire) == []
    wire.say(NOT_INTERESTED)
    world.advance(PATIENCE - 1)
    assert shown(wire) == []
    world.advance(1.5)
    (later,) = shown(wire)
    assert later not in first
    wire.say(INTERESTED, request(first[0], 0))
    assert wire.heard("reject")


def test_a_peer_that_has_what_it_was_shown_already(world: World) -> None:
    """Its bit field comes after our first have messages."""
    node, torrent, _ = super_seed(world)
    wire = meet(world, node, torrent)
    first = shown(wire)
    wire.say(bitfield(sum(1 << piece for piece in first), 8))
    later = shown(wire)
    assert len(later) == 2
    assert not set(first) & set(later)


def test_the_end_of_it_tells_everything(world: World) -> None:
    node, torrent, _ = super_seed(world)
    wire = meet(world, node, torrent)
    wire.say(have(0))
    before = set(shown(wire))
    torrent.handle.unset_flags(SUPER)
    world.pump()
    after = shown(wire)
    assert set(after) == set(range(1, 8)) - before
    wire.say(INTERESTED, request(after[-1], 0))
    assert wire.heard("piece")
    late = meet(world, node, torrent, 2)
    assert late.heard("have_all")


def test_who_came_before_it_began_goes_on_getting_everything(world: World) -> None:
    node, torrent, _ = super_seed(world, flags=TorrentFlags(0))
    wire = meet(world, node, torrent)
    assert wire.heard("have_all")
    torrent.handle.set_flags(SUPER)
    wire.say(INTERESTED, request(5, 0))
    assert wire.heard("piece")
    late = meet(world, node, torrent, 2)
    assert late.heard("have_none")


def test_peers_are_not_told_that_we_want_nothing(world: World) -> None:
    """They would leave once they had the first piece."""
    node, torrent, _ = super_seed(world)
    wire = ExtensionWire(world, torrent).meet(node)
    assert b"upload_only" not in wire.fields
    torrent.handle.unset_flags(SUPER)
    world.pump()
    assert wire.told("upload_only") == [b"\1"]


def test_no_piece_is_allowed_fast(world: World) -> None:
    node, torrent, _ = super_seed(world)
    assert meet(world, node, torrent).heard("allowed_fast") == []


def test_a_torrent_that_is_no_seed_loses_the_flag(world: World) -> None:
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info, content, pieces=[0, 1], flags=SUPER)
    world.pump()
    assert not torrent.handle.flags() & SUPER
    assert meet(world, node, torrent).heard("bitfield")


def test_a_download_that_is_to_do_so_once_it_is_complete(world: World) -> None:
    node = world.node()
    info, content = torrent_of(4)
    torrent = node.add(info)
    world.pump()
    torrent.handle.set_flags(SUPER)
    wire = meet(world, node, torrent)
    assert wire.heard("have_none")
    wire.say(bitfield(0b1111, 4), UNCHOKE)
    while answer(wire, content, info.piece_length):
        pass
    assert torrent.is_seed
    late = meet(world, node, torrent, 2)
    late.say(HAVE_NONE)
    assert len(shown(late)) == 2


def test_a_swarm_is_fed_through_it(world: World) -> None:
    """Two sessions that get each piece once, one of them from the other."""
    node, torrent, content = super_seed(world, pieces=12)
    leeches = [world.node() for _ in range(2)]
    theirs = [leech.add(torrent.info) for leech in leeches]
    world.pump()
    for leech, each in zip(leeches, theirs, strict=True):
        each.handle.connect_peer(node.address)
        each.handle.connect_peer(leeches[1].address if leech is leeches[0] else node.address)
    world.pump()
    world.advance(60)
    assert all(each.is_seed for each in theirs)
    sent = torrent.meters.payload_up.total
    assert len(content) <= sent < 1.7 * len(content)
    world.check()
