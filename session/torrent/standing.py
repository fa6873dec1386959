"""How a torrent stands: what follows from its parts, derived when asked for and never kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocols.bits import Bitfield
from ...protocols.metainfo import TorrentInfo
from ...protocols.metainfo.piece_hashes import PieceHashes
from ...protocols.types import InfoHashes, Sha1Hash
from ..flags import TorrentFlags
from .phase import Phase
from .picker_modes import PickMode

if TYPE_CHECKING:
    from ..core.core import Core
    from ..plugins.session_hooks import SessionPlugins
    from .download import Download
    from .drain import Drain
    from .files import TorrentFiles
    from .hash_exchange import HashExchange
    from .peer_list import PeerList
    from .startup import Startup
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
        info_hashes: InfoHashes
        peers: PeerList | None
        startup: Startup | None
        swarm: Swarm | None
        tracking: Tracking | None

        def need_hashes(self) -> HashExchange: ...

    @property
    def is_seed(self) -> bool:
        """Every piece is here."""
        return self.info is not None and self.have.all()

    @property
    def is_apart(self) -> bool:
        """It is on I2P, and nobody outside may hear of it."""
        return self._core.mixing.is_apart(self)

    @property
    def is_finished(self) -> bool:
        """Every wanted piece is here."""
        if self.download is not None:
            return self.download.picker.is_finished
        if self.phase is Phase.LOOKED:
            return not self.wanted_bits & ~self.have.bits
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
        """It may have connections: whoever comes is taken in."""
        if self.swarm is None or self.phase is Phase.CHECKING or self.drain is not None:
            return False
        return self.phase is Phase.METADATA or self.phase is Phase.ACTIVE

    @property
    def dials_peers(self) -> bool:
        """It calls peers, too: one that is finished does so unless `seeding_outgoing_connections` says it only waits."""
        return self.wants_peers and (self._core.tuning.seeding_outgoing_connections or not self.is_finished)

    @property
    def has_room_for_link(self) -> bool:
        """One more connection is allowed."""
        return self.swarm is not None and (
            self.max_connections < 0 or len(self.swarm.links) < self.max_connections
        )

    @property
    def is_checked(self) -> bool:
        """`have` is known to be what is on disk, as far as it can be without being started."""
        return self.phase in (Phase.ACTIVE, Phase.LOOKED)

    @property
    def needs_check(self) -> bool:
        """It has to be started for its pieces to be known."""
        return (
            self.info is not None
            and self.startup is None
            and self.phase not in (Phase.ACTIVE, Phase.METADATA)
        )

    @property
    def is_managed(self) -> bool:
        """The queue starts and stops it."""
        return bool(self.flags & TorrentFlags.auto_managed)

    @property
    def is_session_paused(self) -> bool:
        """The session as a whole is paused."""
        return self._core.is_paused

    @property
    def session_plugins(self) -> SessionPlugins:
        """What the session is extended with."""
        return self._core.plugins

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
        return info.bytes_of(((1 << info.num_pieces) - 1) & ~self.have.bits)

    def known_peers(self) -> tuple[int, int]:
        """Seeds and downloaders: as its trackers said, else those it knows itself."""
        seeds, downloaders = self.tracking.swarm_size() if self.tracking is not None else (-1, -1)
        listed = self.peers.num_seeds if self.peers is not None else 0
        others = len(self.peers) - listed if self.peers is not None else 0
        return (seeds if seeds >= 0 else listed), (downloaders if downloaders >= 0 else others)

    @property
    def wire_name(self) -> Sha1Hash:
        """The name to dial and announce with: a hybrid's v1 hash, for its v1 pieces are what is exchanged here.

        Of a torrent of v2 only its v2 hash, cut (BEP 52).
        """
        return self.info_hashes.v1 or self.info_hashes.best()

    def is_blocked(self, host: str) -> bool:
        """The session's IP filter forbids it and holds for this torrent."""
        return bool(self.flags & TorrentFlags.apply_ip_filter) and self._core.is_blocked(host)

    def has_piece(self, piece: int) -> bool:
        """It is verified and on disk."""
        return self.have[piece]

    @property
    def has_working_tracker(self) -> bool:
        """Some tracker has answered, and not failed since."""
        return self.tracking is not None and self.tracking.has_working

    @property
    def is_announced_in_dht(self) -> bool:
        """It takes part in the DHT."""
        return self._core.dht.announcer.takes_part(self)

    @property
    def is_announced_locally(self) -> bool:
        """It is announced on the local network."""
        return self._core.local_discovery.is_announced(self)

    def has_v2_name(self, name: bytes | None) -> bool:
        """A connection by this name is about the v2 torrent (BEP 52)."""
        v2 = self.info_hashes.v2
        return v2 is not None and v2[:20] == name

    @property
    def piece_hashes(self) -> PieceHashes | None:
        """What pieces are verified by, when it is not the SHA-1 hashes of the metadata."""
        info = self.info
        return None if info is None or info.info_hashes.has_v1 else self.need_hashes().trees

    @property
    def can_verify(self) -> bool:
        """The hash of every piece is known."""
        hashes = self.piece_hashes
        return hashes is None or hashes.is_complete
