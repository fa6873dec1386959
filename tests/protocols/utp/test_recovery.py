from __future__ import annotations

import pytest
from evtorrent.protocols.utp.outgoing import Acked
from evtorrent.protocols.utp.recovery import MAX_PROBES, MIN_PROBE_TIMEOUT, Recovery


def test_what_left_a_quarter_of_a_round_trip_before_is_lost():
    assert Recovery().take(Acked(sent_at=10.0), 10.4) == pytest.approx(9.9)


def test_the_newest_arrival_counts_and_the_shortest_round_trip():
    recovery = Recovery()
    recovery.take(Acked(sent_at=10.0), 10.4)
    assert recovery.take(Acked(sent_at=9.0), 10.5) == pytest.approx(9.9)
    assert recovery.take(Acked(sent_at=11.0), 11.2) == pytest.approx(10.95)


def test_the_answer_to_what_was_sent_again_may_be_one_to_the_first_time():
    recovery = Recovery()
    recovery.take(Acked(sent_at=10.0), 10.4)
    assert recovery.take(Acked(resent_at=11.0), 11.1) == pytest.approx(9.9)
    assert recovery.take(Acked(resent_at=11.0), 11.5) == pytest.approx(10.9)


def test_only_what_was_sent_again_says_nothing_at_first():
    assert Recovery().take(Acked(resent_at=11.0), 11.1) == float("-inf")


def test_probes():
    recovery = Recovery()
    assert recovery.probe_timeout(0.0001, 0.0) == MIN_PROBE_TIMEOUT
    assert recovery.probe_timeout(0.1, 0.01) == 0.2
    assert recovery.probe_timeout(0.1, 0.1) == 0.5
    recovery.num_probes = 2
    assert recovery.probe_timeout(0.1, 0.01) == 0.8
    assert recovery.may_probe
    recovery.num_probes = MAX_PROBES
    assert not recovery.may_probe
    recovery.take(Acked(sent_at=1.0), 1.1)
    assert recovery.num_probes == 0
