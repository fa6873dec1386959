"""The plug-ins of a session: what the core asks and tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...protocols.types import InfoHashes
from ..alert_buffer import AlertBuffer
from ..alerts.base import Alert
from ..alerts.plugin import PluginErrorAlert
from ..errors import PluginError, SessionError
from ..params import AddTorrentParams
from .base import NO_UNCHOKE_PRIORITY, SessionPlugin
from .faults import FAILED, Faults, name_of
from .hooks import HookTable, checked, table_of
from .peer_handle import PeerConnectionHandle
from .torrent_hooks import TorrentPlugins

if TYPE_CHECKING:
    from ..core.core import Core
    from ..session import Session
    from ..torrent.peer_link import PeerLink
    from ..torrent.torrent import Torrent

__all__ = ["SessionPlugins"]


class SessionPlugins:
    """One session's plug-ins, in the order they came."""

    __slots__ = ("_add", "_alerts", "_core", "_hooks", "_is_aborted", "_is_due", "faults", "plugins")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._hooks: HookTable = {}
        self._alerts: AlertBuffer | None = None
        self._is_due = False
        self._is_aborted = False
        self._add: Callable[[AddTorrentParams], object] | None = None
        self.faults = Faults(core.alerts)
        self.plugins: list[SessionPlugin] = []

    def add(self, plugin: SessionPlugin, session: Session, state: Mapping[str, bytes]) -> None:
        """One more, with the state that was saved.  PluginError when it is none, or has hooks that are not supported."""
        checked(plugin, SessionPlugin)
        self._add = session.add_torrent
        table = table_of([plugin])
        for hook, argument in (("load_state", state), ("added", session)):
            for _, method in table.get(hook, ()):
                if self.faults.call(plugin, hook, argument, method=method) is FAILED and hook == "added":
                    return
        self.plugins.append(plugin)
        self._hooks = table_of(self.plugins)
        if "on_alert" in table and self._alerts is None:
            self._alerts = AlertBuffer(self._core.settings.get_int("alert_queue_size"))
            self._core.alerts.add_observer(self._note_alert)

    # ----------------------------------------------------------------------------------------------------- torrents

    def extend(self, torrent: Torrent, plugin: Any, *, source: object = None, hook: str = "") -> None:
        """Give a torrent one more plug-in (Any: whatever the program gave; None is none).

        With `source`, the one that made it by `hook`: one that is no plug-in is reported.  Without: PluginError.
        """
        if plugin is None or plugin is FAILED:
            return
        host = torrent.plugins
        if not isinstance(host, TorrentPlugins):
            host = TorrentPlugins(torrent, self._core, self.faults)
        try:
            host.add(plugin)
        except PluginError as error:
            if source is None:
                raise
            self.faults.report(source, hook, error, torrent.handle)

    def new_torrent(self, torrent: Torrent) -> None:
        """A torrent was added: it gets the plug-ins it was added with, then what the session's make for it."""
        params = torrent.params
        for factory in params.extensions:
            self._make(torrent, factory, "extensions", factory, params.userdata)
        for plugin, method in self._hooks.get("new_torrent", ()):
            self._make(torrent, plugin, "new_torrent", method, params.userdata)

    def _make(
        self, torrent: Torrent, source: object, hook: str, method: Callable[..., Any], userdata: Any
    ) -> None:
        made = self.faults.call(source, hook, torrent.handle, userdata, method=method, torrent=torrent.handle)
        self.extend(torrent, made, source=source, hook=hook)

    def unknown_torrent(self, info_hashes: InfoHashes, link: PeerLink) -> None:
        """A peer asks for a torrent that is not here; a plug-in may add it."""
        for plugin, method in self._hooks.get("on_unknown_torrent", ()):
            params, peer = AddTorrentParams(info_hashes=info_hashes), PeerConnectionHandle(link, self._core)
            result = self.faults.call(plugin, "on_unknown_torrent", info_hashes, peer, params, method=method)
            if result is FAILED or not result or self._add is None:
                continue
            try:
                self._add(params)
            except SessionError as error:
                self.faults.report(plugin, "on_unknown_torrent", error)
            else:
                return

    # -------------------------------------------------------------------------------------------------------- hooks

    def tick(self) -> None:
        """Time has passed."""
        for plugin, method in self._hooks.get("on_tick", ()):
            self.faults.call(plugin, "on_tick", method=method)

    def abort(self) -> None:
        """The session is closing.  Told once."""
        if self._is_aborted:
            return
        self._is_aborted = True
        for plugin, method in self._hooks.get("abort", ()):
            self.faults.call(plugin, "abort", method=method)

    @property
    def ranks_peers(self) -> bool:
        """Some plug-in has an opinion of whom to unchoke for a try."""
        return "get_unchoke_priority" in self._hooks

    def unchoke_priority(self, link: PeerLink) -> int:
        """The lowest any plug-in gives the peer."""
        lowest = NO_UNCHOKE_PRIORITY
        peer = PeerConnectionHandle(link, self._core)
        for plugin, method in self._hooks.get("get_unchoke_priority", ()):
            given = self.faults.call(plugin, "get_unchoke_priority", peer, method=method)
            if isinstance(given, int):
                lowest = min(lowest, given)
            elif given is not FAILED:
                self._misfit(plugin, "get_unchoke_priority", given)
        return lowest

    def save_state(self) -> dict[str, bytes]:
        """What the plug-ins want to find again."""
        saved: dict[str, bytes] = {}
        for plugin, method in self._hooks.get("save_state", ()):
            given = self.faults.call(plugin, "save_state", method=method)
            if given is FAILED:
                continue
            if isinstance(given, Mapping) and all(
                isinstance(key, str) and isinstance(value, bytes) for key, value in given.items()
            ):
                saved.update(given)
            else:
                self._misfit(plugin, "save_state", given)
        return saved

    def _misfit(self, plugin: SessionPlugin, hook: str, given: object) -> None:
        self.faults.report(plugin, hook, TypeError(f"the hook gave a {type(given).__qualname__}"))

    def _note_alert(self, alert: Alert) -> None:
        """It was posted, in the middle of something: handed on when that is through.  What an `on_alert` raised is not: it would
        raise for ever.
        """
        buffer = self._alerts
        if buffer is None or (isinstance(alert, PluginErrorAlert) and alert.hook == "on_alert"):
            return
        buffer.push(alert)
        if not self._is_due:
            self._is_due = True
            self._core.base.call_soon_threadsafe(self._hand_on_alerts)

    def _hand_on_alerts(self) -> None:
        self._is_due = False
        for alert in self._alerts.pop_all() if self._alerts is not None else []:
            for plugin, method in self._hooks.get("on_alert", ()):
                self.faults.call(plugin, "on_alert", alert, method=method)

    def names(self) -> list[str]:
        """What the plug-ins are called."""
        return [name_of(plugin) for plugin in self.plugins]
