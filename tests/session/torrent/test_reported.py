from __future__ import annotations

import pytest
from evtorrent.session.torrent.reported import downloaded_bytes
from evtorrent.session.torrent.torrent import Torrent
from support.world import BLOCK, HAVE_ALL, UNCHOKE, Node, Wire, World, answer, block, torrent_of

INFO, CONTENT = torrent_of(4)


@pytest.fixture
def world() -> World:
    return World()


def told(node: Node, torrent: Torrent) -> int:
    return downloaded_bytes(torrent, node.core.settings)


def downloading(world: World) -> tuple[Node, Torrent, Wire]:
    node = world.node()
    torrent = node.add(INFO)
    world.pump()
    wire = Wire(world, torrent.wire_name).call(node).say(HAVE_ALL, UNCHOKE)
    return node, torrent, wire


def test_what_came_twice_counts_only_when_asked_for(world: World) -> None:
    node, torrent, wire = downloading(world)
    while answer(wire, CONTENT, INFO.piece_length):
        pass
    assert torrent.is_seed
    assert told(node, torrent) == len(CONTENT)
    wire = Wire(world, torrent.wire_name).call(node)
    wire.say(block(0, 0, CONTENT[:BLOCK]))
    world.advance(1)
    assert told(node, torrent) == len(CONTENT)
    node.session.apply_settings({"report_true_downloaded": True})
    assert told(node, torrent) == len(CONTENT) + BLOCK


def test_pieces_that_were_bad_never_count(world: World) -> None:
    node, torrent, wire = downloading(world)
    spoiled: list[int] = []

    def spoil(piece: int) -> bool:
        spoiled.append(piece)
        return len(spoiled) <= 2

    while answer(wire, CONTENT, INFO.piece_length, spoil=spoil):
        pass
    world.advance(1)
    assert torrent.download is not None and torrent.download.num_failed_bytes
    for setting in (False, True):
        node.session.apply_settings({"report_true_downloaded": setting})
        good = torrent.meters.payload_down.total - torrent.download.num_failed_bytes
        assert told(node, torrent) == good <= len(CONTENT)


def test_bad_pieces_pass_when_hashes_are_not_checked(world: World) -> None:
    node, torrent, wire = downloading(world)
    node.session.apply_settings({"disable_hash_checks": True})
    while answer(wire, CONTENT, INFO.piece_length, spoil=lambda piece: True):
        pass
    assert torrent.is_seed
    assert node.core.counters.values["ses.num_piece_failed"] == 0
    torrent.recheck()
    world.pump()
    assert torrent.is_seed
    node.session.apply_settings({"disable_hash_checks": False})
    torrent.recheck()
    world.pump()
    assert not torrent.have.any()


def test_blocks_of_an_earlier_run_never_make_it_negative(world: World) -> None:
    node, torrent, _ = downloading(world)
    assert torrent.download is not None
    torrent.download.num_failed_bytes = BLOCK
    assert told(node, torrent) == 0
