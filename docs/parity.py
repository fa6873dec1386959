"""Writes `docs/libtorrent-parity.md`: what of libtorrent's Python interface is here, counted from the code.

    python docs/parity.py            write the page
    python docs/parity.py --check    exit with 1 when it is stale

`libtorrent_api.json` has the names of libtorrent's binding, `parity_notes.toml` what cannot be seen in the code: what libtorrent
itself has deprecated, what is called otherwise here, and what is refused, each with its reason.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from evtorrent import session
from evtorrent.session.settings_honoured import HONOURED
from evtorrent.session.settings_table import UNSUPPORTED

HERE = Path(__file__).resolve().parent
PAGE = HERE / "libtorrent-parity.md"

API: dict[str, Any] = json.loads((HERE / "libtorrent_api.json").read_text(encoding="utf-8"))
NOTES: dict[str, Any] = tomllib.loads((HERE / "parity_notes.toml").read_text(encoding="utf-8"))


class Standing(Enum):
    """What became of a name."""

    HERE = "here"
    OTHERWISE = "otherwise"
    DEPRECATED = "deprecated"
    REFUSED = "refused"
    MISSING = "not yet"


@dataclass
class Count:
    """The names of one kind."""

    title: str
    rows: list[tuple[str, Standing, str]] = field(default_factory=list)
    """(name, standing, note)"""

    def add(self, name: str, standing: Standing, note: str = "") -> None:
        self.rows.append((name, standing, note))

    def number(self, *standings: Standing) -> int:
        return sum(1 for _, standing, _ in self.rows if standing in standings)

    @property
    def share(self) -> float:
        """Of what libtorrent does not call deprecated itself and what is not refused: how much is here."""
        wanted = len(self.rows) - self.number(Standing.DEPRECATED, Standing.REFUSED)
        return self.number(Standing.HERE, Standing.OTHERWISE) / wanted if wanted else 1.0


def pascal(name: str) -> str:
    """`add_torrent_alert` as it is called here."""
    stem = name.rpartition(".")[2].removesuffix("_t")
    return "".join(part.capitalize() for part in stem.split("_"))


def judge(count: Count, owner: str, names: Iterable[str], is_here: Any) -> None:
    """Sort names of `owner` ("" for functions) by what the notes and the code say."""
    otherwise, refused = NOTES["otherwise"].get(owner, {}), NOTES["refused"].get(owner, {})
    deprecated = set(NOTES["deprecated"].get(owner, []))
    for name in names:
        full = f"{owner}.{name}" if owner else name
        if name in otherwise:
            count.add(full, Standing.OTHERWISE, otherwise[name])
        elif is_here(name):
            count.add(full, Standing.HERE)
        elif name in deprecated:
            count.add(full, Standing.DEPRECATED)
        elif name in refused or "*" in refused:
            count.add(full, Standing.REFUSED, refused.get(name, refused.get("*", "")))
        else:
            count.add(full, Standing.MISSING)


def functions() -> Count:
    count = Count("Functions")
    judge(count, "", API["functions"], lambda name: hasattr(session, name))
    return count


def members() -> Count:
    count = Count("Methods and properties")
    for owner, names in API["classes"].items():
        ours = getattr(session, NOTES["classes"].get(owner, pascal(owner)), None)
        judge(count, owner, names, lambda name, ours=ours: ours is not None and _has(ours, name))
    return count


def _has(kind: Any, name: str) -> bool:
    return hasattr(kind, name) or name in getattr(kind, "__annotations__", {})


def alerts() -> Count:
    count = Count("Alerts")
    judge(count, "alerts", API["alerts"], lambda name: hasattr(session, pascal(name)))
    return count


def settings() -> Count:
    count = Count("Settings")
    reasons = {name: reason for reason, names in UNSUPPORTED.items() for name in names}
    for name in API["settings"]:
        if name in HONOURED:
            count.add(name, Standing.HERE)
        elif name in reasons:
            is_old = "deprecated" in reasons[name]
            count.add(name, Standing.DEPRECATED if is_old else Standing.REFUSED, reasons[name])
        else:
            count.add(name, Standing.MISSING)
    return count


def values() -> Count:
    count = Count("Enumerations and flags")
    for owner, names in {**API["enums"], **API["flags"]}.items():
        ours = getattr(session, NOTES["classes"].get(owner, pascal(owner)), None)
        judge(count, owner, names, lambda name, ours=ours: ours is not None and hasattr(ours, name))
    return count


def metrics() -> Count:
    count = Count("Statistics")
    ours = {metric.name for metric in session.session_stats_metrics()}
    judge(count, "metrics", API["metrics"], lambda name: name in ours)
    return count


def counts() -> list[Count]:
    """Everything, judged."""
    return [functions(), members(), alerts(), settings(), values(), metrics()]


def page() -> str:
    """The page's text."""
    judged = counts()
    lines = [
        "# Parity with libtorrent",
        "",
        f"Names of libtorrent {API['version']}'s Python binding, and what of them is here. Written by `docs/parity.py` from the code;",
        "`tests/test_parity.py` fails when it is stale. *Deprecated* is what libtorrent itself calls so; *refused* has a reason below.",
        "",
        "| | all | here | otherwise | deprecated | refused | not yet | of what counts |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for count in judged:
        cells = [str(count.number(standing)) for standing in Standing]
        lines.append(f"| {count.title} | {len(count.rows)} | {' | '.join(cells)} | {count.share:.0%} |")
    for count in judged:
        lines += ["", f"## {count.title}", ""]
        lines += _listed(
            "Not yet", [name for name, standing, _ in count.rows if standing is Standing.MISSING]
        )
        for title, standing in (("Called otherwise here", Standing.OTHERWISE), ("Refused", Standing.REFUSED)):
            lines += _by_note(title, count, standing)
    return "\n".join(lines).rstrip("\n") + "\n"


def _listed(title: str, names: list[str]) -> list[str]:
    return [f"{title}: {', '.join(f'`{name}`' for name in names)}.", ""] if names else []


def _by_note(title: str, count: Count, wanted: Standing) -> list[str]:
    notes: dict[str, list[str]] = {}
    for name, standing, note in count.rows:
        if standing is wanted:
            notes.setdefault(note, []).append(name)
    if not notes:
        return []
    rows = [f"| {', '.join(f'`{name}`' for name in names)} | {note} |" for note, names in notes.items()]
    return [f"| {title} | |", "|---|---|", *rows, ""]


def main() -> int:
    """Exit status."""
    text = page()
    if "--check" in sys.argv[1:]:
        return int(PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
