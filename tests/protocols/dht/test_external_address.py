"""Votes on our address."""

from __future__ import annotations

from evtorrent.protocols.dht.compact import pack_address
from evtorrent.protocols.dht.external_address import MAX_VOTERS, MIN_VOTES, AddressVotes
from evtorrent.protocols.dht.hosts import pack_host

US, WRONG = "84.124.73.14", "84.124.73.15"


def voter(index: int) -> bytes:
    return bytes((60, index >> 8, index & 255, 1))


def test_enough_votes_elect() -> None:
    votes = AddressVotes(is_ipv6=False)
    for n in range(MIN_VOTES - 1):
        assert votes.vote(pack_address((US, 5 + n)), voter(n)) is None
    assert votes.vote(pack_host(US), voter(99)) == US
    assert votes.vote(pack_host(US), voter(100)) is None, "it won already"


def test_one_network_has_one_vote() -> None:
    votes = AddressVotes(is_ipv6=False)
    assert not any(votes.vote(pack_host(US), bytes((60, 1, 1, n))) for n in range(50))


def test_a_minority_elects_nobody() -> None:
    votes = AddressVotes(is_ipv6=False)
    views = [US, WRONG, "84.124.73.16"]
    elected = [votes.vote(pack_host(views[n % 3]), voter(n)) for n in range(3 * MIN_VOTES)]
    assert elected == [None] * (3 * MIN_VOTES)


def test_a_new_address_wins_after_the_old_votes_are_forgotten() -> None:
    votes = AddressVotes(is_ipv6=False)
    for n in range(MAX_VOTERS):
        votes.vote(pack_host(US), voter(n))
    elected = [votes.vote(pack_host(WRONG), voter(1000 + n)) for n in range(MIN_VOTES)]
    assert elected[-1] == WRONG


def test_what_is_no_vote() -> None:
    votes = AddressVotes(is_ipv6=False)
    for n in range(20):
        assert votes.vote(pack_host("10.0.0.1"), voter(n)) is None, "a local address"
        assert votes.vote(pack_host("2600::1"), voter(n)) is None, "the other family"
        assert votes.vote(b"12345", voter(n)) is None


def test_ipv6() -> None:
    votes = AddressVotes(is_ipv6=True)
    voters = [pack_host(f"2600:{n:x}::1") for n in range(1, MIN_VOTES + 1)]
    assert [votes.vote(pack_address(("2600:9::9", 5)), each) for each in voters][-1] == "2600:9::9"
