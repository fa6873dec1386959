"""Local discovery (BEP 14) of a session: a multicast socket on every interface we listen on, and what is heard there.

What is said when is each interface's `LocalDiscovery`; here are sockets, timers and torrents.  An interface that fails is
given up until the listen sockets are opened anew, with one alert.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...listener.interfaces import Interface, list_interfaces
from ...protocols.engine.ports import READ, DatagramSocket
from ...protocols.lsd import GROUP_V4, GROUP_V6, LSD_PORT, MAX_RECEIVED_SIZE, LocalDiscovery
from ...protocols.types import Address, Sha1Hash
from ..alerts import LsdErrorAlert, LsdPeerAlert
from ..errors import ErrorCode
from ..flags import PeerSource
from ..torrent.discovery import may_discover
from .lsd_interfaces import LsdInterface, lsd_interfaces

if TYPE_CHECKING:
    from ..torrent.standing import TorrentStanding
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["LocalDiscoveryService"]

_RECEIVE_LIMIT = 32
"""Datagrams taken in one readiness event."""


class LocalDiscoveryService:
    """All interfaces, and the torrents that are announced there."""

    __slots__ = ("_channels", "_cookie", "_core", "_list_interfaces", "_torrents")

    def __init__(self, core: Core, interfaces: Callable[[], list[Interface]] = list_interfaces) -> None:
        self._core = core
        self._list_interfaces = interfaces
        self._cookie = core.platform.random_bytes(4).hex().encode("ascii")
        self._channels: dict[LsdInterface, _Channel] = {}
        self._torrents: dict[Sha1Hash, None] = {}

    # ---------------------------------------------------------------------------------------------------- commands

    def update(self) -> None:
        """Listen sockets or settings changed: run where we listen now; interfaces that stay are left alone."""
        core = self._core
        wanted: list[LsdInterface] = []
        if core.settings.get_bool("enable_lsd") and not core.closing and core.listen_addresses:
            wanted = lsd_interfaces(core.listen_addresses, self._list_interfaces())
        for interface in [each for each in self._channels if each not in wanted]:
            self._channels.pop(interface).close()
        for interface in wanted:
            channel = self._channels.get(interface)
            if channel is None:
                channel = self._open(interface)
            if channel is not None:
                channel.node.interval = float(core.settings.get_int("local_service_announce_interval"))

    def torrent_changed(self, torrent: Torrent) -> None:
        """It went on or off line, or may or may not be announced any more: its flags or the queue (`active_lsd_limit`) say so."""
        wanted = torrent in self._core.active and torrent.scope.lsd and may_discover(torrent, PeerSource.lsd)
        now = self._core.base.time()
        for name in torrent.info_hashes.wire_names():
            if wanted == (name in self._torrents):
                continue
            if wanted:
                self._torrents[name] = None
            else:
                del self._torrents[name]
            for channel in self._channels.values():
                if wanted:
                    channel.node.add(name, now)
                else:
                    channel.node.remove(name)
                channel.rearm()

    def announce_now(self, torrent: Torrent) -> None:
        """Announce a torrent before its time; nothing if it is not announced at all."""
        now = self._core.base.time()
        for channel in self._channels.values():
            for name in torrent.info_hashes.wire_names():
                channel.node.hurry(name, now)
            channel.rearm()

    def close(self) -> None:
        """Leave all groups.  Repeatable."""
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()

    # ----------------------------------------------------------------------------------------------------- queries

    @property
    def interfaces(self) -> list[LsdInterface]:
        """Where it runs."""
        return [interface for interface, channel in self._channels.items() if not channel.is_closed]

    def is_announced(self, torrent: TorrentStanding) -> bool:
        """It is announced on some interface."""
        return bool(self.interfaces) and any(
            name in self._torrents for name in torrent.info_hashes.wire_names()
        )

    # ----------------------------------------------------------------------------------------------------- private

    def _open(self, interface: LsdInterface) -> _Channel | None:
        node = LocalDiscovery(is_ipv6=interface.is_ipv6, cookie=self._cookie)
        node.port = interface.port
        try:
            channel = _Channel(self._core, interface, node, self._heard)
        except OSError as error:
            self._core.alerts.emplace(LsdErrorAlert, ErrorCode.from_exception(error), interface.address)
            return None
        self._channels[interface] = channel
        now = self._core.base.time()
        for name in self._torrents:
            node.add(name, now)
        channel.rearm()
        return channel

    def _heard(self, address: Address, info_hash: Sha1Hash) -> None:
        self._core.counters.values["net.on_lsd_peer_counter"] += 1
        torrent = self._core.find(info_hash)
        if torrent is None or torrent.swarm is None or not may_discover(torrent, PeerSource.lsd):
            return
        torrent.peers_found([address], PeerSource.lsd)
        torrent.post(LsdPeerAlert, address, None)


class _Channel:
    """One interface: its socket, machine and timer."""

    __slots__ = ("_buffer", "_core", "_heard", "_interface", "_sock", "_timer", "_watch", "is_closed", "node")

    def __init__(
        self,
        core: Core,
        interface: LsdInterface,
        node: LocalDiscovery,
        heard: Callable[[Address, Sha1Hash], None],
    ) -> None:
        """OSError when the group cannot be joined."""
        self._core = core
        self._interface = interface
        self._heard = heard
        self._timer: Any = None
        self._buffer = bytearray(MAX_RECEIVED_SIZE + 1)
        self.node = node
        self.is_closed = False
        self._sock: DatagramSocket = core.platform.datagram_socket(
            socket.AF_INET6 if interface.is_ipv6 else socket.AF_INET,
            bind=("::" if interface.is_ipv6 else "", LSD_PORT),
            group=(self._group, interface.name),
        )
        self._watch = core.base.watch(self._sock.fileno(), READ, self._on_readable)

    @property
    def _group(self) -> str:
        return GROUP_V6 if self._interface.is_ipv6 else GROUP_V4

    def rearm(self) -> None:
        """Something is due at another time than before."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.node.next_timeout()
        if due is not None and not self.is_closed:
            self._timer = self._core.base.call_at(due, self._on_timer)

    def close(self) -> None:
        """Leave the group.  Repeatable."""
        if not self.is_closed:
            self.is_closed = True
            self.rearm()
            self._watch.close()
            self._sock.close()

    def _on_timer(self) -> None:
        self._timer = None
        self._core.counters.values["net.on_lsd_counter"] += 1
        for data in self.node.datagrams_to_send(self._core.base.time()):
            try:
                self._sock.sendto(data, (self._group, LSD_PORT))
            except BlockingIOError:
                continue  # Nothing is lost that is not said again.
            except OSError as error:
                self._fail(error)
                return
        self.rearm()

    def _on_readable(self, events: int) -> None:
        now = self._core.base.time()
        for _ in range(_RECEIVE_LIMIT):
            if self.is_closed:
                return
            try:
                count, source = self._sock.recvfrom_into(self._buffer)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._fail(error)
                return
            if not self._interface.can_hear(str(source[0])):
                self.node.num_dropped += 1
                continue
            with memoryview(self._buffer)[:count] as data:
                found = self.node.receive_datagram(data, (str(source[0]), int(source[1])), now)
            for address, info_hash in found:
                self._heard(address, info_hash)

    def _fail(self, error: OSError) -> None:
        self.close()
        self._core.alerts.emplace(LsdErrorAlert, ErrorCode.from_exception(error), self._interface.address)
