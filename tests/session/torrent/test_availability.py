from __future__ import annotations

from random import Random

import pytest
from evtorrent.session.torrent.availability import Availability
from hypothesis import given
from hypothesis import strategies as st

PIECES = 9
FULL = (1 << PIECES) - 1
fields = st.integers(0, FULL)


def expected(peers: list[int]) -> list[int]:
    return [sum(peer >> piece & 1 for peer in peers) for piece in range(PIECES)]


@given(st.lists(fields, max_size=12), st.randoms(use_true_random=False))
def test_counts_follow_peers(peers: list[int], rng: Random) -> None:
    availability = Availability(PIECES)
    for peer in peers:
        availability.add(peer)
    assert availability.counts() == expected(peers)
    rng.shuffle(peers)
    while peers:
        availability.remove(peers.pop())
        assert availability.counts() == expected(peers)
        assert [availability.count(piece) for piece in range(PIECES)] == expected(peers)


@given(st.lists(fields, max_size=12), fields)
def test_rarest_is_lowest_count(peers: list[int], bits: int) -> None:
    availability = Availability(PIECES)
    for peer in peers:
        availability.add(peer)
    counts = expected(peers)
    among = [piece for piece in range(PIECES) if bits >> piece & 1]
    lowest = min((counts[piece] for piece in among), default=0)
    assert availability.rarest(bits) == sum(1 << piece for piece in among if counts[piece] == lowest)


def test_seeds_are_only_counted() -> None:
    availability = Availability(PIECES)
    availability.add(FULL)
    assert availability.num_seeds == 1
    assert availability.counts() == [1] * PIECES


def test_peer_that_became_complete_is_removed_as_complete() -> None:
    availability = Availability(PIECES)
    for piece in range(PIECES):
        availability.add(1 << piece)
    availability.remove(FULL)
    assert availability.counts() == [0] * PIECES


def test_peer_that_came_complete_may_lose_pieces() -> None:
    availability = Availability(PIECES)
    availability.add(FULL)
    availability.add(1)
    availability.remove(0b110)
    assert availability.num_seeds == 0
    assert availability.counts() == [2, 0, 0] + [1] * (PIECES - 3)


def test_removing_what_never_came_changes_nothing() -> None:
    availability = Availability(PIECES)
    availability.add(0b011)
    with pytest.raises(ValueError, match="never added"):
        availability.remove(0b101)
    with pytest.raises(ValueError, match="never added"):
        availability.remove(FULL)
    assert availability.counts() == [1, 1] + [0] * (PIECES - 2)


@given(st.lists(fields, max_size=6), fields)
def test_distributed_copies_count_us(peers: list[int], have: int) -> None:
    availability = Availability(PIECES)
    for peer in peers:
        availability.add(peer)
    counts = expected([*peers, have])
    lowest = min(counts)
    share = sum(count > lowest for count in counts) / PIECES
    assert availability.distributed_copies(have) == pytest.approx(lowest + share)


def test_distributed_copies_of_nothing() -> None:
    assert Availability(0).distributed_copies(0) == 0.0
