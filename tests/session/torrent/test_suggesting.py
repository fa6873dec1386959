from __future__ import annotations

import pytest
from evtorrent.protocols.peer.handshake import Capability
from evtorrent.session import PeerSource, SuggestMode, TorrentFlags
from evtorrent.session.alerts import PieceFinishedAlert
from support.world import (
    HAVE_NONE,
    INTERESTED,
    UNCHOKE,
    Wire,
    World,
    answer,
    bitfield,
    numbers,
    request,
    torrent_of,
)

HAVE = 4
ON = {"suggest_mode": int(SuggestMode.suggest_read_cache)}


@pytest.fixture
def world():
    return World()


def guest(world, node, info, number=1, **more):
    return Wire(
        world, info.info_hashes.best(), host=f"10.9.9.{number}", peer_id=b"-XX0000-%012d" % number, **more
    ).call(node)


def seed(world, **settings):
    node = world.node(**{**ON, "allowed_fast_set_size": 0, **settings})
    info, content = torrent_of(20)
    node.seed(info, content)
    return node, info, content


def read(world, node, info, *pieces, number=9):
    """A peer that fetches these, one after the other, and goes."""
    wire = guest(world, node, info, number).say(HAVE_NONE, INTERESTED)
    for piece in pieces:
        wire.say(request(piece, 0))
    wire.hang_up()


def suggestions(wire):
    return [message[1] for message in wire.heard("suggest")]


def test_who_is_unchoked_hears_of_the_pieces_read_last(world):
    node, info, _ = seed(world)
    read(world, node, info, 3, 5, 7)
    wire = guest(world, node, info).say(HAVE_NONE, INTERESTED)
    heard = wire.heard("suggest", "unchoke")
    assert heard == [("suggest", 5), ("suggest", 7), ("unchoke",)], "what is best comes last"
    assert node.core.statistics()["ses.num_outgoing_suggest"] == 2


def test_who_takes_the_advice_gets_more_of_it(world):
    node, info, _ = seed(world)
    read(world, node, info, 2, 3, 5, 7)
    wire = guest(world, node, info).say(HAVE_NONE, INTERESTED)
    assert suggestions(wire) == [5, 7]
    wire.say(numbers(HAVE, 1))
    assert suggestions(wire) == []
    wire.say(numbers(HAVE, 5))
    assert suggestions(wire) == [2, 3]
    wire.say(numbers(HAVE, 7), numbers(HAVE, 2))
    assert suggestions(wire) == [], "there is nothing else"


def test_what_a_peer_has_is_not_suggested_to_it(world):
    node, info, _ = seed(world)
    read(world, node, info, 3, 5, 7)
    wire = guest(world, node, info).say(bitfield(1 << 7 | 1 << 5, 20), INTERESTED)
    assert suggestions(wire) == [3]


def test_only_pieces_that_are_rare_are_suggested(world):
    node, info, _ = seed(world)
    others = [guest(world, node, info, number).say(bitfield(0b1111_0000, 20)) for number in (20, 21, 22)]
    read(world, node, info, 0, 1, 4, 5)
    wire = guest(world, node, info).say(HAVE_NONE, INTERESTED)
    assert suggestions(wire) == [0, 1]
    assert not any(other.is_closed for other in others)


def test_so_many_are_remembered(world):
    node, info, _ = seed(world, max_suggest_pieces=1)
    read(world, node, info, 3, 5, 7)
    assert suggestions(guest(world, node, info).say(HAVE_NONE, INTERESTED)) == [7]
    node.session.apply_settings({"max_suggest_pieces": 0})
    read(world, node, info, 8)
    assert suggestions(guest(world, node, info, 2).say(HAVE_NONE, INTERESTED)) == []


def test_a_piece_that_just_came_is_suggested(world):
    node = world.node(**ON)
    info, content = torrent_of(8)
    node.add(info)
    world.pump()
    source = guest(world, node, info, 1).say(bitfield(1 << 6, 8), UNCHOKE)
    while answer(source, content, info.piece_length):
        pass
    wire = guest(world, node, info, 2).say(HAVE_NONE, INTERESTED)
    assert suggestions(wire) == [6]


@pytest.mark.parametrize(
    ("settings", "capabilities", "flags"),
    [
        ({"suggest_mode": 0}, Capability.FAST, TorrentFlags(0)),
        ({}, Capability(0), TorrentFlags(0)),
        ({}, Capability.FAST, TorrentFlags.super_seeding),
    ],
    ids=["off", "a peer without BEP 6", "super seeding"],
)
def test_where_nothing_is_suggested(world, settings, capabilities, flags):
    node, info, _ = seed(world, **settings)
    (torrent,) = node.core.active
    read(world, node, info, 3, 5)
    torrent.handle.set_flags(flags)
    wire = guest(world, node, info, capabilities=capabilities)
    wire.say(*([HAVE_NONE] if capabilities else []), INTERESTED)
    assert [message[0] for message in wire.heard("suggest", "unchoke")] == ["unchoke"]
    world.check()


def test_the_mode_may_change(world):
    node, info, _ = seed(world, suggest_mode=0)
    read(world, node, info, 3)
    node.session.apply_settings(ON)
    read(world, node, info, 4)
    assert suggestions(guest(world, node, info).say(HAVE_NONE, INTERESTED)) == [4]


def test_two_sessions_agree(world):
    """The one that is told asks for these pieces first."""
    node, info, _ = seed(world)
    read(world, node, info, 15, 17)
    other = world.node(initial_picker_threshold=0)
    torrent = other.add(info)
    world.pump()
    torrent.connect_peer(node.address, PeerSource.tracker)
    world.advance(2)
    assert torrent.is_seed
    assert other.core.statistics()["ses.num_incoming_suggest"] >= 2
    assert [alert.piece_index for alert in other.alerts(PieceFinishedAlert)][:2] == [17, 15]
