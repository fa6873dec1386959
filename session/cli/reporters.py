"""What a command prints while it works: lines for a log, JSON for machines, or nothing.

Results and progress go to stdout, complaints to stderr.  The live screen is `screen.py`'s.
"""

from __future__ import annotations

import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Self

import click

from .printable import one_line
from .units import format_down, format_duration, format_rate, format_size
from .views import TransferView

__all__ = ["Aside", "JsonLines", "Lines", "Quiet", "Reporter", "reporter_for", "summary_of"]


class Reporter(ABC):
    """Used as a context manager around the work."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def progress(self, views: Sequence[TransferView]) -> None:
        """How things stand; called several times a second."""

    @abstractmethod
    def event(self, kind: str, text: str, **fields: Any) -> None:
        """Something happened.  `text` is for people, `kind` and `fields` are for machines (Any: JSON's types)."""

    @abstractmethod
    def complain(self, kind: str, text: str, **fields: Any) -> None:
        """Something went wrong; one line on stderr."""

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """No more is coming."""


class Quiet(Reporter):
    """Only complaints."""

    def progress(self, views: Sequence[TransferView]) -> None:
        """Nothing."""

    def event(self, kind: str, text: str, **fields: Any) -> None:
        """Nothing."""

    def complain(self, kind: str, text: str, **fields: Any) -> None:
        click.echo(f"evtorrent: {one_line(text)}", err=True)


class Aside(Quiet):
    """For a session in the background: its complaints go where those of the main one go."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def complain(self, kind: str, text: str, **fields: Any) -> None:
        self._reporter.complain(kind, text, **fields)


class Lines(Quiet):
    """Readable in a log: a line for each event, and one for each torrent now and then."""

    def __init__(self, *, interval: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._next = clock() + interval
        self._shown: dict[str, str] = {}

    def progress(self, views: Sequence[TransferView]) -> None:
        now = self._clock()
        if now < self._next:
            return
        self._next = now + self._interval
        for view in views:
            line = summary_of(view)
            if self._shown.get(view.info_hash) != line:
                self._shown[view.info_hash] = line
                click.echo(line)

    def event(self, kind: str, text: str, **fields: Any) -> None:
        if text:
            click.echo(one_line(text))


class JsonLines(Quiet):
    """One object a line: `event`, `time`, and what belongs to it.  Complaints are also on stderr."""

    def __init__(self, *, interval: float = 0.5, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._next = clock()
        self._shown: dict[str, dict[str, Any]] = {}

    def progress(self, views: Sequence[TransferView]) -> None:
        now = self._clock()
        if now < self._next:
            return
        self._next = now + self._interval
        for view in views:
            fields = view.as_fields()
            if self._shown.get(view.info_hash) != fields:
                self._shown[view.info_hash] = fields
                self._write("progress", fields)

    def event(self, kind: str, text: str, **fields: Any) -> None:
        self._write(kind, fields)

    def complain(self, kind: str, text: str, **fields: Any) -> None:
        super().complain(kind, text, **fields)
        self._write(kind, {"message": one_line(text), **fields})

    def _write(self, kind: str, fields: dict[str, Any]) -> None:
        click.echo(json.dumps({"event": kind, "time": round(time.time(), 3), **fields}))


def reporter_for(*, as_json: bool, quiet: bool, interval: float = 2.0) -> Reporter:
    """The reporter the options and the terminal ask for."""
    if as_json:
        return JsonLines()
    if quiet:
        return Quiet()
    if sys.stdout.isatty():
        from .screen import Screen  # rich takes its time to load

        return Screen()
    return Lines(interval=interval)


def summary_of(view: TransferView) -> str:
    """One transfer in one line."""
    if view.state == "getting metadata":
        middle = f"peers {view.num_peers}"
    elif view.state == "checking":
        middle = f"pieces {view.num_pieces}/{view.total_pieces}"
    else:
        middle = (
            f"{format_size(view.done)} of {format_size(view.wanted)}  "
            f"down {format_down(view.down_rate, view.average)}  up {format_rate(view.up_rate)}  "
            f"ETA {format_duration(view.eta)}  peers {view.num_peers} ({view.num_seeds} seeds)  "
            f"pieces {view.num_pieces}/{view.total_pieces}"
        )
    return f"{view.progress:6.1%}  {middle}  {view.state}  {one_line(view.name)}"
