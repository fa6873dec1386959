"""A session whose program decides which pieces come next."""

from __future__ import annotations

import pytest
from support.plugins import Stage
from support.world import HAVE_ALL, UNCHOKE, World, answer, torrent_of


class Backwards:
    """The last piece first."""

    def __init__(self, info):
        self.info = info
        self.asked = []

    def next_pieces(self, picker, candidates, count, peer):
        self.asked.append(
            (picker.num_pieces, sorted(candidates.indices()), picker.availability(0), picker.have.count())
        )
        return sorted(candidates.indices(), reverse=True)


class Useless:
    """Names what cannot be begun."""

    def __init__(self, answer):
        self.answer = answer

    def next_pieces(self, picker, candidates, count, peer):
        if self.answer is None:
            raise RuntimeError("no idea")
        return self.answer


def order_of_requests(stage):
    stage.call()
    stage.wire.say(HAVE_ALL, UNCHOKE)
    order = []
    for _ in range(20):
        stage.wire.heard_requests = [message[1] for message in peek(stage.wire)]
        order += stage.wire.heard_requests
        if not answer_peeked(stage):
            break
    return list(dict.fromkeys(order))


def peek(wire):
    wire.pending = wire.heard("request")
    return wire.pending


def answer_peeked(stage):
    wire = stage.wire
    wire.heard = lambda *kinds: wire.pending  # `answer` asks for what was peeked at.
    try:
        return answer(wire, stage.content, stage.info.piece_length)
    finally:
        del wire.heard


def test_pieces_come_in_the_order_of_the_policy():
    made = []

    def make(info):
        made.append(Backwards(info))
        return made[-1]

    stage = Stage(have=(), parts={"picker_policy": make}, close_redundant_connections=False)
    assert order_of_requests(stage) == [3, 2, 1, 0]
    assert stage.torrent.is_seed
    (policy,) = made
    assert policy.info is stage.info
    assert policy.asked[0] == (4, [0, 1, 2, 3], 1, 0)
    stage.torrent.download.picker.check_invariant()


@pytest.mark.parametrize("answer", [(), [17, -3, 4], range(10**9), None])
def test_what_cannot_be_begun_leaves_the_choice_to_rarity(answer):
    stage = Stage(
        have=(), parts={"picker_policy": lambda info: Useless(answer)}, close_redundant_connections=False
    )
    assert sorted(order_of_requests(stage)) == [0, 1, 2, 3]
    assert stage.torrent.is_seed
    assert bool(stage.faults()) == (answer is None)
    stage.torrent.download.picker.check_invariant()


def test_priorities_come_before_the_policy():
    stage = Stage(have=(), parts={"picker_policy": Backwards}, close_redundant_connections=False)
    stage.torrent.handle.prioritize_pieces([7, 4, 4, 0])
    assert order_of_requests(stage) == [0, 2, 1]


def test_a_policy_is_of_one_torrent():
    made = []
    world = World()
    node = world.node(parts={"picker_policy": lambda info: made.append(info)})
    for count in (2, 3):
        node.add(*torrent_of(count, name=f"t{count}"))
    world.pump()
    assert [info.num_pieces for info in made] == [2, 3]
    assert all(torrent.download.picker.policy is None for torrent in node.core.torrents.values())
