from __future__ import annotations

import math
from typing import Any

import pytest
from evtorrent.reactor import ReactorUsageError
from evtorrent.reactor.sim import Link


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("bandwidth", 0, "above 0"),
        ("bandwidth", "fast", "finite number"),
        ("delay", -0.1, "at least 0"),
        ("delay", None, "finite number"),
        ("jitter", math.nan, "finite number"),
        ("loss", 1.1, "a share from 0 to 1"),
        ("loss", -0.1, "at least 0"),
        ("reordering", 2, "a share from 0 to 1"),
        ("duplicates", 2, "a share from 0 to 1"),
        ("mtu", 575, "at least 576"),
        ("queue", 1499, "hold one packet of 1500 bytes"),
    ],
)
def test_bad_values_name_the_field_and_the_rule(field: str, value: Any, rule: str) -> None:
    with pytest.raises(ReactorUsageError, match=f"{field} must .*{rule}"):
        Link(**{field: value})


def test_queue_holds_at_least_a_quarter_of_a_second() -> None:
    assert Link().queue_bytes == 65_536
    assert Link(bandwidth=1_000_000).queue_bytes == 250_000
    assert Link(bandwidth=1_000_000, queue=2000).queue_bytes == 2000
