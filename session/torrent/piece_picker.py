"""Which blocks to ask of which peer: rarest first, partial pieces first, sequential, end game (BEP 3).

Order for one peer: the rest of the piece it is on; then, from the highest priority down, pieces already begun (which slow
peers share) and untouched ones, rarest first, ties by lot; a fast peer the other way round, after pieces that nobody works
on any more; then what is left of pieces reserved for fast peers; at last, in end game, blocks already asked of others,
those asked of fewest first.  The first few pieces are taken by lot, so as to have something to trade soon.  Priorities are
strict: nothing of a lower one is begun while the peer has untouched pieces of a higher one (libtorrent weighs priority
against rarity instead).

A piece goes through these states:

    missing ──pick──► begun ──last block──► complete ──piece_passed──► had
       ▲                │                       │                       │
       └── all given up ┴───── piece_failed ────┴────── we_lost ────────┘

Sets of pieces are integers, so that "untouched, wanted and at this peer" is two operations however many pieces there are.
In torrents of more than 4,096 pieces untouched pieces are drawn a few ahead for each peer; a piece drawn so may have become
less rare by the time it is asked for.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum
from itertools import islice
from random import Random

from ...protocols.bits import Bitfield
from .availability import Availability
from .extent_affinity import EXTENT_BLOCKS, ExtentAffinity
from .picker_modes import PickMode, bits_from, highest_bits, lowest_bits, random_bit
from .picker_policy import PickerPolicy
from .piece_blocks import BUSY, RECEIVED, REQUESTED, BlockRun, PieceBlocks, PieceStatus
from .piece_table import ABANDONED, RESERVED, SHARED, PieceTable

__all__ = ["BlockOutcome", "BlockRun", "PickMode", "PiecePicker", "PieceStatus"]

END_GAME_BLOCKS = 16
"""Blocks asked of others too that one peer has on order at most."""
END_GAME_PIECES = 16
"""Pieces one pick searches for such blocks at most,"""
END_GAME_CHOICE = 64
"""and such blocks it looks at before it takes those asked of fewest."""
END_GAME_ASKERS = 4
"""Peers one block is asked of at most."""
_PARTIAL_CHOICE = 8
"""Begun pieces among which the one closest to its end is taken."""
_AHEAD = 4096
"""One piece is drawn ahead for each so many of the torrent."""

# `IntFlag` arithmetic costs more than a whole pick.
_SEQUENTIAL = int(PickMode.SEQUENTIAL)
_END_GAME = int(PickMode.END_GAME)
_ON_PAROLE = int(PickMode.ON_PAROLE)
_WHOLE_PIECES = int(PickMode.WHOLE_PIECES)
_OWN_PIECES = int(PickMode.WHOLE_PIECES | PickMode.ON_PAROLE)


class BlockOutcome(Enum):
    """What a block that arrived was.  Truth: its piece is complete now."""

    ACCEPTED = "accepted"
    PIECE_COMPLETE = "piece complete"
    """Accepted, and all blocks are here: verify, then `piece_passed` or `piece_failed`."""
    DUPLICATE = "duplicate"
    """We have it."""
    UNREQUESTED = "unrequested"
    """It was not on order from this peer; nothing changed."""

    def __bool__(self) -> bool:
        return self is BlockOutcome.PIECE_COMPLETE


_ACCEPTED = BlockOutcome.ACCEPTED
_PIECE_COMPLETE = BlockOutcome.PIECE_COMPLETE


class _Picker:
    """What is remembered of a peer between picks."""

    __slots__ = ("begun", "current", "last_begun", "peer", "reserve")

    def __init__(self, peer: Hashable) -> None:
        self.peer = peer
        self.current: PieceBlocks | None = None
        """The piece its last blocks were of."""
        self.begun: dict[PieceBlocks, None] = {}
        """The pieces it was given blocks of, in that order."""
        self.reserve: list[int] = []
        """Untouched pieces drawn ahead, the next one last."""
        self.last_begun = -1


class PiecePicker(PieceTable):
    """Tracks what is had, on order and wanted in one torrent, and says what to ask of a peer.

    A `peer` is any hashable object, held until the pieces it sent blocks of are done with.  The caller reports each peer that goes twice: `remove_peer` (what it had) and `peer_gone` (its orders).
    """

    __slots__ = (
        "_ahead",
        "_availability",
        "_extent",
        "_pickers",
        "_rng",
        "affinity",
        "auto_sequential",
        "initial_picker_threshold",
        "partials_first",
        "policy",
        "redundant",
        "sequential",
        "strict_end_game_mode",
    )

    def __init__(
        self,
        num_pieces: int,
        blocks_per_piece: int,
        blocks_in_last_piece: int,
        *,
        rng: Random,
        initial_picker_threshold: int = 4,
        strict_end_game_mode: bool = True,
    ) -> None:
        super().__init__(num_pieces, blocks_per_piece, blocks_in_last_piece)
        self.sequential = False
        """Lowest piece first, for every peer."""
        self.auto_sequential = False
        """The same where nothing is rare, as `update_order` finds; who else has a picker says so itself."""
        self.initial_picker_threshold = initial_picker_threshold
        """While fewer pieces than this are had, untouched ones are taken by lot."""
        self.strict_end_game_mode = strict_end_game_mode
        """Blocks are asked of a second peer only when none is left unasked."""
        self.partials_first = False
        """Pieces begun are finished by whoever has them before others are begun: fast peers get none of their own."""
        self.affinity: ExtentAffinity | None = None
        """Prefers neighbours of pieces begun to rare ones."""
        self.policy: PickerPolicy | None = None
        """Chooses untouched pieces instead of rarity; see `picker_policy`."""
        self.redundant: list[tuple[Hashable, int, int]] = []
        """Orders still out, as (peer, piece, block), for blocks that came from somebody else.  See `take_redundant`."""
        self._rng = rng
        self._availability = Availability(num_pieces)
        self._pickers: dict[Hashable, _Picker] = {}
        self._ahead = num_pieces // _AHEAD
        # A fast peer stays within 4 MiB of neighbouring pieces while they are equally rare, for the disks of both sides.
        self._extent = max(1, EXTENT_BLOCKS // blocks_per_piece)

    # -- what peers have

    def add_peer(self, bits: int) -> None:
        """A peer that has `bits` came."""
        self._availability.add(bits)

    def remove_peer(self, bits: int) -> None:
        """A peer that has `bits`, as told by `add_peer` and `add_have`, went.  ValueError when there was none."""
        self._availability.remove(bits)

    def add_have(self, piece: int) -> None:
        """A peer got a piece."""
        self._availability.add(1 << piece)

    def remove_have(self, piece: int) -> None:
        """A peer lost a piece.  ValueError when none had it."""
        self._availability.remove(1 << piece)

    def rarest(self, bits: int) -> int:
        """Those of `bits` that the fewest peers have."""
        return self._availability.rarest(bits)

    def availability(self, piece: int) -> int:
        """Peers that have the piece."""
        return self._availability.count(piece)

    def piece_availability(self) -> list[int]:
        """Peers that have each piece."""
        return self._availability.counts()

    def distributed_copies(self) -> float:
        """Copies of the torrent among the peers and us: the count of the rarest piece, plus the share of others."""
        return self._availability.distributed_copies(self.have.bits)

    # -- asking

    def pick(self, bits: int, num_blocks: int, peer: Hashable, *, mode: int = 0) -> list[BlockRun]:
        """Up to `num_blocks` blocks to ask of `peer`, which has `bits`; they are on order from it now.

        Give as `bits` only what the peer would send: while it chokes us, what it allows (BEP 6).  `mode` is a
        `PickMode`; with END_GAME what comes, when nothing else is left, is on order from others too.
        """
        runs: list[BlockRun] = []
        picker = self._pickers.get(peer)
        if picker is None:
            picker = self._pickers[peer] = _Picker(peer)
        flags = int(mode)
        blocks = picker.current
        if blocks is not None and blocks.pickable and num_blocks > 0 and bits >> blocks.index & 1:
            reserved_for = blocks.reserved_for
            if reserved_for == peer or (reserved_for is None and not flags & _ON_PAROLE):
                num_blocks -= self._take(blocks, num_blocks, picker, runs)
                if blocks.pickable == ABANDONED or not blocks.free:
                    self.classify(blocks)
        if num_blocks > 0 and bits & self.wanted_bits:
            self._pick_more(bits, num_blocks, picker, flags, runs)
        return runs

    def pick_of(self, piece: int, num_blocks: int, peer: Hashable, *, askers: int = 1) -> list[BlockRun]:
        """Up to `num_blocks` blocks of one piece, whoever began it; when none is free, and `askers` is above 1, blocks on
        order from fewer others than that.  For pieces with a deadline.
        """
        runs: list[BlockRun] = []
        if self.have[piece] or num_blocks < 1:
            return runs
        picker = self._pickers.get(peer)
        if picker is None:
            picker = self._pickers[peer] = _Picker(peer)
        blocks = self.begun.get(piece)
        if blocks is None:
            blocks = self.begin(piece, None)
        if blocks.free:
            if blocks.reserved_for != peer:
                blocks.reserved_for = None
            self._take(blocks, num_blocks, picker, runs)
            self.classify(blocks)
        elif askers > 1:
            others = [
                each for each in blocks.requested_blocks(peer) if each[0] < min(askers, END_GAME_ASKERS)
            ]
            for _, block in sorted(others)[:num_blocks]:
                self._take_busy(blocks, block, picker, runs)
        return runs

    def num_free(self, piece: int) -> int:
        """Blocks of a piece that nobody is asked for and that are not here."""
        if self.have[piece]:
            return 0
        blocks = self.begun.get(piece)
        return self.num_blocks(piece) if blocks is None else blocks.free

    def _pick_more(self, bits: int, want: int, picker: _Picker, flags: int, runs: list[BlockRun]) -> None:
        if self.partials_first:
            flags &= ~_WHOLE_PIECES
        if flags & _ON_PAROLE:
            want = self._pick_own(bits, want, picker, runs)
        masks = self.masks
        for mask in masks:
            if not want:
                return
            want = self._pick_level(bits if len(masks) == 1 else bits & mask, want, picker, flags, runs)
        if want and not flags & _ON_PAROLE:
            for mask in masks:
                want = self._pick_begun(bits & mask & self.sets[RESERVED], want, picker, flags, runs)
            if want and not runs and flags & _END_GAME and self._is_end_game():
                self._pick_busy(bits, want, picker, runs)

    def _pick_level(self, bits: int, want: int, picker: _Picker, flags: int, runs: list[BlockRun]) -> int:
        """Pick within one priority.  Like its kin below, returns how many blocks are still missing."""
        sets = self.sets
        if flags & _ON_PAROLE:
            return self._pick_open(bits, want, picker, flags, runs)
        if flags & _OWN_PIECES:
            want = self._pick_begun(bits & sets[ABANDONED], want, picker, flags, runs)
            want = self._pick_open(bits, want, picker, flags, runs)
            return self._pick_begun(bits & sets[SHARED], want, picker, flags, runs)
        want = self._pick_begun(bits & (sets[SHARED] | sets[ABANDONED]), want, picker, flags, runs)
        return self._pick_open(bits, want, picker, flags, runs)

    def _pick_own(self, bits: int, want: int, picker: _Picker, runs: list[BlockRun]) -> int:
        """Pick from the pieces that nobody else sends blocks of."""
        for blocks in [
            blocks for blocks in picker.begun if blocks.reserved_for == picker.peer and blocks.pickable
        ]:
            if want and bits >> blocks.index & 1:
                want -= self._take(blocks, want, picker, runs)
                self.classify(blocks)
        return want

    def _pick_begun(self, bits: int, want: int, picker: _Picker, flags: int, runs: list[BlockRun]) -> int:
        begun = self.begun
        while bits and want:
            if self.sequential or flags & _SEQUENTIAL:
                blocks = begun[lowest_bits(bits, 1)[0]]
            else:
                blocks = min(
                    [begun[piece] for piece in highest_bits(bits, _PARTIAL_CHOICE)], key=_blocks_left
                )
            if blocks.reserved_for != picker.peer:
                blocks.reserved_for = None
            want -= self._take(blocks, want, picker, runs)
            self.classify(blocks)
            bits ^= 1 << blocks.index
        return want

    def _pick_open(self, bits: int, want: int, picker: _Picker, flags: int, runs: list[BlockRun]) -> int:
        reserved_for = picker.peer if flags & _OWN_PIECES else None
        while want and (untouched := bits & self.open_bits):
            for piece in self._draw(untouched, -(-want // self.blocks_per_piece), picker, flags):
                blocks = self.begin(piece, reserved_for)
                picker.last_begun = piece
                if self.affinity is not None:
                    self.affinity.begun(piece)
                want -= self._take(blocks, want, picker, runs)
                if blocks.free:
                    self.classify(blocks)
                if not want:
                    break
        return want

    def _draw(self, bits: int, count: int, picker: _Picker, flags: int) -> list[int]:
        """At least one and at most `count` of `bits`, in the order to begin them."""
        if self.policy is not None:
            chosen = self.policy.next_pieces(self, Bitfield(self.num_pieces, bits), count, picker.peer)
            drawn = [piece for piece in dict.fromkeys(chosen) if piece >= 0 and bits >> piece & 1]
            if drawn:
                return drawn[:count]
        if self.sequential or flags & _SEQUENTIAL:
            return lowest_bits(bits, count)
        if (
            self.affinity is not None
            and self.num_have >= self.initial_picker_threshold
            and (near := self.affinity.preferred(bits))
        ):
            return lowest_bits(near, count)
        reserve = picker.reserve
        drawn = []
        while reserve and len(drawn) < count:
            piece = reserve.pop()
            if bits >> piece & 1:
                drawn.append(piece)
        if drawn:
            return drawn
        if self.num_have >= self.initial_picker_threshold:
            bits = self._availability.rarest(bits)
        start = picker.last_begun + 1
        if not (flags & _OWN_PIECES and start % self._extent and bits >> start & 1):
            start = random_bit(bits, self._rng)
        drawn = bits_from(bits, start, count + self._ahead)
        picker.reserve = drawn[: count - 1 : -1]
        return drawn[:count]

    def _take(self, blocks: PieceBlocks, want: int, picker: _Picker, runs: list[BlockRun]) -> int:
        if picker.current is not blocks:
            picker.current = blocks
            if blocks not in picker.begun:
                picker.begun[blocks] = None
                blocks.pickers.append(picker.begun)
        return blocks.take(want, picker.peer, runs)

    def _is_end_game(self) -> bool:
        if not self.strict_end_game_mode:
            return True
        sets = self.sets
        return not (self.open_bits or sets[SHARED] or sets[RESERVED] or sets[ABANDONED])

    def _pick_busy(self, bits: int, want: int, picker: _Picker, runs: list[BlockRun]) -> None:
        """Blocks others were asked for: of fewest first, and of those what was asked for last and so comes last."""
        peer = picker.peer
        held = sum(peer in askers for blocks in picker.begun for askers in blocks.busy.values())
        want = min(want, END_GAME_BLOCKS - held)
        if want <= 0:
            return
        found: list[tuple[int, PieceBlocks, int]] = []
        searched = 0
        bits &= self.wanted_bits
        for blocks in reversed(self.begun.values()):
            if not blocks.left or not bits >> blocks.index & 1:
                continue
            others = islice(blocks.requested_blocks(peer), END_GAME_CHOICE - len(found))
            found += [(asked, blocks, block) for asked, block in others if asked < END_GAME_ASKERS]
            searched += 1
            if searched == END_GAME_PIECES or len(found) == END_GAME_CHOICE:
                break
        found.sort(key=_num_asked)
        for _, blocks, block in found[:want]:
            self._take_busy(blocks, block, picker, runs)

    def _take_busy(self, blocks: PieceBlocks, block: int, picker: _Picker, runs: list[BlockRun]) -> None:
        blocks.take_busy(block, picker.peer)
        if blocks not in picker.begun:
            picker.begun[blocks] = None
            blocks.pickers.append(picker.begun)
        runs.append(BlockRun(blocks.index, block, 1))

    # -- what becomes of it

    def block_received(self, piece: int, block: int, peer: Hashable) -> BlockOutcome:
        """A block came from `peer`."""
        blocks = self.begun.get(piece)
        if blocks is not None and blocks.owners[block] is peer and blocks.states[block] == REQUESTED:
            blocks.states[block] = RECEIVED
            blocks.left = left = blocks.left - 1
            return _ACCEPTED if left else _PIECE_COMPLETE
        return self._rare_block(piece, block, peer)

    def _rare_block(self, piece: int, block: int, peer: Hashable) -> BlockOutcome:
        blocks = self.begun.get(piece)
        if blocks is None:
            return BlockOutcome.DUPLICATE if self.have[piece] else BlockOutcome.UNREQUESTED
        state = blocks.states[block]
        if state == RECEIVED:
            return BlockOutcome.DUPLICATE
        if state == REQUESTED and blocks.owners[block] == peer:
            # An equal peer, not the same object.
            return self.block_received(piece, block, blocks.owners[block])
        others = blocks.settle(block, peer) if state == BUSY else None
        if others is None:
            return BlockOutcome.UNREQUESTED
        self.redundant += [(other, piece, block) for other in others]
        return _ACCEPTED if blocks.left else _PIECE_COMPLETE

    def take_redundant(self) -> list[tuple[Hashable, int, int]]:
        """The orders to cancel at their peers, as (peer, piece, block): the blocks came from others.  Ask in end game."""
        redundant, self.redundant = self.redundant, []
        return redundant

    def cancel(self, piece: int, block: int, peer: Hashable) -> bool:
        """A block on order will not come from `peer` (it choked, rejected, is late).  False when it was not on order.

        It may be picked again at once.  A piece reserved for the peer is shared from now on.
        """
        blocks = self.begun.get(piece)
        if blocks is None or not blocks.give_back(block, peer):
            return False
        self._released(blocks, peer)
        return True

    def peer_gone(self, peer: Hashable) -> None:
        """Nothing on order from `peer` will come.  Blocks it sent stay.  Repeatable."""
        picker = self._pickers.pop(peer, None)
        if picker is None:
            return
        for blocks in list(picker.begun):
            for block in blocks.blocks_of(peer):
                blocks.give_back(block, peer)
            self._released(blocks, peer)
        if self.redundant:
            self.redundant = [order for order in self.redundant if order[0] != peer]

    def _released(self, blocks: PieceBlocks, peer: Hashable) -> None:
        if blocks.reserved_for == peer:
            blocks.reserved_for = None
        if blocks.free == blocks.size:
            self.drop(blocks.index)
        else:
            self.classify(blocks)

    def piece_passed(self, piece: int) -> list[Hashable | None]:
        """The piece is verified and written: it is had.  Returns who sent each block (None: restored)."""
        blocks = self.begun.get(piece)
        self.we_have(piece)
        return [] if blocks is None else blocks.owners

    def piece_failed(self, piece: int) -> list[Hashable | None]:
        """The piece is bad or could not be written: it is untouched again.  Returns who sent each block."""
        return self.drop(piece)

    def restore_blocks(self, piece: int, received: int) -> bool:
        """Blocks of a piece, by bit, are here from an earlier run.  True when that is all of them.  Nothing is done for a
        piece had or begun."""
        if piece in self.begun or self.have[piece] or not received:
            return False
        blocks = self.begin(piece, None)
        for block in range(blocks.size):
            if received >> block & 1:
                blocks.states[block] = RECEIVED
                blocks.left -= 1
                blocks.tail = block + 1
        blocks.free = blocks.left
        self.classify(blocks)
        return not blocks.left

    # -- queries

    def num_blocks_here(self) -> int:
        """Blocks received of pieces that are not complete."""
        return sum(blocks.size - blocks.left for blocks in self.begun.values() if blocks.left)

    def num_peers_in_end_game(self) -> int:
        """Peers that are asked for blocks others are asked for, too."""
        return len(
            {peer for blocks in self.begun.values() for askers in blocks.busy.values() for peer in askers}
        )

    def downloading(self) -> list[PieceStatus]:
        """The pieces begun, in the order they were begun."""
        return [blocks.status() for blocks in self.begun.values()]

    def num_downloading(self) -> int:
        """How many pieces are begun."""
        return len(self.begun)

    def check_invariant(self) -> None:
        """AssertionError when a law of the picker is broken."""
        super().check_invariant()
        for blocks in self.begun.values():
            assert blocks.free < blocks.size
            for owner in {
                owner: None
                for owner, state in zip(blocks.owners, blocks.states, strict=True)
                if state < RECEIVED
            }:
                assert owner is None or blocks in self._pickers[owner].begun
        for peer, picker in self._pickers.items():
            assert picker.peer == peer
            for blocks in picker.begun:
                assert self.begun[blocks.index] is blocks
                assert any(begun is picker.begun for begun in blocks.pickers)


def _blocks_left(blocks: PieceBlocks) -> int:
    return blocks.left


def _num_asked(entry: tuple[int, PieceBlocks, int]) -> int:
    return entry[0]
