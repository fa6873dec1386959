"""When torrents announce themselves in the DHT, and what comes of it.

A torrent that starts is announced as soon as a node is known, when it is complete again, and then every `dht_announce_interval`;
while nobody took it, again soon.  Which auto-managed torrents take part is the queue's to say (`active_dht_limit`), and a few
announces run at a time.  A hybrid torrent is announced under both of its names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...protocols.dht import AnnounceResult, Dht, Operation
from ...protocols.types import Address, Sha1Hash
from ..alerts import DhtReplyAlert
from ..flags import PeerSource
from ..torrent.discovery import may_discover

if TYPE_CHECKING:
    from ..torrent.standing import TorrentStanding
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["MAX_ANNOUNCES", "DhtAnnouncer"]

MAX_ANNOUNCES: Final = 8
"""Torrents being announced at a time: each asks dozens of nodes."""

RETRY_AFTER: Final = 5.0
"""Seconds after an announce that nobody accepted; doubled up to the interval."""


class _Turn:
    """One torrent's part."""

    __slots__ = ("announced_at", "due", "is_again", "num_success", "operations", "retry")

    def __init__(self, now: float) -> None:
        self.due = now
        self.announced_at: float | None = None
        """When an announce succeeded last."""
        self.retry = RETRY_AFTER
        self.is_again = False
        """Something changed while it was announced: once more, at once."""
        self.num_success = 0
        self.operations: dict[Operation, None] = {}


class DhtAnnouncer:
    """Announces the session's torrents."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._turns: dict[Torrent, _Turn] = {}

    def tick(self, dht: Dht, now: float) -> None:
        """Announce those whose time has come; those that take no part any more are forgotten."""
        taking_part = [torrent for torrent in self._core.active if self.may_announce(torrent)]
        still = set(taking_part)
        for gone in [torrent for torrent in self._turns if torrent not in still]:
            self.forget(gone)
        # A search would end at once while no node is known.
        is_online = any(node.live_nodes() for node in dht.nodes())
        num_running = sum(bool(turn.operations) for turn in self._turns.values())
        for torrent in taking_part:
            turn = self._turns.get(torrent)
            if turn is None:
                turn = self._turns[torrent] = _Turn(now)
            if not turn.operations and now >= turn.due and num_running < MAX_ANNOUNCES and is_online:
                num_running += 1
                self._announce(dht, torrent, turn)

    def announce_now(self, torrent: Torrent) -> None:
        """At the next tick; after the announce that is under way, if there is one."""
        turn = self._turns.get(torrent)
        if turn is not None:
            turn.due = self._core.base.time()
            turn.is_again = bool(turn.operations)

    def forget(self, torrent: Torrent) -> None:
        """It takes no part any more; what is under way is given up."""
        turn = self._turns.pop(torrent, None)
        if turn is not None:
            for operation in list(turn.operations):
                operation.close()

    def stopped(self) -> None:
        """The DHT is going."""
        for torrent in list(self._turns):
            self.forget(torrent)

    def interval_changed(self) -> None:
        """`dht_announce_interval` is another: it counts from each torrent's last announce."""
        for turn in self._turns.values():
            if turn.announced_at is not None and not turn.operations:
                turn.due = turn.announced_at + self._interval

    def takes_part(self, torrent: TorrentStanding) -> bool:
        """It is announced now and then."""
        return torrent in self._turns

    def next_announce(self, torrent: Torrent) -> float | None:
        """When it will be announced; None when it takes no part."""
        turn = self._turns.get(torrent)
        return None if turn is None else turn.due

    def may_announce(self, torrent: Torrent) -> bool:
        """It is public, online, and without a tracker that works where the DHT is only a fallback."""
        if not may_discover(torrent, PeerSource.dht):
            return False
        if self._core.settings.get_bool("use_dht_as_fallback") and torrent.has_working_tracker:
            return False
        return torrent.swarm is not None and torrent.wants_peers and torrent.scope.dht

    # --------------------------------------------------------------------------------------------------- private

    @property
    def _interval(self) -> float:
        return float(self._core.settings.get_int("dht_announce_interval"))

    def _announce(self, dht: Dht, torrent: Torrent, turn: _Turn) -> None:
        turn.num_success = 0
        turn.is_again = False
        for name in torrent.info_hashes.wire_names():
            operation = self._announce_name(dht, torrent, name)
            turn.operations[operation] = None
            operation.on_done = lambda ended: self._done(turn, ended)

    def _announce_name(self, dht: Dht, torrent: Torrent, name: Sha1Hash) -> Operation:
        def on_peers(peers: tuple[Address, ...]) -> None:
            # Metadata that came meanwhile may have said that it is private.
            if self.may_announce(torrent):
                torrent.peers_found(list(peers), PeerSource.dht)
                torrent.post(DhtReplyAlert, "", len(peers))

        # With uTP peers reach us where our datagrams come from, which is known better outside than here, behind a NAT.
        is_implied = self._core.tuning.enable_incoming_utp and torrent.tls is None
        port = 0 if is_implied else self._core.listen_port_of(torrent)
        return dht.announce(bytes(name), port, on_peers, is_seed=torrent.is_seed)

    def _done(self, turn: _Turn, operation: Operation) -> None:
        turn.operations.pop(operation, None)
        if isinstance(operation.result, AnnounceResult):
            turn.num_success += operation.result.num_success
        if turn.operations:
            return
        now = self._core.base.time()
        if turn.num_success:
            turn.announced_at, turn.retry = now, RETRY_AFTER
            turn.due = now + self._interval
        else:
            turn.due = now + min(turn.retry, self._interval)
            turn.retry *= 2
        if turn.is_again:
            turn.due = now
