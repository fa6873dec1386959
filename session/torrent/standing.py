"""How a torrent stands: what follows from its parts, derived when asked for and never kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocols.bits import Bitfield
from ...protocols.metainfo import TorrentInfo
from ..flags import TorrentFlags
from .phase import Phase
from .picker_modes import PickMode

if TYPE_CHECKING:
    from ..core.core import Core
    from ..core.disk_retry import DiskRetry
    from ..plugins.session_hooks import SessionPlugins
    from .download import Download
    from .drain import Drain
    from .files import TorrentFiles
    from .peer_list import PeerList
    from .swarm import Swarm
    from .tracking import Tracking

__all__ = ["TorrentStanding"]

_TELLS_NOTHING = TorrentFlags.share_mode | TorrentFlags.super_seeding


class TorrentStanding:
    """The part of a `Torrent` that only looks."""

    __slots__ = ()

    if TYPE_CHECKING:
        _core: Core
        info: TorrentInfo | None
        flags: TorrentFlags
        phase: Phase
        have: Bitfield
        max_connections: int
        download: Download | None
        drain: Drain | None
        files: TorrentFiles | None
        peers: PeerList | None
        swarm: Swarm | None
        tracking: Tracking | None

    @property
    def is_seed(self) -> bool:
        """Every piece is here."""
        return self.info is not None and self.have.all()

    @property
    def is_finished(self) -> bool:
        """Every wanted piece is here."""
        if self.download is not None:
            return self.download.picker.is_finished
        return self.is_seed

    @property
    def wants_data(self) -> bool:
        """It is downloading."""
        return (
            self.phase is Phase.ACTIVE and not self.flags & TorrentFlags.upload_mode and not self.is_finished
        )

    @property
    def is_upload_only(self) -> bool:
        """It wants nothing (BEP 21), which peers are told: it is finished, or must not download.

        In share mode it will want more; and peers of a super seed would leave after the first piece.
        """
        if self.flags & _TELLS_NOTHING:
            return False
        return self.is_finished or bool(self.flags & TorrentFlags.upload_mode)

    @property
    def leaves_seeds(self) -> bool:
        """Peers that have everything are of no use any more; in share mode they will be."""
        return self.is_finished and not self.flags & TorrentFlags.share_mode

    @property
    def pick_mode(self) -> PickMode:
        """The picking modes of all its links."""
        return PickMode.END_GAME

    @property
    def wants_peers(self) -> bool:
        """It dials peers: seeds wait to be called, unless everybody there is behind a NAT."""
        if self.swarm is None or self.phase is Phase.CHECKING or self.drain is not None:
            return False
        return self.phase is Phase.METADATA or self.phase is Phase.ACTIVE

    @property
    def has_room_for_link(self) -> bool:
        """One more connection is allowed."""
        return self.swarm is not None and (
            self.max_connections < 0 or len(self.swarm.links) < self.max_connections
        )

    @property
    def is_checked(self) -> bool:
        """`have` is known to be what is on disk."""
        return self.phase is Phase.ACTIVE

    @property
    def is_session_paused(self) -> bool:
        """The session as a whole is paused."""
        return self._core.is_paused

    @property
    def session_plugins(self) -> SessionPlugins:
        """What the session is extended with."""
        return self._core.plugins

    @property
    def disk_retry(self) -> DiskRetry:
        """Who sees to it that a disk which failed is tried again."""
        return self._core.disk_retry

    @property
    def is_subscribed(self) -> bool:
        """Its changes are posted by `post_torrent_updates`."""
        return bool(self.flags & TorrentFlags.update_subscribe)

    @property
    def wanted_bits(self) -> int:
        """The pieces with a priority above 0, had or not."""
        info = self.info
        if info is None:
            return 0
        full = (1 << info.num_pieces) - 1
        if self.files is None or (not self.files.piece_overrides and all(self.files.priorities)):
            return full
        return sum(1 << piece for piece, priority in enumerate(self.files.piece_priorities()) if priority)

    @property
    def bytes_left(self) -> int:
        """Bytes not had yet, as trackers are told; without metadata it is not known, and only must not be 0."""
        info = self.info
        if info is None:
            return 16 * 1024
        missing = ((1 << info.num_pieces) - 1) & ~self.have.bits
        last = info.num_pieces - 1
        left = missing.bit_count() * info.piece_length
        return left - (info.piece_length - info.piece_size(last)) if missing >> last & 1 else left

    def known_peers(self) -> tuple[int, int]:
        """Seeds and downloaders: as its trackers said, else those it knows itself."""
        seeds, downloaders = self.tracking.swarm_size() if self.tracking is not None else (-1, -1)
        listed = self.peers.num_seeds if self.peers is not None else 0
        others = len(self.peers) - listed if self.peers is not None else 0
        return (seeds if seeds >= 0 else listed), (downloaders if downloaders >= 0 else others)
