"""The machine: what it is, and making it ready to be measured on."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from .children import Children
from .options import GIB, KIB, Options, format_size


def describe() -> dict[str, str]:
    """What figures depend on.  SystemExit without libtorrent: there is nothing to compare with."""
    try:
        version = metadata.version("libtorrent")
    except metadata.PackageNotFoundError:
        raise SystemExit(
            "bench needs libtorrent's Python package (the extra `dev`): run `make bench`"
        ) from None
    return {
        "libtorrent": version,
        "Python": platform.python_version(),
        "kernel": platform.release(),
        "CPUs": str(os.cpu_count()),
        "memory": format_size(_memory("MemTotal") // GIB * GIB),
        "load": f"{os.getloadavg()[0]:.2f}",
    }


def prepare_memory(options: Options, written: int) -> None:
    """Write to twice as much free memory as a round is going to write to files, in a child, and free it.

    On a virtual machine a page the guest did not use lately costs a fault in the host on its next use: writing new data cost
    2.2 CPU s/GiB instead of 0.2, for everybody alike, which hides what is being measured.  The host takes free pages back
    within seconds, so this comes right before each round.
    """
    free = _memory("MemFree")
    size = (
        min(2 * written + GIB // 2, max(0, free - GIB))
        if options.touch is None
        else min(options.touch, free - GIB)
    )
    if size <= 0:
        return
    with Children(options.timeout) as children:
        children.start("touch", size=size).read()


def warm(path: Path) -> None:
    """Read a file, so that the page cache has it."""
    buffer = bytearray(1024 * KIB)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _memory(name: str) -> int:
    """A line of /proc/meminfo in bytes; 0 where there is none."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * KIB for line in lines if line.startswith(f"{name}:")), 0)
