"""Who may come in: the number of connections, the address filter, the number from one host; pure.

The gate only counts and answers.  The caller closes what was refused, and tells the gate when an admitted connection ends.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Callable

__all__ = ["Gate", "Verdict", "canonical_host"]

DEFAULT_CONNECTIONS_LIMIT = 200
"""libtorrent's `connections_limit`."""


class Verdict(enum.Enum):
    """What becomes of a connection."""

    ADMIT = "admit"
    FILTERED = "filtered"
    """The address filter blocks the host."""
    FULL = "full"
    """As many connections as allowed are open."""
    HOST_FULL = "host full"
    """As many connections from this host as allowed are open."""


class Gate:
    """Admission of incoming connections, asked once for each.

    `is_blocked(host)` is the address filter; it gets IPv4 addresses as such, also when they came through an IPv6 socket.
    A limit of None does not limit.
    """

    def __init__(
        self,
        *,
        connections_limit: int | None = DEFAULT_CONNECTIONS_LIMIT,
        host_limit: int | None = None,
        is_blocked: Callable[[str], bool] | None = None,
    ) -> None:
        self.connections_limit = connections_limit
        """Connections open at once; lowering it ends none."""
        self.host_limit = host_limit
        """Connections open at once from one host."""
        self.is_blocked = is_blocked
        self._num_open = 0
        self._open_of: dict[str, int] = {}

    def admit(self, host: str) -> Verdict:
        """Judge a connection from `host`; after ADMIT it counts until `release(host)`."""
        host = canonical_host(host)
        if self.is_blocked is not None and self.is_blocked(host):
            return Verdict.FILTERED
        if self.connections_limit is not None and self._num_open >= self.connections_limit:
            return Verdict.FULL
        open_here = self._open_of.get(host, 0)
        if self.host_limit is not None and open_here >= self.host_limit:
            return Verdict.HOST_FULL
        self._num_open += 1
        self._open_of[host] = open_here + 1
        return Verdict.ADMIT

    def release(self, host: str) -> None:
        """An admitted connection from `host` has ended.  ValueError when none is open."""
        host = canonical_host(host)
        open_here = self._open_of.get(host, 0)
        if not open_here:
            raise ValueError(f"no connection from {host} is open")
        self._num_open -= 1
        if open_here == 1:
            del self._open_of[host]
        else:
            self._open_of[host] = open_here - 1

    @property
    def num_open(self) -> int:
        """Connections admitted and not released."""
        return self._num_open

    def num_open_from(self, host: str) -> int:
        """Of those, the ones from `host`."""
        return self._open_of.get(canonical_host(host), 0)

    def check_invariant(self) -> None:
        """The total is the sum of the hosts', and no host is kept without a connection."""
        assert self._num_open == sum(self._open_of.values())
        assert all(count > 0 for count in self._open_of.values())


def canonical_host(host: str) -> str:
    """One spelling of a numeric address: no scope, and ::ffff:a.b.c.d as a.b.c.d.  Anything else is returned as it is."""
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    return str(address.ipv4_mapped or address)
