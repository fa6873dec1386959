"""The time of a round: read once, the same for every callback of it (libevent's cached time).

Only who asks pays: a pass over due callbacks clears the value, and a watch that the loop calls directly has it
cleared before the next poll.  Timers never count from it, so none is early after a slow callback.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["RoundClock"]


class RoundClock:
    """`call_soon` runs something before the next poll."""

    def __init__(self, call_soon: Callable[[Callable[[], object]], object]) -> None:
        self.value: float | None = None
        """Set when a pass over due callbacks begins, None when it ends."""
        self._call_soon = call_soon

    def forget(self) -> None:
        """The round is over."""
        self.value = None

    def now(self) -> float:
        """The time of the round under way; outside of one, the time."""
        if self.value is not None:
            return self.value
        now = self.value = time.monotonic()
        self._call_soon(self.forget)
        return now

    def refresh(self) -> float:
        """Take the time anew for the rest of the round."""
        self.forget()
        return self.now()
