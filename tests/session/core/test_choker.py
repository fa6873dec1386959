from __future__ import annotations

from dataclasses import replace
from math import inf
from random import Random
from typing import Any

import pytest
from evtorrent.session.core.choker import (
    QUOTA_TIME,
    RATE_STEP,
    ChokeActions,
    ChokeCandidate,
    Choker,
    ChokerSettings,
    num_slots,
    unchoke,
)
from evtorrent.session.flags import ChokingAlgorithm, SeedChokingAlgorithm
from hypothesis import given
from hypothesis import strategies as st

ROUND_ROBIN = SeedChokingAlgorithm.round_robin
FASTEST = SeedChokingAlgorithm.fastest_upload
ANTI_LEECH = SeedChokingAlgorithm.anti_leech
RATE_BASED = ChokingAlgorithm.rate_based_choker


def peers(**downloaded: int) -> list[ChokeCandidate]:
    return [ChokeCandidate(name, downloaded=amount) for name, amount in downloaded.items()]


class TestUnchoke:
    def test_tit_for_tat(self) -> None:
        assert unchoke(peers(a=10, b=30, c=20, d=5), 2, 0.0) == {"b", "c"}

    def test_not_the_uninterested(self) -> None:
        assert unchoke(
            [ChokeCandidate("a", is_interested=False, downloaded=9), ChokeCandidate("b")], 2, 0.0
        ) == {"b"}

    def test_no_slots_and_no_limit(self) -> None:
        assert unchoke(peers(a=1), 0, 0.0) == set()
        assert unchoke(peers(a=1, b=0), inf, 0.0) == {"a", "b"}

    def test_priority_comes_first(self) -> None:
        assert unchoke([ChokeCandidate("a", downloaded=99), ChokeCandidate("b", priority=2)], 1, 0.0) == {"b"}

    @pytest.mark.parametrize("algorithm", list(SeedChokingAlgorithm))
    def test_who_waits_longest_breaks_ties(self, algorithm: SeedChokingAlgorithm) -> None:
        candidates = [ChokeCandidate("a", last_unchoked=50), ChokeCandidate("b", last_unchoked=20)]
        assert unchoke(candidates, 1, 60.0, seed_algorithm=algorithm) == {"b"}

    def test_a_torrent_has_slots_of_its_own(self) -> None:
        candidates = [
            ChokeCandidate(
                name, downloaded=amount, torrent=name[0], torrent_slots=1 if name[0] == "t" else -1
            )
            for name, amount in {"t1": 9, "t2": 8, "u1": 7, "u2": 6}.items()
        ]
        assert unchoke(candidates, 3, 0.0) == {"t1", "u1", "u2"}

    def test_round_robin_keeps_a_peer_until_it_had_its_turn(self) -> None:
        served = ChokeCandidate("served", is_choked=False, quota=100, uploaded=5, uploaded_since_unchoked=101)
        waiting = ChokeCandidate("waiting", last_unchoked=0.0)
        assert unchoke([served, waiting], 1, QUOTA_TIME) == {"waiting"}
        recent = replace(served, last_unchoked=10.0)
        assert unchoke([recent, waiting], 1, 10.0 + QUOTA_TIME) == {"served"}
        assert unchoke([recent, waiting], 1, 10.5 + QUOTA_TIME) == {"waiting"}
        hungry = replace(served, uploaded_since_unchoked=100)
        assert unchoke([hungry, waiting], 1, QUOTA_TIME + 1) == {"served"}

    def test_round_robin_ignores_what_trickles_to_the_choked(self) -> None:
        trickling = ChokeCandidate("choked", uploaded=99, last_unchoked=5.0)
        assert unchoke([trickling, ChokeCandidate("b", is_choked=False, uploaded=1)], 1, 6.0) == {"b"}

    def test_fastest_upload(self) -> None:
        candidates = [ChokeCandidate("a", uploaded=5), ChokeCandidate("b", uploaded=9)]
        assert unchoke(candidates, 1, 0.0, seed_algorithm=FASTEST) == {"b"}

    def test_anti_leech_prefers_beginning_and_end(self) -> None:
        candidates = [ChokeCandidate(have, total_size=100, have_size=have) for have in (0, 30, 50, 80, 99)]
        assert unchoke(candidates, 2, 0.0, seed_algorithm=ANTI_LEECH) == {0, 99}
        assert unchoke(candidates, 4, 0.0, seed_algorithm=ANTI_LEECH) == {0, 30, 80, 99}

    def test_anti_leech_believes_no_peer_that_hides_what_it_has(self) -> None:
        liar = ChokeCandidate("liar", total_size=100, have_size=0, total_uploaded=45)
        greedy = ChokeCandidate("greedy", total_size=100, have_size=0, total_uploaded=5000)
        fresh = ChokeCandidate("fresh", total_size=100, have_size=3)
        empty = ChokeCandidate("empty", total_size=0)
        assert unchoke([liar, greedy, empty, fresh], 1, 0.0, seed_algorithm=ANTI_LEECH) == {"fresh"}


class TestSlots:
    def test_fixed(self) -> None:
        assert num_slots([], ChokerSettings(unchoke_slots_limit=5), 15.0) == 5
        assert num_slots([], ChokerSettings(unchoke_slots_limit=-1), 15.0) == inf

    def test_rate_based_grows_with_what_is_taken(self) -> None:
        settings = ChokerSettings(choking_algorithm=RATE_BASED, rate_choker_initial_threshold=1000)
        assert num_slots([], settings, 10.0) == 1
        rates = [1000 + RATE_STEP * index for index in range(4)]
        taking = [ChokeCandidate(rate, uploaded=rate * 10) for rate in reversed(rates)]
        assert num_slots(taking, settings, 10.0) == 3
        slow = [ChokeCandidate(index, uploaded=9_999) for index in range(4)]
        assert num_slots(slow, settings, 10.0) == 1

    @pytest.mark.parametrize(
        "wrong",
        [{"unchoke_interval": 0}, {"optimistic_unchoke_interval": -1}, {"num_optimistic_unchoke_slots": -1}],
    )
    def test_impossible_settings(self, wrong: dict[str, int]) -> None:
        with pytest.raises(ValueError):
            ChokerSettings(**wrong)  # type: ignore[arg-type]


class Swarm:
    """Applies what a choker says."""

    def __init__(self, settings: ChokerSettings, *names: str) -> None:
        self.choker = Choker(settings)
        self.peers = {name: ChokeCandidate(name) for name in names}
        self.now = 0.0

    def change(self, name: str, **fields: object) -> None:
        self.peers[name] = replace(self.peers[name], **fields)  # type: ignore[arg-type]

    def round(self) -> ChokeActions:
        self.now = self.choker.next_timeout()
        actions = self.choker.handle_timeout(list(self.peers.values()), self.now)
        for name in actions.choke:
            assert not self.peers[name].is_choked  # type: ignore[index]
            self.change(str(name), is_choked=True)
        for name in actions.unchoke:
            assert self.peers[name].is_choked  # type: ignore[index]
            self.change(str(name), is_choked=False, last_unchoked=self.now)
        return actions

    @property
    def unchoked(self) -> set[str]:
        return {name for name, peer in self.peers.items() if not peer.is_choked}


class TestChoker:
    def test_rounds_are_an_interval_apart(self) -> None:
        choker = Choker(ChokerSettings(unchoke_interval=15), now=100.0)
        assert choker.next_timeout() == 115.0
        choker.handle_timeout([], 116.0)
        assert choker.next_timeout() == 131.0

    def test_all_are_unchoked_while_there_are_slots(self) -> None:
        swarm = Swarm(ChokerSettings(unchoke_slots_limit=4), *"abcd")
        swarm.round()
        assert swarm.unchoked == set("abcd")
        assert swarm.round() == ChokeActions((), (), frozenset("d"), 4)

    def test_the_best_and_one_to_try(self) -> None:
        swarm = Swarm(ChokerSettings(unchoke_slots_limit=3), *"abcde")
        swarm.change("b", downloaded=10)
        swarm.change("d", downloaded=20)
        actions = swarm.round()
        assert {"b", "d"} < swarm.unchoked
        assert len(actions.optimistic) == 1
        assert not actions.optimistic & {"b", "d"}

    def test_optimistic_slots_go_round(self) -> None:
        swarm = Swarm(ChokerSettings(unchoke_slots_limit=2, optimistic_unchoke_interval=30), *"abcde")
        swarm.change("a", downloaded=10)
        tried = [next(iter(swarm.round().optimistic)) for _ in range(12)]
        assert tried[0::2] == tried[1::2], "a try lasts two rounds of fifteen seconds"
        assert set(tried[0:8]) == set("bcde")
        assert tried[0:8:2] != tried[2:10:2]

    def test_who_proves_worth_it_leaves_its_optimistic_slot(self) -> None:
        swarm = Swarm(ChokerSettings(unchoke_slots_limit=2), *"abc")
        swarm.change("a", downloaded=10)
        tried = str(next(iter(swarm.round().optimistic)))
        swarm.change(tried, downloaded=50)
        actions = swarm.round()
        assert tried in swarm.unchoked
        assert tried not in actions.optimistic
        assert len(swarm.unchoked) == 2

    def test_who_loses_interest_is_choked(self) -> None:
        swarm = Swarm(ChokerSettings(), "a")
        swarm.round()
        swarm.change("a", is_interested=False)
        assert swarm.round().choke == ("a",)

    def test_number_of_optimistic_slots_may_be_set(self) -> None:
        swarm = Swarm(ChokerSettings(unchoke_slots_limit=4, num_optimistic_unchoke_slots=3), *"abcdef")
        assert len(swarm.round().optimistic) == 3

    @pytest.mark.parametrize("slots", [0, 1, 2])
    def test_few_slots(self, slots: int) -> None:
        swarm = Swarm(ChokerSettings(unchoke_slots_limit=slots, num_optimistic_unchoke_slots=5), *"abc")
        assert len(swarm.round().optimistic) == slots
        assert len(swarm.unchoked) == slots

    def test_no_limit(self) -> None:
        swarm = Swarm(ChokerSettings(unchoke_slots_limit=-1), *"abcdefghijkl")
        assert swarm.round().num_slots == inf
        assert len(swarm.unchoked) == 12

    def test_rate_based(self) -> None:
        swarm = Swarm(ChokerSettings(choking_algorithm=RATE_BASED), *"abcdef")
        swarm.round()
        assert len(swarm.unchoked) == 1
        for name in swarm.peers:
            swarm.change(name, uploaded=10_000_000)
        swarm.round()
        assert len(swarm.unchoked) == 6

    def test_gone_peers_are_forgotten(self) -> None:
        swarm = Swarm(ChokerSettings(unchoke_slots_limit=1), *"ab")
        gone = str(next(iter(swarm.round().optimistic)))
        del swarm.peers[gone]
        swarm.choker.forget(gone)
        swarm.choker.forget("never here")
        assert swarm.round().optimistic == set("ab") - {gone}

    def test_newly_interested_get_a_free_slot_at_once(self) -> None:
        choker = Choker(ChokerSettings(unchoke_slots_limit=2))
        new, one, two = ChokeCandidate("new"), ChokeCandidate("one"), ChokeCandidate("two")
        assert choker.interested(new, [one])
        assert not choker.interested(new, [one, two])
        assert not choker.interested(replace(new, torrent_slots=1), [one])
        assert choker.interested(replace(new, torrent="t", torrent_slots=1), [one])
        choker.settings = ChokerSettings(unchoke_slots_limit=-1)
        assert choker.interested(new, [one, two])
        choker.settings = ChokerSettings(choking_algorithm=RATE_BASED)
        assert choker.interested(new, [])
        assert not choker.interested(new, [one])

    @given(
        st.integers(-1, 8),
        st.integers(0, 4),
        st.sampled_from(list(SeedChokingAlgorithm)),
        st.integers(0, 2**32),
    )
    def test_slots_are_neither_exceeded_nor_left_empty(
        self, slots: int, optimistic: int, algorithm: SeedChokingAlgorithm, seed: int
    ) -> None:
        rng = Random(seed)
        settings = ChokerSettings(
            unchoke_slots_limit=slots,
            num_optimistic_unchoke_slots=optimistic,
            seed_choking_algorithm=algorithm,
        )
        swarm = Swarm(settings, *"abcdefghij")
        for _ in range(8):
            for name in swarm.peers:
                swarm.change(
                    name,
                    is_interested=rng.random() < 0.7,
                    downloaded=rng.randrange(3),
                    uploaded=rng.randrange(3),
                )
            actions = swarm.round()
            interested = {name for name, peer in swarm.peers.items() if peer.is_interested}
            assert swarm.unchoked <= interested
            assert actions.optimistic <= swarm.unchoked
            expected = len(interested) if slots < 0 else min(slots, len(interested))
            regular = expected - len(actions.optimistic)
            assert len(swarm.unchoked) <= expected
            # Optimistic slots take whoever the regular ones leave; regular slots never go to waste.
            assert regular + len(actions.optimistic) == len(swarm.unchoked)
            if slots > 0 and len(interested) >= slots:
                assert len(swarm.unchoked) == slots


class TestPolicy:
    """Who chooses instead of the settings, by the names it gives."""

    class Named:
        def __init__(self, *names: str | None) -> None:
            self.names = names

        def choose(self, peers: object, slots: float, now: float) -> tuple[str | None, ...] | None:
            return None if self.names == (None,) else self.names

        def admits(self, peer: ChokeCandidate, unchoked: object) -> bool:
            return peer.peer in self.names

    def peers(self, **fields: Any) -> list[ChokeCandidate]:
        return [ChokeCandidate(name, **fields) for name in "abc"]

    def test_slots_go_in_its_order_and_nobody_gets_two(self) -> None:
        choker = Choker(ChokerSettings(unchoke_slots_limit=2), policy=self.Named("c", "c", "x", "a", "b"))
        actions = choker.handle_timeout(self.peers(), 1.0)
        assert (set(actions.unchoke), actions.optimistic, actions.num_slots) == ({"c", "a"}, frozenset(), 2)

    def test_who_wants_nothing_and_torrents_without_slots_get_none(self) -> None:
        choker = Choker(policy=self.Named("a", "b", "c"))
        assert choker.handle_timeout(self.peers(is_interested=False), 1.0).unchoke == ()
        assert len(choker.handle_timeout(self.peers(torrent="t", torrent_slots=1), 2.0).unchoke) == 1

    def test_those_it_does_not_name_are_choked(self) -> None:
        choker = Choker(policy=self.Named("b"))
        actions = choker.handle_timeout(self.peers(is_choked=False), 1.0)
        assert set(actions.choke) == {"a", "c"}

    def test_none_leaves_the_round_to_the_settings(self) -> None:
        actions = Choker(policy=self.Named(None)).handle_timeout(self.peers(), 1.0)
        assert set(actions.unchoke) == {"a", "b", "c"}

    def test_a_free_slot_is_had_at_once_by_whom_it_admits(self) -> None:
        choker = Choker(policy=self.Named("a"))
        assert choker.interested(ChokeCandidate("a"), [])
        assert not choker.interested(ChokeCandidate("b"), [])
        choker.settings = ChokerSettings(unchoke_slots_limit=0)
        assert not choker.interested(ChokeCandidate("a"), [])


def test_a_lower_priority_is_tried_first() -> None:
    choker = Choker(ChokerSettings(unchoke_slots_limit=1, num_optimistic_unchoke_slots=1))
    peers = [
        ChokeCandidate("a"),
        ChokeCandidate("b", optimistic_priority=3),
        ChokeCandidate("c", optimistic_priority=2),
    ]
    assert choker.handle_timeout(peers, 1.0).unchoke == ("c",)
