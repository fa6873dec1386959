"""Which packets are lost, by time (RACK of RFC 8985): what left well before something that arrived should have arrived, too.

Counting what arrived behind a gap does not find packets that were sent again and lost again, nor gaps that the other side does
not tell of: libtorrent's selective ack ends too early when the first gap is long.
"""

from __future__ import annotations

from .outgoing import Acked

__all__ = ["MAX_PROBES", "MIN_PROBE_TIMEOUT", "Recovery"]

MAX_PROBES = 5
"""Packets sent again on suspicion before the timeout has to pass."""
MIN_PROBE_TIMEOUT = 0.01
"""Seconds such a suspicion takes at the least: what came together is answered together."""


class Recovery:
    """Looks at what arrived, and when it had left."""

    __slots__ = ("_least", "_newest", "num_probes")

    def __init__(self) -> None:
        self._newest = float("-inf")
        self._least = float("inf")
        self.num_probes = 0
        """Probes since something arrived."""

    def take(self, acked: Acked, now: float) -> float:
        """Something arrived; gives the time before which what left and did not arrive is lost."""
        self.num_probes = 0
        if acked.sent_at is not None:
            self._least = min(self._least, now - acked.sent_at)
            self._newest = max(self._newest, acked.sent_at)
        if acked.resent_at is not None and now - acked.resent_at >= self._least:
            # Sooner than any round trip it can only be the answer to the first time it was sent.
            self._newest = max(self._newest, acked.resent_at)
        # Packets may overtake each other by a quarter of a round trip.
        return self._newest - self._least / 4

    @property
    def may_probe(self) -> bool:
        """There were not too many probes."""
        return self.num_probes < MAX_PROBES

    def probe_timeout(self, smoothed: float, variance: float) -> float:
        """Seconds without any news after which to probe."""
        return max(2 * smoothed, smoothed + 4 * variance, MIN_PROBE_TIMEOUT) * (1 << self.num_probes)
