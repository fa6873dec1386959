"""When to ask again, and when to stop: the schedules of RFC 6886 3.1 and RFC 6887 8.1.1; and when to renew."""

from __future__ import annotations

from dataclasses import dataclass

from .mapping import Bits, unit_interval

__all__ = ["NATPMP_SCHEDULE", "PCP_PROBE_SCHEDULE", "PCP_SCHEDULE", "Schedule", "renewal_delay"]

SHORTEST_RENEWAL = 4.0
"""Seconds between two renewals at least (RFC 6887 11.2.1), however short a lease a gateway gives."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Waits that double."""

    first: float
    """Seconds after the first transmission."""
    longest: float
    """Seconds between two transmissions at most."""
    attempts: int
    """Transmissions before it is given up."""
    spread: float = 0.0
    """Part of a wait by which it may be longer or shorter."""

    def wait_after(self, attempt: int, rng: Bits) -> float:
        """Seconds from transmission number `attempt` (from 1) to the next, or to giving up."""
        wait = min(self.first * 2.0 ** (attempt - 1), self.longest)
        return wait * (1.0 + self.spread * (2.0 * unit_interval(rng) - 1.0)) if self.spread else wait


NATPMP_SCHEDULE = Schedule(0.25, 64.0, 9)
"""RFC 6886 3.1: a quarter of a second, doubling, nine times."""

PCP_SCHEDULE = Schedule(3.0, 1024.0, 9, spread=0.1)
"""RFC 6887 8.1.1: IRT 3 s, MRT 1024 s.  It sets no end; we pause after the ninth (25 minutes), as after NAT-PMP's."""

PCP_PROBE_SCHEDULE = Schedule(3.0, 1024.0, 3, spread=0.1)
"""While the gateway has never spoken PCP: after 21 s it is one of those that ignore what they do not know."""


def renewal_delay(lifetime: float, rng: Bits | None = None) -> float:
    """Seconds from a grant to its renewal: half the lease; with `rng` up to five eighths (RFC 6887 11.2.1)."""
    part = 0.5 + (unit_interval(rng) / 8.0 if rng is not None else 0.0)
    return max(lifetime * part, SHORTEST_RENEWAL)
