"""Auto-managed torrents: kept in order, started and paused as `queueing` decides.

An auto-managed torrent with the paused flag waits here.  Its resume data is checked all the same, since what it is (a download or
a seed) follows from that; only then, when it may, does it go online.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..flags import TorrentFlags
from .queue_order import QueueOrder
from .queueing import Candidate, QueueLimits, SeedFacts, Slowness, Verdict, decide, seed_rank

if TYPE_CHECKING:
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["TorrentQueue"]

_AUTO_MANAGED = int(TorrentFlags.auto_managed)  # Arithmetic of enum members costs a microsecond each.
_SECONDS_PER_TORRENT = 40e-6
"""Time between two decisions, for each torrent there is: deciding costs about a twentieth of that."""


class TorrentQueue:
    """The session's queue.  Loop thread only."""

    __slots__ = ("_core", "_decided_at", "_limits", "_slow", "_timer", "_watched", "order")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.order: QueueOrder[Torrent] = QueueOrder()
        """Torrents that are not finished."""
        self._limits = _limits(core)
        self._slow: dict[Torrent, Slowness] = {}
        self._watched: dict[Torrent, None] = {}
        """Torrents whose rate may make a difference: those that are known to be slow, and rest, are left out."""
        self._decided_at = float("-inf")
        self._timer: Any = None

    # ------------------------------------------------------------------------------------------------------ news

    def added(self, torrent: Torrent) -> None:
        """A torrent came into the session."""
        self.order.append(torrent)
        if torrent.flags & TorrentFlags.auto_managed:
            self._decide_if_due()

    def removed(self, torrent: Torrent) -> None:
        """A torrent left the session."""
        self.order.remove(torrent)
        self.unwatch(torrent)
        self.changed()

    def changed(self) -> None:
        """Something a decision rests on changed: decide soon, not inside this call."""
        if self._timer is None and not self._core.closing:
            self._timer = self._core.base.call_later(self._wait(), self._decide)

    def watch(self, torrent: Torrent) -> None:
        """It is online, or something happens there again."""
        self._watched[torrent] = None

    def unwatch(self, torrent: Torrent) -> None:
        """It is offline."""
        self._slow.pop(torrent, None)
        self._watched.pop(torrent, None)

    def progressed(self, torrent: Torrent) -> None:
        """It is finished now, or is no longer: finished torrents have no place in the order."""
        if torrent.is_finished:
            self.order.remove(torrent)
        elif not torrent.removed:
            self.order.append(torrent)
        self.changed()

    def settings_changed(self) -> None:
        """Take the settings over."""
        self._limits = _limits(self._core)
        if not self._core.settings.get_bool("dont_count_slow_torrents"):
            self._slow.clear()
        self._watched.update(self._core.active)
        self.changed()

    def peer_came(self, torrent: Torrent) -> None:
        """A peer asks for a torrent that is not online: `incoming_starts_queued_torrents`."""
        if (
            torrent.swarm is None
            and torrent.flags & TorrentFlags.auto_managed
            and self._core.settings.get_bool("incoming_starts_queued_torrents")
        ):
            torrent.resume()

    def tick(self, now: float) -> None:
        """Once a tick: who became slow, and whether it is time to decide again (`auto_manage_interval`)."""
        settings = self._core.settings
        if settings.get_bool("dont_count_slow_torrents") and self._watch_rates(now):
            self.changed()
        if now - self._decided_at >= settings.get_int("auto_manage_interval"):
            self.changed()

    def close(self) -> None:
        """Decide no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -------------------------------------------------------------------------------------------------- positions

    def move(self, torrent: Torrent, position: int) -> None:
        """Put it somewhere else; those in between make room."""
        before = self.order.position(torrent)
        if self.order.move(torrent, position):
            after = self.order.position(torrent)
            for each in self.order.slice(min(before, after), max(before, after)):
                each.touch()
            self.changed()

    # --------------------------------------------------------------------------------------------------- deciding

    def _wait(self) -> float:
        due = self._decided_at + len(self._core.torrents) * _SECONDS_PER_TORRENT
        return max(0.0, due - self._core.base.time())

    def _decide_if_due(self) -> None:
        if self._wait() <= 0 and not self._core.closing:
            self._decide()
        else:
            self.changed()

    def _decide(self) -> None:
        self.close()
        core = self._core
        self._decided_at = core.base.time()
        if core.is_paused or core.closing:
            return
        downloads: list[Candidate[Torrent]] = []
        for torrent in list(self.order):
            if _is_managed(torrent):
                if (
                    torrent.swarm is None
                    and not torrent.is_parked
                    and torrent.needs_check
                    and torrent.can_verify
                ):
                    torrent.start()  # Online it goes when it is its turn.
                elif torrent.startup is None:
                    downloads.append(self._candidate(torrent))
        seeds = [
            torrent
            for torrent in dict.fromkeys(core.torrents.values())
            if torrent not in self.order and _is_managed(torrent) and torrent.startup is None
        ]
        limits = self._limits
        seeds.sort(key=lambda torrent: seed_rank(_facts(torrent), limits), reverse=True)
        for torrent, verdict in decide(downloads, [self._candidate(torrent) for torrent in seeds], limits):
            self._carry_out(torrent, verdict)

    def _candidate(self, torrent: Torrent) -> Candidate[Torrent]:
        slowness = self._slow.get(torrent)
        return Candidate(torrent, slowness is not None and slowness.is_slow)

    def _carry_out(self, torrent: Torrent, verdict: Verdict) -> None:
        if not _is_managed(torrent):
            return  # Starting or stopping another one changed it.
        is_running = not torrent.flags & TorrentFlags.paused
        if verdict.runs:
            torrent.set_scope(verdict)
            if not is_running:
                torrent.resume()
        elif is_running:
            torrent.pause(graceful=True)
        else:
            torrent.rest()

    def _watch_rates(self, now: float) -> bool:
        settings, is_news = self._core.settings, False
        down, up = settings.get_int("inactive_down_rate"), settings.get_int("inactive_up_rate")
        delay = settings.get_int("auto_manage_startup")
        for torrent in list(self._watched):
            if not int(torrent.flags) & _AUTO_MANAGED:
                self.unwatch(torrent)
                continue
            slowness = self._slow.get(torrent)
            if slowness is None:
                slowness = self._slow[torrent] = Slowness()
            meters = torrent.meters
            is_slow = meters.payload_up.rate < up if torrent.is_finished else meters.payload_down.rate < down
            is_news = slowness.update(is_slow, now, delay) or is_news
            if is_slow and slowness.is_slow and torrent not in self._core.lively:
                del self._watched[torrent]
        return is_news


def _is_managed(torrent: Torrent) -> bool:
    return bool(int(torrent.flags) & _AUTO_MANAGED) and not torrent.error and not torrent.removed


def _facts(torrent: Torrent) -> SeedFacts:
    torrent.settle_clocks()
    clocks, meters = torrent.clocks, torrent.meters
    known = torrent.known_peers()
    return SeedFacts(
        is_seed=torrent.is_seed,
        is_running=not torrent.flags & TorrentFlags.paused,
        active=clocks.active if clocks is not None else torrent.params.active_time,
        finished=clocks.finished_duration if clocks is not None else torrent.params.finished_time,
        uploaded=torrent.params.total_uploaded + meters.payload_up.total,
        downloaded=torrent.params.total_downloaded + meters.payload_down.total,
        total_size=torrent.info.total_size if torrent.info is not None else 0,
        seeds=known[0],
        downloaders=known[1],
    )


def _limits(core: Core) -> QueueLimits:
    settings = core.settings
    return QueueLimits(
        active_downloads=settings.get_int("active_downloads"),
        active_seeds=settings.get_int("active_seeds"),
        active_limit=settings.get_int("active_limit"),
        active_tracker_limit=settings.get_int("active_tracker_limit"),
        active_dht_limit=settings.get_int("active_dht_limit"),
        active_lsd_limit=settings.get_int("active_lsd_limit"),
        auto_manage_prefer_seeds=settings.get_bool("auto_manage_prefer_seeds"),
        share_ratio_limit=settings.get_int("share_ratio_limit"),
        seed_time_ratio_limit=settings.get_int("seed_time_ratio_limit"),
        seed_time_limit=settings.get_int("seed_time_limit"),
    )
