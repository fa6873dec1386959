"""Starting many torrents from resume data, and what a session of so many costs: the case `resume`."""

from __future__ import annotations

from collections.abc import Callable

from .children import Children
from .figures import Figures
from .machine import warm
from .options import KIB, MIB, Options
from .payload import make_resume_data

__all__ = ["prepare_resume"]


def prepare_resume(options: Options) -> Callable[[str], Figures]:
    """Make the resume data and the files; the result measures one round of `ours` or `lt`."""
    count = 2 * options.torrents
    path, length = make_resume_data(options.folder, count)

    def measure(contender: str) -> Figures:
        warm(path)
        with Children(options.timeout) as children:
            child = children.start("resume", client=contender, records=str(path), length=length, count=count)
            table = child.read()
        updates = table["updates"]
        return {
            "seconds": table["seconds"],
            "CPU s": table["cpu"],
            "KiB each": table["grown"] / KIB / count,
            "0 changed, ms": updates["0"] * 1000,
            "10 changed, ms": updates["10"] * 1000,
            "all changed, ms": updates[str(count)] * 1000,
            "closing s": table["closing"],
            "peak MiB": table["memory"] / MIB,
        }

    return measure
