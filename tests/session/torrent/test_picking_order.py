from __future__ import annotations

import pytest
from evtorrent.session import TorrentFlags
from evtorrent.session.torrent.extent_affinity import ExtentAffinity
from evtorrent.session.torrent.picking_order import is_well_seeded
from evtorrent.session.torrent.torrent import Torrent
from support.world import HAVE_ALL, HAVE_NONE, UNCHOKE, Node, Wire, World, torrent_of

INFO, CONTENT = torrent_of(40)


@pytest.fixture
def world() -> World:
    return World()


def swarm(world: World, node: Node, seeds: int, others: int = 0) -> tuple[Torrent, list[Wire]]:
    torrent = node.add(INFO)
    world.pump()
    wires = []
    for number in range(1, seeds + others + 1):
        name = f"-XX0000-{number:012}".encode()
        wire = Wire(world, INFO.info_hashes.best(), host=f"10.9.9.{number}", peer_id=name)
        wires.append(wire.call(node).say(HAVE_ALL if number <= seeds else HAVE_NONE))
    world.advance(1)
    return torrent, wires


def is_in_order(torrent: Torrent) -> bool:
    assert torrent.download is not None
    return torrent.download.picker.sequential


@pytest.mark.parametrize(
    ("seeds", "others", "expected"), [(9, 0, False), (10, 0, True), (10, 1, True), (10, 2, False)]
)
def test_where_nothing_is_rare_pieces_come_in_order(
    world: World, seeds: int, others: int, expected: bool
) -> None:
    node = world.node()
    torrent, _ = swarm(world, node, seeds, others)
    assert is_well_seeded(torrent.swarm) == expected
    assert is_in_order(torrent) == expected
    assert not torrent.handle.flags() & TorrentFlags.sequential_download, "that is the program's"
    node.session.apply_settings({"auto_sequential": False})
    world.advance(1)
    assert not is_in_order(torrent)


def test_it_ends_with_the_seeds(world: World) -> None:
    node = world.node(auto_sequential=True)
    torrent, wires = swarm(world, node, 10)
    assert is_in_order(torrent)
    wires[0].hang_up()
    world.advance(1)
    assert not is_in_order(torrent)
    torrent.handle.set_flags(TorrentFlags.sequential_download)
    assert is_in_order(torrent)
    world.advance(1)
    assert is_in_order(torrent)


def test_requests_go_in_order(world: World) -> None:
    node = world.node(initial_picker_threshold=0)
    _, wires = swarm(world, node, 10)
    wires[3].say(UNCHOKE)
    pieces = list(dict.fromkeys(piece for _, piece, _, _ in wires[3].heard("request")))
    assert pieces == list(range(len(pieces)))
    assert pieces


def test_nobody_is_a_swarm_of_its_own() -> None:
    assert not is_well_seeded(None)


def test_settings_of_pickers_count_at_once(world: World) -> None:
    node = world.node(prioritize_partial_pieces=True)
    torrent = node.add(INFO)
    world.pump()
    assert torrent.download is not None
    picker = torrent.download.picker
    assert picker.partials_first
    assert picker.affinity is None
    node.session.apply_settings(
        {
            "prioritize_partial_pieces": False,
            "piece_extent_affinity": True,
            "initial_picker_threshold": 9,
            "strict_end_game_mode": False,
        }
    )
    assert not picker.partials_first
    assert isinstance(picker.affinity, ExtentAffinity)
    assert (picker.initial_picker_threshold, picker.strict_end_game_mode) == (9, False)
    kept = picker.affinity
    node.session.apply_settings({"initial_picker_threshold": 8})
    assert picker.affinity is kept
    node.session.apply_settings({"piece_extent_affinity": False})
    assert picker.affinity is None
