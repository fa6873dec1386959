"""A general event loop on libuv: descriptors, timers, signals, threads, names; nothing of BitTorrent.

Names are imported when first used, except `drive`, which would otherwise be hidden by its module.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .drive import drive

if TYPE_CHECKING:
    from .adapters.asyncio import drive_asyncio
    from .adapters.embed import embed
    from .adapters.gevent import drive_gevent
    from .adapters.glib import drive_glib
    from .adapters.pyuv import drive_pyuv
    from .adapters.qt import drive_qt
    from .adapters.selectors import drive_selectors
    from .adapters.trio import drive_trio
    from .errors import ReactorBusy, ReactorClosed, ReactorError, ReactorUsageError
    from .event import Event
    from .flags import READ, WRITE, EventFlags, RunMode
    from .hooks import Hook
    from .loop import Reactor, open_reactors
    from .net import SystemPlatform
    from .statistics import ReactorStatistics
    from .stepped import SteppedLoop
    from .threadpool import ThreadPool

__all__ = [
    "READ",
    "WRITE",
    "Event",
    "EventFlags",
    "Hook",
    "Reactor",
    "ReactorBusy",
    "ReactorClosed",
    "ReactorError",
    "ReactorStatistics",
    "ReactorUsageError",
    "RunMode",
    "SteppedLoop",
    "SystemPlatform",
    "ThreadPool",
    "drive",
    "drive_asyncio",
    "drive_gevent",
    "drive_glib",
    "drive_pyuv",
    "drive_qt",
    "drive_selectors",
    "drive_trio",
    "embed",
    "open_reactors",
]

_HOMES = {
    "Event": ".event",
    "Hook": ".hooks",
    "Reactor": ".loop",
    "ReactorStatistics": ".statistics",
    "SteppedLoop": ".stepped",
    "SystemPlatform": ".net",
    "ThreadPool": ".threadpool",
    "drive_asyncio": ".adapters.asyncio",
    "drive_gevent": ".adapters.gevent",
    "drive_glib": ".adapters.glib",
    "drive_pyuv": ".adapters.pyuv",
    "drive_qt": ".adapters.qt",
    "drive_selectors": ".adapters.selectors",
    "drive_trio": ".adapters.trio",
    "embed": ".adapters.embed",
    "open_reactors": ".loop",
    **dict.fromkeys(("READ", "WRITE", "EventFlags", "RunMode"), ".flags"),
    **dict.fromkeys(("ReactorBusy", "ReactorClosed", "ReactorError", "ReactorUsageError"), ".errors"),
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
