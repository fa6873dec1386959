"""The bar shown while files are hashed."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

__all__ = ["HashingBar"]


class HashingBar:
    """On stderr while in use, and only where that is a terminal; it leaves nothing behind."""

    def __init__(self, *, enabled: bool = True, console: Console | None = None) -> None:
        shown = enabled and (console is not None or sys.stderr.isatty())
        self._progress: Progress | None = None
        if shown:
            self._progress = Progress(
                "hashing",
                BarColumn(None),
                DownloadColumn(binary_units=True),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=console or Console(stderr=True),
                transient=True,
                expand=True,
            )
            self._task = self._progress.add_task("hashing", total=None)

    def update(self, done: int, total: int) -> None:
        """So many bytes are hashed."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=total)

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
