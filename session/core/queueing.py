"""Auto-managed queueing, pure: which torrents may run, and where those that run may announce themselves.

The rules are libtorrent's (`active_downloads` and its relatives).  Downloads are taken in the order of the queue, seeds by how much
they are needed; each kind has a limit, and all together a hard one.  A torrent too slow to be worth a place of its kind
(`dont_count_slow_torrents`) runs beyond that limit, and counts towards the hard one.  Below 0 a limit is none.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Generic, TypeVar

__all__ = ["Candidate", "QueueLimits", "SeedFacts", "Slowness", "Verdict", "decide", "seed_rank"]

T = TypeVar("T", bound=Hashable)

_YOUNG = 30 * 60.0
"""Seconds for which a seed that was started keeps its place, so that torrents do not take turns all the time."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """The settings of the same names."""

    active_downloads: int = 3
    active_seeds: int = 5
    active_limit: int = 500
    active_tracker_limit: int = 1600
    active_dht_limit: int = 88
    active_lsd_limit: int = 60
    auto_manage_prefer_seeds: bool = False
    share_ratio_limit: int = 200
    seed_time_ratio_limit: int = 700
    seed_time_limit: int = 86400


@dataclass(frozen=True, slots=True)
class SeedFacts:
    """What a seed's rank follows from."""

    is_seed: bool
    """It has everything, not only everything wanted."""
    is_running: bool
    active: float
    """Seconds it ran in all."""
    finished: float
    """Seconds of these it was finished."""
    uploaded: int
    downloaded: int
    total_size: int
    seeds: int
    """Others that have everything, as a tracker said or as far as we know."""
    downloaders: int


def seed_rank(facts: SeedFacts, limits: QueueLimits) -> tuple[bool, bool, bool, float]:
    """How much a finished torrent is needed; the greatest comes first.

    Those that have not given enough yet lead, then those without another seed, then those just started, then those with
    many downloaders a seed.
    """
    took = facts.active - facts.finished
    size = max(facts.downloaded, facts.total_size)
    owes = (
        facts.finished < limits.seed_time_limit
        and took > 1
        and facts.finished * 100 < limits.seed_time_ratio_limit * took
        and size > 0
        and facts.uploaded * 100 < limits.share_ratio_limit * size
    )
    is_young = facts.is_running and facts.active < _YOUNG
    if facts.seeds <= 0:
        return owes, True, is_young, float(facts.downloaders)
    share = (1 + facts.downloaders) / facts.seeds
    return owes, False, is_young, share if facts.is_seed else share / 2


@dataclass(frozen=True, slots=True)
class Candidate(Generic[T]):
    """One auto-managed torrent that could run."""

    torrent: T
    is_slow: bool = False
    """It runs, and its rate is not worth a place (see `Slowness`)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a torrent may do."""

    runs: bool
    trackers: bool = False
    """Announce to trackers."""
    dht: bool = False
    lsd: bool = False


_WAITS = Verdict(False)


def decide(
    downloads: Sequence[Candidate[T]], seeds: Sequence[Candidate[T]], limits: QueueLimits
) -> list[tuple[T, Verdict]]:
    """A verdict for everyone, first those to be stopped: `downloads` in order of the queue, `seeds` by rank, best first."""
    places = _Places(limits)
    kinds = [(downloads, limits.active_downloads), (seeds, limits.active_seeds)]
    if limits.auto_manage_prefer_seeds:
        kinds.reverse()
    verdicts = [verdict for candidates, limit in kinds for verdict in places.give(candidates, limit)]
    verdicts.sort(key=lambda pair: pair[1].runs)  # Stable.  Places are given up before they are taken.
    return verdicts


@dataclass(slots=True)
class _Places:
    """What is left of the limits all kinds share."""

    limits: QueueLimits
    hard: float = field(init=False)
    trackers: float = field(init=False)
    dht: float = field(init=False)
    lsd: float = field(init=False)

    def __post_init__(self) -> None:
        limits = self.limits
        self.hard = _unlimited(limits.active_limit)
        self.trackers = _unlimited(limits.active_tracker_limit)
        self.dht = _unlimited(limits.active_dht_limit)
        self.lsd = _unlimited(limits.active_lsd_limit)

    def give(self, candidates: Iterable[Candidate[T]], kind_limit: int) -> Iterable[tuple[T, Verdict]]:
        of_kind = _unlimited(kind_limit)
        for candidate in candidates:
            if self.hard <= 0 or (of_kind <= 0 and not candidate.is_slow):
                yield candidate.torrent, _WAITS
                continue
            self.hard -= 1
            if not candidate.is_slow:
                of_kind -= 1
            self.trackers -= 1
            self.dht -= 1
            self.lsd -= 1
            yield (
                candidate.torrent,
                Verdict(True, trackers=self.trackers >= 0, dht=self.dht >= 0, lsd=self.lsd >= 0),
            )


def _unlimited(limit: int) -> float:
    return inf if limit < 0 else limit


class Slowness:
    """Whether a torrent counts as slow: its rate has to be so for a while, and then counts until it is not for a while."""

    __slots__ = ("_changed_at", "is_slow")

    def __init__(self) -> None:
        self.is_slow = False
        self._changed_at: float | None = None

    def update(self, is_slow: bool, now: float, delay: float) -> bool:
        """`is_slow`: it is at this moment.  True when what counts changed, which takes `delay` seconds."""
        if is_slow == self.is_slow:
            self._changed_at = None
            return False
        if self._changed_at is None:
            self._changed_at = now
        if now - self._changed_at < delay:
            return False
        self.is_slow, self._changed_at = is_slow, None
        return True
