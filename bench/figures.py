"""Figures of rounds, and what is made of them."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

Figures = dict[str, float]
"""Of one round, by the heading of their column; the first one is what the case is about."""


@dataclass(slots=True)
class Result:
    """All rounds of one case."""

    case: str
    title: str
    baseline: str
    """The contender that others are compared with."""
    ratios: tuple[str, ...]
    """Headings that are compared."""
    rounds: dict[str, list[Figures]] = field(default_factory=dict)
    """By contender."""
    failure: str = ""
    """Why the case ended early."""

    def add(self, contender: str, figures: Figures) -> None:
        """One more round."""
        self.rounds.setdefault(contender, []).append(figures)

    def median(self, contender: str) -> Figures:
        """Of each figure on its own."""
        rounds = self.rounds[contender]
        return {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}

    def spread(self, contender: str) -> tuple[float, float]:
        """Least and greatest of the first figure."""
        first = next(iter(self.rounds[contender][0]))
        values = [one[first] for one in self.rounds[contender]]
        return min(values), max(values)

    def compared(self, contender: str) -> Figures:
        """Medians as multiples of the baseline's; empty when that was not measured."""
        if self.baseline not in self.rounds:
            return {}
        ours, base = self.median(contender), self.median(self.baseline)
        return {key: ours[key] / base[key] for key in self.ratios if base[key]}

    def as_table(self) -> dict[str, Any]:
        """For JSON (Any: numbers, strings, and lists and tables of them)."""
        contenders = {
            name: {"median": self.median(name), "ratio": self.compared(name), "rounds": rounds}
            for name, rounds in self.rounds.items()
        }
        return {
            "case": self.case,
            "title": self.title,
            "baseline": self.baseline,
            "failure": self.failure,
            "contenders": contenders,
        }
