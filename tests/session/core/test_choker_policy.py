"""A session whose program decides whom to upload to."""

from __future__ import annotations

from support.plugins import Stage
from support.world import INTERESTED


class LastFirst:
    """Those that came last come first, and nobody between rounds."""

    def __init__(self):
        self.rounds = []

    def choose(self, peers, slots, now):
        self.rounds.append((len(peers), slots))
        return [peer.peer for peer in reversed(peers)]

    def admits(self, peer, unchoked):
        return False


class Failing:
    def choose(self, peers, slots, now):
        raise RuntimeError("no idea")

    def admits(self, peer, unchoked):
        raise RuntimeError("no idea")


def guests(stage, number=3):
    return [stage.guest(f"10.9.9.{each}", each).call(stage.node) for each in range(1, number + 1)]


def test_the_policy_decides_who_of_the_interested_is_unchoked():
    policy = LastFirst()
    stage = Stage(parts={"choker_policy": policy}, unchoke_slots_limit=1)
    wires = guests(stage)
    for wire in wires[:2]:
        wire.say(INTERESTED)
    assert not any(wire.heard("unchoke") for wire in wires)
    stage.world.advance(16)
    assert [bool(wire.heard("unchoke")) for wire in wires] == [False, True, False]
    wires[2].say(INTERESTED)
    stage.world.advance(16)
    assert [[name for (name,) in wire.heard("choke", "unchoke")] for wire in wires] == [
        [],
        ["choke"],
        ["unchoke"],
    ]
    assert (3, 1) in policy.rounds


def test_one_that_raises_is_reported_and_the_built_in_choker_decides():
    stage = Stage(parts={"choker_policy": Failing()}, unchoke_slots_limit=2)
    wires = guests(stage)
    for wire in wires:
        wire.say(INTERESTED)
    stage.world.advance(16)
    assert sum(not link.is_choked_by_us for link in stage.torrent.swarm.links) == 2
    assert set(stage.faults()) == {("Failing", "choose"), ("Failing", "admits")}
    assert not stage.node.errors
