"""A torrent's pieces with deadlines, applied to its links: `set_piece_deadline` and what follows from it.

While there are such pieces the rest is fetched one block at a time from each peer, so that what is urgent need not queue
behind it.  The first deadline also takes back what else is on order; several set one after another count together.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..alerts import ReadPieceAlert
from ..errors import ErrorCode
from ..flags import DeadlineFlags
from .peer_link import PeerLink
from .picker_modes import PickMode
from .piece_blocks import BlockRun
from .reading import read_piece
from .time_critical import TimeCritical

if TYPE_CHECKING:
    from ..core.core import Core
    from .torrent import Torrent

__all__ = ["Deadlines"]

_ASSUMED_RATE = 50_000.0
"""Bytes per second a peer is taken to send that has sent nothing yet, while no other has."""
_LEAST_RATE = 50.0
_TOP_PRIORITY = 7
_LOW_PRIORITY = 1


class Deadlines:
    """The deadlines of one torrent."""

    __slots__ = ("_core", "_is_begun", "_torrent", "pieces")

    def __init__(self, torrent: Torrent, core: Core) -> None:
        self._torrent = torrent
        self._core = core
        self._is_begun = False
        self.pieces = TimeCritical()

    # ---------------------------------------------------------------------------------------------------- commands

    def set(self, piece: int, delay: float, flags: DeadlineFlags) -> None:
        """The piece should be here in `delay` seconds.  It is wanted most, also if it was not wanted at all."""
        torrent = self._torrent
        if torrent.info is None or not 0 <= piece < torrent.info.num_pieces:
            self._say_cancelled(piece, flags)
            return
        if torrent.has_piece(piece):
            if flags & DeadlineFlags.alert_when_available:
                read_piece(torrent, piece)
            return
        if not len(self.pieces) and not self._is_begun:
            self._is_begun = True
            self._core.base.call_soon(self._begin)
        self.pieces.set(piece, torrent.now() + delay, flags)
        torrent.need_files().set_piece_priority(piece, _TOP_PRIORITY)
        self._mark()

    def reset(self, piece: int) -> None:
        """Not urgent any more, and wanted least of all."""
        critical = self.pieces.remove(piece)
        if critical is not None:
            self._say_cancelled(piece, critical.flags)
            self._mark()
            self._torrent.need_files().set_piece_priority(piece, _LOW_PRIORITY)

    def clear(self) -> None:
        """No piece is urgent any more."""
        for critical in list(self.pieces):
            self.reset(critical.piece)

    # ------------------------------------------------------------------------------------------------------ events

    def close(self) -> None:
        """The torrent is removed: whoever waits for a piece hears that it will not come."""
        for critical in list(self.pieces):
            self.pieces.remove(critical.piece)
            self._say_cancelled(critical.piece, critical.flags)

    def piece_finished(self, piece: int) -> None:
        """A piece is verified and on disk."""
        critical = self.pieces.finished(piece, self._torrent.now())
        if critical is not None:
            if critical.flags & DeadlineFlags.alert_when_available:
                read_piece(self._torrent, piece)
            self._mark()

    def checked(self) -> None:
        """The pieces on disk are known."""
        for critical in list(self.pieces):
            if self._torrent.has_piece(critical.piece):
                self.piece_finished(critical.piece)
        self._mark()

    def priorities_changed(self) -> None:
        """What is not wanted any more is not urgent either."""
        download = self._torrent.download
        if download is None:
            return
        for critical in list(self.pieces):
            if not download.picker.priority(critical.piece):
                self.pieces.remove(critical.piece)
                self._say_cancelled(critical.piece, critical.flags)
        self._mark()

    def tick(self, now: float) -> None:
        """Ask all peers, the quickest ones first."""
        if len(self.pieces):
            self.ask(self._torrent.swarm.links if self._torrent.swarm is not None else (), now)

    def ask(self, links: Iterable[PeerLink], now: float) -> None:
        """Ask these peers for what is due."""
        torrent = self._torrent
        download = torrent.download
        if download is None or download.is_draining or download.is_held or not torrent.wants_data:
            return
        askers = [_LinkAsker(link, self._rate_of(link)) for link in links if _may_be_asked(link)]
        self.pieces.ask(askers, download.picker, now)
        for asker in askers:
            asker.send(now)

    # ----------------------------------------------------------------------------------------------------- private

    def _begin(self) -> None:
        """Take back what is on order and not urgent, then ask for what is."""
        self._is_begun = False
        swarm, now = self._torrent.swarm, self._torrent.now()
        if swarm is None or not len(self.pieces):
            return
        urgent = {critical.piece for critical in self.pieces}
        for link in swarm.links:
            if link.requester is not None:
                link.requester.withdraw_others(urgent)
        self.tick(now)
        for link in list(swarm.links):
            link.flush(now)

    def _mark(self) -> None:
        download = self._torrent.download
        if download is not None:
            was = download.on_room
            download.on_room = self._ask_one if len(self.pieces) else None
            if was is not None and download.on_room is None:
                self._core.base.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Nothing is urgent any more: the pipelines fill again."""
        swarm = self._torrent.swarm
        if swarm is not None and not len(self.pieces):
            swarm.update_all_interest(self._torrent.now())

    def _ask_one(self, link: PeerLink, now: float) -> None:
        self.ask((link,), now)

    def _say_cancelled(self, piece: int, flags: DeadlineFlags) -> None:
        if flags & DeadlineFlags.alert_when_available:
            self._torrent.post(ReadPieceAlert, piece, b"", ErrorCode.from_errno(errno.ECANCELED))

    def _rate_of(self, link: PeerLink) -> float:
        """Bytes per second to expect: of a peer that sent nothing yet, what the others send on average."""
        own = link.meters.payload_down
        if own.total:
            return max(own.rate, _LEAST_RATE)
        swarm = self._torrent.swarm
        rates = [other.meters.payload_down.rate for other in swarm.links] if swarm is not None else []
        sending = [rate for rate in rates if rate]
        return sum(sending) / len(sending) if sending else _ASSUMED_RATE


class _LinkAsker:
    """A link as `TimeCritical` sees it."""

    __slots__ = ("_link", "_rate", "_runs", "bits", "peer", "room")

    def __init__(self, link: PeerLink, rate: float) -> None:
        requester = link.requester
        assert requester is not None
        self._link = link
        self._rate = rate
        self._runs: list[BlockRun] = []
        self.peer = link
        self.bits = link.pieces
        self.room = requester.urgent_room

    @property
    def queue_time(self) -> float:
        requester = self._link.requester
        assert requester is not None
        return requester.queue_time(self._rate, more=1 + len(self._runs))

    def asked(self, runs: list[BlockRun]) -> None:
        self._runs += runs

    def send(self, now: float) -> None:
        """Order what was taken, as one message."""
        if self._runs and self._link.requester is not None:
            self._link.requester.order(self._runs, now)


def _may_be_asked(link: PeerLink) -> bool:
    """Peers that choke us, are snubbed or suspect hold urgent pieces up."""
    requester = link.requester
    return (
        requester is not None
        and not link.closed
        and link.connection.am_interested
        and not link.connection.peer_choking
        and not requester.snubbed
        and not link.pick_mode & PickMode.ON_PAROLE
    )
