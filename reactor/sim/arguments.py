"""Arguments that make no sense are refused here: a ReactorUsageError that names the argument and the rule."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ReactorUsageError

__all__ = ["check_count", "check_kind", "check_number"]


def check_number(argument: str, value: Any, *, low: float = 0.0, above: float | None = None) -> None:
    """A finite number of at least `low`, or, where that is given, above `above`.  Any: it may be anything."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if is_number and (value >= low if above is None else value > above):
        return
    rule = f"of at least {low:g}" if above is None else f"above {above:g}"
    raise ReactorUsageError(f"{argument} must be a finite number {rule}, not {value!r}")


def check_count(argument: str, value: Any, *, low: int = 0) -> None:
    """A whole number of at least `low`.  Any: it may be anything."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ReactorUsageError(f"{argument} must be a whole number of at least {low}, not {value!r}")


def check_kind(argument: str, value: Any, kind: type) -> None:
    """An object of a class.  Any: it may be anything."""
    if not isinstance(value, kind):
        raise ReactorUsageError(f"{argument} must be a {kind.__name__}, not {value!r}")
