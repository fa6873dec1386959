"""Transfer counters and their rates, as libtorrent's `stat_channel`: a total, and a five-second moving average."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

__all__ = ["RateMeter", "Totals", "TransferMeters"]

_WINDOW = 5.0
"""Seconds the average looks back."""


class RateMeter:
    """Counts bytes; `tick` turns what came since the last one into a rate."""

    __slots__ = ("_since", "rate", "total")

    def __init__(self, total: int = 0) -> None:
        self.total = total
        """Bytes ever counted."""
        self.rate = 0.0
        """Bytes per second, averaged."""
        self._since = 0

    def add(self, count: int) -> None:
        """Count bytes."""
        self.total += count
        self._since += count

    @property
    def pending(self) -> int:
        """Bytes since the last tick, which whoever sums up does not know yet."""
        return self._since

    @property
    def is_moving(self) -> bool:
        """Something came since the last tick."""
        return self._since > 0

    def rest(self) -> None:
        """Nothing moves any more."""
        self.rate = 0.0

    def tick(self, elapsed: float, into: RateMeter | None = None) -> None:
        """`elapsed` seconds passed since the last tick; what came meanwhile is also counted by `into`."""
        if into is not None and self._since:
            into.add(self._since)
        if elapsed <= 0:
            self._since = 0
            return
        share = min(1.0, elapsed / _WINDOW)
        self.rate += (self._since / elapsed - self.rate) * share
        if self.rate < 1.0 and not self._since:
            self.rate = 0.0
        self._since = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """Bytes of the four counters at one moment."""

    down: int
    up: int
    payload_down: int
    payload_up: int


class TransferMeters:
    """The four counters every peer, torrent and session keeps."""

    __slots__ = ("down", "payload_down", "payload_up", "up")

    def __init__(self) -> None:
        self.down = RateMeter()
        """Everything received."""
        self.up = RateMeter()
        """Everything sent."""
        self.payload_down = RateMeter()
        """Piece data received."""
        self.payload_up = RateMeter()
        """Piece data sent."""

    def tick(self, elapsed: float, into: TransferMeters | None = None) -> None:
        """`elapsed` seconds passed since the last tick; what came meanwhile is also counted by `into`."""
        if into is None:
            for meter in (self.down, self.up, self.payload_down, self.payload_up):
                meter.tick(elapsed)
            return
        self.down.tick(elapsed, into.down)
        self.up.tick(elapsed, into.up)
        self.payload_down.tick(elapsed, into.payload_down)
        self.payload_up.tick(elapsed, into.payload_up)

    def totals(self, parts: Collection[TransferMeters] = ()) -> Totals:
        """What was counted, with what `parts` counted since the last tick."""
        return Totals(
            self.down.total + sum(part.down.pending for part in parts),
            self.up.total + sum(part.up.pending for part in parts),
            self.payload_down.total + sum(part.payload_down.pending for part in parts),
            self.payload_up.total + sum(part.payload_up.pending for part in parts),
        )

    @property
    def is_quiet(self) -> bool:
        """Nothing moves and every rate is 0: a tick would change nothing."""
        return not any(
            meter.rate or meter.is_moving
            for meter in (self.down, self.up, self.payload_down, self.payload_up)
        )

    def drain(self, into: TransferMeters) -> None:
        """Hand what came since the last tick over: this side ends."""
        self.tick(0.0, into)
        for meter in (self.down, self.up, self.payload_down, self.payload_up):
            meter.rest()
