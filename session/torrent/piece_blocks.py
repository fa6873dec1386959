"""The blocks of one piece that has been begun: which are requested, from whom, and who sent them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ...protocols.types import PieceIndex

__all__ = ["BUSY", "FREE", "RECEIVED", "REQUESTED", "BlockRun", "PieceBlocks", "PieceStatus"]

FREE = 0
"""Nobody is asked for it."""
REQUESTED = 1
"""On order from one peer."""
BUSY = 2
"""On order from several peers (end game)."""
RECEIVED = 3
"""Here."""


class BlockRun(NamedTuple):
    """Consecutive blocks of one piece."""

    piece: PieceIndex
    first: int
    count: int  # type: ignore[assignment]  # hides tuple.count


@dataclass(frozen=True, slots=True)
class PieceStatus:
    """One piece that has been begun, as it was when asked."""

    piece: PieceIndex
    num_blocks: int
    num_free: int
    """Blocks that nobody is asked for."""
    num_requested: int
    """Blocks on order."""
    num_received: int
    """Blocks here; when all are, the piece waits for its hash."""
    reserved_for: Hashable | None
    """The fast or suspect peer that has the piece to itself."""
    states: bytes
    """FREE, REQUESTED, BUSY or RECEIVED, one byte a block."""
    owners: tuple[Hashable | None, ...]
    """Who is asked for each block, or sent it."""


class PieceBlocks:
    """State of each block of a piece.  Laws: `free` counts FREE blocks, `left` those not RECEIVED; blocks from `tail`
    on were never touched and are FREE; `busy` lists all askers of exactly the BUSY blocks."""

    __slots__ = (
        "busy",
        "free",
        "index",
        "left",
        "owners",
        "pickable",
        "pickers",
        "reserved_for",
        "size",
        "states",
        "tail",
    )

    def __init__(self, index: PieceIndex, size: int) -> None:
        self.index = index
        self.size = size
        self.states = bytearray(size)
        self.owners: list[Hashable | None] = [None] * size
        self.tail = 0
        self.free = size
        self.left = size
        self.busy: dict[int, list[Hashable]] = {}
        self.reserved_for: Hashable | None = None
        self.pickers: list[dict[PieceBlocks, None]] = []
        """The sets, one for each peer that took blocks, this object is in.  The picker keeps them."""
        self.pickable = 0
        """Which of the picker's bit fields this piece is in.  The picker keeps it."""

    def take(self, want: int, peer: Hashable, runs: list[BlockRun]) -> int:
        """Up to `want` free blocks become requested by `peer`; the runs are appended.  Returns how many blocks."""
        first, free = self.tail, self.free
        if free != self.size - first:
            return self._take_holes(want, peer, runs)
        if not free:
            return 0
        count = want if want < free else free
        self._request(first, first + count, peer, runs)
        return count

    def _take_holes(self, want: int, peer: Hashable, runs: list[BlockRun]) -> int:
        # Some block before the tail was given back.
        taken = 0
        states = self.states
        while taken < want and self.free:
            first = states.find(FREE)
            limit = min(first + want - taken, self.size)
            last = first + 1
            while last < limit and (last >= self.tail or states[last] == FREE):
                last = limit if last >= self.tail else last + 1
            self._request(first, last, peer, runs)
            taken += last - first
        return taken

    def _request(self, first: int, last: int, peer: Hashable, runs: list[BlockRun]) -> None:
        count = last - first
        self.states[first:last] = b"\1" * count
        self.owners[first:last] = [peer] * count
        self.free -= count
        if last > self.tail:
            self.tail = last
        runs.append(BlockRun(self.index, first, count))

    def take_busy(self, block: int, peer: Hashable) -> None:
        """A block on order from others is asked of `peer` too."""
        askers = self.busy.get(block)
        if askers is None:
            self.busy[block] = [self.owners[block], peer]
            self.states[block] = BUSY
        else:
            askers.append(peer)

    def give_back(self, block: int, peer: Hashable) -> bool:
        """`peer` will not send the block.  False when it was not asked."""
        state = self.states[block]
        if state == REQUESTED and self.owners[block] == peer:
            self.states[block] = FREE
            self.owners[block] = None
            self.free += 1
            return True
        if state != BUSY or peer not in self.busy[block]:
            return False
        askers = self.busy[block] = [asker for asker in self.busy[block] if asker != peer]
        self.owners[block] = askers[0]
        if len(askers) == 1:
            del self.busy[block]
            self.states[block] = REQUESTED
        return True

    def settle(self, block: int, peer: Hashable) -> list[Hashable] | None:
        """A BUSY block came from `peer`: the others that were asked for it; None when `peer` was not."""
        askers = self.busy[block]
        if peer not in askers:
            return None
        del self.busy[block]
        self.states[block] = RECEIVED
        self.owners[block] = peer
        self.left -= 1
        return [asker for asker in askers if asker != peer]

    def blocks_of(self, peer: Hashable) -> list[int]:
        """The blocks on order from `peer`."""
        states = self.states
        mine = [
            block
            for block, owner in enumerate(self.owners)
            if owner == peer and REQUESTED <= states[block] <= BUSY
        ]
        mine += [
            block for block, askers in self.busy.items() if self.owners[block] != peer and peer in askers
        ]
        return mine

    def requested_blocks(self, peer: Hashable) -> Iterator[tuple[int, int]]:
        """The blocks on order from others and not from `peer`, as (askers, block), the last ones first."""
        block = self.states.rfind(REQUESTED)
        while block >= 0:
            if self.owners[block] != peer:
                yield 1, block
            block = self.states.rfind(REQUESTED, 0, block)
        for block, askers in self.busy.items():
            if peer not in askers:
                yield len(askers), block

    def status(self) -> PieceStatus:
        """What stands where."""
        return PieceStatus(
            self.index,
            self.size,
            self.free,
            self.left - self.free,
            self.size - self.left,
            self.reserved_for,
            bytes(self.states),
            tuple(self.owners),
        )

    def check_invariant(self) -> None:
        """AssertionError when a law of the class is broken."""
        states = self.states
        assert len(states) == len(self.owners) == self.size
        assert self.free == states.count(FREE)
        assert self.left == self.size - states.count(RECEIVED)
        assert not any(states[self.tail :])
        assert {block for block, state in enumerate(states) if state == BUSY} == set(self.busy)
        for block, askers in self.busy.items():
            assert len(set(askers)) == len(askers) > 1
            assert self.owners[block] == askers[0]
        for block, state in enumerate(states):
            if state == FREE:
                assert self.owners[block] is None
