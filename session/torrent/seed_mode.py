"""Seed mode: everything is believed to be on disk, and each piece is verified when it is first asked for.

Requests for a piece wait until its hash was checked.  When every piece was, seed mode ends in good order; a piece that does
not match ends it with a full check (libtorrent `torrent_flags::seed_mode`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...protocols.bits import Bitfield
from ...protocols.peer.messages import Request
from ..disk.errors import StorageError
from ..flags import TorrentFlags

if TYPE_CHECKING:
    from ..core.core import Core
    from .peer_link import PeerLink
    from .torrent import Torrent

__all__ = ["SeedMode"]


class SeedMode:
    """Which pieces were verified, and the requests that wait for one."""

    __slots__ = ("_core", "_num_held", "_torrent", "_waiting", "verified")

    def __init__(self, torrent: Torrent, core: Core, verified: Bitfield) -> None:
        self._torrent = torrent
        self._core = core
        self.verified = verified
        """Pieces whose hash was checked since they were believed."""
        self._waiting: dict[int, list[tuple[PeerLink, Request]]] = {}
        self._num_held: dict[PeerLink, int] = {}

    def hold(self, link: PeerLink, request: Request) -> bool:
        """True when the request has to wait; it comes back through the link's uploader.

        Of one link at most `max_allowed_in_request_queue` wait; more are rejected.
        """
        piece = request.piece
        if self.verified[piece] or not self._core.disk.settings.checks_hashes:
            return False
        held = self._num_held.get(link, 0)
        if held >= self._core.tuning.max_allowed_in_request_queue:
            self._reject(link, request, "peer.max_piece_requests")
            return True
        self._num_held[link] = held + 1
        waiting = self._waiting.get(piece)
        if waiting is None:
            self._waiting[piece] = [(link, request)]
            self._check(piece)
        else:
            waiting.append((link, request))
        return True

    def _check(self, piece: int) -> None:
        source = self._torrent.need_storage()
        wanted = Bitfield(self.verified.size)
        wanted.set(piece)
        source.disk.submit_check(source.storage, wanted, self._on_checked, self._on_done)

    def _on_done(self, error: StorageError | None) -> None:
        if error is not None and self._torrent.seed_mode is self:
            for waiting in self._waiting.values():
                for link, request in waiting:
                    if not link.closed:
                        link.connection.send_reject(request)
            self._waiting.clear()
            self._num_held.clear()
            self._torrent.on_disk_error(error)

    def _on_checked(self, results: Sequence[tuple[int, bool]]) -> None:
        torrent = self._torrent
        if torrent.seed_mode is not self:
            return
        for piece, matches in results:
            if not matches:
                torrent.seed_mode = None
                torrent.recheck()
                return
            self.verified.set(piece)
            self._serve(self._waiting.pop(piece, []))
        if self.verified.all():
            torrent.seed_mode = None
            torrent.flags &= ~TorrentFlags.seed_mode
            torrent.need_save()

    def _serve(self, waiting: list[tuple[PeerLink, Request]]) -> None:
        now = self._core.base.time()
        links: dict[PeerLink, None] = {}
        for link, request in waiting:
            self._num_held[link] -= 1
            if not self._num_held[link]:
                del self._num_held[link]
            if link.uploader is None or link.closed:
                continue
            if link.is_choked_by_us:
                self._reject(link, request, "peer.choked_piece_requests")
            else:
                link.uploader.queue.append(request)
            links[link] = None
        for link in links:
            link.flush(now)

    def _reject(self, link: PeerLink, request: Request, why: str) -> None:
        counts = self._core.counters.values
        counts[why] += 1
        counts["peer.piece_rejects"] += 1
        link.connection.send_reject(request)
