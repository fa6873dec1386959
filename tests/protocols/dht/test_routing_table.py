"""The routing table: its law, and each rule of who stays."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from evtorrent.protocols.dht.contact import NEVER, Contact
from evtorrent.protocols.dht.node_id import NodeId, generate_node_id, shared_bits
from evtorrent.protocols.dht.routing_table import BUCKET_SIZE, MAX_BUCKETS, BucketStatus, RoutingTable
from evtorrent.protocols.dht.settings import DhtSettings
from hypothesis import given, settings
from hypothesis import strategies as st
from support.dht_peers import OURS, at, far, near

PLAIN: dict[str, Any] = {"extended_routing_table": False, "prefer_verified_node_ids": False}


def table(**changes: Any) -> RoutingTable:
    return RoutingTable(OURS, DhtSettings(**{**PLAIN, **changes}))


def see(made: RoutingTable, node_id: NodeId, index: int, rtt: float = 0.1, now: float = 0.0) -> None:
    made.node_seen(node_id, at(index), rtt, now=now)
    made.check_invariant()


def live(made: RoutingTable) -> set[tuple[str, int]]:
    return {contact.address for contact in made.live()}


def in_bucket(bits: int, index: int) -> NodeId:
    """Ids of one bucket, spread over it."""
    number = 1 << (159 - bits) | index << (149 - bits)
    return NodeId(number.to_bytes(20, "big"))


def fill(made: RoutingTable, bits: int) -> None:
    """Live nodes all over a bucket, and slower ones as spares."""
    for n in range(BUCKET_SIZE):
        see(made, in_bucket(bits, n * 128), 100 * bits + n)
    for n in range(BUCKET_SIZE):
        see(made, in_bucket(bits, n * 128 + 1), 100 * bits + 50 + n, rtt=5.0)


def test_heard_of_is_not_known() -> None:
    made = table()
    made.heard_of(far(1), at(1))
    made.check_invariant()
    assert (made.num_live, made.num_spare, made.num_confirmed) == (0, 1, 0)
    assert made.closest(far(1)) == []
    see(made, far(1), 1)
    assert (made.num_live, made.num_spare, made.num_confirmed) == (1, 0, 1)
    assert made.closest(far(1))[0].node_id == far(1)


def test_we_are_not_in_it() -> None:
    made = table()
    made.heard_of(OURS, at(1))
    made.node_seen(OURS, at(1), 0.1, now=0.0)
    made.routers[at(2)] = None
    made.heard_of(far(1), at(2))
    made.node_seen(far(1), at(2), 0.1, now=0.0)
    assert made.num_live == made.num_spare == 0


def test_the_last_bucket_splits() -> None:
    made = table()
    for bits in range(4):
        for n in range(BUCKET_SIZE):
            see(made, in_bucket(bits, n * 100), 100 * bits + n)
    assert made.status() == [BucketStatus(8, 0)] * 4
    assert made.depth == 3
    assert made.num_global_nodes() == (2 << 4) * 8
    assert all(
        len({shared_bits(c.node_id, OURS) for c in made.closest(in_bucket(b, 0))}) == 1 for b in range(4)
    )


def test_a_full_bucket_far_away_does_not() -> None:
    made = table()
    for n in range(40):
        see(made, in_bucket(0, n), n)
    assert made.status() == [BucketStatus(8, 8)]


def test_larger_buckets_in_front() -> None:
    made = table(extended_routing_table=True)
    assert [made.bucket_limit(n) for n in range(6)] == [128, 64, 32, 16, 8, 8]
    for n in range(300):
        see(made, in_bucket(0, n), n)
    assert made.status() == [BucketStatus(128, 8)]


def test_a_split_loses_nobody_there_is_room_for() -> None:
    """A bucket of 128 whose nodes are nearly all in one half, which has room for 64 and is split in turn."""
    made = table(extended_routing_table=True)
    for n in range(60):
        see(made, in_bucket(1, n * 16), n)
        see(made, in_bucket(2, n * 16), 100 + n)
    for n in range(20):
        see(made, in_bucket(0, n * 40), 200 + n)
    assert [bucket.num_nodes for bucket in made.status()] == [20, 60, 32]
    assert made.num_spare == BUCKET_SIZE


def test_only_verified_nodes_make_it_deeper() -> None:
    made = table(prefer_verified_node_ids=True)
    for bits in range(2):
        for n in range(20):
            see(made, in_bucket(bits, n * 40), 100 * bits + n)
    assert len(made.status()) == 1
    good = table(prefer_verified_node_ids=True)
    rng = Random(1)
    for n in range(100):
        host = at(n)[0]
        see(good, generate_node_id(host, rng), n)
    assert len(good.status()) > 2


def test_no_bucket_for_a_lonely_one() -> None:
    """A second bucket behind one with a single node is refused: somebody may invent ids near ours."""
    made = table()
    see(made, in_bucket(0, 0), 1)
    for n in range(20):
        see(made, near(3, n << 20), 100 + n)
    depth = len(made.status())
    assert depth <= 2


def test_depth_is_bounded() -> None:
    made = table()
    index = 0
    for bits in range(MAX_BUCKETS + 20):
        for tail in range(12):
            index += 1
            see(made, in_bucket(bits, tail * 80), index)
    assert len(made.status()) == MAX_BUCKETS


def test_one_node_an_address() -> None:
    made = table()
    made.node_seen(far(1), ("60.1.1.1", 1), 0.1, now=0.0)
    made.node_seen(far(2), ("60.1.1.1", 2), 0.1, now=0.0)
    made.node_seen(far(3), ("60.1.1.2", 1), 0.1, now=0.0)
    assert live(made) == {("60.1.1.1", 1)}, "nor a network in a bucket"
    free = table(restrict_routing_ips=False)
    free.node_seen(far(1), ("60.1.1.1", 1), 0.1, now=0.0)
    free.node_seen(far(2), ("60.1.1.1", 2), 0.1, now=0.0)
    free.check_invariant()
    assert free.num_live == 2
    free.node_failed(None, ("60.1.1.1", 2))
    free.check_invariant()


def test_the_first_to_claim_an_id_keeps_it() -> None:
    made = table()
    see(made, far(1), 1)
    see(made, far(1), 2)
    made.heard_of(far(1), at(3))
    assert live(made) == {at(1)}


def test_another_id_at_the_same_address_is_expelled() -> None:
    made = table()
    for n in range(6):
        see(made, far(n), n)
    see(made, far(50), 3, now=1000.0)
    assert at(3) not in live(made)
    assert all(contact.last_asked == NEVER for contact in made.live()), "its neighbours are looked at"
    see(made, far(60), 4, now=1000.0)


def test_neighbours_of_the_expelled_seen_lately_are_left_alone() -> None:
    made = table()
    for n in range(3):
        see(made, far(n), n, now=990.0)
    see(made, far(50), 1, now=1000.0)
    assert [contact.last_asked for contact in made.live()] == [990.0, 990.0]


def test_ids_that_do_not_fit_are_refused_when_enforced() -> None:
    made = table(enforce_node_id=True)
    see(made, far(1), 1)
    made.heard_of(far(2), at(2))
    assert made.num_live == made.num_spare == 0
    see(made, generate_node_id(at(3)[0], Random(1)), 3)
    assert made.num_live == 1


def test_a_failed_node_makes_room() -> None:
    made = table()
    for n in range(9):
        see(made, in_bucket(0, n), n)
    assert made.num_spare == 1
    made.node_failed(None, at(3))
    made.check_invariant()
    assert at(3) not in live(made)
    assert at(8) in live(made)


def test_without_a_replacement_it_may_fail_often() -> None:
    made = table(max_fail_count=3)
    see(made, far(1), 1)
    made.heard_of(far(2), at(2))
    for _ in range(2):
        made.node_failed(far(1), at(1))
    assert (made.num_live, made.num_confirmed) == (1, 0)
    assert made.closest(far(1)) == []
    assert made.closest(far(1), confirmed=False)[0].address == at(1)
    made.node_failed(far(1), at(1))
    assert made.num_live == 0


def test_who_never_answered_fails_once() -> None:
    made = table()
    made.heard_of(far(1), at(1))
    made.node_failed(far(1), at(1))
    assert made.num_spare == 0
    made.node_failed(far(1), at(1))
    made.heard_of(far(1), at(1))
    made.node_failed(far(2), at(1))
    assert made.num_spare == 1, "it is another who failed"


def test_empty_buckets_at_the_end_go() -> None:
    made = table(max_fail_count=1)
    for bits in range(2):
        for n in range(8):
            see(made, in_bucket(bits, n * 100), 100 * bits + n)
    assert len(made.status()) == 2
    for n in range(8):
        made.node_failed(None, at(100 + n))
        made.check_invariant()
    assert len(made.status()) == 1


def test_a_stale_node_gives_way() -> None:
    made = table()
    for n in range(8):
        see(made, in_bucket(0, n * 100), n)
    made.node_failed(None, at(2))
    see(made, in_bucket(0, 250), 50)
    assert live(made) == {at(n) for n in range(8) if n != 2} | {at(50)}


def test_ids_stay_spread() -> None:
    """Eight nodes in one corner of a bucket give way to one in another corner."""
    made = table()
    for n in range(8):
        see(made, in_bucket(0, n), n, rtt=0.1 + n / 100)
    see(made, in_bucket(0, 700), 50, rtt=5.0)
    assert at(50) in live(made)
    assert at(7) not in live(made), "the slowest of the crowd"


def test_of_two_alike_the_quicker_one_stays() -> None:
    made = table()
    for n in range(8):
        see(made, in_bucket(0, n * 128), n, rtt=1.0)
    see(made, in_bucket(1, 0), 80)
    see(made, in_bucket(0, 3 * 128 + 1), 50, rtt=0.5)
    assert at(50) in live(made)
    assert at(3) not in live(made)
    see(made, in_bucket(0, 3 * 128 + 2), 51, rtt=0.9)
    assert at(51) not in live(made)
    assert made.num_spare == 1


def test_spares_are_bounded_and_the_proven_come_first() -> None:
    made = table()
    for n in range(8):
        see(made, in_bucket(0, n * 128), n, rtt=0.1)
    for n in range(20):
        made.heard_of(in_bucket(0, n * 3 + 1), at(100 + n))
        made.check_invariant()
    assert made.num_spare == BUCKET_SIZE
    for n in range(BUCKET_SIZE):
        see(made, in_bucket(0, n * 100 + 2), 200 + n, rtt=5.0)
    assert made.num_spare == BUCKET_SIZE
    made.node_failed(None, at(3))
    assert any(address[0].startswith("60.0.2") for address in live(made)), "a proven one took the place"
    made.heard_of(in_bucket(0, 5), at(400))
    see(made, in_bucket(0, 901), 401, rtt=9.0)
    for n in range(BUCKET_SIZE):
        see(made, in_bucket(0, 500 + n), 300 + n, rtt=4.0)
    assert made.num_spare == BUCKET_SIZE


def test_proven_spares_do_not_make_room_for_hearsay() -> None:
    made = table()
    fill(made, 0)
    assert made.num_spare == BUCKET_SIZE
    before = {contact.address for contact in made.live()}
    made.heard_of(in_bucket(0, 999), at(99))
    made.set_node_id(OURS)
    made.check_invariant()
    assert {contact.address for contact in made.live()} == before


def test_a_spare_that_answers_is_proven() -> None:
    made = table()
    for n in range(8):
        see(made, in_bucket(0, n * 128), n, rtt=0.1)
    made.heard_of(in_bucket(0, 3), at(50))
    see(made, in_bucket(0, 3), 50, rtt=3.0)
    assert made.num_spare == 1
    made.node_failed(None, at(2))
    assert at(50) in live(made)
    see(made, in_bucket(0, 3), 50, rtt=3.0)


def test_a_live_node_recovers() -> None:
    made = table()
    see(made, far(1), 1)
    made.node_failed(None, at(1))
    see(made, far(1), 1)
    assert made.num_confirmed == 1


def test_refreshing_goes_round() -> None:
    made = table()
    assert made.next_refresh(now=0.0) is None
    for n in range(5):
        see(made, far(n), n, now=float(n))
    made.heard_of(far(9), at(9))
    order = []
    for n in range(7):
        contact = made.next_refresh(now=100.0 + n)
        assert contact is not None
        order.append(contact.address)
    assert order == [at(9), at(0), at(1), at(2), at(3), at(4), at(0)]


def test_refreshing_begins_near_us_and_skips_spares_of_full_buckets() -> None:
    made = table()
    for n in range(8):
        see(made, in_bucket(0, n * 100), n)
    for n in range(8):
        see(made, in_bucket(1, n * 100), 100 + n)
    for contact in made.live():
        contact.last_asked = NEVER
    made.heard_of(in_bucket(0, 5), at(50))
    first = made.next_refresh(now=0.0)
    assert first is not None
    assert first.address[0].startswith("60.0.10")
    assert {made.next_refresh(now=0.0).address for _ in range(15)} == live(made) - {first.address}  # type: ignore[union-attr]


def test_what_to_refresh_for() -> None:
    made = table()
    fill(made, 0)
    fill(made, 1)
    (full,) = [c for c in made.live() if c.node_id == in_bucket(0, 0)]
    assert made.refresh_target(full, Random(1)) is None
    (last,) = [c for c in made.live() if c.node_id == in_bucket(1, 0)]
    made.node_failed(None, next(c.address for c in made.live() if shared_bits(c.node_id, OURS) == 1))
    target = made.refresh_target(last, Random(1))
    assert target is not None
    assert shared_bits(target, OURS) == 159, "where we live, who is asked for us names our neighbours"
    made.node_failed(None, next(c.address for c in made.live() if shared_bits(c.node_id, OURS) == 0))
    other = next(c for c in made.live() if shared_bits(c.node_id, OURS) == 0)
    target = made.refresh_target(other, Random(1))
    assert target is not None
    assert shared_bits(target, OURS) == 0


def test_neighbours_are_the_eight_nearest_there_are() -> None:
    made = table(extended_routing_table=True)
    for n in range(BUCKET_SIZE):
        assert made.is_neighbour(far(n), at(n)), "few are known"
        see(made, far(n), n)
    assert not made.is_neighbour(far(1), at(1)), "known"
    assert not made.is_neighbour(far(BUCKET_SIZE), at(50))
    assert made.is_neighbour(near(9), at(51))
    see(made, near(9), 51)
    assert not made.is_neighbour(far(BUCKET_SIZE - 1), at(52)), "there are eight nearer ones now"
    made.node_failed(None, at(51))
    made.check_invariant()


def test_a_newcomer_gets_the_place_of_the_farthest_that_was_never_tried() -> None:
    made = table(extended_routing_table=True)
    for n in range(BUCKET_SIZE):
        made.heard_of(far(10 * n + 10), at(n))
    assert made.num_spare == BUCKET_SIZE
    made.heard_of(near(9), at(50))
    made.heard_of(far(99), at(51), makes_room=True)
    assert {contact.address for contact in _spares(made)} == {at(n) for n in range(BUCKET_SIZE)}
    made.heard_of(near(9), at(50), makes_room=True)
    assert {contact.address for contact in _spares(made)} == {
        at(50),
        *(at(n) for n in range(BUCKET_SIZE - 1)),
    }
    chosen = made.next_refresh(now=0.0)
    assert chosen is not None and chosen.address == at(50), "the nearest is tried first"
    made.check_invariant()


def test_candidates_that_were_tried_make_no_room() -> None:
    made = table(extended_routing_table=True)
    for n in range(BUCKET_SIZE):
        made.heard_of(far(n), at(n))
        made.next_refresh(now=0.0)
    made.heard_of(near(9), at(50), makes_room=True)
    assert at(50) not in {contact.address for contact in _spares(made)}


def _spares(made: RoutingTable) -> list[Contact]:
    return [contact for bucket in made._buckets for contact in bucket.spare]


def test_eager_while_few_are_known_and_some_untried() -> None:
    made = table(extended_routing_table=True)
    assert not made.is_eager
    made.heard_of(far(1), at(1))
    assert made.is_eager
    made.next_refresh(now=0.0)
    assert not made.is_eager
    made.heard_of(far(2), at(2))
    for n in range(10, 10 + 2 * BUCKET_SIZE):
        see(made, far(n), n)
    assert not made.is_eager


def test_one_network_may_be_in_several_buckets() -> None:
    made = table()
    fill(made, 0)
    for n in range(4):
        see(made, in_bucket(1, n * 100), 200 + n)
    here, there = ("70.1.1.1", 1), ("70.1.1.2", 1)
    for node_id, address in (
        (in_bucket(0, 900), here),
        (in_bucket(1, 900), there),
        (in_bucket(1, 901), ("70.1.1.3", 1)),
    ):
        made.node_seen(node_id, address, 0.01, now=0.0)
        made.check_invariant()
    assert live(made) >= {here, there}
    assert ("70.1.1.3", 1) not in live(made), "nor here"


def test_the_size_of_the_network() -> None:
    made = table()
    see(made, far(1), 1)
    assert made.num_global_nodes() == 2
    for n in range(9):
        see(made, in_bucket(0, n * 100), n)
    see(made, near(1), 50)
    assert made.num_global_nodes() == 2 * 8
    for n in range(2, 5):
        see(made, in_bucket(1, n * 100), 60 + n)
    assert made.num_global_nodes() == 4 * 4


def test_our_id_may_change() -> None:
    made = table()
    for n in range(60):
        see(made, in_bucket(n % 3, n * 10), n)
    before = live(made)
    made.set_node_id(far(7))
    made.check_invariant()
    assert made.node_id == far(7)
    assert len(live(made) & before) >= 8
    spare = {c.node_id for c in made.live()}
    made.set_node_id(next(iter(spare)))
    made.check_invariant()
    assert made.node_id not in {c.node_id for c in made.live()}


def test_with_another_id_hearsay_is_the_first_to_go() -> None:
    """Two of our buckets become one, which has more proven nodes than it holds."""
    made = table()
    for n in range(BUCKET_SIZE):
        see(made, in_bucket(0, n * 128), n)
    fill(made, 1)
    for n in range(BUCKET_SIZE):
        see(made, in_bucket(2, n * 128), 200 + n)
        made.heard_of(in_bucket(2, n * 128 + 1), at(250 + n))
    assert made.num_spare == 2 * BUCKET_SIZE
    made.set_node_id(far(0x7F))
    made.check_invariant()
    assert made.status()[0] == BucketStatus(8, 8)
    for n in range(2 * BUCKET_SIZE):
        made.node_failed(None, at(250 + n))
    assert made.status()[0] == BucketStatus(8, 8), "none of them had never answered"


def steps() -> Iterator[st.SearchStrategy[Any]]:
    index = st.integers(0, 30)
    ids = st.builds(in_bucket, st.integers(0, 5), st.integers(0, 1000)) | st.builds(near, st.integers(0, 159))
    yield st.tuples(st.just("seen"), ids, index, st.floats(0.01, 5))
    yield st.tuples(st.just("heard"), ids, index, st.just(0))
    yield st.tuples(st.just("failed"), ids, index, st.just(0))
    yield st.tuples(st.just("refresh"), ids, index, st.just(0))
    yield st.tuples(st.just("rename"), ids, index, st.just(0))


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.one_of(*steps()), max_size=80),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_the_law_holds_whatever_happens(
    actions: list[Any], extended: bool, restrict: bool, prefer: bool
) -> None:
    made = table(
        extended_routing_table=extended,
        restrict_routing_ips=restrict,
        prefer_verified_node_ids=prefer,
        max_fail_count=2,
    )
    rename = 0
    for now, (what, node_id, index, rtt) in enumerate(actions):
        if what == "seen":
            made.node_seen(node_id, at(index), rtt, now=float(now))
        elif what == "heard":
            made.heard_of(node_id, at(index))
        elif what == "failed":
            made.node_failed(None, at(index))
        elif what == "refresh":
            made.next_refresh(now=float(now))
        elif rename < 2:
            rename += 1
            made.set_node_id(node_id)
        made.check_invariant()


@pytest.mark.slow
def test_a_table_of_many_keeps_the_law() -> None:
    made = table(extended_routing_table=True, prefer_verified_node_ids=True)
    rng = Random(5)
    for n in range(20_000):
        host = f"{rng.randrange(1, 220)}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
        made.node_seen(generate_node_id(host, rng), (host, 1), rng.random(), now=float(n))
    made.check_invariant()
    counts = [bucket.num_nodes for bucket in made.status()]
    assert counts[:4] == [128, 64, 32, 16]
    assert 10_000 < made.num_global_nodes() < 80_000
