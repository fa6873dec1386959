"""evtorrent: a libevent-style reactor framework with pluggable transports and a complete BitTorrent session.

The names below are resolved when first used, so that `import evtorrent.reactor` loads nothing of BitTorrent.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_SOURCES = {
    "reactor": ("EventFlags", "Reactor", "RunMode", "SteppedLoop"),
    "reactor.adapters": (
        "drive",
        "drive_asyncio",
        "drive_gevent",
        "drive_glib",
        "drive_pyuv",
        "drive_qt",
        "drive_selectors",
        "drive_trio",
        "embed",
    ),
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
    from .protocols.engine import Handle as Handle
    from .protocols.engine import Multi as Multi
    from .reactor import EventFlags as EventFlags
    from .reactor import Reactor as Reactor
    from .reactor import RunMode as RunMode
    from .reactor import SteppedLoop as SteppedLoop
    from .reactor.adapters import drive as drive
    from .reactor.adapters import drive_asyncio as drive_asyncio
    from .reactor.adapters import drive_gevent as drive_gevent
    from .reactor.adapters import drive_glib as drive_glib
    from .reactor.adapters import drive_pyuv as drive_pyuv
    from .reactor.adapters import drive_qt as drive_qt
    from .reactor.adapters import drive_selectors as drive_selectors
    from .reactor.adapters import drive_trio as drive_trio
    from .reactor.adapters import embed as embed
    from .session import AddTorrentParams as AddTorrentParams
    from .session import Alert as Alert
    from .session import AlertCategory as AlertCategory
    from .session import Session as Session
    from .session import SessionParams as SessionParams
    from .session import SettingsPack as SettingsPack
    from .session import TorrentFlags as TorrentFlags
    from .session import TorrentHandle as TorrentHandle
    from .session import TorrentStatus as TorrentStatus
    from .session import load_torrent_buffer as load_torrent_buffer
    from .session import load_torrent_file as load_torrent_file
    from .session import make_magnet_uri as make_magnet_uri
    from .session import parse_magnet_uri as parse_magnet_uri

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
