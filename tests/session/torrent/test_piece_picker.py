from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from evtorrent.session.torrent.extent_affinity import ExtentAffinity
from evtorrent.session.torrent.piece_picker import (
    END_GAME_ASKERS,
    END_GAME_BLOCKS,
    END_GAME_CHOICE,
    END_GAME_PIECES,
    BlockOutcome,
    PickMode,
    PiecePicker,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.picker import bits, draw, make_picker, pick

SHARED, FAST, PAROLE = PickMode.SHARED, PickMode.WHOLE_PIECES, PickMode.ON_PAROLE
END_GAME, SEQUENTIAL = PickMode.END_GAME, PickMode.SEQUENTIAL


class TestOrder:
    @pytest.mark.parametrize(("peers", "first"), [("312", 1), ("221", 2), ("122", 0), ("901", 1)])
    def test_rarest_first(self, peers: str, first: int) -> None:
        assert pick(make_picker(".. .. ..", peers=peers), "a", 2) == [(first, 0, 2)]

    def test_rarest_of_what_the_peer_has(self) -> None:
        assert pick(make_picker(".. .. .. ..", peers="1234"), "a", 2, has="..xx") == [(2, 0, 2)]

    def test_ties_are_broken_by_lot(self) -> None:
        first = Counter(
            pick(make_picker(". . . .", peers="2112", seed=seed), "a", 1)[0][0] for seed in range(200)
        )
        assert set(first) == {1, 2}
        assert min(first.values()) > 60

    def test_rarest_pieces_follow_one_another(self) -> None:
        picker = make_picker("... ... ...", peers="231")
        assert pick(picker, "a", 9) == [(2, 0, 3), (0, 0, 3), (1, 0, 3)]
        assert draw(picker) == "aaa aaa aaa"

    def test_the_first_pieces_are_taken_by_lot(self) -> None:
        drawn = {
            pick(make_picker("+ . . .", peers="1123", threshold=2, seed=seed), "a", 1)[0][0]
            for seed in range(50)
        }
        assert drawn == {1, 2, 3}
        drawn = {
            pick(make_picker("+ . . .", peers="1123", threshold=1, seed=seed), "a", 1)[0][0]
            for seed in range(50)
        }
        assert drawn == {1}

    def test_begun_pieces_come_first_for_everybody_where_that_is_wanted(self) -> None:
        for mode in (SHARED, FAST):
            picker = make_picker(".. b. ..", peers="191")
            assert (pick(picker, "a", 1, mode=mode)[0][0] == 1) == (mode is SHARED)
            picker = make_picker(".. b. ..", peers="191")
            picker.partials_first = True
            assert pick(picker, "a", 1, mode=mode) == [(1, 1, 1)]
            assert pick(picker, "a", 1, mode=mode)[0][0] != 1
            assert {status.reserved_for for status in picker.downloading()} == {None}

    def test_suspects_keep_to_themselves_all_the_same(self) -> None:
        picker = make_picker(".. b. ..", peers="191")
        picker.partials_first = True
        assert pick(picker, "a", 1, mode=PAROLE)[0][0] != 1

    def test_neighbours_of_begun_pieces_before_rare_ones(self) -> None:
        picker = make_picker(". . . . .", peers="92991")
        picker.affinity = ExtentAffinity(picker)
        assert pick(picker, "a", 1) == [(4, 0, 1)]
        assert pick(picker, "b", 2) == [(0, 0, 1), (1, 0, 1)]
        picker.affinity = None
        assert pick(picker, "b", 2)[0] in [(2, 0, 1), (3, 0, 1)]

    def test_the_first_pieces_are_taken_by_lot_whatever_is_near(self) -> None:
        drawn = set()
        for seed in range(30):
            picker = make_picker(". " * 6, peers="999999", threshold=5, seed=seed)
            picker.affinity = ExtentAffinity(picker)
            pick(picker, "a", 1)
            drawn.add(pick(picker, "b", 1)[0][0])
        assert len(drawn) > 2

    def test_begun_pieces_come_first(self) -> None:
        assert pick(make_picker(".. b. ..", peers="191"), "a", 1) == [(1, 1, 1)]

    def test_the_piece_closest_to_its_end_comes_first(self) -> None:
        assert pick(make_picker("b... BBB. Bbb."), "a", 3) == [(1, 3, 1), (2, 3, 1), (0, 1, 1)]

    def test_a_peer_stays_on_its_piece(self) -> None:
        picker = make_picker(".... BB..")
        pick(picker, "a", 1, has="x.")
        assert pick(picker, "a", 2) == [(0, 1, 2)]

    def test_a_peer_leaves_its_piece_when_it_would_not_send_it(self) -> None:
        picker = make_picker(".... ....")
        pick(picker, "a", 1, has="x.")
        assert pick(picker, "a", 2, has=".x") == [(1, 0, 2)]

    def test_priority_comes_before_rarity_and_begun_pieces(self) -> None:
        picker = make_picker(".. b. .. ..", peers="1123", priorities="1476")
        assert pick(picker, "a", 8) == [(2, 0, 2), (3, 0, 2), (1, 1, 1), (0, 0, 2)]

    def test_unwanted_pieces_are_left_alone(self) -> None:
        picker = make_picker(".. b. ..", priorities="004")
        assert pick(picker, "a", 8) == [(2, 0, 2)]
        assert pick(picker, "a", 8, has="xx.") == []

    def test_sequential(self) -> None:
        picker = make_picker("++ .. .. b. ..", peers="54321")
        picker.sequential = True
        assert pick(picker, "a", 9) == [(3, 1, 1), (1, 0, 2), (2, 0, 2), (4, 0, 2)]

    def test_sequential_among_begun_pieces(self) -> None:
        picker = make_picker("b... BBB.")
        assert pick(picker, "a", 1, mode=SEQUENTIAL) == [(0, 1, 1)]

    def test_sequential_for_one_peer(self) -> None:
        picker = make_picker(".. .. ..", peers="321")
        assert pick(picker, "a", 4, mode=SEQUENTIAL) == [(0, 0, 2), (1, 0, 2)]
        assert pick(picker, "b", 4) == [(2, 0, 2)]

    @pytest.mark.parametrize("count", [0, -3])
    def test_nothing_wanted_is_nothing_picked(self, count: int) -> None:
        picker = make_picker("b. ..")
        pick(picker, "a", 1)
        assert pick(picker, "a", count) == []

    def test_nothing_of_use(self) -> None:
        assert pick(make_picker("++ .."), "a", 4, has="x.") == []

    def test_last_piece_is_shorter(self) -> None:
        assert pick(make_picker("... ."), "a", 9, has=".x") == [(1, 0, 1)]


class TestFastAndSlow:
    def test_slow_peers_share_a_piece(self) -> None:
        picker = make_picker("...... ......")
        for peer in "abc":
            pick(picker, peer, 2)
        assert sorted(draw(picker).split()) == ["......", "aabbcc"]

    def test_a_fast_peer_gets_a_piece_from_its_first_block(self) -> None:
        picker = make_picker("b..... ......")
        assert pick(picker, "a", 4, mode=FAST) == [(1, 0, 4)]
        assert pick(picker, "a", 4, mode=FAST) == [(1, 4, 2), (0, 1, 2)]

    def test_others_keep_out_of_its_piece(self) -> None:
        picker = make_picker("...... ......", peers="12")
        pick(picker, "a", 2, mode=FAST)
        pick(picker, "b", 2)
        pick(picker, "c", 2, mode=FAST)
        assert draw(picker) == "aacc.. bb...." or draw(picker) == "aa.... bbcc.."
        assert draw(picker) == "aa.... bbcc.."

    def test_others_take_of_it_when_nothing_else_is_left(self) -> None:
        picker = make_picker("......")
        pick(picker, "a", 2, mode=FAST)
        assert pick(picker, "b", 2) == [(0, 2, 2)]
        assert picker.downloading()[0].reserved_for is None

    def test_its_own_piece_stays_reserved(self) -> None:
        picker = make_picker("... ... ...")
        for has in ("x..", ".x.", "..x"):
            pick(picker, "a", 1, has=has, mode=FAST)
        assert pick(picker, "a", 4, mode=FAST) == [(2, 1, 2), (1, 1, 2)]
        pick(picker, "a", 1, mode=FAST)
        assert {piece.reserved_for for piece in picker.downloading()} == {"a"}

    def test_reserved_pieces_of_higher_priority_first(self) -> None:
        picker = make_picker(".. ..", priorities="25")
        pick(picker, "a", 1, has="x.", mode=FAST)
        pick(picker, "c", 1, has=".x", mode=FAST)
        assert pick(picker, "b", 2) == [(1, 1, 1), (0, 1, 1)]

    def test_a_piece_nobody_works_on_goes_before_untouched_ones(self) -> None:
        picker = make_picker("B... ....")
        picker.peer_gone("b")
        assert pick(picker, "a", 3, mode=FAST) == [(0, 1, 3)]

    def test_a_fast_peer_that_is_gone_leaves_its_piece_to_all(self) -> None:
        picker = make_picker("...... ......")
        pick(picker, "a", 2, has="x.", mode=FAST)
        picker.block_received(0, 0, "a")
        picker.peer_gone("a")
        assert draw(picker) == "A..... ......"
        assert pick(picker, "b", 2) == [(0, 1, 2)]

    def test_a_late_block_ends_the_reservation(self) -> None:
        picker = make_picker("...... ......")
        pick(picker, "a", 2, has="x.", mode=FAST)
        assert picker.cancel(0, 1, "a")
        assert pick(picker, "b", 2) == [(0, 1, 2)]

    def test_fast_peers_stay_in_a_neighbourhood(self) -> None:
        picker = PiecePicker(64, 64, 64, rng=Random(5), initial_picker_threshold=0)
        first = [run.piece for run in picker.pick((1 << 64) - 1, 64 * 4, "a", mode=FAST)]
        following = picker.pick((1 << 64) - 1, 64, "a", mode=FAST)[0].piece
        if (first[-1] + 1) % 4:
            assert following == first[-1] + 1
        pieces = [picker.pick((1 << 64) - 1, 64, "b", mode=FAST)[0].piece for _ in range(8)]
        assert sum(b == a + 1 for a, b in pairwise(pieces)) >= 3

    def test_a_neighbour_that_is_more_common_waits(self) -> None:
        picker = PiecePicker(6, 64, 64, rng=Random(5), initial_picker_threshold=0)
        picker.add_peer(bits("..x..."))
        assert picker.pick(bits(".x...."), 64, "a", mode=FAST)[0].piece == 1
        assert picker.pick(bits("x.xxxx"), 64, "a", mode=FAST)[0].piece != 2


class TestParole:
    def test_a_suspect_gets_untouched_pieces_only(self) -> None:
        picker = make_picker("b.. ...")
        assert pick(picker, "a", 2, mode=PAROLE) == [(1, 0, 2)]
        assert pick(picker, "a", 9, mode=PAROLE) == [(1, 2, 1)]
        assert pick(picker, "a", 9, mode=PAROLE | END_GAME) == []

    def test_a_suspect_leaves_the_piece_it_shares(self) -> None:
        picker = make_picker("b... ....")
        assert pick(picker, "a", 1, has="x.") == [(0, 1, 1)]
        assert pick(picker, "a", 1, mode=PAROLE) == [(1, 0, 1)]

    def test_a_suspect_goes_on_with_its_own_pieces(self) -> None:
        picker = make_picker(".. .. ..")
        pick(picker, "a", 1, has="x..", mode=PAROLE)
        pick(picker, "a", 1, has=".x.", mode=PAROLE)
        assert pick(picker, "a", 2, mode=PAROLE, has="xxx") == [(1, 1, 1), (0, 1, 1)]

    def test_others_keep_out_of_its_piece(self) -> None:
        picker = make_picker("...... ......")
        pick(picker, "a", 2, has="x.", mode=PAROLE)
        assert pick(picker, "b", 9, mode=FAST) == [(1, 0, 6), (0, 2, 3)]
        assert pick(picker, "a", 2, mode=PAROLE) == []


class TestEndGame:
    def test_blocks_on_order_are_given_when_nothing_else_is_left(self) -> None:
        picker = make_picker("bbB")
        assert pick(picker, "a", 8) == []
        assert pick(picker, "a", 8, mode=END_GAME) == [(0, 1, 1), (0, 0, 1)]
        assert draw(picker) == "22B"
        assert pick(picker, "a", 8, mode=END_GAME) == []

    def test_not_while_a_block_is_free(self) -> None:
        picker = make_picker("bb ..")
        assert pick(picker, "a", 8, has="x.", mode=END_GAME) == []
        picker.strict_end_game_mode = False
        assert pick(picker, "a", 8, has="x.", mode=END_GAME) == [(0, 1, 1), (0, 0, 1)]

    @pytest.mark.parametrize("mode", [SHARED, FAST])
    def test_not_while_a_begun_piece_has_free_blocks(self, mode: PickMode) -> None:
        picker = make_picker("bb ..")
        pick(picker, "c", 1, has=".x", mode=mode)
        assert pick(picker, "a", 8, has="x.", mode=END_GAME) == []

    def test_free_blocks_go_alone(self) -> None:
        picker = make_picker("bb b.")
        assert pick(picker, "a", 8, mode=END_GAME) == [(1, 1, 1)]

    def test_only_what_the_peer_has_and_we_want(self) -> None:
        picker = make_picker("bb bb bb", priorities="404")
        assert [piece for piece, _, _ in pick(picker, "a", 8, has="xx.", mode=END_GAME)] == [0, 0]

    def test_least_asked_first_and_no_more_than_the_limit(self) -> None:
        picker = make_picker("bb")
        assert pick(picker, "c", 1, mode=END_GAME) == [(0, 1, 1)]
        assert pick(picker, "d", 2, mode=END_GAME) == [(0, 0, 1), (0, 1, 1)]
        for peer in "efgh":
            pick(picker, peer, 2, mode=END_GAME)
        assert max(len(askers) for askers in picker.begun[0].busy.values()) == END_GAME_ASKERS
        assert pick(picker, "i", 2, mode=END_GAME) == []

    def test_a_peer_has_a_few_such_blocks_at_a_time(self) -> None:
        picker = make_picker("b" * (END_GAME_BLOCKS + 5))
        runs = pick(picker, "a", 100, mode=END_GAME)
        assert len(runs) == END_GAME_BLOCKS
        assert pick(picker, "a", 100, mode=END_GAME) == []
        picker.block_received(0, runs[0][1], "a")
        assert len(pick(picker, "a", 100, mode=END_GAME)) == 1

    @pytest.mark.parametrize(("own", "found"), [(END_GAME_PIECES - 1, 1), (END_GAME_PIECES, 0)])
    def test_the_search_is_bounded_by_pieces(self, own: int, found: int) -> None:
        picker = make_picker(" ".join("b" + "a" * own))
        assert len(pick(picker, "a", 4, mode=END_GAME)) == found

    def test_the_search_is_bounded_by_blocks(self) -> None:
        picker = make_picker("b" * (END_GAME_CHOICE + 9))
        assert min(block for _, block, _ in pick(picker, "a", 100, mode=END_GAME)) >= 9

    def test_the_others_are_told(self) -> None:
        picker = make_picker("bb")
        pick(picker, "a", 1, mode=END_GAME)
        pick(picker, "c", 2, mode=END_GAME)
        assert picker.block_received(0, 1, "c") is BlockOutcome.ACCEPTED
        assert sorted(picker.take_redundant()) == [("a", 0, 1), ("b", 0, 1)]
        assert picker.take_redundant() == []
        assert picker.block_received(0, 1, "b") is BlockOutcome.DUPLICATE
        assert picker.block_received(0, 0, "b") is BlockOutcome.PIECE_COMPLETE
        assert picker.piece_passed(0) == ["b", "c"]

    def test_a_peer_that_goes_needs_no_cancel(self) -> None:
        picker = make_picker("b")
        pick(picker, "a", 1, mode=END_GAME)
        picker.block_received(0, 0, "a")
        picker.peer_gone("b")
        assert picker.take_redundant() == []

    def test_a_peer_that_goes_leaves_the_block_to_the_other(self) -> None:
        picker = make_picker("b")
        pick(picker, "a", 1, mode=END_GAME)
        picker.peer_gone("b")
        assert draw(picker) == "a"
        picker.peer_gone("a")
        assert draw(picker) == "."
        picker.check_invariant()


class TestOutcomes:
    def test_a_piece_from_begin_to_end(self) -> None:
        picker = make_picker("... ...")
        pick(picker, "a", 3, has="x.")
        assert not picker.block_received(0, 2, "a")
        assert not picker.block_received(0, 0, "a")
        assert picker.block_received(0, 1, "a") is BlockOutcome.PIECE_COMPLETE
        assert draw(picker) == "AAA ..."
        assert pick(picker, "b", 9, has="x.") == []
        assert picker.piece_passed(0) == ["a", "a", "a"]
        assert draw(picker) == "+++ ..."
        assert picker.num_have == 1
        assert picker.num_downloading() == 0

    def test_only_a_complete_piece_is_true(self) -> None:
        assert [outcome.name for outcome in BlockOutcome if outcome] == ["PIECE_COMPLETE"]

    def test_a_failed_piece_is_untouched_again(self) -> None:
        picker = make_picker("AB. +++")
        assert picker.piece_failed(0) == ["a", "b", None]
        assert draw(picker) == "... +++"
        picker.check_invariant()
        assert pick(picker, "a", 3) == [(0, 0, 3)]

    def test_passing_what_was_not_begun_is_having_it(self) -> None:
        picker = make_picker("... ...")
        assert picker.piece_passed(1) == []
        assert draw(picker) == "... +++"

    @pytest.mark.parametrize(
        ("state", "outcome"),
        [
            ("+", BlockOutcome.DUPLICATE),
            ("B", BlockOutcome.DUPLICATE),
            ("A", BlockOutcome.DUPLICATE),
            (".", BlockOutcome.UNREQUESTED),
            ("b", BlockOutcome.UNREQUESTED),
        ],
    )
    def test_blocks_not_on_order_change_nothing(self, state: str, outcome: BlockOutcome) -> None:
        picker = make_picker(f"{state}c .." if state != "+" else "++ ..")
        before = draw(picker)
        assert picker.block_received(0, 0, "a") is outcome
        assert draw(picker) == before

    def test_a_busy_block_of_another(self) -> None:
        picker = make_picker("b")
        pick(picker, "a", 1, mode=END_GAME)
        assert picker.block_received(0, 0, "c") is BlockOutcome.UNREQUESTED
        assert draw(picker) == "2"

    def test_a_block_of_an_untouched_piece(self) -> None:
        assert make_picker(".. ..").block_received(1, 0, "a") is BlockOutcome.UNREQUESTED

    def test_cancelled_blocks_may_be_picked_at_once(self) -> None:
        picker = make_picker("aaB ...")
        assert picker.cancel(0, 0, "a")
        assert not picker.cancel(0, 0, "a")
        assert not picker.cancel(0, 1, "b")
        assert not picker.cancel(1, 1, "b")
        assert draw(picker) == ".aB ..."
        assert pick(picker, "c", 1) == [(0, 0, 1)]

    def test_a_piece_given_up_wholly_is_untouched(self) -> None:
        picker = make_picker("a.. ...")
        picker.cancel(0, 0, "a")
        assert picker.num_downloading() == 0
        picker.check_invariant()

    def test_a_peer_that_goes_leaves_what_it_sent(self) -> None:
        picker = make_picker("aAb a.. ...")
        picker.peer_gone("a")
        assert draw(picker) == ".Ab ... ..."
        picker.check_invariant()
        picker.peer_gone("a")
        picker.peer_gone("never here")

    def test_having_a_begun_piece_drops_it(self) -> None:
        picker = make_picker("aA. ...")
        picker.we_have(0)
        picker.check_invariant()
        assert picker.block_received(0, 0, "a") is BlockOutcome.DUPLICATE
        assert pick(picker, "a", 9) == [(1, 0, 3)]

    def test_lost_pieces_are_fetched_again(self) -> None:
        picker = make_picker("+ +")
        picker.we_lost(1)
        assert pick(picker, "a", 9) == [(1, 0, 1)]

    def test_restored_blocks(self) -> None:
        picker = make_picker(".... .... ++++")
        assert not picker.restore_blocks(0, 0b1010)
        picker.check_invariant()
        assert draw(picker) == ".X.X .... ++++"
        assert picker.restore_blocks(1, 0b1111)
        picker.check_invariant()
        for piece in range(3):
            assert not picker.restore_blocks(piece, 0b1111)
        assert pick(picker, "a", 9) == [(0, 0, 1), (0, 2, 1)]
        assert not picker.restore_blocks(0, 0)


class TestSwarm:
    def test_availability(self) -> None:
        picker = make_picker(". . .", peers="210")
        picker.add_have(2)
        picker.add_have(2)
        picker.remove_have(0)
        assert picker.piece_availability() == [1, 1, 2]
        assert picker.availability(2) == 2
        picker.remove_peer(bits("xxx"))
        assert picker.piece_availability() == [0, 0, 1]
        with pytest.raises(ValueError):
            picker.remove_peer(bits("x.."))

    def test_distributed_copies(self) -> None:
        picker = make_picker("+ . .", peers="112")
        assert picker.distributed_copies() == pytest.approx(1 + 2 / 3)

    def test_a_large_torrent_draws_ahead(self) -> None:
        picker = PiecePicker(10_000, 1, 1, rng=Random(3), initial_picker_threshold=0)
        full = (1 << 10_000) - 1
        picker.add_peer(full ^ 0b111 << 5000)
        first = [run.piece for run in picker.pick(full, 1, "a")]
        assert first[0] in (5000, 5001, 5002)
        rest = [picker.pick(full, 1, "a")[0].piece for _ in range(2)]
        assert {*first, *rest} == {5000, 5001, 5002}
        picker.check_invariant()

    def test_what_was_drawn_ahead_and_taken_is_passed_over(self) -> None:
        picker = PiecePicker(10_000, 1, 1, rng=Random(3), initial_picker_threshold=0)
        full = (1 << 10_000) - 1
        picker.pick(full, 1, "a")
        taken = {run.piece for run in picker.pick(full, 9_000, "b")}
        again = {run.piece for run in picker.pick(full, 999, "a")}
        assert len(taken | again) == 9_999
        picker.check_invariant()

    def test_one_seed_one_trace(self) -> None:
        def trace() -> list[list[tuple[int, int, int]]]:
            picker = make_picker(" ".join(["...."] * 20), seed=7, threshold=4)
            return [
                pick(picker, peer, 3, mode=mode)
                for peer in "abc"
                for mode in (SHARED, FAST)
                for _ in range(5)
            ]

        assert trace() == trace()


class PickerMachine(RuleBasedStateMachine):
    """Any order of calls keeps the laws, and what is on order is what was given out and not taken back."""

    @initialize(
        pieces=st.integers(1, 12),
        blocks=st.integers(1, 5),
        strict=st.booleans(),
        ahead=st.integers(0, 2),
        data=st.data(),
    )
    def begin(self, pieces: int, blocks: int, strict: bool, ahead: int, data: st.DataObject) -> None:
        last = data.draw(st.integers(1, blocks))
        self.picker = PiecePicker(
            pieces, blocks, last, rng=Random(1), initial_picker_threshold=2, strict_end_game_mode=strict
        )
        self.picker._ahead = ahead
        self.full = (1 << pieces) - 1
        self.peers: dict[str, int] = {}
        self.orders: set[tuple[str, int, int]] = set()
        self.count = 0

    @rule(data=st.data())
    def peer_comes(self, data: st.DataObject) -> None:
        self.count += 1
        had = data.draw(st.one_of(st.just(self.full), st.integers(0, self.full)))
        self.peers[f"peer {self.count}"] = had
        self.picker.add_peer(had)

    @precondition(lambda self: self.peers)
    @rule(data=st.data())
    def peer_goes(self, data: st.DataObject) -> None:
        peer = data.draw(st.sampled_from(sorted(self.peers)))
        self.picker.remove_peer(self.peers.pop(peer))
        self.picker.peer_gone(peer)
        self.orders = {order for order in self.orders if order[0] != peer}

    @precondition(lambda self: self.peers)
    @rule(data=st.data())
    def peer_gets_a_piece(self, data: st.DataObject) -> None:
        peer = data.draw(st.sampled_from(sorted(self.peers)))
        piece = data.draw(st.integers(0, self.picker.num_pieces - 1))
        if not self.peers[peer] >> piece & 1:
            self.peers[peer] |= 1 << piece
            self.picker.add_have(piece)

    @precondition(lambda self: self.peers)
    @rule(data=st.data(), count=st.integers(0, 12), mode=st.integers(0, 15))
    def pick(self, data: st.DataObject, count: int, mode: int) -> None:
        peer = data.draw(st.sampled_from(sorted(self.peers)))
        wanted = self.picker.wanted_bits
        runs = self.picker.pick(self.peers[peer], count, peer, mode=PickMode(mode))
        assert sum(run.count for run in runs) <= count
        for piece, first, length in runs:
            assert self.peers[peer] & wanted & 1 << piece
            for block in range(first, first + length):
                assert (peer, piece, block) not in self.orders
                if not mode & END_GAME:
                    assert not any(order[1:] == (piece, block) for order in self.orders)
                self.orders.add((peer, piece, block))
        if mode & PAROLE:
            for piece, _, _ in runs:
                assert {order[0] for order in self.orders if order[1] == piece} == {peer}

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), good=st.booleans())
    def block_comes(self, data: st.DataObject, good: bool) -> None:
        order = data.draw(st.sampled_from(sorted(self.orders)))
        peer, piece, block = order
        outcome = self.picker.block_received(piece, block, peer)
        assert outcome in (BlockOutcome.ACCEPTED, BlockOutcome.PIECE_COMPLETE)
        self.orders.discard(order)
        for other in self.picker.take_redundant():
            assert other[1:] == (piece, block)
            self.orders.remove(other)
        if outcome:
            assert not any(order[1] == piece for order in self.orders)
            contributors = self.picker.piece_passed(piece) if good else self.picker.piece_failed(piece)
            assert contributors[block] == peer
            assert None not in contributors
            assert self.picker.have[piece] == good

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def block_is_given_up(self, data: st.DataObject) -> None:
        peer, piece, block = order = data.draw(st.sampled_from(sorted(self.orders)))
        assert self.picker.cancel(piece, block, peer)
        self.orders.discard(order)

    @rule(data=st.data(), priority=st.integers(0, 7))
    def priority_changes(self, data: st.DataObject, priority: int) -> None:
        self.picker.set_priority(data.draw(st.integers(0, self.picker.num_pieces - 1)), priority)

    @rule(data=st.data())
    def piece_is_lost(self, data: st.DataObject) -> None:
        self.picker.we_lost(data.draw(st.integers(0, self.picker.num_pieces - 1)))

    @rule(on=st.booleans())
    def order_changes(self, on: bool) -> None:
        self.picker.sequential = on

    @invariant()
    def laws_hold(self) -> None:
        if not hasattr(self, "picker"):
            return
        self.picker.check_invariant()
        on_order = {
            (piece.piece, block)
            for piece in self.picker.downloading()
            for block, state in enumerate(piece.states)
            if 0 < state < 3
        }
        assert on_order == {order[1:] for order in self.orders}
        expected = [
            sum(had >> piece & 1 for had in self.peers.values()) for piece in range(self.picker.num_pieces)
        ]
        assert self.picker.piece_availability() == expected


PickerMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestPickerMachine = pytest.mark.slow(PickerMachine.TestCase)
