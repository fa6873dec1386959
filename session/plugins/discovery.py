"""Plug-ins that are installed: entry points of the group `evtorrent.plugins`.

    [project.entry-points."evtorrent.plugins"]
    ratio_keeper = "my_package.plugins:RatioKeeper"

An entry point names what `Session.add_extension` takes: a `SessionPlugin`, a class of these, or a function that makes the plug-in
of a torrent.  Nothing is loaded before its name is given, and a name that is built in (`BUILT_IN`) is never looked for.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import PluginError
from .base import SessionPlugin, TorrentPlugin
from .built_in import BUILT_IN
from .faults import name_of
from .hooks import checked, hooks_of
from .torrent_hooks import TorrentPluginFactory

if TYPE_CHECKING:
    from ..handle import TorrentHandle

__all__ = ["GROUP", "PluginSource", "TorrentPluginMaker", "as_plugin", "installed_plugins", "load_plugin"]

GROUP = "evtorrent.plugins"

PluginSource: TypeAlias = SessionPlugin | type[SessionPlugin] | TorrentPluginFactory | str
"""What a session can be extended with."""


def installed_plugins() -> list[str]:
    """Names `Session.add_extension` knows besides those that are built in."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def load_plugin(name: str) -> SessionPlugin:
    """The installed plug-in of that name.  PluginError when there is none, or it cannot be loaded."""
    found: EntryPoint | None = next(iter(entry_points(group=GROUP, name=name)), None)
    if found is None:
        raise PluginError(f"no plug-in {name!r} is built in or installed")
    try:
        loaded = found.load()
    except Exception as error:
        # A border: loading runs the plug-in's own code.
        raise PluginError(f"plug-in {name!r} cannot be loaded: {error}") from error
    return _as_session_plugin(loaded)


def as_plugin(given: PluginSource) -> SessionPlugin | str:
    """What a program extends a session with, as a plug-in; the name of one that is built in stays.  PluginError."""
    if isinstance(given, str):
        return given if given in BUILT_IN else load_plugin(given)
    return _as_session_plugin(given)


def _as_session_plugin(given: Any) -> SessionPlugin:
    if isinstance(given, type) and issubclass(given, SessionPlugin):
        hooks_of(given)
        try:
            given = given()
        except Exception as error:
            # A border: the plug-in's own code.
            raise PluginError(f"plug-in {given.__qualname__} cannot be made: {error}") from error
    if callable(given) and not isinstance(given, SessionPlugin):
        return TorrentPluginMaker(given)
    plugin: SessionPlugin = checked(given, SessionPlugin)
    return plugin


class TorrentPluginMaker(SessionPlugin):
    """The session plug-in that a function is, which is called for each torrent."""

    def __init__(self, function: TorrentPluginFactory) -> None:
        self.name = getattr(function, "__qualname__", "") or name_of(function)
        self._function = function

    def new_torrent(self, handle: TorrentHandle, userdata: Any) -> TorrentPlugin | None:
        """What the function makes."""
        return self._function(handle, userdata)
