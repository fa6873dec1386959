"""What comes of a torrent's download, told to everybody it concerns: alerts, statistics, plug-ins, and those to blame."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, cast

from ...protocols.types import BLOCK_SIZE, Address
from ..alerts import BlockFinishedAlert, HashFailedAlert
from ..disk.errors import StorageError
from . import blame
from .peer_link import PeerLink
from .prediction import Predictions
from .web_seed import WebAddress

if TYPE_CHECKING:
    from ..core.core import Core
    from .torrent import Torrent

__all__ = ["DownloadNews"]


class DownloadNews:
    """The torrent, as the owner of its download (`DownloadOwner`)."""

    __slots__ = ("_core", "_torrent")

    def __init__(self, torrent: Torrent, core: Core) -> None:
        self._torrent = torrent
        self._core = core

    @property
    def wants_block_news(self) -> bool:
        """Somebody wants alerts about single blocks, or pieces are told of before they are complete."""
        return self._core.tuning.predictive_piece_announce > 0 or self._core.alerts.should_post(
            BlockFinishedAlert
        )

    def on_blocks_finished(self, blocks: Sequence[tuple[int, int, memoryview]], link: PeerLink) -> None:
        """Blocks came."""
        for piece, begin, _ in blocks:
            self._torrent.post(BlockFinishedAlert, link.address, link.peer_id, begin // BLOCK_SIZE, piece)
        swarm = self._torrent.swarm
        if self._core.tuning.predictive_piece_announce and swarm is not None:
            if swarm.predictions is None:
                swarm.predictions = Predictions(self._torrent, self._core)
            swarm.predictions.blocks_came(piece for piece, _, _ in blocks)

    def on_piece_passed(self, piece: int, contributors: Sequence[Hashable | None]) -> None:
        """A piece from peers is verified and on disk; those who sent it are the more trusted."""
        self._core.counters.values["ses.num_piece_passed"] += 1
        blame.piece_passed(contributors)
        self._torrent.on_piece_finished(piece)
        self._torrent.plugins.piece_judged(piece, contributors, passed=True)

    def on_piece_failed(self, piece: int, contributors: Sequence[Hashable | None]) -> None:
        """The hash was wrong.  One sender is guilty; of several, all are watched until the good copy tells."""
        torrent, core = self._torrent, self._core
        torrent.post(HashFailedAlert, piece)
        core.counters.values["ses.num_piece_failed"] += 1
        torrent.plugins.piece_judged(piece, contributors, passed=False)
        swarm = torrent.swarm
        if swarm is None:
            return
        for address in blame.piece_failed(contributors, use_parole_mode=core.tuning.use_parole_mode):
            self.on_culprit(address)
        if swarm.predictions is not None:
            swarm.predictions.failed(piece)
        swarm.update_all_interest(core.base.time(), "picker.hash_fail_piece_picks")

    def on_culprit(self, address: Hashable) -> None:
        """The good copy differs from what this peer sent."""
        if isinstance(address, WebAddress):
            self._torrent.need_web().ban(address)
        elif self._torrent.swarm is not None:
            self._torrent.swarm.ban(cast("Address", address))

    def on_redundant(self, link: PeerLink, key: int) -> None:
        """End game: a block on order from `link` came from somebody else."""
        if link.requester is not None and not link.closed:
            link.requester.cancel(key)
            link.flush(self._torrent.now())

    def on_congested(self) -> None:
        """The disk cannot keep up."""
        self._core.back_pressure.hold()

    def on_disk_error(self, error: StorageError) -> None:
        """Writing failed."""
        self._torrent.on_disk_error(error)
