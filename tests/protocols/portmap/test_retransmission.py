from __future__ import annotations

from random import Random

import pytest
from evtorrent.protocols.portmap.retransmission import (
    NATPMP_SCHEDULE,
    PCP_SCHEDULE,
    SHORTEST_RENEWAL,
    renewal_delay,
)


def test_natpmp_waits_as_the_rfc_says() -> None:
    waits = [NATPMP_SCHEDULE.wait_after(n, Random(1)) for n in range(1, NATPMP_SCHEDULE.attempts + 1)]
    assert waits == [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64]


def test_pcp_waits_double_up_to_the_longest_give_or_take_a_tenth() -> None:
    rng = Random(1)
    for attempt, middle in [(1, 3.0), (2, 6.0), (9, 768.0), (10, 1024.0), (20, 1024.0)]:
        waits = [PCP_SCHEDULE.wait_after(attempt, rng) for _ in range(300)]
        assert middle * 0.9 <= min(waits) < middle * 0.92
        assert middle * 1.08 < max(waits) <= middle * 1.1


@pytest.mark.parametrize(
    ("lifetime", "least", "most"),
    [(3600.0, 1800.0, 2250.0), (1.0, SHORTEST_RENEWAL, SHORTEST_RENEWAL), (0.0, SHORTEST_RENEWAL, 4.0)],
)
def test_renewal(lifetime: float, least: float, most: float) -> None:
    assert renewal_delay(lifetime) == least
    rng = Random(1)
    assert all(least <= renewal_delay(lifetime, rng) <= most for _ in range(100))
