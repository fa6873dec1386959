"""Whose turn it is to dial a peer: torrents that download go round, and every so often one that is finished has its turn.

Connection attempts are scarce, and a download has more use for them than a seed (`connect_seed_every_n_download`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

__all__ = ["DialTurns"]

T = TypeVar("T")


class DialTurns(Generic[T]):
    """Two rings.  Say who takes part with `begin`; then `next` gives whose turn it is, until everybody was dropped."""

    __slots__ = ("_downloads", "_given", "_last", "_num_since_seed", "_seeds", "every")

    def __init__(self) -> None:
        self.every = 10
        """Turns of downloads before a finished torrent has one."""
        self._downloads: deque[T] = deque()
        self._seeds: deque[T] = deque()
        self._given = [0, 0]
        """Turns downloads had, and seeds: where each ring goes on next time."""
        self._last: deque[T] = self._downloads
        self._num_since_seed = 0

    def begin(self, downloads: Sequence[T], seeds: Sequence[T]) -> None:
        """These take part; each ring goes on where it was."""
        self._downloads, self._seeds = deque(downloads), deque(seeds)
        for ring, given in zip((self._downloads, self._seeds), self._given, strict=True):
            if ring:
                ring.rotate(-(given % len(ring)))

    def next(self) -> T | None:
        """Whose turn it is; None when nobody takes part any more."""
        if self._seeds and (not self._downloads or self._num_since_seed >= self.every):
            self._num_since_seed = 0
            self._last = self._seeds
            self._given[1] += 1
        elif self._downloads:
            self._num_since_seed += 1
            self._last = self._downloads
            self._given[0] += 1
        else:
            return None
        self._last.rotate(-1)
        return self._last[-1]

    def drop_last(self) -> None:
        """Who had the turn last could not use it and takes part no more, until `begin`."""
        self._last.pop()
