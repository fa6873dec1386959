"""`Session`: the public face (libtorrent `session` and `session_handle`).

    with Session({"listen_interfaces": "127.0.0.1:6881"}) as session:
        handle = session.add_torrent(load_torrent_file("x.torrent"))

Without `multi` a session has a thread of its own.  With `Session(multi=m)` it lives on the loop that drives `m`: no thread but
the disk pool's is made, and methods called on that loop's thread run at once.  All methods may be called from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from ..protocols.engine.multi import Multi
from ..protocols.portmap import PortmapProtocol
from ..protocols.types import InfoHashes, Sha1Hash
from . import adding, closing
from .alert_fd import AlertFd
from .alert_queue import AlertQueue
from .alerts import USER_ALERT_ID, Alert, SessionStatsAlert, SessionStatsHeaderAlert, StateUpdateAlert
from .core.core import Core
from .core.ip_filter import IpFilter, PortFilter
from .core.peer_class import GLOBAL, LOCAL, TCP
from .core.peer_class_filter import PeerClassTypeFilter
from .core.peer_transports import parse_transports
from .dht_calls import DhtCalls
from .errors import InvalidSessionHandle
from .flags import (
    AlertCategory,
    RemoveFlags,
    ReopenNetworkFlags,
    SaveStateFlags,
    SessionFlags,
    StatusFlags,
)
from .handle import TorrentHandle
from .params import AddTorrentParams, SessionParams
from .plugins.base import SessionPlugin
from .plugins.built_in import add_built_in
from .plugins.discovery import PluginSource, as_plugin
from .runtime import CallersLoop, OwnThread, Runtime, default_workers
from .settings import SettingsPack
from .stats import session_stats_metrics
from .status import PeerClassInfo, TorrentStatus
from .subscription import Subscription
from .torrent.report import status_of
from .torrent.torrent import Torrent

__all__ = ["Session"]

P = ParamSpec("P")
T = TypeVar("T")
_ALL_STATUS = StatusFlags(0xFFFF)


class Session(DhtCalls):
    """One BitTorrent session."""

    reopen_map_ports = ReopenNetworkFlags.reopen_map_ports

    def __init__(
        self,
        params: SessionParams | Mapping[str, Any] | None = None,
        *,
        multi: Multi | None = None,
    ) -> None:
        """`params`: everything to start with, or just settings.

        SettingsError when a setting is not acceptable, PluginError when what is to extend it is no plug-in.
        """
        given = SessionParams.of(params)
        plugins = [as_plugin(each) for each in given.extensions]
        settings = given.settings.copy()
        parse_transports(given.peer_transports)  # before anything is opened
        self.runtime: Runtime = (
            CallersLoop(multi)
            if multi is not None
            else OwnThread(default_workers(settings.get_int("aio_threads")))
        )
        self._alerts = AlertQueue(
            self.runtime.multi.time,
            size_limit=settings.get_int("alert_queue_size"),
            mask=settings.get_int("alert_mask"),
            call_soon=self.runtime.multi.call_soon_threadsafe,
        )
        self._params = given
        self._closed = False
        self._is_header_posted = False
        self._ended = threading.Event()
        try:
            self._core: Core = self.runtime.call(self._start, settings, plugins)
        except BaseException:
            self.runtime.finish(None)
            raise

    def _start(self, settings: SettingsPack, plugins: list[SessionPlugin | str]) -> Core:
        core = Core(self.runtime.multi, settings, self._alerts, parts=self._params, nobody=TorrentHandle())
        core.ip_filter = self._params.ip_filter
        core.is_paused = bool(self._params.flags & SessionFlags.paused)
        self._core = core
        for plugin in plugins:
            self._extend(plugin)
        core.start()
        return core

    def _extend(self, plugin: SessionPlugin | str) -> None:
        if isinstance(plugin, str):
            add_built_in(self._core, plugin)
        else:
            self._core.plugins.add(plugin, self, self._params.ext_state)

    # ------------------------------------------------------------------------------------------------------ ending

    def close(self, timeout: float | None = None, *, on_closed: Callable[[], object] | None = None) -> bool:
        """End the session: trackers are told (`stop_tracker_timeout`), files and sockets closed.  Repeatable.

        On its own thread this waits, at most `timeout` seconds (default: a little more than the trackers get), and says
        whether everything ended in time.  On the caller's loop it returns at once and ends by itself while the loop runs;
        `is_closed` tells.  `on_closed` is called on the loop's thread at the end; of several calls, the first one's.
        """
        return closing.close(self, timeout, on_closed)

    def abort(self) -> closing.SessionProxy:
        """Begin to end; the proxy waits for it when asked (libtorrent `abort`)."""
        return closing.SessionProxy(self)

    @property
    def is_closed(self) -> bool:
        """Nothing of the session is left."""
        return self._core.closed

    def is_valid(self) -> bool:
        """It was not closed."""
        return not self._closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---------------------------------------------------------------------------------------------------- torrents

    def add_torrent(self, params: AddTorrentParams | Mapping[str, Any]) -> TorrentHandle:
        """Add a torrent and give its handle.  TorrentParamsError, DuplicateTorrent."""
        return self._call(adding.add, self, adding.as_params(params))

    def async_add_torrent(self, params: AddTorrentParams | Mapping[str, Any]) -> None:
        """Add a torrent without waiting; ends in `AddTorrentAlert`, with an error when it could not be added."""
        self._post(adding.add_reporting, self, adding.as_params(params))

    def find_torrent(self, info_hash: Sha1Hash | InfoHashes | bytes) -> TorrentHandle:
        """The torrent of that name; an invalid handle when there is none."""
        names = (
            info_hash.wire_names()
            if isinstance(info_hash, InfoHashes)
            else (Sha1Hash(bytes(info_hash)[:20]),)
        )
        return self._call(self._find, names)

    def _find(self, names: tuple[Sha1Hash, ...]) -> TorrentHandle:
        found = next((torrent for name in names if (torrent := self._core.find(name)) is not None), None)
        return found.handle if found is not None else TorrentHandle()

    def get_torrents(self) -> list[TorrentHandle]:
        """Every torrent, in order of adding."""
        return self._call(lambda: [torrent.handle for torrent in self._torrents()])

    def remove_torrent(self, handle: TorrentHandle, flags: RemoveFlags = RemoveFlags(0)) -> None:
        """Remove a torrent, with `delete_files` also its files.  InvalidTorrentHandle."""
        torrent = handle._alive()
        self._post(adding.remove, self, torrent, flags)

    def _torrents(self) -> list[Torrent]:
        return list(dict.fromkeys(self._core.torrents.values()))

    # ------------------------------------------------------------------------------------------------------ status

    def get_torrent_status(
        self,
        predicate: Callable[[TorrentStatus], bool] = lambda status: True,
        flags: StatusFlags = _ALL_STATUS,
    ) -> list[TorrentStatus]:
        """The status of every torrent `predicate` accepts; it runs on the loop's thread."""

        def collect() -> list[TorrentStatus]:
            return [status for torrent in self._torrents() if predicate(status := status_of(torrent, flags))]

        return self._call(collect)

    def refresh_torrent_status(
        self, statuses: list[TorrentStatus], flags: StatusFlags = _ALL_STATUS
    ) -> list[TorrentStatus]:
        """The same torrents as they are now; those removed meanwhile stay as they were."""

        def refresh() -> list[TorrentStatus]:
            return [
                status_of(status.handle._alive(), flags)
                if status.handle is not None and status.handle.is_valid()
                else status
                for status in statuses
            ]

        return self._call(refresh)

    def post_torrent_updates(self, flags: StatusFlags = _ALL_STATUS) -> None:
        """Post a `StateUpdateAlert` with the torrents that changed since the last one."""
        self._post(self._post_updates, flags)

    def _post_updates(self, flags: StatusFlags) -> None:
        dirty, self._core.dirty = self._core.dirty, {}
        changed = []
        for torrent in dirty:
            torrent.status_changed = False
            if torrent.is_subscribed:
                changed.append(status_of(torrent, flags))
        self._alerts.emplace(StateUpdateAlert, changed)

    def post_session_stats(self) -> None:
        """Post a `SessionStatsAlert` with every counter; before the first one a `SessionStatsHeaderAlert` with their names."""
        self._post(self._post_stats)

    def _post_stats(self) -> None:
        if not self._is_header_posted:
            self._is_header_posted = True
            names = tuple(metric.name for metric in session_stats_metrics())
            self._alerts.emplace(SessionStatsHeaderAlert, names)
        self._alerts.emplace(SessionStatsAlert, self._core.statistics())

    def session_stats(self) -> dict[str, int]:
        """Every counter, by its dotted name."""
        return self._call(lambda: self._core.statistics())

    # -------------------------------------------------------------------------------------------- pause and settings

    def pause(self) -> None:
        """Every torrent stops; their own paused flags stay as they are."""
        self._post(adding.pause_all, self)

    def resume(self) -> None:
        """Torrents that are not paused themselves go on."""
        self._post(adding.resume_all, self)

    def is_paused(self) -> bool:
        """`pause` was called."""
        return self._call(lambda: self._core.is_paused)

    def apply_settings(self, settings: Mapping[str, Any]) -> None:
        """Change settings.  SettingsError when one is not acceptable, and then nothing is changed."""
        checked = SettingsPack(settings)
        self._call(self._apply, checked.explicit())

    def _apply(self, delta: Mapping[str, Any]) -> None:
        changed = self._core.settings.apply(delta)
        if changed:
            self._core.apply_settings(changed)

    def get_settings(self) -> SettingsPack:
        """A copy of the settings in force."""
        return self._call(lambda: self._core.settings.copy())

    def session_state(self, flags: SaveStateFlags = SaveStateFlags(0xFFFFFFFF)) -> SessionParams:
        """What `write_session_params` can save and a new session can start with."""
        state = SessionParams()
        if flags & SaveStateFlags.save_settings:
            state.settings = self.get_settings()
            state.unsupported_settings = dict(self._params.unsupported_settings)
        if flags & SaveStateFlags.save_ip_filter:
            state.ip_filter = self.get_ip_filter()
        if flags & SaveStateFlags.save_dht_state:
            state.dht_state = self._call(lambda: self._core.dht.save_state())
        if flags & SaveStateFlags.save_extension_state:
            state.ext_state = dict(self._params.ext_state)  # Also of plug-ins that are not here this time.
            state.ext_state |= self._call(self._core.plugins.save_state)
        return state

    # ------------------------------------------------------------------------------------------------------ alerts

    def pop_alerts(self) -> list[Alert]:
        """Every alert since the last call, oldest first."""
        return self._alerts.pop_all()

    def wait_for_alert(self, timeout_ms: int) -> Alert | None:
        """Wait until there is an alert; the oldest one, not popped.  Not to be called on the loop's thread."""
        return self._alerts.wait(timeout_ms / 1000.0)

    def set_alert_notify(self, function: Callable[[], object] | None) -> None:
        """Called on the loop's thread, soon after the queue is no longer empty; it must not block."""
        self._alerts.set_notify(function)

    def subscribe(
        self,
        categories: AlertCategory | int,
        callback: Callable[[Alert], object],
        *,
        limit: int | None = None,
    ) -> Subscription:
        """Call `callback(alert)` on the loop's thread with each alert of these categories, until `close` of what this gives.

        Independent of `alert_mask` and `pop_alerts`; the callback must not block.  `limit`: see `Subscription`; by default
        `alert_queue_size`.
        """

        def begin() -> Subscription:
            most = self._core.settings.get_int("alert_queue_size") if limit is None else limit
            soon = self.runtime.multi.call_soon_threadsafe
            return Subscription(self._alerts, categories, callback, call_soon=soon, limit=most)

        return self._call(begin)

    def set_alert_fd(self, fd: int) -> None:
        """Write a byte to this descriptor, which must not block, when the queue is no longer empty; -1 ends that.

        Takes the place of `set_alert_notify`.  ValueError for a descriptor that blocks, OSError for none.
        """
        self._alerts.set_notify(AlertFd(fd) if fd >= 0 else None)

    def post_alert(self, alert: Alert) -> None:
        """Queue an alert of a plug-in's or the program's own, whatever the mask says.  ValueError when its class has one of
        libtorrent's numbers: those begin at `USER_ALERT_ID`, see `alert` in `session.alerts`.
        """
        if alert.alert_type < USER_ALERT_ID:
            raise ValueError(
                f"{alert.alert_type} is not for alerts of programs: they begin at {USER_ALERT_ID}"
            )
        self._post(self._alerts.post, alert)

    # --------------------------------------------------------------------------------------------------- plug-ins

    def add_extension(self, extension: PluginSource) -> None:
        """Extend the session: a `SessionPlugin` or a class of these, a function that makes the plug-in of a torrent from its handle
        and `userdata`, or a name, of a plug-in that is built in ("ut_metadata", "ut_pex", "smart_ban") or installed
        (`installed_plugins`).  Torrents that are there already have `TorrentHandle.add_extension`.  PluginError.
        """
        self._call(self._extend, as_plugin(extension))

    # -------------------------------------------------------------------------------------------- ports and filters

    def listen_port(self) -> int:
        """The TCP port that listens; 0 when none does."""
        return self._call(lambda: self._core.local_port)

    def ssl_listen_port(self) -> int:
        """The port of the listen socket for TLS ("…s" in `listen_interfaces`); 0 when there is none."""
        return self._call(lambda: self._core.ssl_listen_port)

    def is_listening(self) -> bool:
        """At least one socket accepts."""
        return self._call(lambda: self._core.is_listening)

    def reopen_network_sockets(
        self, options: ReopenNetworkFlags = ReopenNetworkFlags.reopen_map_ports
    ) -> None:
        """The network changed: listen where it is possible now, and map ports at the gateways there are now."""
        self._post(lambda: self._core.listen(remap=bool(options & ReopenNetworkFlags.reopen_map_ports)))

    def add_port_mapping(self, protocol: PortmapProtocol, external_port: int, local_port: int) -> list[int]:
        """Map a port at every gateway, by each language that is enabled; the numbers of the mappings, for
        `delete_port_mapping` and the alerts.  LocalProtocolError when it is no port.  Listen ports are mapped without this.
        """
        return self._call(self._core.port_mapping.add, protocol, external_port, local_port)

    def delete_port_mapping(self, mapping: int) -> None:
        """Remove a mapping.  Unknown numbers are ignored."""
        self._post(self._core.port_mapping.delete, mapping)

    def set_ip_filter(self, ip_filter: IpFilter) -> None:
        """Who may connect, and be connected to.  Connections it forbids are ended."""
        self._post(lambda: self._core.set_ip_filter(ip_filter))

    def get_ip_filter(self) -> IpFilter:
        """The filter in force."""
        return self._call(lambda: self._core.ip_filter or IpFilter())

    def set_port_filter(self, ports: PortFilter) -> None:
        """Which ports peers may have to be connected to.  Connections we made to others are ended."""
        self._post(lambda: self._core.blocking.set_port_filter(ports))

    def get_port_filter(self) -> PortFilter:
        """The filter in force."""
        return self._call(lambda: self._core.blocking.port_filter or PortFilter())

    # ------------------------------------------------------------------------------------------------ peer classes

    global_peer_class_id = GLOBAL
    tcp_peer_class_id = TCP
    local_peer_class_id = LOCAL

    def create_peer_class(self, name: str) -> int:
        """A new peer class; gives its identifier, a low one while there are few."""
        return self._call(lambda: self._core.classes.pool.create(name))

    def delete_peer_class(self, peer_class: int) -> None:
        """It goes once no peer is in it.  ValueError for one that is built in, unknown or deleted."""
        self._call(lambda: self._core.classes.pool.delete(peer_class))

    def get_peer_class(self, peer_class: int) -> PeerClassInfo:
        """How a class is set.  ValueError when there is none."""
        return self._call(lambda: self._core.classes.pool.get(peer_class).info())

    def set_peer_class(self, peer_class: int, info: PeerClassInfo | Mapping[str, Any]) -> None:
        """Set all of a class, for its peers at once; what a mapping does not name takes its default.  ValueError."""
        self._call(lambda: self._core.classes.set_info(peer_class, info))

    def set_peer_class_filter(self, peers: IpFilter) -> None:
        """The classes of peers that come from now on, by address: flags whose bit i is class i, up to 31."""
        self._call(lambda: setattr(self._core.classes, "filter", peers))

    def get_peer_class_filter(self) -> IpFilter:
        """The filter in force."""
        return self._call(lambda: self._core.classes.filter)

    def set_peer_class_type_filter(self, kinds: PeerClassTypeFilter) -> None:
        """What the kind of connection changes about that, for peers that come from now on."""
        self._call(lambda: setattr(self._core.classes, "type_filter", kinds.copy()))

    def get_peer_class_type_filter(self) -> PeerClassTypeFilter:
        """A copy of the filter in force."""
        return self._call(lambda: self._core.classes.type_filter.copy())

    # ----------------------------------------------------------------------------------------------------- private

    def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._closed:
            raise InvalidSessionHandle
        return self.runtime.call(function, *args, **kwargs)

    def _post(self, function: Callable[..., object], *args: Any) -> None:
        if self._closed:
            raise InvalidSessionHandle
        # Of a plug-in's hook the loop is in the middle: what it commands waits until it is through.
        if self.runtime.is_loop_thread and not self._core.plugins.faults.is_calling:
            function(*args)
        else:
            self.runtime.post(function, *args)

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._core.torrents)} torrents"
        return f"Session({state})"
