"""The plug-ins of one torrent.  Torrents without any share one object that has none and does nothing."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ...protocols.types import Address
from ..errors import PluginError
from ..flags import PeerSource
from ..status import TorrentState
from ..torrent.peer_link import PeerLink
from .base import AddPeerFlags, PeerPlugin, TorrentPlugin
from .faults import FAILED, Faults, name_of
from .hooks import HookTable, checked, table_of
from .peer_handle import PeerConnectionHandle
from .peer_hooks import PeerPlugins, PluginFailed

if TYPE_CHECKING:
    from ..core.core import Core
    from ..handle import TorrentHandle
    from ..torrent.peer_list import PeerList
    from ..torrent.torrent import Torrent

__all__ = ["NO_PLUGINS", "NoPlugins", "TorrentPluginFactory", "TorrentPlugins", "extend_torrent"]

TorrentPluginFactory: TypeAlias = Callable[["TorrentHandle", Any], TorrentPlugin | None]
"""Makes a torrent's plug-in from its handle and the program's `userdata` (hence Any)."""


class NoPlugins:
    """What a torrent without plug-ins tells, to nobody."""

    __slots__ = ()

    extension_names: frozenset[str] = frozenset()
    """Extensions of the peer wire that its plug-ins speak."""

    def attach(self, link: PeerLink) -> None:
        """A connection comes."""

    def piece_judged(self, piece: int, contributors: Sequence[Hashable | None], *, passed: bool) -> None:
        """A piece from peers was hashed."""

    def tick(self) -> None:
        """Time has passed."""

    def keeps_running(self) -> bool:
        """A plug-in does not want it paused."""
        return False

    def keeps_resting(self) -> bool:
        """A plug-in does not want it resumed."""
        return False

    def files_checked(self) -> None:
        """It can start to download."""

    def state_changed(self, state: TorrentState) -> None:
        """Its state is another one."""

    def peers_heard_of(
        self, addresses: Sequence[Address], source: PeerSource, known: PeerList, allowed: Sequence[Address]
    ) -> None:
        """Somebody told of peers, of which those `allowed` are about to be added to those `known`."""


NO_PLUGINS = NoPlugins()


class TorrentPlugins(NoPlugins):
    """One torrent's plug-ins, in the order they came."""

    __slots__ = ("_core", "_faults", "_hooks", "_torrent", "extension_names", "plugins")

    def __init__(self, torrent: Torrent, core: Core, faults: Faults) -> None:
        self._torrent = torrent
        self._core = core
        self._faults = faults
        self._hooks: HookTable = {}
        self.extension_names = frozenset()
        self.plugins: list[TorrentPlugin] = []

    def add(self, plugin: TorrentPlugin) -> None:
        """One more; connections there are get it, too.  PluginError when it is none, or no message number is left."""
        checked(plugin, TorrentPlugin)
        try:
            given: object = plugin.extension_names
            if isinstance(given, str):
                raise TypeError(f"extension_names is a tuple of names, not {given!r}")
            names = frozenset(plugin.extension_names)
            for name in sorted(names):
                self._core.extensions.offer(name)
        except (ValueError, TypeError, AttributeError) as error:
            raise PluginError(f"{name_of(plugin)}: {error}") from error
        new = names - self.extension_names
        self.extension_names |= names
        self.plugins.append(plugin)
        self._hooks = table_of(self.plugins)
        self._torrent.plugins = self
        swarm = self._torrent.swarm
        for link in list(swarm.links) if swarm is not None else []:
            self._attach_late(plugin, link, new=bool(new))

    # -------------------------------------------------------------------------------------------------- connections

    def attach(self, link: PeerLink) -> None:
        """Ask each plug-in for what it wants of a connection.  One that raises ends it, soon."""
        if "new_connection" not in self._hooks:
            return
        handle = PeerConnectionHandle(link, self._core)
        for plugin, _ in self._hooks["new_connection"]:
            self._ask_for(plugin, link, handle)

    def _ask_for(
        self, plugin: TorrentPlugin, link: PeerLink, handle: PeerConnectionHandle
    ) -> PeerPlugin | None:
        made = self._call(plugin, "new_connection", plugin.new_connection, handle)
        if made is None:
            return None
        host = link.plugins or PeerPlugins(link, self._core, self._faults)
        if made is not FAILED:
            try:
                host.add(made)
                link.plugins = host
                return host.plugins[-1]
            except PluginError as error:
                self._faults.report(plugin, "new_connection", error, self._torrent.handle)
        self._core.base.call_soon(link.close, PluginFailed(name_of(plugin), "new_connection"))
        return None

    def _attach_late(self, plugin: TorrentPlugin, link: PeerLink, *, new: bool) -> None:
        """A plug-in came to a connection that is under way: the peer is told of its extensions, and it of the peer's."""
        if link.closed:
            return
        made = self._ask_for(plugin, link, PeerConnectionHandle(link, self._core))
        if link.peer_id is None:
            return
        if new or made is not None:
            # BEP 10: "the handshake message can be sent more than once"; what is in it is added to what was.
            assert self._torrent.swarm is not None
            self._torrent.swarm.send_extension_handshake(link)
            self._core.base.call_soon(lambda: link.flush(self._core.base.time()))
        if made is not None and link.plugins is not None:
            link.plugins.known_extensions(made)

    # ------------------------------------------------------------------------------------------------------- hooks

    def piece_judged(self, piece: int, contributors: Sequence[Hashable | None], *, passed: bool) -> None:
        """Tell the torrent's plug-ins, then those of the peers that sent it."""
        hook = "on_piece_pass" if passed else "on_piece_failed"
        self._tell(hook, piece)
        for link in dict.fromkeys(contributors):
            if isinstance(link, PeerLink) and link.plugins is not None:
                link.plugins.tell(hook, piece)

    def tick(self) -> None:
        """Tell the torrent's plug-ins, then those of its peers."""
        self._tell("tick")
        swarm = self._torrent.swarm
        for link in list(swarm.links) if swarm is not None else []:
            if link.plugins is not None and link.peer_id is not None:
                link.plugins.tell("tick")

    def keeps_running(self) -> bool:
        return self._takes("on_pause")

    def keeps_resting(self) -> bool:
        return self._takes("on_resume")

    def files_checked(self) -> None:
        self._tell("on_files_checked")

    def state_changed(self, state: TorrentState) -> None:
        self._tell("on_state", state)

    def peers_heard_of(
        self, addresses: Sequence[Address], source: PeerSource, known: PeerList, allowed: Sequence[Address]
    ) -> None:
        if "on_add_peer" not in self._hooks:
            return
        passed = set(allowed)
        for address in addresses:
            if address not in passed:
                flags = AddPeerFlags.filtered
            else:
                flags = AddPeerFlags(0) if known.find(address) else AddPeerFlags.first_time
            self._tell("on_add_peer", address, source, flags)

    def _tell(self, hook: str, *args: Any) -> None:
        for plugin, method in self._hooks.get(hook, ()):
            self._call(plugin, hook, method, *args)

    def _takes(self, hook: str) -> bool:
        for plugin, method in self._hooks.get(hook, ()):
            result = self._call(plugin, hook, method)
            if result is not FAILED and result:
                return True
        return False

    def _call(self, plugin: TorrentPlugin, hook: str, method: Callable[..., Any], *args: Any) -> Any:
        return self._faults.call(plugin, hook, *args, method=method, torrent=self._torrent.handle)


def extend_torrent(torrent: Torrent, factory: TorrentPluginFactory, userdata: Any) -> None:
    """`TorrentHandle.add_extension`"""
    plugins = torrent.session_plugins
    made = plugins.faults.call(
        factory, "add_extension", torrent.handle, userdata, method=factory, torrent=torrent.handle
    )
    if made is FAILED:
        raise PluginError(f"{name_of(factory)} raised: see the PluginErrorAlert")
    plugins.extend(torrent, made)
    torrent.wake()
