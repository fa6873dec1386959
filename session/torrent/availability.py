"""How many connected peers have each piece: one counter a piece, stored sliced across big integers.

Plane `k` holds bit `k` of every piece's counter, so that a whole bit field is counted by a ripple-carry addition of a few
integer operations (a peer of 100,000 pieces: some ten microseconds) and "the rarest of these" is one walk down the planes.
A peer that has everything is only counted, since it changes no piece's rank.
"""

from __future__ import annotations

__all__ = ["Availability"]


class Availability:
    """Counters of `num_pieces` pieces.  Bit `i` of every integer here is piece `i`."""

    __slots__ = ("_full", "_planes", "num_pieces", "num_seeds")

    def __init__(self, num_pieces: int) -> None:
        self.num_pieces = num_pieces
        self.num_seeds = 0
        """Peers counted as having everything, which are in no plane."""
        self._full = (1 << num_pieces) - 1
        self._planes: list[int] = []

    def add(self, bits: int) -> None:
        """One more peer has `bits`."""
        if bits == self._full:
            self.num_seeds += 1
        else:
            self._planes = _increased(self._planes, bits)

    def remove(self, bits: int) -> None:
        """One peer less has `bits`.  ValueError when that many were never added; nothing changes then.

        It need not have been added in one go: a peer that became complete piece by piece is removed as complete.
        """
        if bits == self._full and self.num_seeds:
            self.num_seeds -= 1
            return
        planes, borrow = _decreased(self._planes, bits)
        if borrow:
            # The peer that went was complete when it came, and lost pieces since.
            if not self.num_seeds:
                raise ValueError("a peer is removed that was never added")
            self._planes = _increased(self._planes, self._full)
            self.num_seeds -= 1
            planes, _ = _decreased(self._planes, bits)
        self._planes = planes

    def rarest(self, bits: int) -> int:
        """Those of `bits` whose count is lowest."""
        for plane in reversed(self._planes):
            more = bits & plane
            if more != bits:
                bits ^= more
        return bits

    def count(self, piece: int) -> int:
        """Peers that have `piece`."""
        return self.num_seeds + sum((plane >> piece & 1) << k for k, plane in enumerate(self._planes))

    def counts(self) -> list[int]:
        """Peers that have each piece."""
        totals = [self.num_seeds] * self.num_pieces
        for k, plane in enumerate(self._planes):
            digits = f"{plane:0{self.num_pieces}b}"[::-1]
            worth = {"0": 0, "1": 1 << k}
            totals = [total + worth[digit] for total, digit in zip(totals, digits, strict=True)]
        return totals

    def distributed_copies(self, have: int) -> float:
        """Full copies among the peers and us, who have `have`: the lowest count, plus the share of pieces above it."""
        if not self.num_pieces:
            return 0.0
        lowest, rare = self.num_seeds, self._full
        planes = _increased(self._planes, have)
        for k in reversed(range(len(planes))):
            more = rare & planes[k]
            if more != rare:
                rare ^= more
            else:
                lowest += 1 << k
        return lowest + 1.0 - rare.bit_count() / self.num_pieces


def _increased(planes: list[int], carry: int) -> list[int]:
    """The counters plus one where `carry` is set."""
    result = planes.copy()
    for k, plane in enumerate(planes):
        if not carry:
            return result
        result[k] = plane ^ carry
        carry &= plane
    if carry:
        result.append(carry)
    return result


def _decreased(planes: list[int], borrow: int) -> tuple[list[int], int]:
    """The counters minus one where `borrow` is set, and the pieces whose counter was zero."""
    result = planes.copy()
    for k, plane in enumerate(planes):
        if not borrow:
            break
        changed = plane ^ borrow
        result[k] = changed
        borrow &= changed
    while result and not result[-1]:
        result.pop()
    return result, borrow
