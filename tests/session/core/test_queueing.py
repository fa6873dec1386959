from __future__ import annotations

import random

import pytest
from evtorrent.session.core.queueing import (
    Candidate,
    QueueLimits,
    SeedFacts,
    Slowness,
    Verdict,
    decide,
    seed_rank,
)

NO_LIMITS = QueueLimits(-1, -1, -1, -1, -1, -1)


def names(text: str) -> list[Candidate[str]]:
    """Candidates by letter; a capital is slow."""
    return [Candidate(letter.lower(), letter.isupper()) for letter in text]


def runs(downloads: str, seeds: str, limits: QueueLimits) -> str:
    """Who runs, in order of the alphabet."""
    verdicts = decide(names(downloads), names(seeds), limits)
    assert len(verdicts) == len(downloads) + len(seeds)
    return "".join(sorted(name for name, verdict in verdicts if verdict.runs))


@pytest.mark.parametrize(
    ("downloads", "seeds", "limits", "expected"),
    [
        ("abc", "xyz", QueueLimits(), "abcxyz"),
        ("abcdef", "stuvwxyz", QueueLimits(), "abcstuvw"),
        ("abcdef", "xyz", QueueLimits(active_downloads=0, active_seeds=1), "x"),
        ("abcdef", "xyz", QueueLimits(active_downloads=-1, active_seeds=0), "abcdef"),
        # The hard limit is for both kinds, downloads first or seeds first.
        ("abc", "xyz", QueueLimits(active_limit=4), "abcx"),
        ("abc", "xyz", QueueLimits(active_limit=4, auto_manage_prefer_seeds=True), "axyz"),
        ("abc", "xyz", QueueLimits(active_limit=0), ""),
        ("abc", "xyz", QueueLimits(active_limit=-1), "abcxyz"),
        # Slow ones take no place of their kind, but one of all.
        ("AbCde", "", QueueLimits(active_downloads=2), "abcd"),
        ("ABCDE", "", QueueLimits(active_downloads=0), "abcde"),
        ("ABCDE", "x", QueueLimits(active_downloads=2, active_limit=4), "abcd"),
        ("", "", QueueLimits(), ""),
    ],
)
def test_who_runs(downloads: str, seeds: str, limits: QueueLimits, expected: str) -> None:
    assert runs(downloads, seeds, limits) == expected


def test_places_are_given_up_before_they_are_taken() -> None:
    verdicts = decide(names("abc"), names("xyz"), QueueLimits(active_downloads=1, active_seeds=1))
    assert [verdict.runs for _, verdict in verdicts] == [False] * 4 + [True] * 2


def test_where_they_may_announce() -> None:
    limits = QueueLimits(active_tracker_limit=3, active_dht_limit=2, active_lsd_limit=1)
    verdicts = dict(decide(names("abcde"), names("x"), limits))
    assert [verdicts[name] for name in "abcx"] == [
        Verdict(True, trackers=True, dht=True, lsd=True),
        Verdict(True, trackers=True, dht=True),
        Verdict(True, trackers=True),
        Verdict(True),
    ]
    assert verdicts["d"] == Verdict(False)
    everywhere = dict(decide(names("abcde"), names("x"), NO_LIMITS))
    assert set(everywhere.values()) == {Verdict(True, True, True, True)}


def test_laws_hold_for_any_limits() -> None:
    rng = random.Random(5)
    for _ in range(500):
        limits = QueueLimits(
            *(rng.randint(-1, 8) for _ in range(6)), auto_manage_prefer_seeds=rng.random() < 0.5
        )
        downloads = [Candidate(("d", n), rng.random() < 0.3) for n in range(rng.randint(0, 10))]
        seeds = [Candidate(("s", n), rng.random() < 0.3) for n in range(rng.randint(0, 10))]
        verdicts = dict(decide(downloads, seeds, limits))
        running = [name for name, verdict in verdicts.items() if verdict.runs]
        assert limits.active_limit < 0 or len(running) <= limits.active_limit
        for candidates, limit in ((downloads, limits.active_downloads), (seeds, limits.active_seeds)):
            fast = [c.torrent for c in candidates if not c.is_slow and verdicts[c.torrent].runs]
            assert limit < 0 or len(fast) <= limit
            order = [verdicts[c.torrent].runs for c in candidates if not c.is_slow]
            assert order == sorted(order, reverse=True), "nobody overtakes within a kind"
        for scope, limit in (("trackers", limits.active_tracker_limit), ("lsd", limits.active_lsd_limit)):
            count = sum(getattr(verdict, scope) for verdict in verdicts.values())
            assert count == (len(running) if limit < 0 else min(limit, len(running)))


def facts(**changed: object) -> SeedFacts:
    """A seed that gave enough long ago."""
    usual = {
        "is_seed": True,
        "is_running": False,
        "active": 200_000.0,
        "finished": 190_000.0,
        "uploaded": 900,
        "downloaded": 100,
        "total_size": 100,
        "seeds": 10,
        "downloaders": 9,
    }
    return SeedFacts(**{**usual, **changed})  # type: ignore[arg-type]


OWES = {"uploaded": 150, "finished": 20_000.0, "active": 50_000.0}
LIMITS = QueueLimits()


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"downloaders": 19}, {}),
        ({}, {"seeds": 11}),
        ({}, {"is_seed": False}),
        ({"seeds": 0, "downloaders": 0}, {"downloaders": 1000}),
        ({"seeds": 0, "downloaders": 5}, {"seeds": 0, "downloaders": 4}),
        ({"is_running": True, "active": 1000.0, "finished": 900.0}, {"downloaders": 1000}),
        ({"seeds": 0}, {"is_running": True, "active": 1000.0, "finished": 900.0}),
        (OWES, {"seeds": 0}),
        (OWES, {**OWES, "uploaded": 200}),
        (OWES, {**OWES, "finished": 90_000.0, "active": 120_000.0}),
        (OWES, {**OWES, "active": 20_000.0 + 2_000.0}),
        (OWES, {**OWES, "active": 20_000.0}),
        (OWES, {**OWES, "total_size": 0, "downloaded": 0}),
    ],
)
def test_who_is_needed_more(better: dict[str, object], worse: dict[str, object]) -> None:
    assert seed_rank(facts(**better), LIMITS) > seed_rank(facts(**worse), LIMITS)


def test_the_limits_of_giving_are_settings() -> None:
    given = facts(**OWES)
    assert seed_rank(given, LIMITS)[0]
    assert not seed_rank(given, QueueLimits(share_ratio_limit=100))[0]
    assert not seed_rank(given, QueueLimits(seed_time_limit=10_000))[0]
    assert not seed_rank(given, QueueLimits(seed_time_ratio_limit=50))[0]


def test_slow_counts_after_a_while_and_fast_too() -> None:
    slowness = Slowness()
    assert not slowness.update(True, 0.0, 60.0)
    assert not slowness.update(True, 59.0, 60.0)
    assert not slowness.is_slow
    assert slowness.update(True, 60.0, 60.0)
    assert slowness.is_slow
    assert not slowness.update(False, 70.0, 60.0)
    assert not slowness.update(True, 80.0, 60.0), "a burst does not count"
    assert not slowness.update(False, 90.0, 60.0)
    assert not slowness.update(False, 140.0, 60.0)
    assert slowness.update(False, 150.0, 60.0)
    assert not slowness.is_slow


def test_at_once_without_a_delay() -> None:
    slowness = Slowness()
    assert slowness.update(True, 5.0, 0.0)
    assert slowness.update(False, 5.0, 0.0)
