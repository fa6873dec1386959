"""When torrents announce themselves in the DHT, and what comes of it.

A torrent that starts is announced at once, and then every `dht_announce_interval`; while the table is still empty, again soon.
At most `active_dht_limit` torrents take part, in the order in which they were started, and a few announces run at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocols.dht import AnnounceResult, Operation
from ...protocols.types import Address
from ..alerts import DhtReplyAlert
from ..flags import PeerSource, TorrentFlags

if TYPE_CHECKING:
    from ..torrent.torrent import Torrent
    from .core import Core
    from .dht_service import DhtService

__all__ = ["DhtAnnouncer"]

MAX_ANNOUNCES = 8
"""Announces under way at a time: each asks dozens of nodes."""
RETRY_AFTER = 5.0
"""Seconds after an announce that nobody accepted; doubled up to the interval."""


class _Turn:
    """One torrent's part."""

    __slots__ = ("due", "operation", "retry")

    def __init__(self, now: float) -> None:
        self.due = now
        self.retry = RETRY_AFTER
        self.operation: Operation | None = None


class DhtAnnouncer:
    """Announces the session's torrents."""

    def __init__(self, core: Core, service: DhtService) -> None:
        self._core = core
        self._service = service
        self._turns: dict[Torrent, _Turn] = {}

    def tick(self, now: float) -> None:
        """Announce those whose time has come."""
        limit = self._core.settings.get_int("active_dht_limit")
        taking_part = [torrent for torrent in self._core.active if self.may_announce(torrent)]
        if limit >= 0:
            del taking_part[limit:]
        for gone in [torrent for torrent in self._turns if torrent not in self._core.active]:
            self.forget(gone)
        running = sum(turn.operation is not None for turn in self._turns.values())
        for torrent in taking_part:
            turn = self._turns.get(torrent)
            if turn is None:
                turn = self._turns[torrent] = _Turn(now)
            if turn.operation is None and now >= turn.due and running < MAX_ANNOUNCES:
                running += 1
                self._announce(torrent, turn)

    def announce_now(self, torrent: Torrent) -> None:
        """`force_dht_announce`: at the next tick."""
        turn = self._turns.get(torrent)
        if turn is not None:
            turn.due = self._core.base.time()

    def forget(self, torrent: Torrent) -> None:
        """It stopped."""
        turn = self._turns.pop(torrent, None)
        if turn is not None and turn.operation is not None:
            turn.operation.close()

    def stopped(self) -> None:
        """The DHT is going."""
        for torrent in list(self._turns):
            self.forget(torrent)

    def next_announce(self, torrent: Torrent) -> float | None:
        """When it will be announced; None when it does not take part."""
        turn = self._turns.get(torrent)
        return None if turn is None else turn.due

    def may_announce(self, torrent: Torrent) -> bool:
        """BEP 27: private torrents have their trackers and nobody else."""
        if torrent.flags & TorrentFlags.disable_dht or (torrent.info is not None and torrent.info.is_private):
            return False
        if self._core.settings.get_bool("use_dht_as_fallback") and torrent.has_working_tracker:
            return False
        return torrent.swarm is not None and torrent.wants_peers

    def _announce(self, torrent: Torrent, turn: _Turn) -> None:
        dht = self._service.dht
        assert dht is not None

        def on_peers(peers: tuple[Address, ...]) -> None:
            if torrent.swarm is not None:
                torrent.peers_found(list(peers), PeerSource.dht)
                torrent.post(DhtReplyAlert, "", len(peers))

        turn.operation = dht.announce(
            bytes(torrent.wire_name), self._core.listen_port, on_peers, is_seed=torrent.is_seed
        )
        turn.operation.on_done = lambda operation: self._done(turn, operation)

    def _done(self, turn: _Turn, operation: Operation) -> None:
        turn.operation = None
        result, now = operation.result, self._core.base.time()
        interval = float(self._core.settings.get_int("dht_announce_interval"))
        if isinstance(result, AnnounceResult) and result.num_success:
            turn.due, turn.retry = now + interval, RETRY_AFTER
        else:
            turn.due = now + min(turn.retry, interval)
            turn.retry *= 2
