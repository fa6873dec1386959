"""Super seeding (BEP 16): a seed that looks like a peer with nothing, and shows each peer two pieces at a time.

A piece is shown by a have message; the next one when the peer says that it has the first, or does not want it for ten
seconds.  Pieces that nobody else is being shown come first, of these the rarest, ties by lot.  Requests for other pieces are
rejected.  So each byte is sent once or little more before the swarm holds a copy.

Departure from libtorrent: peers that were connected before it was switched on know everything, and go on getting it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocols.bits import Bitfield, iter_bits
from ...protocols.types import PieceIndex
from ..flags import TorrentFlags
from .picker_modes import random_bit

if TYPE_CHECKING:
    from ..core.core import Core
    from .peer_link import PeerLink
    from .torrent import Torrent

__all__ = ["SuperSeeding", "update_super_seeding"]

SHOWN_AT_A_TIME = 2
"""Pieces a peer may ask for."""
PATIENCE = 10.0
"""Seconds a peer may want none of them before it is shown another, and then another each second."""
_AGAIN = 1.0

_NOTHING = Bitfield(0)


class _View:
    """What one peer sees."""

    __slots__ = ("pieces", "try_again_at")

    def __init__(self, now: float) -> None:
        self.pieces: list[int] = []
        """The pieces it may ask for, the latest last."""
        self.try_again_at = now + PATIENCE


class SuperSeeding:
    """What each peer of one torrent has been shown."""

    __slots__ = ("_core", "_torrent", "_views")

    def __init__(self, torrent: Torrent, core: Core) -> None:
        self._torrent = torrent
        self._core = core
        self._views: dict[PeerLink, _View] = {}

    def introduce(self, link: PeerLink) -> None:
        """The peer shook hands: in place of what we have it hears of nothing, and then of its first pieces."""
        link.connection.send_pieces(_NOTHING)
        self.show_first(link)

    def show_first(self, link: PeerLink) -> None:
        """The first pieces of a peer that was told of nothing."""
        self._views[link] = _View(self._core.base.time())
        for _ in range(SHOWN_AT_A_TIME):
            self._show_next(link)

    def shows(self, link: PeerLink, piece: int) -> bool:
        """The peer may ask for the piece."""
        view = self._views.get(link)
        return view is None or piece in view.pieces

    def peer_has(self, link: PeerLink) -> None:
        """What the peer has changed: shown pieces that it has make room for others."""
        view = self._views.get(link)
        if view is None:
            return
        had = [piece for piece in view.pieces if link.pieces >> piece & 1]
        for piece in had:
            self._show_next(link, had=piece)
        if had:
            link.flush(self._core.base.time())

    def tick(self, now: float) -> None:
        """Peers that want none of what they see are shown something else."""
        for link, view in list(self._views.items()):
            if link.is_interested:
                view.try_again_at = now + PATIENCE
            elif now >= view.try_again_at:
                view.try_again_at = now + _AGAIN
                self._show_next(link)
                link.flush(now)

    def forget(self, link: PeerLink) -> None:
        """The peer went."""
        self._views.pop(link, None)

    def end(self, now: float) -> None:
        """Everybody hears of every piece."""
        views, self._views = self._views, {}
        for link, view in views.items():
            shown = sum(1 << piece for piece in view.pieces)
            for piece in iter_bits(self._torrent.have.bits & ~link.pieces & ~shown):
                link.connection.send_have(PieceIndex(piece))
            link.flush(now)

    def _show_next(self, link: PeerLink, *, had: int | None = None) -> None:
        view = self._views[link]
        piece = self._choose(link)
        if had is not None:
            view.pieces.remove(had)
        if piece is None:
            return
        view.pieces = [*view.pieces, piece][-SHOWN_AT_A_TIME:]
        link.connection.send_have(PieceIndex(piece))

    def _choose(self, link: PeerLink) -> int | None:
        torrent = self._torrent
        missing = torrent.have.bits & ~link.pieces
        for piece in self._views[link].pieces:
            missing &= ~(1 << piece)
        if not missing:
            return None
        shown = 0
        for view in self._views.values():
            for piece in view.pieces:
                shown |= 1 << piece
        bits = missing & ~shown or missing
        if torrent.download is not None:
            bits = torrent.download.picker.rarest(bits)
        return random_bit(bits, self._core.rng)


def update_super_seeding(torrent: Torrent, core: Core) -> None:
    """The flag, or what the torrent has, changed."""
    wanted = bool(torrent.flags & TorrentFlags.super_seeding) and torrent.is_checked and torrent.is_seed
    running = torrent.super_seeding
    if wanted and running is None:
        torrent.super_seeding = SuperSeeding(torrent, core)
    elif running is not None and not wanted:
        torrent.super_seeding = None
        running.end(core.base.time())
