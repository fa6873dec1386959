"""When to look for our neighbours: policy, nothing else.

With fewer than eight nodes that answer, again after one second, then two, four, up to a minute: packets get lost, and in a
small network everybody comes at the same time.  With a table that is merely shallow, every ten minutes (libtorrent).
"""

from __future__ import annotations

from typing import Final

from .routing_table import BUCKET_SIZE, RoutingTable

__all__ = ["NeighbourSearch"]

SHALLOW: Final = 4
"""A table less deep than this is looked after."""

INTERVAL: Final = 600.0
"""Seconds between two looks when enough are known."""

FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 60.0
"""Seconds between two looks when few are known."""


class NeighbourSearch:
    """Decides; whoever asks acts."""

    __slots__ = ("_delay", "_looked_at")

    def __init__(self) -> None:
        self._delay = FIRST_DELAY
        self._looked_at = float("-inf")

    def looked(self, table: RoutingTable, *, now: float) -> float:
        """A look begins; gives when to decide again."""
        self._looked_at = now
        return self.when_to_decide(table, now=now)

    def should_look(self, table: RoutingTable, *, now: float) -> bool:
        """There is a reason to, and somebody to ask."""
        if not table.num_live and not table.routers:
            return False
        if table.num_confirmed < BUCKET_SIZE:
            return True
        return table.depth < SHALLOW and now >= self._looked_at + INTERVAL

    def when_to_decide(self, table: RoutingTable, *, now: float) -> float:
        """When to ask `should_look` the next time."""
        if table.num_confirmed >= BUCKET_SIZE:
            self._delay = FIRST_DELAY
            return now + INTERVAL
        delay = self._delay
        self._delay = min(2 * delay, LONGEST_DELAY)
        return now + delay
