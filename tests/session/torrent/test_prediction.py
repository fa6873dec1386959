from __future__ import annotations

from typing import Any

import pytest
from evtorrent.protocols.peer.extensions.lt_donthave import pack_dont_have
from evtorrent.session.torrent.torrent import Torrent
from support.extension_wire import ExtensionWire
from support.world import (
    BLOCK,
    CHOKE,
    HAVE_ALL,
    HAVE_NONE,
    INTERESTED,
    UNCHOKE,
    Node,
    World,
    block,
    request,
    torrent_of,
)

BLOCKS = 32
INFO, CONTENT = torrent_of(3, piece_blocks_each=BLOCKS)
USUAL = {"predictive_piece_announce": 5000, "unchoke_slots_limit": -1, "unchoke_interval": 1}


@pytest.fixture
def world() -> World:
    return World()


class Stage:
    """A node that fetches, a seed that is told what to send, and a peer that wants the same."""

    def __init__(self, world: World, *, speaks: bool = True, **settings: Any) -> None:
        self.world = world
        self.node: Node = world.node(**{**USUAL, **settings})
        self.torrent: Torrent = self.node.add(INFO)
        world.pump()
        self.seed = ExtensionWire(world, self.torrent).meet(self.node)
        self.peer = ExtensionWire(world, self.torrent, host="10.9.9.2").meet(
            self.node, *(() if speaks else ("lt_donthave",))
        )
        self.peer.say(HAVE_NONE, INTERESTED)
        self.seed.say(HAVE_ALL, UNCHOKE)
        self.piece = -1
        self.asked: list[tuple[int, int]] = []
        self.sent: set[tuple[int, int]] = set()

    def send_until(self, left: int, *, bad: bool = False) -> None:
        """The seed sends the piece asked for first, but for `left` blocks."""
        for _ in range(50):
            self.asked += [(piece, begin) for _, piece, begin, _ in self.seed.heard("request")]
            self.piece = self.asked[0][0] if self.piece < 0 else self.piece
            due = [at for at in self.asked if at[0] == self.piece and at not in self.sent]
            room = BLOCKS - left - len(self.sent)
            if not room:
                return
            for piece, begin in due[: min(room, 8)]:
                self.sent.add((piece, begin))
                data = bytes(BLOCK) if bad else data_of(piece, begin)
                self.seed.say(block(piece, begin, data))
            self.world.advance(0.5)
        raise AssertionError(f"only {len(self.sent)} blocks were asked for")

    def told(self) -> list[tuple[Any, ...]]:
        """Pieces the peer was told of since."""
        self.world.pump()
        return self.peer.heard("have")


def data_of(piece: int, begin: int) -> bytes:
    start = piece * INFO.piece_length + begin
    return CONTENT[start : start + BLOCK]


def test_a_piece_is_told_of_before_it_is_complete_and_only_once(world: World) -> None:
    stage = Stage(world)
    stage.send_until(1)
    assert stage.told() == [("have", stage.piece)]
    assert not stage.torrent.have.any()
    stage.peer.say(request(stage.piece, 0), request(stage.piece, BLOCK))
    world.advance(1)
    assert stage.peer.heard("piece", "reject", "have") == []
    stage.send_until(0)
    heard = stage.peer.heard("piece", "reject", "have")
    assert heard == [("piece", stage.piece, 0, BLOCK), ("piece", stage.piece, BLOCK, BLOCK)]
    assert stage.peer.blocks[stage.piece, BLOCK] == data_of(stage.piece, BLOCK)
    world.check()


@pytest.mark.parametrize("settings", [{"predictive_piece_announce": 0}, {"predictive_piece_announce": 1}])
def test_not_without_the_setting_nor_before_its_time(world: World, settings: dict[str, int]) -> None:
    stage = Stage(world, **settings)
    stage.send_until(1)
    assert stage.told() == []
    stage.peer.say(request(stage.piece, 0))
    assert [kind for kind, *_ in stage.peer.heard("piece", "reject")] == ["reject"]
    stage.send_until(0)
    assert stage.told() == [("have", stage.piece)]


def test_it_counts_at_once(world: World) -> None:
    stage = Stage(world, predictive_piece_announce=0)
    stage.send_until(4)
    assert stage.told() == []
    stage.node.session.apply_settings({"predictive_piece_announce": 5000})
    stage.send_until(3)
    assert stage.told() == [("have", stage.piece)]
    stage.node.session.apply_settings({"predictive_piece_announce": 0})
    stage.peer.say(request(stage.piece, 0))
    stage.send_until(0)
    assert stage.peer.heard("piece", "have") == [("piece", stage.piece, 0, BLOCK)], "what was said holds"


@pytest.mark.parametrize("speaks", [True, False])
def test_a_bad_piece_is_taken_back(world: World, speaks: bool) -> None:
    stage = Stage(world, speaks=speaks)
    stage.send_until(1, bad=True)
    assert stage.told() == [("have", stage.piece)]
    stage.peer.say(request(stage.piece, 0))
    stage.send_until(0, bad=True)
    assert stage.peer.heard("piece", "reject") == [("reject", stage.piece, 0, BLOCK)]
    assert stage.peer.told("lt_donthave") == ([pack_dont_have(stage.piece)] if speaks else [])
    world.check()


def test_not_while_several_are_asked_for_the_rest_of_it(world: World) -> None:
    stage = Stage(world)
    stage.send_until(2)
    assert stage.told() == [("have", stage.piece)]
    swarm, download = stage.torrent.swarm, stage.torrent.download
    assert swarm is not None and download is not None and swarm.predictions is not None
    stage.seed.say(CHOKE)
    links = {link.address[0]: link for link in swarm.links}
    one, other = links["10.9.9.1"], links["10.9.9.2"]
    one.meters.payload_down.rate = other.meters.payload_down.rate = 1e9
    piece = (stage.piece + 1) % 3
    download.picker.peer_gone(one)  # Nothing is on order from it.
    for count, link in ((BLOCKS // 2, one), (BLOCKS - BLOCKS // 2, other)):
        swarm.predictions.blocks_came([piece])
        assert stage.told() == []
        download.picker.pick_of(piece, count, link)
    assert download.picker.num_free(piece) == 0
    swarm.predictions.blocks_came([piece])
    assert stage.told() == []
    download.picker.peer_gone(other)
    download.picker.pick_of(piece, BLOCKS, one)
    swarm.predictions.blocks_came([piece, piece])
    assert stage.told() == [("have", piece)]


def test_requests_that_wait_are_bounded(world: World) -> None:
    stage = Stage(world, max_allowed_in_request_queue=2)
    stage.send_until(1)
    stage.told()
    stage.peer.say(*[request(stage.piece, at * BLOCK) for at in range(4)])
    refused = stage.peer.heard("reject")
    assert [begin for _, _, begin, _ in refused] == [2 * BLOCK, 3 * BLOCK]
    stage.send_until(0)
    assert [begin for _, _, begin, _ in stage.peer.heard("piece")] == [0, BLOCK]


def test_who_left_or_is_choked_meanwhile_gets_nothing(world: World) -> None:
    stage = Stage(world)
    stage.send_until(1)
    stage.peer.say(request(stage.piece, 0))
    stage.told()
    link = next(each for each in stage.torrent.swarm.links if each.address[0] == "10.9.9.2")  # type: ignore[union-attr]
    link.connection.send_choke(True)
    world.pump()
    gone = ExtensionWire(world, stage.torrent, host="10.9.9.4").meet(stage.node)
    gone.hang_up()
    stage.send_until(0)
    assert stage.peer.heard("piece") == []
    world.check()
