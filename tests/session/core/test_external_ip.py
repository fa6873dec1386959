from __future__ import annotations

import pytest
from evtorrent.session.core.external_ip import (
    MAX_CANDIDATES,
    MAX_VOICES,
    ROUND_TIME,
    ROUND_VOTES,
    ExternalAddresses,
    IpSource,
    IpVoter,
)

OURS, OTHER = "198.51.100.7", "198.51.100.8"


def voters(count: int, first: int = 0) -> list[str]:
    return [f"203.0.{n >> 8}.{n & 255}" for n in range(first, first + count)]


def cast(voter: IpVoter, address: str, names: list[str], now: float = 0.0) -> list[bool]:
    return [voter.cast_vote(address, IpSource.PEER, name, now) for name in names]


def test_the_first_voice_is_believed_until_there_is_a_result() -> None:
    voter = IpVoter()
    assert cast(voter, OURS, voters(1)) == [True]
    assert voter.address == OURS
    assert cast(voter, OURS, voters(2)) == [False, False]


def test_one_liar_does_not_move_what_two_settled() -> None:
    voter = IpVoter()
    cast(voter, OURS, voters(2))
    assert cast(voter, OTHER, voters(1, 10), ROUND_TIME) == [False]
    assert voter.address == OURS
    assert cast(voter, OTHER, voters(1, 11), ROUND_TIME) == [True]
    assert voter.address == OTHER


def test_a_result_stays_for_a_round() -> None:
    voter = IpVoter()
    cast(voter, OURS, voters(2))
    assert not any(cast(voter, OTHER, voters(ROUND_VOTES - 1, 10), ROUND_TIME - 1))
    assert cast(voter, OTHER, voters(1, 300), ROUND_TIME - 1) == [True]


def test_a_majority_must_be_clear() -> None:
    voter = IpVoter()
    cast(voter, OURS, voters(2))
    late = ROUND_TIME
    for number in range(3):
        voter.cast_vote(OURS, IpSource.PEER, voters(1, 100 + number)[0], late - 1)
    for number in range(2):
        assert not voter.cast_vote(OTHER, IpSource.PEER, voters(1, 200 + number)[0], late - 1)
    # 3 to 2 is not clear; 4 to 2 is no news either, and begins a round.
    assert not voter.cast_vote(OURS, IpSource.PEER, voters(1, 104)[0], late)
    assert not voter.cast_vote(OTHER, IpSource.PEER, voters(1, 300)[0], late + ROUND_TIME)
    assert voter.address == OURS


def test_a_voter_counts_once_and_brings_up_one_address_a_round() -> None:
    voter = IpVoter()
    cast(voter, OURS, voters(2))
    late = ROUND_TIME - 1
    assert not any(cast(voter, OTHER, voters(1, 9) * 100, late))
    assert not voter.cast_vote("198.51.100.9", IpSource.PEER, voters(1, 9)[0], late)
    assert not voter.cast_vote("198.51.100.9", IpSource.PEER, voters(1, 9)[0], ROUND_TIME)
    assert voter.address == OURS


def test_the_kind_of_source_breaks_a_tie() -> None:
    voter = IpVoter()
    voter.cast_vote(OURS, IpSource.PEER, "203.0.113.1", 0.0)
    assert not voter.cast_vote(OTHER, IpSource.TRACKER, "tracker.example", 0.0)
    assert voter.address == OURS  # A leader is not replaced before enough voices came.


def test_without_a_result_the_lead_changes_when_enough_voices_came() -> None:
    voter = IpVoter()
    cast(voter, OURS, voters(1))
    assert not any(cast(voter, OTHER, voters(23, 10)))
    assert any(cast(voter, OTHER, voters(5, 100)))
    assert voter.address == OTHER


def test_so_many_addresses_are_considered() -> None:
    voter = IpVoter()
    cast(voter, OURS, voters(2))
    for number in range(MAX_CANDIDATES + 9):
        voter.cast_vote(f"198.18.0.{number}", IpSource.PEER, voters(1, 1000 + number)[0], ROUND_TIME - 1)
    assert len(voter._candidates) == MAX_CANDIDATES


def test_a_round_without_end_begins_anew() -> None:
    voter = IpVoter()
    for number in range(MAX_VOICES):
        voter.cast_vote((OURS, OTHER)[number % 2], IpSource.PEER, voters(1, number)[0], 0.0)
    assert sum(len(each.voters) for each in voter._candidates.values()) < ROUND_VOTES


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "127.0.0.1", "0.0.0.0", "224.0.0.1", "::1", "fe80::1", "nonsense", "::ffff:10.0.0.1"]
)
def test_addresses_that_say_nothing_do_not_count(host: str) -> None:
    addresses = ExternalAddresses()
    assert addresses.cast_vote(host, IpSource.PEER, "tracker.example", 0.0) == ""
    assert addresses.known == []


def test_families_vote_apart() -> None:
    addresses = ExternalAddresses()
    assert addresses.cast_vote(OURS, IpSource.PEER, "2001:db8::1", 0.0) == ""
    assert addresses.cast_vote("2001:db9::7", IpSource.PEER, "203.0.113.5", 0.0) == ""
    assert addresses.cast_vote(f"::ffff:{OURS}", IpSource.PEER, "::ffff:203.0.113.5", 0.0) == OURS
    assert addresses.cast_vote(OURS, IpSource.PEER, "203.0.113.5", 0.0) == ""
    assert addresses.cast_vote("2001:DB9::7", IpSource.TRACKER, "tracker.example", 0.0) == "2001:db9::7"
    assert addresses.known == [OURS, "2001:db9::7"]
