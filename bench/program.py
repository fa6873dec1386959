"""The parent: prepares the machine, runs the cases in alternating rounds, prints tables, writes JSON."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .cases import CASES, Case
from .children import BenchFailure
from .figures import Figures, Result
from .machine import describe
from .options import Options, parse_options
from .table import format_table


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0, or 1 when a case failed (a wrong byte, a timeout, a dead child)."""
    options = parse_options(CASES, arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # So that children are ended on the way out.
    with _work_folder(options.folder):
        return _run(options)


def _run(options: Options) -> int:
    machine = describe()
    print(", ".join(f"{key} {value}" for key, value in machine.items()), flush=True)
    if os.getloadavg()[0] > 0.5:
        print("warning: this machine is busy with something else; the figures will not repeat")
    results = [_run_case(CASES[name], options) for name in options.cases]
    if options.json is not None:
        table = {
            "machine": machine,
            "options": options.as_table(),
            "cases": [one.as_table() for one in results],
        }
        options.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return 1 if any(result.failure for result in results) else 0


def _run_case(case: Case, options: Options) -> Result:
    result = Result(case.name, case.title(options), case.baseline, case.ratios)
    contenders = [name for name in case.contenders if not options.only or name in options.only]
    try:
        measure = case.prepare(options)
        for number in range(-options.warmups, options.rounds):
            # Each contender has every place in the order once in a while.
            at = number % max(1, len(contenders))
            for name in contenders[at:] + contenders[:at]:
                figures = measure(name)
                _show_progress(case.name, number, options.rounds, name, figures)
                if number >= 0:
                    result.add(name, figures)
    except BenchFailure as error:
        result.failure = str(error)
    print("\n" + format_table(result), flush=True)
    return result


def _show_progress(case: str, number: int, rounds: int, name: str, figures: Figures) -> None:
    first = next(iter(figures))
    which = f"{number + 1}/{rounds}" if number >= 0 else "warm-up"
    print(f"{case} {which} {name}: {figures[first]:.2f} {first}", file=sys.stderr, flush=True)


@contextmanager
def _work_folder(folder: Path) -> Iterator[Any]:
    """The folder of payloads, which stay for the next run, and of downloads, which never stay."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder / "downloads", ignore_errors=True)
