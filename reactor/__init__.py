"""A general event loop on libuv: descriptors, timers, signals, threads, names; nothing of BitTorrent.

Names are imported when first used, except `drive`, which would otherwise be hidden by its module.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .drive import drive

if TYPE_CHECKING:
    from .adapters.asyncio import drive_asyncio
    from .adapters.selectors import drive_selectors
    from .errors import ReactorBusy, ReactorClosed, ReactorError, ReactorUsageError
    from .event import Event
    from .flags import READ, WRITE, EventFlags, RunMode
    from .loop import Reactor
    from .net import SystemPlatform
    from .threadpool import ThreadPool

__all__ = [
    "READ",
    "WRITE",
    "Event",
    "EventFlags",
    "Reactor",
    "ReactorBusy",
    "ReactorClosed",
    "ReactorError",
    "ReactorUsageError",
    "RunMode",
    "SystemPlatform",
    "ThreadPool",
    "drive",
    "drive_asyncio",
    "drive_selectors",
]

_HOMES = {
    "Event": ".event",
    "Reactor": ".loop",
    "SystemPlatform": ".net",
    "ThreadPool": ".threadpool",
    "drive_asyncio": ".adapters.asyncio",
    "drive_selectors": ".adapters.selectors",
    **dict.fromkeys(("READ", "WRITE", "EventFlags", "RunMode"), ".flags"),
    **dict.fromkeys(("ReactorBusy", "ReactorClosed", "ReactorError", "ReactorUsageError"), ".errors"),
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
