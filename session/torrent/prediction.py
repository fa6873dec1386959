"""Pieces told of shortly before they are had (`predictive_piece_announce`), which saves peers the way of a message and of a request.

A piece is told of when all that is missing of it is on order from one peer, and will be here within the time of the setting at that
peer's rate.  Requests for it wait until it is verified and written, since nothing that is not is ever sent; when it turns out bad they
are rejected, and peers are told that we have it not (BEP 54).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Final, cast

from ...protocols.peer.extensions.lt_donthave import pack_dont_have
from ...protocols.types import BLOCK_SIZE, PieceIndex
from .piece_blocks import RECEIVED, PieceBlocks

if TYPE_CHECKING:
    from ...protocols.peer.messages import Request
    from ..core.core import Core
    from .peer_link import PeerLink
    from .torrent import Torrent

__all__ = ["Predictions"]

_LEAST_RATE: Final = 1000
"""Bytes per second below which a rate says nothing of the next second (libtorrent's number)."""


class Predictions:
    """Those of one torrent, while it runs."""

    __slots__ = ("_core", "_num_held", "_told", "_torrent", "_waiting")

    def __init__(self, torrent: Torrent, core: Core) -> None:
        self._torrent = torrent
        self._core = core
        self._told: dict[int, dict[PeerLink, None]] = {}
        """Pieces that are expected, and who knows."""
        self._waiting: dict[int, list[tuple[PeerLink, Request]]] = {}
        self._num_held: dict[PeerLink, int] = {}

    def blocks_came(self, pieces: Iterable[int]) -> None:
        """Blocks of these pieces came: one of them may be nearly complete."""
        download = self._torrent.download
        for piece in dict.fromkeys(pieces):
            blocks = download.picker.begun.get(piece) if download is not None else None
            if blocks is not None and piece not in self._told and self._is_expected(blocks):
                self._tell(piece)

    def _is_expected(self, blocks: PieceBlocks) -> bool:
        if blocks.free or blocks.busy or not blocks.left:
            return False
        senders = {
            owner for owner, state in zip(blocks.owners, blocks.states, strict=True) if state != RECEIVED
        }
        if len(senders) != 1:
            return False
        sender: Any = senders.pop()  # A link, or a web seed's, which is like one.
        rate = sender.meters.payload_down.rate
        time_ms = self._core.tuning.predictive_piece_announce
        return bool(rate > _LEAST_RATE and blocks.left * BLOCK_SIZE * 1000 / rate < time_ms)

    def _tell(self, piece: int) -> None:
        swarm = self._torrent.swarm
        assert swarm is not None
        told = self._told[piece] = {
            link: None for link in swarm.links if link.peer_id is not None and not link.is_seed
        }
        for link in list(told):
            link.connection.send_have(cast("PieceIndex", piece))
            link.flush(self._core.base.time())

    def hold(self, link: PeerLink, request: Request) -> bool:
        """True when the request is for a piece that was told of: it waits, or is rejected when too many of that peer do."""
        if request.piece not in self._told:
            return False
        held = self._num_held.get(link, 0)
        if held >= self._core.tuning.max_allowed_in_request_queue:
            self._reject(link, request, "peer.max_piece_requests")
        else:
            self._num_held[link] = held + 1
            self._waiting.setdefault(request.piece, []).append((link, request))
        return True

    def passed(self, piece: int) -> Collection[PeerLink]:
        """It is had: requests are served.  Gives who knows already."""
        for link, request in self._release(piece):
            if link.uploader is None or link.closed:
                continue
            if link.is_choked_by_us:
                self._reject(link, request, "peer.choked_piece_requests")
            else:
                link.uploader.queue.append(request)
        return self._told.pop(piece, ())

    def failed(self, piece: int) -> None:
        """It was bad: what was said is taken back."""
        told = self._told.pop(piece, None)
        for link, request in self._release(piece):
            if not link.closed:
                self._reject(link, request, "peer.invalid_piece_requests")
        for link in list(told or ()):
            if not link.closed:
                link.connection.send_extension("lt_donthave", pack_dont_have(piece))
                link.flush(self._core.base.time())

    def _release(self, piece: int) -> list[tuple[PeerLink, Request]]:
        waiting = self._waiting.pop(piece, [])
        for link, _ in waiting:
            self._num_held[link] -= 1
            if not self._num_held[link]:
                del self._num_held[link]
        return waiting

    def _reject(self, link: PeerLink, request: Request, why: str) -> None:
        counts = self._core.counters.values
        counts[why] += 1
        counts["peer.piece_rejects"] += 1
        link.connection.send_reject(request)
