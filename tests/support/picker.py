"""Piece pickers drawn as strings.

One character a block, pieces apart by a space: `.` nobody is asked, `a` on order from peer "a", `A` came from peer "a", `2` on
order from two peers.  `+++` is a piece we have.  `peers` says how many peers have each piece, `priorities` how much each is
wanted, a digit a piece.
"""

from __future__ import annotations

from random import Random

from evtorrent.session.torrent.piece_blocks import BUSY, FREE, RECEIVED
from evtorrent.session.torrent.piece_picker import BlockRun, PickMode, PiecePicker

_NOBODY = "?"


def make_picker(
    pieces: str,
    *,
    peers: str = "",
    priorities: str = "",
    seed: int = 1,
    threshold: int = 0,
    strict: bool = True,
) -> PiecePicker:
    """A picker in the state that is drawn."""
    drawn = pieces.split()
    picker = PiecePicker(
        len(drawn),
        max(map(len, drawn)),
        len(drawn[-1]),
        rng=Random(seed),
        initial_picker_threshold=threshold,
        strict_end_game_mode=strict,
    )
    for level in range(int(max(peers, default="0"))):
        picker.add_peer(bits("".join("x" if int(digit) > level else "." for digit in peers)))
    for piece, blocks in enumerate(drawn):
        if "+" in blocks:
            picker.we_have(piece)
        elif blocks.strip("."):
            _begin(picker, piece, blocks)
    for piece, digit in enumerate(priorities):
        picker.set_priority(piece, int(digit))
    picker.check_invariant()
    return picker


def _begin(picker: PiecePicker, piece: int, blocks: str) -> None:
    for block in blocks.rstrip("."):
        owner = _NOBODY if block == "." else block.lower()
        assert len(picker.pick(1 << piece, 1, owner)) == 1
    for index, block in enumerate(blocks):
        if block.isupper():
            picker.block_received(piece, index, block.lower())
    picker.peer_gone(_NOBODY)


def draw(picker: PiecePicker) -> str:
    """The state of a picker, as a string."""
    begun = {status.piece: status for status in picker.downloading()}
    drawn = []
    for piece in range(picker.num_pieces):
        size = picker.blocks_in_last_piece if piece == picker.num_pieces - 1 else picker.blocks_per_piece
        if picker.have[piece]:
            drawn.append("+" * size)
        elif piece in begun:
            status = begun[piece]
            drawn.append("".join(map(_letter, status.states, status.owners)))
        else:
            drawn.append("." * size)
    return " ".join(drawn)


def _letter(state: int, owner: object) -> str:
    if state == FREE:
        return "."
    if state == BUSY:
        return "2"
    letter = str(owner or "x")
    return letter.upper() if state == RECEIVED else letter


def bits(drawn: str) -> int:
    """`x..x` is pieces 0 and 3."""
    return sum(1 << piece for piece, mark in enumerate(drawn) if mark == "x")


def pick(
    picker: PiecePicker, peer: str, count: int, has: str = "", mode: PickMode = PickMode.SHARED
) -> list[tuple[int, int, int]]:
    """Pick for a peer that has `has` (everything, when empty), keeping the laws."""
    pieces = bits(has) if has else (1 << picker.num_pieces) - 1
    runs: list[BlockRun] = picker.pick(pieces, count, peer, mode=mode)
    picker.check_invariant()
    assert sum(run.count for run in runs) <= max(0, count)
    return [tuple(run) for run in runs]
