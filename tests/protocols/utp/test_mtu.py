from __future__ import annotations

import pytest
from evtorrent.protocols.utp.mtu import ENOUGH, MAX_LOSSES, RAISE_AFTER, SAFE_MTU, PathMtu

OVERHEAD = 28


def search(mtu: PathMtu, passes: int, now: float = 0.0) -> int:
    """Probe until nothing is left to be tried on a path that takes `passes` bytes; gives how many probes."""
    for count in range(100):
        size = mtu.next_probe(now)
        if not size:
            return count
        assert size > mtu.size
        assert mtu.next_probe(now) == 0, "one at a time"
        if size <= passes:
            mtu.on_passed()
        else:
            mtu.on_lost(now)
    raise AssertionError("it never ends")


def test_it_begins_with_what_every_path_takes():
    assert PathMtu(1500, OVERHEAD).size == SAFE_MTU - OVERHEAD
    assert PathMtu(600, OVERHEAD).size == 600 - OVERHEAD


def test_the_ceiling_is_tried_first():
    mtu = PathMtu(1500, OVERHEAD)
    assert search(mtu, 1472) == 1
    assert mtu.size == 1472
    assert search(mtu, 1472, RAISE_AFTER * 2) == 0


@pytest.mark.parametrize("passes", [1300, 1400, 1452, 1464, 8000])
@pytest.mark.parametrize("ceiling", [1500, 9000])
def test_the_size_is_found(passes, ceiling):
    mtu = PathMtu(ceiling, OVERHEAD)
    search(mtu, passes)
    best = min(passes, ceiling - OVERHEAD)
    assert best - ENOUGH <= mtu.size <= best


def test_one_loss_may_be_like_any_other():
    mtu = PathMtu(1500, OVERHEAD)
    assert mtu.next_probe(0.0) == 1472
    mtu.on_lost(0.0)
    assert MAX_LOSSES == 2
    assert mtu.next_probe(0.0) == 1472


def test_a_refusal_of_the_system_counts_at_once():
    mtu = PathMtu(1500, OVERHEAD)
    mtu.next_probe(0.0)
    mtu.on_refused(0.0)
    assert SAFE_MTU - OVERHEAD < mtu.next_probe(0.0) < 1472


def test_it_is_looked_at_again_after_a_while():
    mtu = PathMtu(1500, OVERHEAD)
    search(mtu, 1300)
    assert mtu.next_probe(RAISE_AFTER - 1) == 0
    assert mtu.next_probe(RAISE_AFTER + 1) == 1472
    mtu.on_passed()
    assert mtu.size == 1472


def test_a_black_hole_makes_it_small_again():
    mtu = PathMtu(1500, OVERHEAD)
    search(mtu, 1472)
    mtu.on_black_hole()
    assert mtu.size == 736
    assert search(mtu, 1200)
    assert 1200 - ENOUGH <= mtu.size <= 1200
    for _ in range(5):
        mtu.on_black_hole()
    assert mtu.size == 512


def test_after_a_black_hole_at_the_least_there_is_nothing_to_try():
    mtu = PathMtu(576, 64)
    mtu.on_black_hole()
    assert mtu.size == 512
    assert mtu.next_probe(0.0) == 0
