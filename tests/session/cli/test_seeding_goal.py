from __future__ import annotations

import math

import click
import pytest
from evtorrent.session.cli.seeding_goal import RATIO, GoalType, SeedingGoal


def goal(*, seed=False, seed_time=None, seed_ratio=None, stop_at=()):
    converted = [GoalType().convert(each, None, None) for each in stop_at]
    return SeedingGoal.of(seed=seed, seed_time=seed_time, seed_ratio=seed_ratio, stop_at=converted)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, SeedingGoal()),
        ({"seed": True}, SeedingGoal(math.inf)),
        ({"seed_time": 5.0}, SeedingGoal(5.0)),
        ({"seed": True, "seed_time": 5.0}, SeedingGoal(5.0)),
        ({"seed_ratio": 2.0}, SeedingGoal(math.inf, 2.0)),
        ({"stop_at": ["150%", "2h", "30m"]}, SeedingGoal(1800.0, 1.5)),
        ({"stop_at": ["3"], "seed_ratio": 1.0}, SeedingGoal(math.inf, 1.0)),
        ({"stop_at": ["90s"]}, SeedingGoal(90.0)),
    ],
)
def test_what_comes_first(given, expected):
    assert goal(**given) == expected


@pytest.mark.parametrize(("text", "ratio"), [("1", 1.0), ("1.5", 1.5), ("150%", 1.5), (" 0.5 ", 0.5)])
def test_ratios(text, ratio):
    assert RATIO.convert(text, None, None) == ratio
    assert RATIO.convert(ratio, None, None) == ratio


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "1e5", "1.", "%"])
def test_no_ratios(text):
    with pytest.raises(click.BadParameter):
        RATIO.convert(text, None, None)
    with pytest.raises(click.BadParameter):
        GoalType().convert(text, None, None)
