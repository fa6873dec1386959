"""Ten thousand clients at once, with and without the descriptors for them, and several processes on one port.

Clients and servers are processes of their own (`bench/storm_ends.py`); figures are for people, the accounts must be exact.
"""

from __future__ import annotations

import resource
import sys

import pytest
from evtorrent.bench.listener_storm import LIMIT, NUM_SERVERS, Outcome, storm

COUNT = 10_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="127.0.0.2 and balanced SO_REUSEPORT"),
]


@pytest.fixture(autouse=True)
def enough_descriptors() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < COUNT + 100:
        pytest.skip(f"{hard} descriptors are not enough")


def assert_all_served_once(outcome: Outcome) -> None:
    """What clients saw and what servers counted is the same."""
    assert outcome.lost == {}
    assert outcome.served == {str(server["pid"]): server["accepted"] for server in outcome.servers}
    assert sum(outcome.served.values()) == COUNT


def test_ten_thousand_at_once_are_all_accepted(no_fd_survives: None) -> None:
    outcome = storm("all", COUNT)
    assert_all_served_once(outcome)
    (server,) = outcome.servers
    assert server["most"] == COUNT  # they were open together
    assert server["errors"] == 0


def test_with_too_few_descriptors_clients_wait_and_are_served_later(no_fd_survives: None) -> None:
    outcome = storm("limit", COUNT)
    assert_all_served_once(outcome)
    (server,) = outcome.servers
    assert server["errors"] > 0
    assert LIMIT // 2 < server["most"] < LIMIT
    # Told about once a pause, not once a pass of the loop.
    assert server["errors"] <= 2 * COUNT / (LIMIT // 2) + outcome.seconds / 0.1


def test_four_processes_share_a_port(no_fd_survives: None) -> None:
    outcome = storm("spread", COUNT)
    assert_all_served_once(outcome)
    assert len(outcome.served) == NUM_SERVERS
    assert min(outcome.served.values()) > COUNT / NUM_SERVERS / 2
