"""Full check of files that are there: the case `check`.

The file is in the page cache, so hashing and the program around it are measured and not the device.  libtorrent runs twice:
as it comes (one hashing thread), and with as many threads as we use as we come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .children import Children
from .figures import Figures
from .machine import warm
from .options import GIB, MIB, Options
from .payload import make_payload

THREADS: Final = 2
MORE_THREADS: Final = f"lt, {THREADS} threads"
CONTENDERS: Final = ("ours", "lt", MORE_THREADS)


def prepare_check(options: Options) -> Callable[[str], Figures]:
    """Make the file; the result measures one round of a contender."""
    payload = make_payload(options.folder, 2 * options.size, options.piece)

    def measure(contender: str) -> Figures:
        warm(payload.data)
        settings: dict[str, Any] = {"hashing_threads": THREADS} if contender == MORE_THREADS else {}
        with Children(options.timeout) as children:
            table = children.start(
                "check",
                client=contender.split(",")[0],
                torrent=str(payload.torrent),
                folder=str(payload.folder),
                settings=settings,
            ).read()
        return {
            "MiB/s": payload.size / MIB / table["seconds"],
            "CPU s/GiB": table["cpu"] * GIB / payload.size,
            "peak MiB": table["memory"] / MIB,
        }

    return measure
