"""A result as text."""

from __future__ import annotations

from .figures import Result


def format_table(result: Result) -> str:
    """Title, headings, a row for each contender, and why it failed if it did."""
    count = min((len(rounds) for rounds in result.rounds.values()), default=0)
    noun = "round" if count == 1 else "rounds"
    lines = [f"{result.case}: {result.title}; medians of {count} {noun}"]
    rows = [_row(result, name) for name in sorted(result.rounds, key=lambda name: name == result.baseline)]
    if rows:
        lines += _aligned([_headings(result), *rows])
    if result.failure:
        lines.append(f"  FAILED: {result.failure}")
    return "\n".join(lines) + "\n"


def _headings(result: Result) -> list[str]:
    first = next(iter(result.rounds.values()))[0]
    head, *rest = first
    compared = [f"{key} ×" for key in result.compared(next(iter(result.rounds)))]
    return ["", head, "least–most", *rest, *compared]


def _row(result: Result, name: str) -> list[str]:
    median = result.median(name)
    least, most = result.spread(name)
    head, *rest = (_number(value) for value in median.values())
    compared = [f"{value:.2f}" for value in result.compared(name).values()]
    return [name, head, f"{_number(least)}–{_number(most)}", *rest, *compared]


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  "
        + row[0].ljust(widths[0])
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]
