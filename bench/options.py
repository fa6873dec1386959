"""What can be asked for on the command line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB
UNITS: Final = {"": 1, "k": KIB, "m": MIB, "g": GIB}

DEFAULT_ROUNDS: Final = 5
DEFAULT_SIZE: Final = GIB
QUICK_SIZE: Final = 32 * MIB


@dataclass(frozen=True, slots=True)
class Options:
    """One run."""

    cases: tuple[str, ...]
    """In the order they run."""
    only: tuple[str, ...]
    """Contenders to measure; none means all."""
    rounds: int
    """Of each contender."""
    warmups: int
    """Rounds before them, which are thrown away: the first pays for memory and code that are used for the first time."""
    size: int
    """Bytes of a download; `check` and `memory` take twice that, each leech of `leechers` a quarter."""
    piece: int
    """Bytes of a piece."""
    torrents: int
    """Added in `add`; `resume` has twice as many."""
    connections: int
    """Idle ones in `idle`."""
    seconds: float
    """Of a round of `echo`."""
    touch: int | None
    """Bytes of memory touched before each transfer; None is twice what it writes."""
    timeout: int
    """Seconds a child may live, and seconds a round may take."""
    folder: Path
    """Where payloads and downloads go; absolute."""
    json: Path | None
    """Where the figures go, too."""
    checked: bool
    """Seeds hash their file before, instead of each piece when it is first asked for (`seed_mode`)."""
    profile: bool
    """Profile the loop thread of our ends."""

    def as_table(self) -> dict[str, Any]:
        """For JSON (Any: numbers, strings and lists of them)."""
        return {
            key: str(value) if isinstance(value, Path) else value
            for key, value in asdict(self).items()
            if key not in ("folder", "json")
        }


def parse_options(cases: Iterable[str], arguments: Sequence[str] | None) -> Options:
    """From the command line; exits with 2 when it is wrong."""
    known = tuple(cases)
    given = _make_parser(known).parse_args(arguments)
    quick, profile = bool(given.quick), bool(given.profile)
    rounds = given.rounds or (1 if quick or profile else DEFAULT_ROUNDS)
    return Options(
        cases=tuple(given.case or known),
        only=tuple(name.replace(":", "→") for name in given.only),
        rounds=rounds,
        warmups=given.warmups if given.warmups is not None else int(not quick and not profile),
        size=given.size or (QUICK_SIZE if quick else DEFAULT_SIZE),
        piece=given.piece,
        torrents=given.torrents or (200 if quick else 5000),
        connections=given.connections or (500 if quick else 10_000),
        seconds=given.seconds or (0.1 if quick else 0.5),
        touch=given.touch if given.touch is not None or not quick else 0,
        timeout=given.timeout,
        folder=Path(given.dir).resolve(),
        json=None if given.json is None else Path(given.json),
        checked=not given.seed_mode,
        profile=profile,
    )


def _make_parser(cases: tuple[str, ...]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description="Measure ours and libtorrent in the same run.")
    add = parser.add_argument
    add("--case", action="append", choices=cases, help="repeatable; all when not given")
    add(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="measure this contender only, e.g. ours:ours or lt",
    )
    add("--rounds", type=_positive, help=f"default {DEFAULT_ROUNDS}")
    add("--warmups", type=int, help="rounds thrown away before them, default 1")
    add("--size", type=parse_size, help="bytes of a download, e.g. 1GiB (default)")
    add("--piece", type=parse_size, default=MIB, help="bytes of a piece, default 1MiB")
    add("--torrents", type=_positive, help="torrents in the case add, default 5000")
    add("--connections", type=_positive, help="idle ones in the case idle, default 10000")
    add("--seconds", type=float, help="of a round of the case echo, default 0.5")
    add(
        "--touch",
        type=parse_size,
        help="memory touched before each transfer, default twice what it writes; 0 is none",
    )
    add("--timeout", type=_positive, default=300, help="seconds a round may take, default 300")
    add("--dir", default="build/bench", help="work directory, default build/bench")
    add("--seed-mode", action="store_true", help="seeds hash each piece while they serve it, not before")
    add("--json", metavar="FILE", help="write every round's figures there, too")
    add(
        "--quick",
        action="store_true",
        help="one small round of each: does it work?  Its figures mean nothing",
    )
    add(
        "--profile", action="store_true", help="profile the loop thread of our ends; its figures mean nothing"
    )
    return parser


def parse_size(text: str) -> int:
    """`64KiB`, `32M`, `1 GiB`, `4096` to bytes.  ArgumentTypeError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?", text.strip().lower())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size, such as 1GiB")
    return int(float(match[1]) * UNITS[match[2]])


def format_size(size: int) -> str:
    """`1 GiB`, `256 KiB`."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB")):
        if size >= unit:
            return f"{size / unit:g} {name}"
    return f"{size / KIB:g} KiB"


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value
