"""Share mode: a torrent that is there to give more than it takes, not to be downloaded (libtorrent `share_mode`).

Nothing is wanted at first.  Each tick it is looked whether one more piece would be sent on `share_mode_target` times:
when so many peers lack the rarest pieces, and what was downloaded so far was paid for, one of those pieces is wanted.  Where
more than half of the peers are seeds and places are short, seeds go.  Peers in share mode tell each other by an extension
("share_mode", a byte) and by a field of the extension handshake, and do not count on each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..close_reason import CloseReason
from ..flags import TorrentFlags
from .link_end import LinkEnded
from .picker_modes import random_bit
from .piece_table import DEFAULT_PRIORITY

if TYPE_CHECKING:
    from ..core.core import Core
    from .peer_link import PeerLink
    from .torrent import Torrent

__all__ = ["ShareMode", "tell_share_mode"]

_NAME = "share_mode"
_MANY_PEERS = 20
"""With more peers than this, or nine tenths of those allowed, places are short."""
_PARALLEL = 20
"""One piece is under way for each so many that were downloaded, and one at first."""


class ShareMode:
    """The extension "share_mode", and the policy."""

    __slots__ = ("_core", "name")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.name = _NAME

    def is_offered(self, torrent: Torrent) -> bool:
        """`support_share_mode`"""
        return self._core.settings.get_bool("support_share_mode")

    def on_handshake(self, torrent: Torrent, link: PeerLink) -> None:
        """A peer may have said it in its handshake."""
        if link.connection.extensions.share_mode:
            link.user_data[_NAME] = True

    def on_message(self, torrent: Torrent, link: PeerLink, payload: bytes) -> None:
        """A peer begins or ends it.  A payload that is no single byte is ignored, as by libtorrent."""
        if len(payload) == 1:
            link.user_data[_NAME] = payload[0] != 0

    def on_tick(self, torrent: Torrent, now: float) -> None:
        """Look whether one more piece is worth it."""
        if not torrent.flags & TorrentFlags.share_mode:
            return
        if torrent.is_checked and not torrent.is_seed and torrent.swarm is not None:
            self._review(torrent)

    def _review(self, torrent: Torrent) -> None:
        assert torrent.swarm is not None and torrent.info is not None
        links = [link for link in torrent.swarm.links if link.peer_id is not None]
        seeds = [link for link in links if link.is_seed]
        self._part_with_seeds(torrent, len(links), seeds)
        takers = [link for link in links if _will_take(link)]
        if not takers:
            return
        missing = sum(torrent.info.num_pieces - link.pieces.bit_count() for link in takers)
        # While we fetch a piece and send it on, a seed as quick as we are sends two.
        if missing > 2 * len(seeds) and self._is_paid_for(torrent):
            self._want_one(torrent, links)

    def _part_with_seeds(self, torrent: Torrent, num_links: int, seeds: list[PeerLink]) -> None:
        allowed = torrent.max_connections if torrent.max_connections > 0 else 0
        crowded = num_links > _MANY_PEERS or (allowed and num_links * 10 > allowed * 9)
        too_many = len(seeds) - num_links // 2
        if crowded and 2 * len(seeds) > num_links:
            self._core.rng.shuffle(seeds)
            for link in seeds[:too_many]:
                link.close(LinkEnded(CloseReason.upload_to_upload))
            del seeds[:too_many]

    def _is_paid_for(self, torrent: Torrent) -> bool:
        """What was wanted so far went out often enough, and is here."""
        info, download = torrent.info, torrent.download
        if info is None or download is None:
            return False
        picker = download.picker
        wanted = max(torrent.have.count(), picker.num_pieces - picker.levels[0].bit_count())
        uploaded = torrent.params.total_uploaded + torrent.meters.payload_up.total
        target = self._core.settings.get_int("share_mode_target")
        if wanted and wanted * info.piece_length * target > uploaded:
            return False
        return picker.num_wanted <= wanted // _PARALLEL

    def _want_one(self, torrent: Torrent, links: list[PeerLink]) -> None:
        assert torrent.download is not None
        picker = torrent.download.picker
        offered = 0
        for link in links:
            offered |= link.pieces
        bits = offered & ~torrent.have.bits & ~picker.wanted_bits
        if not bits:
            return
        piece = random_bit(picker.rarest(bits), self._core.rng)
        holders = sum(link.pieces >> piece & 1 for link in links)
        if len(links) - holders >= self._core.settings.get_int("share_mode_target"):
            torrent.need_files().set_piece_priority(piece, DEFAULT_PRIORITY)


def _will_take(link: PeerLink) -> bool:
    """What we get, this peer may take of us."""
    wants_nothing = link.is_seed or link.connection.extensions.upload_only
    return not wants_nothing and not link.user_data.get(_NAME, False)


def tell_share_mode(torrent: Torrent, now: float) -> None:
    """The torrent's flag changed: say so."""
    if torrent.swarm is None:
        return
    value = b"\1" if torrent.flags & TorrentFlags.share_mode else b"\0"
    for link in list(torrent.swarm.links):
        if not link.closed and link.connection.send_extension(_NAME, value):
            link.flush(now)
