"""How long a download goes on uploading once it is complete: for a time, up to a ratio, or until interrupted."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from .option_groups import grouped
from .options import DURATION, FloatParam
from .units import parse_duration

__all__ = ["RATIO", "SeedingGoal", "seeding_options"]

if TYPE_CHECKING:
    GoalParam = click.ParamType["SeedingGoal"]
else:
    GoalParam = click.ParamType

_NUMBER = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(%?)")


class RatioType(FloatParam):
    """Uploaded by size: 1.5, or 150%."""

    name = "ratio"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """ParamType's."""
        if isinstance(value, int | float):
            return float(value)
        match = _NUMBER.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is no ratio: write 1, 1.5 or 150%", param, ctx)
        return float(match[1]) / (100 if match[2] else 1)


RATIO = RatioType()


class GoalType(GoalParam):
    """A ratio, or a time with its unit; as a `SeedingGoal`."""

    name = "ratio|time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> SeedingGoal:
        """ParamType's."""
        if isinstance(value, SeedingGoal):
            return value
        if _NUMBER.fullmatch(str(value).strip()):
            return SeedingGoal(ratio=RATIO.convert(value, param, ctx))
        try:
            return SeedingGoal(time=parse_duration(str(value)))
        except ValueError:
            self.fail(f"{value!r} is neither a ratio nor a time: write 1.5, 150%, 90s, 1h30m, 2d", param, ctx)


@dataclass(frozen=True, slots=True)
class SeedingGoal:
    """Whichever comes first; with neither, nothing is uploaded beyond what downloading takes."""

    time: float | None = None
    """Seconds, from when everything is complete."""
    ratio: float | None = None
    """Bytes uploaded by bytes wanted, of each torrent."""

    @classmethod
    def of(
        cls, *, seed: bool, seed_time: float | None, seed_ratio: float | None, stop_at: Sequence[SeedingGoal]
    ) -> SeedingGoal:
        """What the options say together."""
        times = [seed_time, *(goal.time for goal in stop_at)]
        ratios = [seed_ratio, *(goal.ratio for goal in stop_at)]
        time = min((each for each in times if each is not None), default=None)
        ratio = min((each for each in ratios if each is not None), default=None)
        if time is None and (seed or ratio is not None):
            time = math.inf
        return cls(time, ratio)


_ROWS = (
    click.option(
        "--seed", is_flag=True, help="Go on uploading when complete, until interrupted or as below."
    ),
    click.option("--seed-time", type=DURATION, help="Go on uploading for so long: 90s, 30m, 1h30m."),
    click.option(
        "--seed-ratio", type=RATIO, help="Go on uploading until so much of its size is uploaded: 1.5, 150%."
    ),
    click.option(
        "--stop-at",
        type=GoalType(),
        multiple=True,
        help="The two above in one: 1.5 or 150% is a ratio, 90s or 2h a time.  Of several, what comes first.",
    ),
)

seeding_options = grouped("goal", SeedingGoal.of, _ROWS, "seed", "seed_time", "seed_ratio", "stop_at")
"""--seed, --seed-time, --seed-ratio, --stop-at, as `goal`."""
