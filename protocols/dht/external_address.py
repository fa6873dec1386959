"""Our address as others see it, by vote (BEP 42).

Every answer may say where our question came from.  One voter is one /24 (IPv6: /64), so that nobody has many votes; an
address wins with enough votes and more than half of them.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from .compact import host_prefix, unpack_host
from .node_id import is_exempt

__all__ = ["MAX_VOTERS", "MIN_VOTES", "AddressVotes"]

MIN_VOTES: Final = 5
"""Votes for one address before it is believed."""

MAX_VOTERS: Final = 50
"""Votes after which they are counted afresh, so that an old address is forgotten (libtorrent's number)."""


class AddressVotes:
    """Counts, for a node of one address family."""

    def __init__(self, *, is_ipv6: bool) -> None:
        self.winner: bytes | None = None
        """The packed host that was last elected."""
        self._size = 16 if is_ipv6 else 4
        self._voters: set[bytes] = set()
        self._votes: Counter[bytes] = Counter()

    def vote(self, external: bytes, voter: bytes) -> str | None:
        """`voter` sees us at `external` (compact, with or without port); gives the host when another one wins by it."""
        prefix = host_prefix(voter)
        if prefix in self._voters:
            return None
        host = external[: self._size]
        if len(external) not in (self._size, self._size + 2) or is_exempt(unpack_host(host)):
            return None
        if len(self._voters) >= MAX_VOTERS:
            self._voters.clear()
            self._votes.clear()
        self._voters.add(prefix)
        self._votes[host] += 1
        count = self._votes[host]
        if host == self.winner or count < MIN_VOTES or 2 * count <= len(self._voters):
            return None
        self.winner = host
        return unpack_host(host)
