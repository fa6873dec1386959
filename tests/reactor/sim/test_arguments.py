from __future__ import annotations

import math
from typing import Any

import pytest
from evtorrent.reactor import ReactorUsageError
from evtorrent.reactor.sim.arguments import check_count, check_kind, check_number


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, "1", None, True])
def test_number_is_finite_and_in_range(value: Any) -> None:
    with pytest.raises(ReactorUsageError, match=r"delay must be a finite number of at least 0, not"):
        check_number("delay", value)


def test_number_above() -> None:
    check_number("rate", 0.001, above=0)
    with pytest.raises(ReactorUsageError, match="rate must be a finite number above 0, not 0"):
        check_number("rate", 0, above=0)


@pytest.mark.parametrize("value", [0, 1.0, "1", None, True])
def test_count(value: Any) -> None:
    check_count("workers", 1, low=1)
    with pytest.raises(ReactorUsageError, match="workers must be a whole number of at least 1, not"):
        check_count("workers", value, low=1)


def test_kind_names_the_class() -> None:
    check_kind("text", "x", str)
    with pytest.raises(ReactorUsageError, match="text must be a str, not 1"):
        check_kind("text", 1, str)
