"""Who is dialled when: all torrents in turn, so many a second, within the limits on connections (`connection_speed`)."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["Connector"]

_MAX_HALF_OPEN = 100
"""Connections being established at a time."""


class Connector:
    """Spends the session's allowance of new connections."""

    __slots__ = ("_allowance", "_core", "_turn", "num_links")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._allowance = 0.0
        self._turn = 0
        self.num_links = 0
        """Connections of all torrents, established or not."""

    def tick(self, now: float, elapsed: float) -> None:
        """Dial as many as the time that passed allows."""
        speed = self._core.connection_speed
        self._allowance = min(float(speed), self._allowance + speed * elapsed) if speed >= 0 else inf
        if not self.has_room():
            return
        torrents = [torrent for torrent in self._core.active if torrent.peers and torrent.wants_peers]
        if not torrents:
            return
        idle = 0
        while self._allowance >= 1 and idle < len(torrents):
            self._turn = (self._turn + 1) % len(torrents)
            if self._dial(torrents[self._turn], now):
                idle = 0
                self._allowance -= 1
            else:
                idle += 1

    def boost(self, torrent: Torrent, now: float) -> None:
        """A torrent heard of peers: dial up to `torrent_connect_boost` of them now, not at the next tick."""
        if not torrent.wants_peers:
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
