"""Counts and their maxima."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest
from evtorrent.reactor import ReactorStatistics
from evtorrent.reactor.statistics import Gauge


def test_gauge_keeps_the_most_there_was() -> None:
    gauge = Gauge()
    for change in (1, 1, 1, -2, 1):
        gauge.add(change)
    assert (gauge.value, gauge.maximum) == (2, 3)
    gauge.reset_maximum()
    assert gauge.maximum == 2


def test_added_is_everything_waited_for() -> None:
    numbers = {field.name: 1 << index for index, field in enumerate(fields(ReactorStatistics))}
    statistics = ReactorStatistics(**numbers)
    assert statistics.num_added == 0b1111
    with pytest.raises(FrozenInstanceError):
        statistics.num_timers = 0  # type: ignore[misc]
