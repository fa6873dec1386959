"""The live display: a few lines for each torrent, redrawn in place.

Nothing here is markup: names and messages are put in as plain text, with control characters written out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console, ConsoleRenderable, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .printable import one_line
from .reporters import Quiet
from .units import format_down, format_duration, format_rate, format_size
from .views import TransferView

__all__ = ["Screen"]

FRAME = 0.1
"""Seconds between frames at least."""

_LINES_EACH = 3
_STYLES = {"failed": "bold red", "complete": "green", "seeding": "green", "downloading": "cyan"}


class Screen(Quiet):
    """Draws on the terminal while in use, and leaves its last frame there."""

    def __init__(
        self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console or Console(highlight=False)
        self._clock = clock
        self._next = 0.0
        self._views: Sequence[TransferView] = ()
        self._live: Live | None = None

    def progress(self, views: Sequence[TransferView]) -> None:
        now = self._clock()
        self._views = views
        if views and now >= self._next:
            self._next = now + FRAME
            self._draw()

    def event(self, kind: str, text: str, **fields: Any) -> None:
        if self._live is not None:
            self._live.update(self._frame())
        if text:
            self._console.print(Text(one_line(text)), soft_wrap=True)

    def complain(self, kind: str, text: str, **fields: Any) -> None:
        if self._live is not None and sys.stderr.isatty():
            # The same terminal: printed past the live display it would be painted over.
            self._console.print(Text(f"evtorrent: {one_line(text)}", style="red"), soft_wrap=True)
        else:
            super().complain(kind, text, **fields)

    def close(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.update(self._frame(), refresh=True)
            live.stop()

    def _draw(self) -> None:
        if self._live is None:
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
            )
            self._live.start()
        self._live.update(self._frame(), refresh=True)

    def _frame(self) -> ConsoleRenderable:
        views = list(self._views)
        width, height = self._console.size
        room = max(height - 3, 1)
        roomy = len(views) * _LINES_EACH <= room
        count = room // _LINES_EACH if roomy else room
        shown = views
        if len(views) > count:
            # Those that move are worth more than those that are over.
            order = sorted(range(len(views)), key=lambda i: (views[i].state in ("complete", "seeding"), i))
            shown = [views[i] for i in sorted(order[:count])]
        rows = [_block(view, width) if roomy else _line(view, width) for view in shown]
        if len(shown) < len(views):
            rows.append(Text(f"… and {len(views) - len(shown)} more", style="dim"))
        if len(views) > 1:
            rows.append(_total(views))
        return Group(*rows)


def _block(view: TransferView, width: int) -> ConsoleRenderable:
    head = Table.grid(expand=True, padding=(0, 1))
    head.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    head.add_column(no_wrap=True, justify="right")
    head.add_row(
        Text(one_line(view.name), style="bold"), Text(view.state, style=_STYLES.get(view.state, "yellow"))
    )
    middle = Table.grid(expand=True, padding=(0, 1))
    middle.add_column(ratio=1)
    middle.add_column(no_wrap=True, justify="right")
    amount = f"{format_size(view.done)} of {format_size(view.wanted)}" if view.wanted else ""
    middle.add_row(
        ProgressBar(total=1.0, completed=view.progress, pulse=view.state == "getting metadata"),
        Text(f"{view.progress:6.1%}  {amount}"),
    )
    return Group(head, middle, _details(view, width))


def _details(view: TransferView, width: int) -> Text:
    if view.note and view.state in ("failed", "getting metadata"):
        return Text(one_line(view.note), style="red", no_wrap=True, overflow="ellipsis")
    parts = [
        f"↓ {format_down(view.down_rate, view.average)}",
        f"↑ {format_rate(view.up_rate)}",
        f"ETA {format_duration(view.eta)}",
        f"peers {view.num_peers} ({view.num_seeds} seeds)",
        f"pieces {view.num_pieces}/{view.total_pieces}",
    ]
    if view.note:
        parts.append(one_line(view.note))
    return Text("  ".join(parts), style="dim", no_wrap=True, overflow="ellipsis")


def _line(view: TransferView, width: int) -> ConsoleRenderable:
    rate = f"↓ {format_rate(view.down_rate if view.average is None else view.average)}"
    text = f"{view.progress:6.1%}  {rate:>14}  {format_duration(view.eta):>8}  {view.state:11.11}  "
    return Text(text + one_line(view.name), no_wrap=True, overflow="ellipsis")


def _total(views: Sequence[TransferView]) -> Text:
    over = sum(view.state in ("complete", "seeding") for view in views)
    down, up = sum(view.down_rate for view in views), sum(view.up_rate for view in views)
    return Text(f"{over} of {len(views)} complete  ↓ {format_rate(down)}  ↑ {format_rate(up)}", style="bold")
