from __future__ import annotations

from itertools import pairwise

import pytest
from evtorrent.protocols.utp.congestion import (
    FIRST_PACKETS,
    FIRST_PAUSE_AFTER,
    LEAST_TARGET,
    LONGEST_INTERVAL,
    MAX_WINDOW,
    MIN_PACKETS,
    PAUSE_ROUNDS,
    RESUME_SHARE,
    SHALLOW_MEMORY,
    SHORTEST_ROUND,
    WORTH_A_PAUSE,
    Ledbat,
)
from evtorrent.protocols.utp.settings import UtpSettings

PACKET = 1000
TARGET = 0.1


def make(**settings) -> Ledbat:
    return Ledbat(UtpSettings(**settings), PACKET)


def round_trip(ledbat: Ledbat, delay: float, now: float) -> None:
    """The whole window is acknowledged, in four parts."""
    window = int(ledbat.window)
    for _ in range(4):
        ledbat.on_ack(window // 4, window, delay, now)


def after_slow_start(window: float = 100_000.0) -> Ledbat:
    ledbat = make()
    ledbat.window = 2 * window
    ledbat.on_loss(0.5, 1.0)
    assert ledbat.window == window
    return ledbat


def test_it_doubles_until_the_queue_begins():
    ledbat = make()
    assert ledbat.window == FIRST_PACKETS * PACKET
    round_trip(ledbat, 0.0, 0.0)
    assert ledbat.window == 2 * FIRST_PACKETS * PACKET
    round_trip(ledbat, TARGET * 0.6, 1.0)
    assert ledbat.window <= 2 * FIRST_PACKETS * PACKET + 3000
    round_trip(ledbat, 0.0, 2.0)
    assert ledbat.window <= 2 * FIRST_PACKETS * PACKET + 6000


def test_then_it_grows_by_the_gain_a_round_trip():
    ledbat = after_slow_start()
    before = ledbat.window
    round_trip(ledbat, 0.0, 2.0)
    assert ledbat.window == pytest.approx(before + 3000, rel=0.01)


def test_short_round_trips_count_as_longer_ones():
    ledbat = after_slow_start()
    before, now = ledbat.window, 2.0
    for _ in range(100):
        now += SHORTEST_ROUND / 10
        round_trip(ledbat, 0.0, now)
    assert ledbat.window <= before + 3000 * 11


def test_above_the_target_it_shrinks_in_proportion():
    ledbat = after_slow_start()
    round_trip(ledbat, TARGET * 1.2, 2.0)
    assert 90_000 < ledbat.window < 95_000
    ledbat = after_slow_start()
    round_trip(ledbat, TARGET * 50, 2.0)
    assert 50_000 < ledbat.window < 70_000, "by half at the most"


def test_it_has_bounds():
    ledbat = make()
    for tick in range(100):
        round_trip(ledbat, TARGET * 3, float(tick))
    # Where growth and decrease meet is above the least, which holds all the same.
    assert MIN_PACKETS * PACKET <= ledbat.window < FIRST_PACKETS * PACKET
    ledbat = make()
    for tick in range(40):
        round_trip(ledbat, 0.0, float(tick))
    assert ledbat.window == MAX_WINDOW


def test_a_window_that_is_not_used_does_not_grow():
    ledbat = make()
    ledbat.on_ack(1000, 2000, 0.0, 0.0)
    assert ledbat.window == FIRST_PACKETS * PACKET
    ledbat.on_ack(1000, 2000, TARGET * 2, 0.0)
    assert ledbat.window < FIRST_PACKETS * PACKET + 3000


def test_losses_of_one_window_count_as_one():
    ledbat = make()
    ledbat.on_loss(0.9, 1.0)
    assert ledbat.window == FIRST_PACKETS * PACKET / 2
    ledbat.on_loss(0.95, 1.05)
    ledbat.on_loss(0.99, 5.0)  # It left before the cut.
    assert ledbat.window == FIRST_PACKETS * PACKET / 2
    ledbat.on_loss(1.01, 1.05)  # Too soon.
    assert ledbat.window == FIRST_PACKETS * PACKET / 2
    ledbat.on_loss(1.2, 1.3)
    assert ledbat.window == FIRST_PACKETS * PACKET / 4
    for tick in range(2, 20):
        ledbat.on_loss(float(tick), float(tick))
    assert ledbat.window == MIN_PACKETS * PACKET


def test_the_share_that_is_left_is_a_setting():
    ledbat = make(loss_multiplier=0.8, cwnd_reduce_timer=3.0)
    ledbat.on_loss(0.0, 1.0)
    ledbat.on_loss(2.0, 3.0)
    assert ledbat.window == pytest.approx(FIRST_PACKETS * PACKET * 0.8)


def test_after_a_timeout_one_packet_and_then_up_to_half():
    ledbat = make()
    for tick in range(4):
        round_trip(ledbat, 0.0, float(tick))
    before = ledbat.window
    ledbat.on_timeout(5.0)
    assert ledbat.window == PACKET
    for tick in range(6, 20):
        round_trip(ledbat, 0.0, float(tick))
    assert before / 2 < ledbat.window < before


# -- pauses


def pausing(window: float = 100_000.0) -> Ledbat:
    """One that begins to pause at the time 10."""
    ledbat = after_slow_start(window)
    ledbat.on_ack(1000, 1000, 0.0, 10.0 - FIRST_PAUSE_AFTER)
    before = ledbat.window
    ledbat.on_ack(1000, int(before), TARGET, 10.0)
    assert ledbat.window == MIN_PACKETS * PACKET
    return ledbat


def drain(ledbat: Ledbat, under_way: int, now: float = 10.1) -> None:
    """What was under way arrives, and the round trips of the pause."""
    ledbat.on_ack(under_way, under_way, TARGET, now)
    for _ in range(PAUSE_ROUNDS):
        assert ledbat.window == MIN_PACKETS * PACKET
        ledbat.on_ack(MIN_PACKETS * PACKET, MIN_PACKETS * PACKET, 0.0, now)


def test_a_flow_with_a_queue_pauses_until_it_is_drained_and_goes_on():
    ledbat = pausing()
    ledbat.on_ack(50_000, 99_000, TARGET, 10.05)
    assert ledbat.window == MIN_PACKETS * PACKET
    drain(ledbat, 49_000)
    assert ledbat.window == pytest.approx(RESUME_SHARE * 100_000, rel=0.01)
    round_trip(ledbat, 0.0, 10.2)
    round_trip(ledbat, TARGET * 0.6, 10.3)
    assert ledbat.window == pytest.approx(100_000, rel=0.05), (
        "it doubles up to what it was, whatever half the target is"
    )
    round_trip(ledbat, 0.0, 10.4)
    assert ledbat.window < 110_000


def test_pauses_become_rarer():
    ledbat, pauses, now = after_slow_start(), [], 0.0
    while now < 400:
        now += 0.5
        before = int(ledbat.window)
        ledbat.on_ack(1000, before, TARGET, now)
        if ledbat.window == MIN_PACKETS * PACKET:
            pauses.append(now)
            drain(ledbat, before - 1000, now)
            ledbat.window = 100_000.0
    gaps = [later - earlier for earlier, later in pairwise(pauses)]
    assert gaps[0] == 2 * FIRST_PAUSE_AFTER
    assert gaps == sorted(gaps)
    assert gaps[-1] == LONGEST_INTERVAL


@pytest.mark.parametrize(("delay", "window"), [(TARGET / 3, 100_000.0), (TARGET, WORTH_A_PAUSE * PACKET)])
def test_without_a_queue_of_its_own_a_flow_does_not_pause(delay, window):
    ledbat = after_slow_start(window)
    for tick in range(100):
        ledbat.on_ack(1000, int(window), delay, 2.0 + tick)
        assert ledbat.window > MIN_PACKETS * PACKET
        ledbat.window = window


def test_what_is_lost_in_a_pause_is_taken_off_what_it_resumes_with():
    ledbat = pausing()
    ledbat.on_loss(9.9, 10.05)
    assert ledbat.window == MIN_PACKETS * PACKET
    drain(ledbat, 99_000)
    assert ledbat.window == pytest.approx(RESUME_SHARE * 50_000, rel=0.01)


def test_a_timeout_ends_a_pause():
    ledbat = pausing()
    ledbat.on_timeout(11.0)
    assert ledbat.window == PACKET
    for tick in range(12, 30):
        round_trip(ledbat, 0.0, float(tick))
    assert 50_000 <= ledbat.window < 120_000


def test_a_pause_of_a_small_window_resumes_with_the_least():
    ledbat = pausing((WORTH_A_PAUSE + 2.0) * PACKET)
    ledbat.on_loss(9.9, 10.05)
    drain(ledbat, (WORTH_A_PAUSE + 1) * PACKET)
    assert ledbat.window == MIN_PACKETS * PACKET


def test_a_queue_that_overflows_early_is_aimed_at_half():
    ledbat = after_slow_start()
    round_trip(ledbat, 0.06, 2.0)
    ledbat.on_loss(2.5, 3.0)
    before = ledbat.window
    round_trip(ledbat, 0.02, 4.0)
    assert ledbat.window > before
    before = ledbat.window
    round_trip(ledbat, 0.045, 5.0)
    assert ledbat.window < before
    round_trip(ledbat, 0.0, 3.0 + SHALLOW_MEMORY)
    before = ledbat.window
    round_trip(ledbat, 0.045, 4.0 + SHALLOW_MEMORY)
    assert ledbat.window > before


def test_a_loss_without_a_queue_tells_nothing_of_it():
    ledbat = after_slow_start()
    round_trip(ledbat, LEAST_TARGET / 2, 2.0)
    ledbat.on_loss(2.5, 3.0)
    before = ledbat.window
    round_trip(ledbat, 0.06, 4.0)
    assert ledbat.window > before


def test_what_the_queue_held_long_ago_is_forgotten():
    ledbat = after_slow_start()
    round_trip(ledbat, 0.09, 2.0)
    for number in range(40):
        round_trip(ledbat, 0.0, 3.0 + number / 10)
    ledbat.on_loss(7.5, 8.0)
    before = ledbat.window
    round_trip(ledbat, 0.049, 9.0)
    assert ledbat.window > before
