from __future__ import annotations

import pytest
from evtorrent.protocols.utp.congestion import (
    FIRST_PACKETS,
    MAX_WINDOW,
    MIN_PACKETS,
    SHORTEST_ROUND,
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
    assert 80_000 < ledbat.window < 90_000
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
