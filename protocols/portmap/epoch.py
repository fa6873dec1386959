"""Has the gateway forgotten us?  It counts seconds since it last lost its table; the count must keep pace with our clock.

NAT-PMP (RFC 6886 3.6) and PCP (RFC 6887 8.5) judge differently; both laws are here.
"""

from __future__ import annotations

__all__ = ["NatPmpEpoch", "PcpEpoch"]


class NatPmpEpoch:
    """The count may lag behind our clock by an eighth and two seconds; else the table was lost."""

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None

    def is_continued(self, seconds: int, *, now: float) -> bool:
        """Take the count of one answer; False when the table was lost since the last."""
        last, self._last = self._last, (seconds, now)
        if last is None:
            return True
        # The gateway's clock may be slow by an eighth.
        estimate = last[0] + (now - last[1]) * 7.0 / 8.0
        return seconds >= estimate - 2.0


class PcpEpoch:
    """Both clocks may be off by a sixteenth, and by two seconds for the network; else the table was lost."""

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None

    def is_continued(self, seconds: int, *, now: float) -> bool:
        """Take the count of one answer; False when the table was lost since the last."""
        last, self._last = self._last, (seconds, now)
        if last is None:
            return True
        if seconds < last[0]:
            # One second back is an answer that was overtaken.
            return seconds + 1 >= last[0]
        client, server = now - last[1], float(seconds - last[0])
        return client + 2.0 >= server - server / 16.0 and server + 2.0 >= client - client / 16.0
