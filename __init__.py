"""evtorrent: a libevent-style reactor framework with pluggable transports and a complete BitTorrent session.

The names below are resolved when first used, so that `import evtorrent.reactor` loads nothing of BitTorrent.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_SOURCES = {
    "reactor": ("EventFlags", "Reactor", "RunMode"),
    "reactor.adapters": ("drive", "drive_asyncio", "drive_selectors"),
    "listener": ("Listener", "ListenerFlag"),
    "protocols.engine": ("Handle", "Multi"),
    "session": (
        "AddTorrentParams",
        "Alert",
        "AlertCategory",
        "Session",
        "SessionParams",
        "SettingsPack",
        "TorrentFlags",
        "TorrentHandle",
        "TorrentStatus",
        "load_torrent_buffer",
        "load_torrent_file",
        "make_magnet_uri",
        "parse_magnet_uri",
    ),
}
"""Sub-package → the public names it gives to the root."""

_SOURCE_OF = {name: source for source, names in _SOURCES.items() for name in names}

if TYPE_CHECKING:
    from .listener import Listener as Listener
    from .listener import ListenerFlag as ListenerFlag

__all__ = ["__version__", *sorted(_SOURCE_OF)]


def __getattr__(name: str) -> Any:
    # PEP 562: kept after the first use, so that this runs once a name.
    source = _SOURCE_OF.get(name)
    if source is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{source}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
