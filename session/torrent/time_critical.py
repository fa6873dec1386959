"""Pieces with a deadline: which of them to ask for now, and of whom (libtorrent's streaming).

Pieces are asked for in the order of their deadlines, and a deadline is looked at once it is nearer than a piece usually takes
(the mean of those before, four times their deviation, one second); the first piece always is.  Each block goes to the peer
that would deliver it first by the measured rates.  A peer that would need more than `MAX_QUEUE_TIME` for what it was asked
gets nothing more: what is asked last would come too late.  A piece all of whose blocks are on order, and that takes longer
than pieces usually do, has its blocks asked of others too, of one more peer each time that span passes again.

Pure: the caller moves the time and sends what was taken.  Times are seconds.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ..flags import DeadlineFlags
from .piece_blocks import BlockRun
from .piece_picker import PiecePicker

__all__ = ["MAX_QUEUE_TIME", "Asker", "CriticalPiece", "TimeCritical"]

MAX_QUEUE_TIME = 2.0
"""Seconds a peer may need for all it was asked, so that it is asked more."""
_SPARE = 1.0
"""Seconds before it has to be begun that a piece is begun."""
_SHARE_ASKED = 0.9
"""Of the peers, this share is asked: outliers hold pieces up."""


class Asker(Protocol):
    """A peer that may be asked for blocks."""

    bits: int
    """The pieces it has."""
    room: int
    """Blocks that may still be asked of it."""

    @property
    def peer(self) -> Hashable:
        """Its name for the picker."""
        ...

    @property
    def queue_time(self) -> float:
        """Seconds until it will have sent what it was asked, and one block more."""
        ...

    def asked(self, runs: list[BlockRun]) -> None:
        """Blocks that are on order from it now."""
        ...


@dataclass(slots=True)
class CriticalPiece:
    """A piece somebody waits for."""

    piece: int
    deadline: float
    flags: DeadlineFlags
    first_asked: float | None = None
    last_asked: float | None = None
    """When its last free block was asked for."""


class TimeCritical:
    """The pieces of one torrent that have deadlines, the nearest first."""

    __slots__ = ("_deviation", "_mean", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[CriticalPiece] = []
        self._mean = 0.0
        self._deviation = 0.0

    def __len__(self) -> int:
        return len(self._pieces)

    def __iter__(self) -> Iterator[CriticalPiece]:
        return iter(self._pieces)

    def __contains__(self, piece: int) -> bool:
        return any(each.piece == piece for each in self._pieces)

    @property
    def usual_time(self) -> float:
        """Seconds from the first request of a piece to its last block, on average; 0.0 before there was one."""
        return self._mean

    def set(self, piece: int, deadline: float, flags: DeadlineFlags) -> None:
        """Give a piece a deadline, or another one."""
        critical = self.remove(piece) or CriticalPiece(piece, deadline, flags)
        critical.deadline, critical.flags = deadline, flags
        insort(self._pieces, critical, key=_deadline_of)

    def remove(self, piece: int) -> CriticalPiece | None:
        """Forget a deadline; None when there was none."""
        found = next((each for each in self._pieces if each.piece == piece), None)
        if found is not None:
            self._pieces.remove(found)
        return found

    def finished(self, piece: int, now: float) -> CriticalPiece | None:
        """A piece is here: how long it took counts for those to come.  None when it had no deadline."""
        critical = self.remove(piece)
        if critical is not None and critical.first_asked is not None:
            took = now - critical.first_asked
            if not self._mean:
                self._mean = took
            else:
                difference = abs(took - self._mean)
                self._deviation = (self._deviation * 9 + difference) / 10 if self._deviation else difference
                self._mean = (self._mean * 9 + took) / 10
        return critical

    def due(self, now: float) -> list[CriticalPiece]:
        """The pieces to ask for now."""
        horizon = now + self._mean + 4 * self._deviation + _SPARE
        return [each for each in self._pieces if each.deadline <= horizon] or self._pieces[:1]

    def ask(self, askers: Iterable[Asker], picker: PiecePicker, now: float) -> None:
        """Order blocks of the pieces that are due from the quickest of `askers`."""
        ready = sorted(askers, key=_queue_time)
        ready = ready[: int(len(ready) * _SHARE_ASKED + _SHARE_ASKED)]
        for critical in self.due(now):
            if not ready:
                return
            self._ask_piece(critical, ready, picker, now)

    def _ask_piece(
        self, critical: CriticalPiece, ready: list[Asker], picker: PiecePicker, now: float
    ) -> None:
        piece = critical.piece
        candidates = [asker for asker in ready if asker.bits >> piece & 1]
        late = self._times_late(critical, now) if not picker.num_free(piece) else 0
        while candidates:
            best = min(candidates, key=_queue_time)
            if best.queue_time > MAX_QUEUE_TIME:
                return
            was_free = picker.num_free(piece) > 0
            if not was_free and not late:
                return
            runs = picker.pick_of(piece, 1, best.peer, askers=late + 1) if best.room > 0 else []
            if not runs:
                candidates.remove(best)
                continue
            best.room -= 1
            best.asked(runs)
            if critical.first_asked is None:
                critical.first_asked = now
            if was_free:
                critical.last_asked = now

    def _times_late(self, critical: CriticalPiece, now: float) -> int:
        """How many times over the span in which a piece that is all on order should have come."""
        if critical.last_asked is None:
            critical.last_asked = now
        if not self._mean:
            return 0
        return int((now - critical.last_asked) / (self._mean + self._deviation / 2))


def _deadline_of(critical: CriticalPiece) -> float:
    return critical.deadline


def _queue_time(asker: Asker) -> float:
    return asker.queue_time
