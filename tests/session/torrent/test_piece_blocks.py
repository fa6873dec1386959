from __future__ import annotations

from evtorrent.protocols.types import PieceIndex
from evtorrent.session.torrent.piece_blocks import BUSY, FREE, RECEIVED, REQUESTED, BlockRun, PieceBlocks


def make(size: int = 4) -> PieceBlocks:
    return PieceBlocks(PieceIndex(7), size)


def take(blocks: PieceBlocks, want: int, peer: str) -> list[tuple[int, int, int]]:
    runs: list[BlockRun] = []
    taken = blocks.take(want, peer, runs)
    assert taken == sum(run.count for run in runs)
    blocks.check_invariant()
    return [tuple(run) for run in runs]


def test_blocks_are_taken_in_order() -> None:
    blocks = make()
    assert take(blocks, 3, "a") == [(7, 0, 3)]
    assert take(blocks, 3, "b") == [(7, 3, 1)]
    assert take(blocks, 3, "b") == []
    assert blocks.owners == ["a", "a", "a", "b"]


def test_holes_come_first_and_join_what_follows() -> None:
    blocks = make(6)
    take(blocks, 4, "a")
    for block in (1, 3):
        assert blocks.give_back(block, "a")
    assert take(blocks, 1, "b") == [(7, 1, 1)]
    assert take(blocks, 9, "b") == [(7, 3, 3)]


def test_a_hole_is_no_longer_than_wanted() -> None:
    blocks = make(6)
    take(blocks, 6, "a")
    for block in (1, 2, 3, 5):
        blocks.give_back(block, "a")
    assert take(blocks, 2, "b") == [(7, 1, 2)]
    assert take(blocks, 4, "b") == [(7, 3, 1), (7, 5, 1)]


def test_only_the_asked_peer_gives_back() -> None:
    blocks = make()
    take(blocks, 1, "a")
    assert not blocks.give_back(0, "b")
    assert not blocks.give_back(1, "a")
    assert blocks.give_back(0, "a")
    assert not blocks.give_back(0, "a")
    blocks.check_invariant()


def test_busy_block_goes_back_to_one_asker() -> None:
    blocks = make(1)
    take(blocks, 1, "a")
    for peer in ("b", "c"):
        blocks.take_busy(0, peer)
    assert blocks.states[0] == BUSY
    assert blocks.give_back(0, "a")
    assert not blocks.give_back(0, "a")
    blocks.check_invariant()
    assert blocks.states[0] == BUSY
    assert blocks.give_back(0, "c")
    assert blocks.states[0] == REQUESTED
    assert blocks.give_back(0, "b")
    assert blocks.states[0] == FREE
    blocks.check_invariant()


def test_settle_names_the_others() -> None:
    blocks = make(1)
    take(blocks, 1, "a")
    blocks.take_busy(0, "b")
    assert blocks.settle(0, "c") is None
    assert blocks.settle(0, "b") == ["a"]
    assert blocks.states[0] == RECEIVED
    assert blocks.owners == ["b"]
    assert blocks.left == 0
    blocks.check_invariant()


def test_blocks_of_a_peer() -> None:
    blocks = make()
    take(blocks, 2, "a")
    take(blocks, 2, "b")
    blocks.take_busy(3, "a")
    blocks.take_busy(0, "b")
    assert blocks.blocks_of("a") == [0, 1, 3]
    assert blocks.blocks_of("b") == [2, 3, 0]


def test_requested_blocks_are_those_of_others_last_first() -> None:
    blocks = make(5)
    take(blocks, 1, "b")
    take(blocks, 3, "a")
    blocks.take_busy(1, "c")
    assert list(blocks.requested_blocks("b")) == [(1, 3), (1, 2), (2, 1)]
    assert list(blocks.requested_blocks("c")) == [(1, 3), (1, 2), (1, 0)]


def test_status_is_a_snapshot() -> None:
    blocks = make()
    take(blocks, 2, "a")
    status = blocks.status()
    take(blocks, 2, "b")
    assert (status.piece, status.num_blocks) == (7, 4)
    assert (status.num_free, status.num_requested, status.num_received) == (2, 2, 0)
    assert status.states == bytes([REQUESTED, REQUESTED, FREE, FREE])
    assert status.owners == ("a", "a", None, None)
    assert status.reserved_for is None
