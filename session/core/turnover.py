"""Making room for peers not met yet: when places are short, the least useful connections end now and then.

As libtorrent's `peer_turnover`: every `peer_turnover_interval` seconds, of a torrent that is at `peer_turnover_cutoff` percent
of its limit, or of the largest one when the session is, `peer_turnover` percent of the connections end, at least one, and not
more than there are candidates to take their places.  Limits below six are left alone: it would be too disruptive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..close_reason import CloseReason
from ..torrent.link_end import LinkEnded
from ..torrent.picker_modes import PickMode

if TYPE_CHECKING:
    from ..torrent.peer_link import PeerLink
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["MIN_LIMIT", "Turnover"]

MIN_LIMIT = 6
"""Connections a limit must allow for turnover to take place."""


class Turnover:
    """The session's."""

    __slots__ = ("_core", "_due_at")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._due_at: float | None = None

    def tick(self, now: float) -> None:
        """End the least useful connections if it is time."""
        interval = self._core.settings.get_int("peer_turnover_interval")
        if self._due_at is None or self._due_at > now + interval:
            self._due_at = now + interval
        if now < self._due_at:
            return
        self._due_at = now + interval
        for torrent in self._crowded():
            self._end_worst(torrent, now)

    def _crowded(self) -> list[Torrent]:
        core, torrents = self._core, [torrent for torrent in self._core.active if torrent.swarm is not None]
        limit = core.tuning.connections_limit
        if limit < MIN_LIMIT or not torrents:
            return []
        if self._is_near(core.connector.num_links, limit):
            return [max(torrents, key=_num_links)]
        return [
            torrent
            for torrent in torrents
            if torrent.max_connections >= MIN_LIMIT
            and self._is_near(_num_links(torrent), torrent.max_connections)
        ]

    def _is_near(self, count: int, limit: int) -> bool:
        return count >= limit * self._core.settings.get_int("peer_turnover_cutoff") // 100

    def _end_worst(self, torrent: Torrent, now: float) -> None:
        swarm = torrent.swarm
        assert swarm is not None
        share = max(1, len(swarm.links) * self._core.settings.get_int("peer_turnover") // 100)
        worst = sorted(swarm.links, key=lambda link: _usefulness(link, now))
        for link in worst[: min(share, swarm.peers.num_candidates(now))]:
            link.close(LinkEnded(CloseReason.none, "optimistic disconnect"))


def _num_links(torrent: Torrent) -> int:
    return len(torrent.swarm.links) if torrent.swarm is not None else 0


def _usefulness(link: PeerLink, now: float) -> tuple[float, ...]:
    """Lowest first."""
    connection = link.connection
    return (
        connection.am_interested,
        link.is_seed,
        not link.pick_mode & PickMode.ON_PAROLE,
        link.meters.payload_down.total // (now - link.connected_at + 1),
        not connection.peer_choking,
        link.last_received,
    )
