"""Drivers: a `Multi` on this loop or that one, all of one shape; and `embed`, our reactor on any of them.

Each returns an object with `close()` and an optional `on_messages` callback.  They are imported when first used, so that
naming one loop does not load the others, and each loads its loop's library when it is called.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..drive import drive
    from .asyncio import drive_asyncio
    from .embed import embed
    from .gevent import drive_gevent
    from .glib import drive_glib
    from .pyuv import drive_pyuv
    from .qt import drive_qt
    from .selectors import drive_selectors
    from .trio import drive_trio

__all__ = [
    "drive",
    "drive_asyncio",
    "drive_gevent",
    "drive_glib",
    "drive_pyuv",
    "drive_qt",
    "drive_selectors",
    "drive_trio",
    "embed",
]

_HOMES = {
    "drive": "..drive",
    "drive_asyncio": ".asyncio",
    "drive_gevent": ".gevent",
    "drive_glib": ".glib",
    "drive_pyuv": ".pyuv",
    "drive_qt": ".qt",
    "drive_selectors": ".selectors",
    "drive_trio": ".trio",
    "embed": ".embed",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
