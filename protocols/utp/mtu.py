"""How large a packet the path takes (RFC 4821, in short): one larger packet now and then shows it.

Begins with what every IPv6 path has to carry, tries the ceiling, which most paths take, and halves what is between when
that is lost.  A probe carries data of the stream; when it is lost that data is sent again in a packet that may be fragmented.
"""

from __future__ import annotations

__all__ = ["PathMtu"]

SAFE_MTU = 1280
"""Bytes of an IP packet that every path takes (RFC 8200); rare IPv4 paths below it fragment."""
ENOUGH = 16
"""Bytes between what is known to pass and not to pass below which looking further is not worth it."""
RAISE_AFTER = 600.0
"""Seconds after which a path is looked at again (RFC 4821 section 7.3)."""
MAX_LOSSES = 2
"""Probes of one size lost before that size is given up: one may be lost like any other packet."""


class PathMtu:
    """Sizes in bytes of UTP packets, header included; `overhead` is what IP and UDP add."""

    __slots__ = ("_ceiling", "_known_bad", "_losses", "_probe", "_raise_at", "size")

    def __init__(self, max_mtu: int, overhead: int) -> None:
        self._ceiling = max_mtu - overhead
        self.size = min(SAFE_MTU - overhead, self._ceiling)
        """The largest packet that is known to pass."""
        self._known_bad = self._ceiling + 1
        self._probe = 0
        self._losses = 0
        self._raise_at = 0.0

    def next_probe(self, now: float) -> int:
        """The size to try now; 0 when nothing is to be tried, or a probe is under way."""
        if self._probe:
            return 0
        if self._known_bad - self.size <= ENOUGH:
            if self.size >= self._ceiling or now < self._raise_at:
                return 0
            self._known_bad = self._ceiling + 1
        if self._known_bad > self._ceiling:
            self._probe = self._ceiling
        else:
            self._probe = (self.size + self._known_bad) // 2
        return self._probe

    def on_passed(self) -> None:
        """The probe was acknowledged."""
        self.size = max(self.size, self._probe)
        self._probe = self._losses = 0

    def on_lost(self, now: float) -> None:
        """The probe was lost, and the packets around it were not."""
        self._losses += 1
        if self._losses >= MAX_LOSSES:
            self.on_refused(now)
        self._probe = 0

    def on_refused(self, now: float) -> None:
        """The system says that the probe is too large for its way."""
        self._known_bad = self._probe
        self._raise_at = now + RAISE_AFTER
        self._probe = self._losses = 0

    def on_black_hole(self) -> None:
        """Nothing of the usual size gets through any more: the path has changed."""
        self._known_bad = self.size
        self.size = min(self.size, max(512, self.size // 2))
        self._probe = self._losses = 0
