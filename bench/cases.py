"""The cases, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .accept_servers import SERVERS as ACCEPTORS
from .adding import prepare_add
from .bare import BARE
from .echo import CONNECTIONS, MESSAGE, prepare_echo
from .echo_servers import SERVERS
from .figures import Figures
from .full_check import CONTENDERS as CHECKERS
from .full_check import prepare_check
from .idle import prepare_idle
from .listener_accept import CPU, RATE, TITLES, prepare_accept
from .multi_events import CONTENDERS as ENGINES
from .multi_events import prepare_multi
from .options import Options, format_size
from .payload import PIECES_OF_ADDED, PIECES_OF_RESUMED, make_payload
from .resuming import prepare_resume
from .ssl_payload import make_ssl_payload
from .timers import CONTENDERS as TIMER_LOOPS
from .timers import NUM_TIMERS, prepare_timers
from .transfer import OVER_UTP, Transfer

NUM_LEECHES: Final = 10
RATE_AND_CPU: Final = ("MiB/s", "both CPU s/GiB")

Measure = Callable[[str], Figures]
"""One round of a contender."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question."""

    name: str
    title: Callable[[Options], str]
    """What is measured, with sizes."""
    contenders: tuple[str, ...]
    """For transfers `seed→leech`."""
    baseline: str
    """What the others are compared with."""
    ratios: tuple[str, ...]
    """The figures that are compared."""
    prepare: Callable[[Options], Measure]
    """Makes the payload."""


def prepare_pair(options: Options) -> Measure:
    """One leech takes all from one seed."""
    return Transfer(options, "pair", make_payload(options.folder, options.size, options.piece)).measure


def prepare_utp(options: Options) -> Measure:
    """Half as much: one of them is slow."""
    return Transfer(options, "utp", make_payload(options.folder, options.size // 2, options.piece)).measure


def prepare_leechers(options: Options) -> Measure:
    """Ten at once, each with its own process and file."""
    payload = make_payload(options.folder, options.size // 4, options.piece)
    return Transfer(options, "leechers", payload, NUM_LEECHES).measure


def prepare_rc4(options: Options) -> Measure:
    """As a pair, everything encrypted."""
    payload = make_payload(options.folder, options.size // 2, options.piece)
    settings = {"in_enc_policy": 0, "out_enc_policy": 0, "allowed_enc_level": 2}
    return Transfer(options, "rc4", payload, settings=settings).measure


def prepare_tls(options: Options) -> Measure:
    """As a pair, of an SSL torrent."""
    payload = make_ssl_payload(make_payload(options.folder, options.size // 2, options.piece))
    settings = {"listen_interfaces": "127.0.0.1:0,127.0.0.1:0s"}
    return Transfer(options, "tls", payload, settings=settings).measure


def prepare_memory(options: Options) -> Measure:
    """A larger download: what grows with the torrent shows."""
    measure = Transfer(
        options, "memory", make_payload(options.folder, 2 * options.size, options.piece)
    ).measure

    def memory_first(contender: str) -> Figures:
        figures = measure(contender)
        return {key: figures[key] for key in ("leech MiB", "seed MiB", "MiB/s")}

    return memory_first


def _sized(text: str, part: float) -> Callable[[Options], str]:
    def title(options: Options) -> str:
        return f"{text}, {format_size(int(options.size * part))}, pieces of {format_size(options.piece)}"

    return title


def _title_of_add(options: Options) -> str:
    return f"adding {options.torrents:,} paused torrents of {PIECES_OF_ADDED:,} pieces"


def _title_of_resume(options: Options) -> str:
    return f"{2 * options.torrents:,} torrents of {PIECES_OF_RESUMED} pieces started from resume data"


def _title_of_accept(options: Options) -> str:
    return TITLES["queued"].format(f"{options.connections // 5:,}")


def _title_of_idle(options: Options) -> str:
    return f"{options.connections:,} idle connections and one that talks"


def _worded(text: str) -> Callable[[Options], str]:
    return lambda options: text


_DOWNLOADS: Final = (
    Case(
        "pair",
        _sized("one seed, one leech, one TCP connection", 1),
        ("ours→ours", "lt→lt", "ours→lt", "lt→ours", BARE),
        "lt→lt",
        RATE_AND_CPU,
        prepare_pair,
    ),
    Case(
        "rc4",
        _sized("one seed, one leech, one TCP connection encrypted with RC4", 1 / 2),
        ("ours→ours", "lt→lt", "ours→lt", "lt→ours"),
        "lt→lt",
        RATE_AND_CPU,
        prepare_rc4,
    ),
    Case(
        "tls",
        _sized("one seed, one leech, one TLS connection of an SSL torrent", 1 / 2),
        ("ours→ours", "lt→lt", "ours→lt", "lt→ours"),
        "lt→lt",
        RATE_AND_CPU,
        prepare_tls,
    ),
    Case(
        "utp",
        _sized("one seed, one leech, one uTP connection", 1 / 2),
        (*(f"{pair}{OVER_UTP}" for pair in ("ours→ours", "lt→lt", "ours→lt", "lt→ours")), "ours→ours"),
        f"lt→lt{OVER_UTP}",
        RATE_AND_CPU,
        prepare_utp,
    ),
    Case(
        "leechers",
        _sized(f"one seed, {NUM_LEECHES} leeches, all together; each takes", 1 / 4),
        ("ours→ours", "lt→lt"),
        "lt→lt",
        RATE_AND_CPU,
        prepare_leechers,
    ),
    Case("check", _sized("full check", 2), CHECKERS, "lt", ("MiB/s", "CPU s/GiB"), prepare_check),
    Case(
        "resume",
        _title_of_resume,
        ("ours", "lt"),
        "lt",
        ("seconds", "CPU s", "KiB each", "10 changed, ms"),
        prepare_resume,
    ),
    Case("add", _title_of_add, ("ours", "lt"), "lt", ("seconds", "CPU s", "KiB each"), prepare_add),
    Case(
        "memory",
        _sized("peak memory of a download", 2),
        ("ours→ours", "lt→lt"),
        "lt→lt",
        ("leech MiB", "seed MiB"),
        prepare_memory,
    ),
)

_LOOPS: Final = (
    Case(
        "echo",
        _worded(f"round trips of {MESSAGE} bytes on {CONNECTIONS} connections"),
        tuple(SERVERS),
        "uvloop",
        ("round trips/s", "server CPU µs"),
        prepare_echo,
    ),
    Case(
        "timers",
        _worded(f"{NUM_TIMERS:,} timers armed and fired, armed and cancelled"),
        tuple(TIMER_LOOPS),
        "uvloop",
        ("fired/s", "cancelled/s"),
        prepare_timers,
    ),
    Case("idle", _title_of_idle, tuple(SERVERS), "uvloop", ("KiB each", "busy µs"), prepare_idle),
    Case(
        "multi",
        _worded("64 bytes through the engine, one host loop for all"),
        ENGINES,
        "pycurl",
        ("µs an event", "engine's µs", "µs a stray event"),
        prepare_multi,
    ),
    Case("accept", _title_of_accept, tuple(ACCEPTORS), "uvloop", (RATE, CPU), prepare_accept),
)

CASES: Final = {case.name: case for case in (*_DOWNLOADS, *_LOOPS)}
