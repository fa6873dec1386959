"""Sizes, rates and times as people write and read them."""

from __future__ import annotations

import math
import re
from typing import Final

__all__ = [
    "format_down",
    "format_duration",
    "format_elapsed",
    "format_rate",
    "format_size",
    "parse_duration",
    "parse_size",
]

_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\s*", re.IGNORECASE)
_PREFIXES: Final = ("", "k", "m", "g", "t", "p")
_FACTORS: Final[dict[str, int]] = {
    **{f"{prefix}": 1024**power for power, prefix in enumerate(_PREFIXES)},
    **{f"{prefix}b": 1000**power for power, prefix in enumerate(_PREFIXES)},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate(_PREFIXES) if prefix},
}
_TIME = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)", re.IGNORECASE)
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")

_LONGEST_SHOWN = 100 * 86_400
"""A longer wait is as good as unknown."""


def parse_size(text: str) -> int:
    """Bytes of "64MiB", "1.5 GB", "300k", "16384".  K, M, G alone are powers of 1024, as KiB; kB, MB are of 1000.

    ValueError when it is nothing of the kind.
    """
    match = _SIZE.fullmatch(text.lower().removesuffix("/s"))
    factor = _FACTORS.get(match[2]) if match else None
    if match is None or factor is None or len(match[1]) > 20:
        raise ValueError(f"{text!r} is no size: write 16384, 300k, 1.5MiB, 2GB")
    return round(float(match[1]) * factor)


def parse_duration(text: str) -> float:
    """Seconds of "90", "90s", "5m", "1h30m", "2d".  ValueError when it is nothing of the kind."""
    text = text.strip()
    total, at = 0.0, 0
    while match := _TIME.match(text, at):
        total += float(match[1]) * _SECONDS[match[2].lower()]
        at = match.end()
    if not text or at != len(text) or not math.isfinite(total):
        raise ValueError(f"{text!r} is no time: write 90, 90s, 5m, 1h30m, 2d")
    return total


def format_size(size: float) -> str:
    """Three digits or more and a unit: "0 B", "16.0 KiB", "1.50 GiB"."""
    if size < 1024:
        return f"{int(size)} B"
    for unit in _UNITS[1:]:
        size /= 1024
        if size < 999.95 or unit == _UNITS[-1]:
            break
    return f"{size:.2f} {unit}" if size < 9.995 else f"{size:.1f} {unit}"


def format_elapsed(seconds: float) -> str:
    """A time that was measured: "0.16 s", "12.5 s", "2:05"."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    return format_duration(seconds)


def format_rate(rate: float) -> str:
    """A size a second."""
    return f"{format_size(rate)}/s"


def format_down(rate: float, average: float | None) -> str:
    """How fast it comes, or, once that is over, how fast it came."""
    return format_rate(rate) if average is None else f"{format_rate(average)} on average"


def format_duration(seconds: float | None) -> str:
    """ "0:07", "1:02:03", "3d 4h"; "--" for what is not known."""
    if seconds is None or not 0 <= seconds < _LONGEST_SHOWN:
        return "--"
    whole = int(seconds)
    minutes, hours, days = whole // 60 % 60, whole // 3600, whole // 86_400
    if days:
        return f"{days}d {hours % 24}h"
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
