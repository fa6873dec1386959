from __future__ import annotations

from itertools import count

import pytest
from evtorrent.protocols.bits import Bitfield
from evtorrent.session import PluginErrorAlert
from evtorrent.session.alert_queue import AlertQueue
from evtorrent.session.core.choker import ChokeCandidate
from evtorrent.session.plugins.faults import Faults
from evtorrent.session.plugins.guarded import GuardedChoker, GuardedPicker, picker_policy_for
from support.disk import make_torrent

INFO, _ = make_torrent(65_536, 16_384)


class View:
    num_pieces = 4


class Policy:
    """Gives what it was made with, or makes it."""

    def __init__(self, answer):
        self.answer = answer

    def next_pieces(self, picker, candidates, count, peer):
        return self.answer() if callable(self.answer) else self.answer

    def choose(self, peers, slots, now):
        return self.answer() if callable(self.answer) else self.answer

    def admits(self, peer, unchoked):
        return self.answer() if callable(self.answer) else self.answer


def broken():
    yield 1
    raise KeyError("x")


@pytest.fixture
def queue():
    return AlertQueue(lambda: 0.0)


def pick(answer, queue):
    guarded = GuardedPicker(Policy(answer), Faults(queue))
    return list(guarded.next_pieces(View(), Bitfield(4), 2, "peer"))


def choose(answer, queue):
    guarded = GuardedChoker(Policy(answer), Faults(queue))
    chosen = guarded.choose([ChokeCandidate("a"), ChokeCandidate("b")], 2, 0.0)
    return None if chosen is None else list(chosen)


def test_what_the_policy_says_counts(queue):
    assert pick([3, 1], queue) == [3, 1]
    assert pick(lambda: count(), queue) == [0, 1, 2, 3]
    assert choose(["b", "a"], queue) == ["b", "a"]
    assert choose(None, queue) is None
    assert choose(lambda: iter("aaaaaa"), queue) == ["a"]
    assert GuardedChoker(Policy(False), Faults(queue)).admits(ChokeCandidate("a"), []) is False
    assert not queue.pop_all()


@pytest.mark.parametrize("answer", [lambda: 1 // 0, lambda: broken(), 7, ["x"], [None], [1.5]])
def test_a_picker_that_raises_leaves_the_choice(queue, answer):
    assert pick(answer, queue) == []
    assert [alert.hook for alert in queue.pop_all()] == ["next_pieces"]


@pytest.mark.parametrize("answer", [lambda: 1 // 0, lambda: broken(), 7, [[]]])
def test_a_choker_that_raises_leaves_the_round(queue, answer):
    assert choose(answer, queue) is None
    (told,) = queue.pop_all()
    assert isinstance(told, PluginErrorAlert)
    assert (told.plugin, told.hook) == ("Policy", "choose")


def test_who_may_have_a_free_slot_when_the_policy_raises(queue):
    assert GuardedChoker(Policy(lambda: 1 // 0), Faults(queue)).admits(ChokeCandidate("a"), [])
    assert [alert.hook for alert in queue.pop_all()] == ["admits"]


def test_a_torrent_may_have_none(queue):
    faults = Faults(queue)
    assert picker_policy_for(lambda info: None, INFO, faults) is None
    assert picker_policy_for(lambda info: 1 // 0, INFO, faults) is None
    assert len(queue.pop_all()) == 1
    made = picker_policy_for(lambda info: Policy(range(info.num_pieces)), INFO, faults)
    assert list(made.next_pieces(View(), Bitfield(4), 1, None)) == [0, 1, 2, 3]
