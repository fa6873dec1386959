"""Samples of the info-hashes a node stores peers of (BEP 51): giving one, and reading one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from random import Random
from typing import Final

from ..bencode import find_bytes, find_int
from .krpc import Arguments
from .node_id import NodeId
from .settings import DhtSettings

__all__ = ["MAX_INTERVAL", "MAX_SAMPLES", "InfohashSample", "SampleCache", "read_sample"]

MAX_INTERVAL: Final = 21_600
"""Seconds; nobody may ask for a longer pause (BEP 51)."""

MAX_SAMPLES: Final = 100
"""Info-hashes taken from one answer; no more fit a datagram we read."""

MAX_NUM: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class InfohashSample:
    """Some of what a node stores."""

    infohashes: tuple[NodeId, ...]
    num_infohashes: int
    """How many it has altogether, as it says."""
    interval: int
    """Seconds for which asking again is pointless."""


class SampleCache:
    """The sample everybody gets until the interval is over, so that asking often shows no more."""

    __slots__ = ("_rng", "_sample", "_taken_at")

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._sample: tuple[NodeId, ...] = ()
        self._taken_at = float("-inf")

    def take(self, stored: Collection[NodeId], settings: DhtSettings, *, now: float) -> InfohashSample:
        """A sample of `stored`, new when the last one is old or smaller than it could be."""
        interval, count = settings.sample_infohashes_interval, settings.max_infohashes_sample_count
        is_stale = now >= self._taken_at + interval or len(self._sample) < count
        if is_stale:
            population = list(stored)
            self._sample = tuple(self._rng.sample(population, min(count, len(population))))
            self._taken_at = now
        return InfohashSample(self._sample, len(stored), interval)


def read_sample(values: Arguments) -> InfohashSample | None:
    """What a node answered; None when it does not know this question."""
    samples = find_bytes(values, b"samples")
    if samples is None:
        return None
    whole = min(len(samples) // 20, MAX_SAMPLES) * 20
    return InfohashSample(
        tuple(NodeId(samples[start : start + 20]) for start in range(0, whole, 20)),
        min(max(find_int(values, b"num") or 0, 0), MAX_NUM),
        min(max(find_int(values, b"interval") or 0, 0), MAX_INTERVAL),
    )
