"""The two laws by which a restart is told from a slow clock."""

from __future__ import annotations

import pytest
from evtorrent.protocols.portmap.epoch import NatPmpEpoch, PcpEpoch


@pytest.mark.parametrize("kind", [NatPmpEpoch, PcpEpoch])
def test_the_first_answer_proves_nothing(kind: type[NatPmpEpoch | PcpEpoch]) -> None:
    assert kind().is_continued(0, now=5000.0)


@pytest.mark.parametrize(
    ("seconds", "is_continued"),
    [(1800, True), (1573, True), (1572, False), (100, False), (0, False), (100_000, True)],
)
def test_natpmp_lags_by_an_eighth_and_two_seconds(seconds: int, is_continued: bool) -> None:
    epoch = NatPmpEpoch()
    epoch.is_continued(0, now=0.0)
    assert epoch.is_continued(seconds, now=1800.0) is is_continued


@pytest.mark.parametrize(
    ("server", "client", "is_continued"),
    [
        (1000, 0.0, True),
        (999, 0.0, True),  # overtaken on the way
        (998, 0.0, False),
        (2600, 1600.0, True),
        (2600, 1498.0, True),
        (2600, 1497.0, False),  # it runs too fast
        (2498, 1600.0, True),
        (2497, 1600.0, False),  # it runs too slow
        (0, 1600.0, False),
    ],
)
def test_pcp_may_be_off_by_a_sixteenth_and_two_seconds(
    server: int, client: float, is_continued: bool
) -> None:
    epoch = PcpEpoch()
    epoch.is_continued(1000, now=0.0)
    assert epoch.is_continued(server, now=client) is is_continued
    assert epoch.is_continued(server, now=client)
