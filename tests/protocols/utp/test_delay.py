from __future__ import annotations

import pytest
from evtorrent.protocols.utp.delay import BUCKET_SECONDS, BUCKETS, CURRENT_SAMPLES, BaseDelay, CurrentDelay
from hypothesis import given
from hypothesis import strategies as st

WRAP = 1 << 32


@given(st.integers(0, WRAP - 1), st.lists(st.integers(0, 5_000_000), min_size=1, max_size=40))
def test_whatever_the_clocks_say_the_least_is_the_base(offset, delays):
    base = BaseDelay()
    above = [base.add((offset + delay) % WRAP, 0.0) for delay in delays]
    assert above == [delay - min(delays[: index + 1]) for index, delay in enumerate(delays)]
    assert base.base == (offset + min(delays)) % WRAP


def test_a_base_is_forgotten_after_some_minutes():
    base = BaseDelay()
    base.add(1000, 0.0)
    for minute in range(1, BUCKETS):
        assert base.add(3000, minute * BUCKET_SECONDS) == 2000
    assert base.add(3000, BUCKETS * BUCKET_SECONDS) == 0
    assert base.base == 3000


def test_a_lower_sample_of_a_later_minute_is_the_base():
    base = BaseDelay()
    base.add(3000, 0.0)
    base.add(5000, BUCKET_SECONDS)
    assert base.add(4000, BUCKET_SECONDS + 1) == 1000
    assert base.base == 3000
    assert base.add(2000, BUCKET_SECONDS + 2) == 0
    assert base.base == 2000


def test_shifting_follows_a_clock_that_drifts():
    base = BaseDelay()
    base.shift(5)
    assert base.base is None
    base.add(WRAP - 10, 0.0)
    base.shift(30)
    assert base.base == 20
    assert base.add(25, BUCKET_SECONDS) == 5


@pytest.mark.parametrize("drift", [-200, 200])
def test_two_clocks_that_drift(drift):
    """200 µs a second; the true delay never changes, and what is told stays small for ten minutes."""
    ours, theirs = BaseDelay(), BaseDelay()
    worst = 0
    for tick in range(6000):
        now = tick / 10
        before = theirs.base
        theirs.add((1_000_000 - int(drift * now)) % WRAP, now)
        fell = 0 if before is None else (before - theirs.base) % WRAP
        if 0 < fell < 10_000:
            ours.shift(fell)
        worst = max(worst, ours.add((5_000_000 + int(drift * now)) % WRAP, now))
    assert worst <= 1000


def test_current_is_the_least_of_the_last_few():
    current = CurrentDelay()
    assert current.least == 0
    assert current.add(500) == 500
    assert current.add(900) == 500
    for _ in range(CURRENT_SAMPLES - 1):
        current.add(900)
    assert current.least == 900
