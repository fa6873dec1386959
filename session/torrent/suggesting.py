"""What we suggest to peers (BEP 6): rare pieces that were read or finished a moment ago, so that they are still in memory (`suggest_mode`).

A peer hears of two when it is unchoked, and of two more when it has one that was suggested to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...protocols.types import PieceIndex

if TYPE_CHECKING:
    from ..core.core import Core
    from .peer_link import PeerLink
    from .torrent import Torrent

__all__ = ["Suggesting"]

AT_A_TIME = 2
_SAMPLES = 30
"""Pieces the mean of how rare they are looks back on."""
_KEY = "suggested"


class Suggesting:
    """The candidates of one torrent, and who has heard of which."""

    __slots__ = ("_candidates", "_core", "_mean", "_num_samples", "_torrent")

    def __init__(self, torrent: Torrent, core: Core) -> None:
        self._torrent = torrent
        self._core = core
        self._candidates: dict[int, None] = {}
        """The latest last."""
        self._mean = 0.0
        self._num_samples = 0

    def in_memory(self, pieces: Iterable[int]) -> None:
        """These were read, or just came.  Those that are no rarer than others lately are not suggested."""
        torrent = self._torrent
        download, swarm = torrent.download, torrent.swarm
        if download is None or swarm is None:
            return
        for piece in pieces:
            if not torrent.has_piece(piece):
                continue
            share = download.picker.availability(piece) / max(1, len(swarm.links))
            is_rare = share <= self._mean or not self._num_samples
            self._num_samples = min(self._num_samples + 1, _SAMPLES)
            self._mean += (share - self._mean) / self._num_samples
            if is_rare:
                self._candidates.pop(piece, None)
                self._candidates[piece] = None
        _cut(self._candidates, self._core.tuning.max_suggest_pieces)

    def offer(self, link: PeerLink) -> None:
        """Suggest what it has not got and not heard of; what is best comes last, as the latest counts most."""
        if self._torrent.super_seeding is not None or not link.connection.supports_fast:
            return
        told: dict[int, None] = link.user_data.setdefault(_KEY, {})
        new = [
            piece
            for piece in reversed(self._candidates)
            if not link.pieces >> piece & 1 and piece not in told and self._torrent.has_piece(piece)
        ][:AT_A_TIME]
        for piece in reversed(new):
            told[piece] = None
            link.connection.send_suggest(PieceIndex(piece))
        _cut(told, self._core.tuning.max_suggest_pieces)

    def peer_has(self, link: PeerLink, piece: int) -> None:
        """It has one more piece: if it was suggested, it takes our advice."""
        if not link.is_choked_by_us and piece in link.user_data.get(_KEY, ()):
            self.offer(link)


def _cut(pieces: dict[int, None], most: int) -> None:
    while len(pieces) > most:
        del pieces[next(iter(pieces))]
