from __future__ import annotations

import pytest
from evtorrent.protocols.utp.rtt import FIRST_TIMEOUT, MAX_TIMEOUT, RoundTrip


def test_before_any_sample():
    assert RoundTrip(0.5).timeout == FIRST_TIMEOUT
    assert RoundTrip(2.0).timeout == 2.0


def test_samples_are_smoothed():
    rtt = RoundTrip(0.001)
    rtt.add(0.2)
    assert (rtt.smoothed, rtt.variance) == (0.2, 0.1)
    rtt.add(0.4)
    assert rtt.smoothed == pytest.approx(0.225)
    assert rtt.variance == pytest.approx(0.125)
    assert rtt.timeout == pytest.approx(0.725)


def test_the_timeout_has_bounds():
    rtt = RoundTrip(0.5)
    rtt.add(0.01)
    assert rtt.timeout == 0.5
    for _ in range(20):
        rtt.back_off()
    assert rtt.timeout == MAX_TIMEOUT


def test_backing_off_ends_with_progress_or_a_sample():
    rtt = RoundTrip(0.5)
    rtt.back_off()
    assert rtt.timeout == 2.0
    rtt.progress()
    assert rtt.timeout == 1.0
    rtt.back_off()
    rtt.add(0.01)
    assert rtt.timeout == 0.5
