"""Drivers: a `Multi` on this loop or that one, all of one shape.

Each returns an object with `close()` and an optional `on_messages` callback.  They are imported when first used, so that
naming one loop does not load the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..drive import drive
    from .asyncio import drive_asyncio
    from .selectors import drive_selectors

__all__ = ["drive", "drive_asyncio", "drive_selectors"]

_HOMES = {"drive": "..drive", "drive_asyncio": ".asyncio", "drive_selectors": ".selectors"}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
