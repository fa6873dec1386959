"""Which loop is underneath: libuv through uvloop (winloop on Windows), or the stock asyncio loop.

As libevent's methods can be avoided by configuration and by environment, so can these; what cannot be had fails the
constructor instead of giving a reactor that does less than was asked.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Collection
from importlib import import_module
from typing import cast

from .errors import ReactorError, ReactorUsageError
from .flags import EventFlags

__all__ = ["AVOID_VARIABLE", "BACKENDS", "open_loop"]

BACKENDS = ("libuv", "asyncio")
"""In the order of preference."""
AVOID_VARIABLE = "EVTORRENT_AVOID_LOOPS"
"""Environment: names of `BACKENDS`, separated by commas, not to be used."""

_NOWHERE = EventFlags.ET | EventFlags.CLOSED


def open_loop(
    *, avoid: Collection[str] = (), requires: int = 0, ignore_environment: bool = False
) -> asyncio.AbstractEventLoop:
    """A new loop of the first kind that is allowed and there.  ReactorError when none is.

    `requires` are flags its events must be able to have: no kind has ET or CLOSED.
    """
    if isinstance(avoid, str) or not set(avoid) <= set(BACKENDS):
        raise ReactorUsageError(f"avoid is made of {', '.join(BACKENDS)}, not {avoid!r}")
    if requires & _NOWHERE:
        raise ReactorUsageError(f"requires: no loop has {EventFlags(requires & _NOWHERE).name}")
    avoided = set(avoid)
    if not ignore_environment:  # a name nobody knows avoids nothing, as in libevent
        avoided.update(name.strip() for name in os.environ.get(AVOID_VARIABLE, "").split(","))
    for name in BACKENDS:
        if name not in avoided and (loop := _OPENERS[name]()) is not None:
            return loop
    raise ReactorError(f"no loop is left: {', '.join(sorted(avoided & set(BACKENDS)))} avoided")


def _open_libuv() -> asyncio.AbstractEventLoop | None:
    try:
        module = import_module("winloop" if sys.platform == "win32" else "uvloop")
    except ImportError:
        return None
    return cast("asyncio.AbstractEventLoop", module.new_event_loop())


def _open_asyncio() -> asyncio.AbstractEventLoop | None:
    return asyncio.SelectorEventLoop()


_OPENERS = {"libuv": _open_libuv, "asyncio": _open_asyncio}
