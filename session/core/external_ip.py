"""How the world sees us: addresses that peers, trackers and others report, put to the vote (BEP 10 "yourip", BEP 24).

Whoever reports has one voice for each address, may bring up one new address a round, and counts only for his own family.
Until there is a result the leading address is used; from two voices that agree, or half more than the next, it is the
result.  It stays for five minutes or fifty voices, then the next round has its say; with a tie everything stays.  All this
as libtorrent, with sets instead of its Bloom filters.
"""

from __future__ import annotations

from enum import IntFlag
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import inf

from ..torrent.locality import is_local

__all__ = [
    "MAX_CANDIDATES",
    "MAX_VOICES",
    "ROUND_TIME",
    "ROUND_VOTES",
    "ExternalAddresses",
    "IpSource",
    "IpVoter",
]

ROUND_TIME = 300.0
"""Seconds a round takes at least, unless `ROUND_VOTES` came."""
ROUND_VOTES = 50
"""Voices that end a round early."""
MAX_CANDIDATES = 40
"""Addresses of one round; the one with the fewest voices makes room."""
MAX_VOICES = 1000
"""Voices of one round; without a result by then, the round begins anew."""

_EARLY_VOTES = 25


class IpSource(IntFlag):
    """Who reports (libtorrent `ip_source_t`)."""

    DHT = 1
    PEER = 2
    TRACKER = 4
    ROUTER = 8


class _Candidate:
    """One address, and who reported it."""

    __slots__ = ("address", "sources", "voters")

    def __init__(self, address: str) -> None:
        self.address = address
        self.voters: set[str] = set()
        self.sources = IpSource(0)

    @property
    def strength(self) -> tuple[int, int]:
        return len(self.voters), int(self.sources)


class IpVoter:
    """The vote on our address of one family."""

    __slots__ = ("_candidates", "_introducers", "_is_settled", "_num_votes", "_round_began", "address")

    def __init__(self) -> None:
        self.address = ""
        """The result, or the leading address; empty while nobody said anything."""
        self._candidates: dict[str, _Candidate] = {}
        self._introducers: set[str] = set()
        self._num_votes = 0
        self._is_settled = False
        self._round_began = -inf

    def cast_vote(self, address: str, source: IpSource, voter: str, now: float) -> bool:
        """`voter` reports `address`.  True when `address` of this object is another one now."""
        candidate = self._candidates.get(address)
        if candidate is None:
            if voter in self._introducers:
                return self._maybe_settle(now)
            self._introducers.add(voter)
            if len(self._candidates) >= MAX_CANDIDATES:
                weakest = min(self._candidates.values(), key=lambda each: each.strength)
                del self._candidates[weakest.address]
            candidate = self._candidates[address] = _Candidate(address)
        candidate.sources |= source
        if voter in candidate.voters:
            return self._maybe_settle(now)
        candidate.voters.add(voter)
        self._num_votes += 1
        leader = max(self._candidates.values(), key=lambda each: each.strength)
        if self._is_settled or leader.address == self.address:
            return self._maybe_settle(now)
        if self.address:
            return self._num_votes >= _EARLY_VOTES and self._maybe_settle(now)
        self.address = leader.address
        return True

    def _maybe_settle(self, now: float) -> bool:
        """End the round if it is time and there is a clear result."""
        is_running = self._num_votes < ROUND_VOTES and now - self._round_began < ROUND_TIME
        if (self._is_settled and (is_running or not self._num_votes)) or not self._candidates:
            return False
        ranking = sorted(self._candidates.values(), key=lambda each: each.strength, reverse=True)
        first = len(ranking[0].voters)
        is_clear = first >= 2 if len(ranking) == 1 else first * 2 // 3 > len(ranking[1].voters)
        if not is_clear:
            if self._num_votes >= MAX_VOICES:
                self._begin_round(now)
            return False
        changed = ranking[0].address != self.address
        self.address = ranking[0].address
        self._is_settled = True
        self._begin_round(now)
        return changed

    def _begin_round(self, now: float) -> None:
        self._candidates.clear()
        self._introducers.clear()
        self._num_votes = 0
        self._round_began = now


class ExternalAddresses:
    """Our addresses as others see them, one a family."""

    __slots__ = ("_voters",)

    def __init__(self) -> None:
        self._voters = {4: IpVoter(), 6: IpVoter()}

    def cast_vote(self, host: str, source: IpSource, voter: str, now: float) -> str:
        """`voter` says we are seen at `host`; gives our address of that family when it is another one now, else "".

        What is no address, or one that nobody else can reach, does not count; nor does a voter of the other family, who
        cannot have seen it.  A voter known by name only (a tracker) counts for both.
        """
        address = _numeric(host)
        if address is None or address.is_unspecified or address.is_multicast or is_local(str(address)):
            return ""
        seen_by = _numeric(voter)
        if seen_by is not None and seen_by.version != address.version:
            return ""
        vote = self._voters[address.version]
        changed = vote.cast_vote(str(address), source, voter if seen_by is None else str(seen_by), now)
        return vote.address if changed else ""

    @property
    def known(self) -> list[str]:
        """The addresses known, IPv4 first."""
        return [voter.address for voter in self._voters.values() if voter.address]


def _numeric(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
