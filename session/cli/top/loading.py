"""Sources typed while the screen runs, read on threads of their own: a web server may take its time."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Mapping

from ... import AddTorrentParams
from ..exit_status import CommandFailed
from ..network import refuse_around_proxy
from ..sources import load_source

__all__ = ["Loader"]


class Loader:
    """`load` begins, `results` gives what is there."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        """`settings`: the session's, for whether a proxy forbids web addresses."""
        self._settings = settings
        self._results: queue.SimpleQueue[tuple[str, AddTorrentParams | CommandFailed]] = queue.SimpleQueue()

    def load(self, source: str) -> threading.Thread:
        """Read `source`; the thread that does, which nobody need wait for."""
        thread = threading.Thread(target=self._load, args=(source,), name="load", daemon=True)
        thread.start()
        return thread

    def results(self) -> Iterator[tuple[str, AddTorrentParams | CommandFailed]]:
        """Each source that is finished, once."""
        while not self._results.empty():
            yield self._results.get()

    def _load(self, source: str) -> None:
        try:
            refuse_around_proxy(source, self._settings)
            # As a shell would have done.
            found: AddTorrentParams | CommandFailed = load_source(os.path.expanduser(source))
        except CommandFailed as error:
            found = error
        except Exception as error:  # the border: whatever it is, it is told and not lost with the thread
            found = CommandFailed(f"cannot use {source}: {error!r}")
        self._results.put((source, found))
