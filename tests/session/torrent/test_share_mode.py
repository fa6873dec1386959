from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.peer.messages import MessageId
from evtorrent.session import TorrentFlags
from evtorrent.session.alerts import PeerDisconnectedAlert
from evtorrent.session.close_reason import CloseReason
from support.extension_wire import ExtensionWire
from support.world import (
    BLOCK,
    INTERESTED,
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

SHARE = TorrentFlags.share_mode
PIECES = 40


@pytest.fixture
def world() -> World:
    return World()


class Sharing:
    """A torrent in share mode, a peer that has everything, and others that have nothing."""

    def __init__(self, world: World, *, takers: int, flags: TorrentFlags = SHARE, **settings: Any) -> None:
        self.world = world
        self.node: Node = world.node(unchoke_slots_limit=-1, allowed_fast_set_size=0, **settings)
        self.info, self.content = torrent_of(PIECES)
        self.torrent: Any = self.node.add(self.info, flags=flags)
        world.pump()
        self.seed = self.meet(1).say(bitfield((1 << PIECES) - 1, PIECES), UNCHOKE)
        self.takers = [self.meet(number).say(INTERESTED) for number in range(2, 2 + takers)]
        world.advance(3)

    def meet(self, number: int) -> Wire:
        host = f"10.9.9.{number}"
        name = f"-XX0000-{host}".ljust(20, "x").encode()
        return Wire(self.world, self.torrent.info_hashes.best(), host=host, peer_id=name).call(self.node)

    def fetch(self) -> int:
        """The seed answers what it is asked for; how many blocks."""
        count = 0
        while more := answer(self.seed, self.content, self.info.piece_length):
            count += more
        return count

    def spread(self) -> None:
        """Every taker asks for what we have."""
        for piece in list(self.torrent.have.indices()):
            for wire in self.takers:
                if (piece, 0) not in wire.blocks:
                    wire.say(request(piece, 0), request(piece, BLOCK))
                    wire.heard()


def test_nothing_is_wanted_where_too_few_would_take_it(world: World) -> None:
    few = Sharing(world, takers=2)
    assert few.torrent.wanted_bits == 0
    assert few.fetch() == 0
    assert few.torrent.is_finished
    assert not few.torrent.is_seed


def test_one_piece_is_fetched_where_enough_would(world: World) -> None:
    sharing = Sharing(world, takers=3)
    assert sharing.fetch() == 2
    world.advance(5)
    assert sharing.fetch() == 0
    assert sharing.torrent.have.count() == 1


def test_the_target_is_a_setting_and_live(world: World) -> None:
    sharing = Sharing(world, takers=3, share_mode_target=4)
    assert sharing.fetch() == 0
    sharing.node.session.apply_settings({"share_mode_target": 2})
    world.advance(2)
    assert sharing.fetch() == 2


def test_the_next_one_comes_when_the_first_was_paid_for(world: World) -> None:
    sharing = Sharing(world, takers=4)
    torrent = sharing.torrent
    for round_ in range(1, 6):
        sharing.fetch()
        assert torrent.have.count() == round_
        sharing.spread()
        world.advance(2)
    uploaded = torrent.meters.payload_up.total
    downloaded = torrent.meters.payload_down.total
    assert uploaded >= 3 * (downloaded - sharing.info.piece_length)


def test_what_the_fewest_peers_have_is_fetched(world: World) -> None:
    sharing = Sharing(world, takers=4)
    world_piece = sharing.torrent.wanted_bits.bit_length() - 1
    assert sharing.fetch() == 2
    sharing.spread()
    rare = [piece for piece in range(PIECES) if piece not in (7, world_piece)]
    for piece in rare:
        sharing.takers[0].say(numbers(MessageId.HAVE, piece))
    world.advance(2)
    assert sharing.torrent.download.picker.wanted_bits in (0, 1 << 7)
    assert sharing.fetch() == (2 if world_piece != 7 else 0)


def test_peers_in_share_mode_and_those_that_want_nothing_do_not_count(world: World) -> None:
    for fields, message in (({"share_mode": 1}, b""), ({"upload_only": 1}, b""), ({}, b"\1")):
        sharing = Sharing(world, takers=0)
        for number in range(10, 14):
            wire = ExtensionWire(world, sharing.torrent, host=f"10.9.9.{number}").meet(sharing.node, **fields)
            if message:
                wire.tell("share_mode", message)
        world.advance(2)
        assert sharing.fetch() == 0
        assert wire.fields[b"share_mode"] == 1
        wire.tell("share_mode", b"\0")
        wire.tell("share_mode", b"two")  # Ignored.
        world.advance(2)
        assert sharing.fetch() == (0 if "upload_only" in fields else 2)


def test_seeds_are_kept_and_not_told_that_we_want_nothing(world: World) -> None:
    sharing = Sharing(world, takers=0)
    assert sharing.torrent.is_finished
    assert not sharing.seed.is_closed
    wire = ExtensionWire(world, sharing.torrent, host="10.9.9.77").meet(sharing.node, upload_only=1)
    assert not wire.is_closed
    assert b"upload_only" not in wire.fields


def test_seeds_go_where_they_are_too_many(world: World) -> None:
    sharing = Sharing(world, takers=0)
    sharing.torrent.handle.set_max_connections(10)
    seeds = [sharing.seed]
    for number in range(30, 39):
        seeds.append(sharing.meet(number).say(bitfield((1 << PIECES) - 1, PIECES), UNCHOKE))
    world.advance(1)
    assert sum(wire.is_closed for wire in seeds) == 5
    reasons = {alert.reason for alert in sharing.node.alerts(PeerDisconnectedAlert)}
    assert reasons == {CloseReason.upload_to_upload}


def test_switching_it_on_and_off_is_told(world: World) -> None:
    sharing = Sharing(world, takers=0, flags=TorrentFlags(0))
    wire = ExtensionWire(world, sharing.torrent, host="10.9.9.77").meet(sharing.node)
    assert b"share_mode" not in wire.fields
    assert sharing.torrent.wanted_bits == (1 << PIECES) - 1
    sharing.torrent.handle.set_flags(SHARE)
    world.pump()
    assert sharing.torrent.wanted_bits == 0
    sharing.torrent.handle.unset_flags(SHARE)
    world.pump()
    assert wire.told("share_mode") == [b"\1", b"\0"]
    sharing.torrent.handle.prioritize_files([4])
    assert sharing.torrent.wanted_bits == (1 << PIECES) - 1


def test_without_support_nobody_hears_of_it(world: World) -> None:
    sharing = Sharing(world, takers=3, support_share_mode=False)
    wire = ExtensionWire(world, sharing.torrent, host="10.9.9.77").meet(sharing.node)
    assert b"share_mode" not in wire.fields
    assert b"share_mode" not in wire.fields[b"m"]
    assert sharing.fetch() == 2  # It works all the same.
