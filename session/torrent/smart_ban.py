"""Who sent the bad block: the blocks of a piece that failed its hash are compared with those of the good copy.

A piece comes from several peers, and a wrong hash does not say whose block was bad.  So the digest of each block is kept
with its sender; when the piece is there at last, a block that differs from the good one convicts.  A sender is convicted
at once when the whole piece was its own, or when it sent one block twice, differently; in a v2 torrent as soon as a peer
told the hashes of the blocks.

`Trust` is the weaker judgement that needs no proof: points lost by taking part in bad pieces, and parole, under which a
peer gets pieces of its own so that the next failure is proof.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from hashlib import sha1, sha256

from ...protocols.types import BLOCK_SIZE, Buffer

__all__ = ["MAX_SUSPECT_BLOCKS", "SmartBan", "Trust"]

MAX_SUSPECT_BLOCKS = 16384
"""Digests kept; the oldest piece is forgotten beyond.  256 MiB of bad data wait for their good copy then."""


class SmartBan:
    """Digests of the blocks of failed pieces.  One per torrent.

    Peers are compared by equality: give something that names the sender beyond its connection, such as its address.
    """

    __slots__ = ("_digest", "_limit", "_num_blocks", "_pieces")

    def __init__(self, max_blocks: int = MAX_SUSPECT_BLOCKS, *, is_v2: bool = False) -> None:
        """`is_v2`: digests are the leaves of the torrent's hash trees (BEP 52), which peers may know."""
        self._limit = max_blocks
        self._digest = sha256 if is_v2 else sha1
        self._num_blocks = 0
        self._pieces: dict[int, dict[tuple[int, Hashable], bytes]] = {}

    @property
    def num_blocks(self) -> int:
        """Digests kept."""
        return self._num_blocks

    def piece_failed(
        self, piece: int, data: Buffer, contributors: Sequence[Hashable | None]
    ) -> list[Hashable]:
        """`data` has the wrong hash; its blocks came from `contributors` (None: from nobody who could be blamed).

        Returns the peers whose guilt is proven already.
        """
        senders = set(contributors)
        if len(senders) == 1 and None not in senders:
            return list(senders)
        view = memoryview(data)
        suspects = self._pieces.pop(piece, {})
        self._num_blocks -= len(suspects)
        guilty: dict[Hashable, None] = {}
        for block, sender in enumerate(contributors):
            if sender is None:
                continue
            digest = self._digest(view[block * BLOCK_SIZE : (block + 1) * BLOCK_SIZE]).digest()
            if suspects.setdefault((block, sender), digest) != digest:
                guilty[sender] = None
        self._pieces[piece] = suspects
        self._num_blocks += len(suspects)
        while self._num_blocks > self._limit:
            oldest = next(iter(self._pieces))
            self._num_blocks -= len(self._pieces.pop(oldest))
        return list(guilty)

    def piece_passed(self, piece: int, data: Buffer) -> list[Hashable]:
        """`data` is the good copy.  Returns the peers that sent something else before."""
        suspects = self._pieces.get(piece, {})
        view = memoryview(data)
        return self.digests_known(
            piece,
            {
                block: self._digest(view[block * BLOCK_SIZE : (block + 1) * BLOCK_SIZE]).digest()
                for block, _ in suspects
            },
        )

    def digests_known(self, piece: int, good: Mapping[int, bytes]) -> list[Hashable]:
        """What the digests of its blocks should be.  Returns the peers that sent something else."""
        suspects = self._pieces.pop(piece, {})
        self._num_blocks -= len(suspects)
        return list(
            dict.fromkeys(sender for (block, sender), digest in suspects.items() if good[block] != digest)
        )

    def suspects(self, piece: int) -> bool:
        """Who sent the bad block of a piece is not known yet."""
        return bool(self._pieces.get(piece))

    def forget(self, peer: Hashable) -> None:
        """The peer is known no more."""
        for piece, suspects in list(self._pieces.items()):
            kept = {key: digest for key, digest in suspects.items() if key[1] != peer}
            self._num_blocks -= len(suspects) - len(kept)
            if kept:
                self._pieces[piece] = kept
            else:
                del self._pieces[piece]

    def check_invariant(self) -> None:
        """AssertionError when the count is wrong or above the limit."""
        assert self._num_blocks == sum(map(len, self._pieces.values())) <= self._limit


class Trust:
    """What a peer's part in good and bad pieces is worth (the numbers are libtorrent's)."""

    LOWEST = -7
    """A peer that falls so low is banned."""
    HIGHEST = 8

    __slots__ = ("num_failed", "on_parole", "points")

    def __init__(self) -> None:
        self.points = 0
        self.num_failed = 0
        """Bad pieces it took part in."""
        self.on_parole = False
        """It gets pieces of its own only, until one is good."""

    def piece_failed(self, *, alone: bool) -> bool:
        """It took part in a bad piece.  True when it is to be banned: nobody else took part, or it did so too often."""
        self.num_failed += 1
        self.points = max(self.points - 2, self.LOWEST)
        self.on_parole = True
        return alone or self.points <= self.LOWEST

    def piece_passed(self, *, alone: bool) -> None:
        """It took part in a good piece.  One that was all its own ends its parole."""
        self.points = min(self.points + 1, self.HIGHEST)
        if alone:
            self.on_parole = False
