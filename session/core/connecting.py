"""Who is dialled when: all torrents in turn, so many a second, within the limits on connections (`connection_speed`).

The nearer the limit on connections, the fewer are dialled at a time (`smooth_connects`): never more than half of the places left.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from .dial_turns import DialTurns

if TYPE_CHECKING:
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["Connector"]

_MAX_HALF_OPEN = 100
"""Connections being established at a time."""


class Connector:
    """Spends the session's allowance of new connections."""

    __slots__ = ("_allowance", "_core", "_turns", "num_links")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._allowance = 0.0
        self._turns: DialTurns[Torrent] = DialTurns()
        self.num_links = 0
        """Connections of all torrents, established or not."""

    def tick(self, now: float, elapsed: float) -> None:
        """Dial as many as the time that passed allows."""
        speed = self._core.connection_speed
        self._allowance = min(float(speed), self._allowance + speed * elapsed) if speed >= 0 else inf
        if self._allowance < 1 or not self.has_room():
            return
        downloads: list[Torrent] = []
        seeds: list[Torrent] = []
        for torrent in self._core.active:
            if torrent.peers and torrent.dials_peers:
                (seeds if torrent.is_finished else downloads).append(torrent)
        turns = self._turns
        turns.every = self._core.tuning.connect_seed_every_n_download
        turns.begin(downloads, seeds)
        left = self._most_at_once()
        while left >= 1 and (next_one := turns.next()) is not None:
            if self._dial(next_one, now):
                left -= 1
                self._allowance -= 1
            else:
                turns.drop_last()

    def _most_at_once(self) -> float:
        if not self._core.tuning.smooth_connects:
            return self._allowance
        return min(self._allowance, (self._core.tuning.connections_limit - self.num_links + 1) // 2)

    def boost(self, torrent: Torrent, now: float) -> None:
        """A torrent heard of peers: dial up to `torrent_connect_boost` of them now, not at the next tick."""
        if not torrent.dials_peers:
            return
        for _ in range(self._core.tuning.torrent_connect_boost):
            if not self._dial(torrent, now):
                return
            self._core.counters.values["peer.boost_connection_attempts"] += 1

    def has_room(self) -> bool:
        """One more connection is allowed."""
        return self.num_links < self._core.tuning.connections_limit

    def _dial(self, torrent: Torrent, now: float) -> bool:
        swarm = torrent.swarm
        if swarm is None or not swarm.may_dial or not self.has_room():
            return False
        counts = self._core.counters.values
        if swarm.num_half_open >= _MAX_HALF_OPEN or not torrent.has_room_for_link:
            counts["peer.missed_connection_attempts"] += 1
            return False
        if swarm.connect_next(now):
            return True
        counts["peer.no_peer_connection_attempts"] += 1
        return False
