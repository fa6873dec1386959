"""Adding many paused torrents, from the bytes of their .torrent files: the case `add`."""

from __future__ import annotations

from collections.abc import Callable

from .children import BenchFailure, Children
from .figures import Figures
from .machine import warm
from .options import KIB, MIB, Options
from .payload import make_torrents


def prepare_add(options: Options) -> Callable[[str], Figures]:
    """Make the .torrent files; the result measures one round of `ours` or `lt`."""
    path, length = make_torrents(options.folder, options.torrents)

    def measure(contender: str) -> Figures:
        warm(path)
        with Children(options.timeout) as children:
            folder = options.folder / "downloads"
            child = children.start(
                "add", client=contender, torrents=str(path), length=length, folder=str(folder)
            )
            table = child.read()
        if table["count"] != options.torrents:
            raise BenchFailure(f"{contender} has {table['count']} torrents of {options.torrents}")
        return {
            "seconds": table["seconds"],
            "µs each": table["seconds"] * 1e6 / options.torrents,
            "CPU s": table["cpu"],
            "KiB each": table["grown"] / KIB / options.torrents,
            "peak MiB": table["memory"] / MIB,
        }

    return measure
