"""The session's heart: torrents, listeners, the clock tick, and the services torrents share.

The core owns and routes, on the loop thread only.  It knows nothing of threads (that is `runtime`) and shows nothing outside
(that is `Session` and `TorrentHandle`).
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...listener.gate import Gate
from ...listener.group import GroupSettings, ListenerGroup, ListenSuccess, OpenEndpoint
from ...protocols.dht import DhtState
from ...protocols.engine.multi import Multi
from ...protocols.metainfo import TorrentInfo
from ...protocols.peer.client_id import make_peer_id
from ...protocols.peer.connection import ReceiveBuffer
from ...protocols.peer.extensions.registry import ExtensionRegistry
from ...protocols.sam import is_i2p_host
from ...protocols.tracker.client import TrackerClient, TrackerClientSettings
from ...protocols.tracker.tiers import TrackerListSettings
from ...protocols.types import BLOCK_SIZE, Address, PeerId, Sha1Hash
from ..alert_queue import AlertQueue
from ..alerts import ExternalIpAlert, ListenFailedAlert, ListenSucceededAlert, TorrentAlert
from ..close_reason import CloseReason
from ..disk.buffers import BufferPool
from ..disk.io import DiskIo
from ..disk.params import DiskSettings
from ..disk.posix import PosixBackend
from ..errors import ErrorCode, Operation
from ..flags import SocketType
from ..params import SessionParams
from ..plugins.built_in import add_standard
from ..plugins.guarded import picker_policy_for
from ..plugins.session_hooks import SessionPlugins
from ..settings import SettingsPack
from ..stats import Counters
from ..torrent.link_end import LinkEnded
from ..torrent.peer_link import PeerLink
from ..torrent.peer_list import PeerList
from ..torrent.piece_picker import PiecePicker
from ..torrent.rates import TransferMeters
from ..torrent.uploader import SlabPool
from .address_watch import AddressWatch
from .announcing import Announcing
from .auto_scrape import AutoScrape
from .back_pressure import BackPressure
from .blocking import Blocking
from .checks import CheckQueue
from .choking import Choking
from .classing import Classing
from .connecting import Connector
from .counting import count_end, session_counters
from .datagrams import Datagrams
from .dht_service import DhtService
from .encryption import Encryption
from .extensions import ExtensionHost
from .external_ip import ExternalAddresses, IpSource
from .i2p_bridge import I2pBridge
from .i2p_mixing import I2pMixing, is_i2p_torrent
from .identity import Identity
from .incoming import Lobby
from .ip_filter import IpFilter
from .local_discovery import LocalDiscoveryService
from .look_queue import LookQueue
from .map_places import ListenPort
from .mixed_mode import MixedMode
from .outgoing_sockets import OutgoingSockets
from .peer_transports import PeerTransports
from .port_mapping import PortMapping
from .presence import SessionPresence
from .proxying import PROXY_SETTINGS, Proxying
from .quotas import Quotas
from .relaying import Relaying
from .routes import Routes
from .socket_options import SocketOptions
from .ssl_peers import SslPeers
from .torrent_queue import TorrentQueue
from .tuning import Tuning
from .turnover import Turnover

if TYPE_CHECKING:
    from ..disk.backend import Backend
    from ..disk.descriptors import FilePool
    from ..disk.params import StorageParams
    from ..handle import TorrentHandle
    from ..torrent.download import Download
    from ..torrent.torrent import Torrent

__all__ = ["Core"]

_SOCKET_TYPES = {"tcp": SocketType.tcp, "ssl": SocketType.tcp_ssl, "udp": SocketType.utp}
_MAX_IDLE_BUFFERS = 24 * 1024 * 1024


class Core:
    """One session on one loop."""

    def __init__(
        self,
        multi: Multi,
        settings: SettingsPack,
        alerts: AlertQueue,
        *,
        parts: SessionParams | None = None,
        nobody: TorrentHandle | None = None,
    ) -> None:
        """`parts` names back ends, policies, built-in plug-ins and what the DHT knew before.  `nobody` is an invalid handle, for alerts.

        PluginError when a plug-in that is to be built in is not.
        """
        parts = parts if parts is not None else SessionParams()
        self.nobody = nobody
        self.base = multi
        self.platform = multi.platform
        self.settings = settings
        self.alerts = alerts
        self.tuning = Tuning(settings)
        self.connection_speed = settings.get_int("connection_speed")
        self.rng = random.Random(self.platform.random_bytes(16))
        self.peer_id = make_peer_id(settings.get_str("peer_fingerprint"), self.platform.random_bytes(20))
        self.torrents: dict[Sha1Hash, Torrent] = {}
        """By every name a peer may use."""
        self.active: dict[Torrent, None] = {}
        """Those that are online."""
        self.lively: dict[Torrent, None] = {}
        """Of these, those with peers or something else that passes with time: the others are not ticked."""
        self.meters = TransferMeters()
        self.counters = Counters()
        self.is_paused = False
        self.external = ExternalAddresses()
        """Our addresses as others see them."""
        self.on_external_address: list[Callable[[str], object]] = []
        """Called with an address of ours when it is another one than before."""
        self.closing = False
        self._num_leaving = 0
        """Torrents whose trackers are being told that they stopped."""
        self._on_all_left: Callable[[], object] | None = None
        self._is_ending = False
        self.closed = False
        """Nothing of the session is left."""
        self.on_closed: Callable[[], object] | None = None
        self.receive_buffer = ReceiveBuffer()
        self.receive_buffer.set_most(settings.get_int("max_peer_recv_buffer_size"))
        self.slabs = SlabPool()
        self.buffers = BufferPool(_MAX_IDLE_BUFFERS)
        self.disk = self._new_disk(parts.disk_backend or PosixBackend)
        self.back_pressure = BackPressure(self)
        self.disk.on_low_watermark = self.back_pressure.let_go
        self.looks = LookQueue(self)
        self.checks = CheckQueue(settings.get_int("active_checking"))
        self.queue = TorrentQueue(self)
        self.registry = ExtensionRegistry()
        self.extensions = ExtensionHost(self)
        self.plugins = SessionPlugins(self)
        add_standard(self, parts.default_plugins)
        self.tracker_lists = tracker_list_settings(settings)
        """How torrents ask their trackers; one object for all of them."""
        self.tracker_client = self._new_tracker_client()
        self.announcing = Announcing(self)
        self._add_services(parts)
        self.ip_filter: IpFilter | None = None
        self.dirty: dict[Torrent, None] = {}
        """Torrents whose status changed since it was last posted."""
        self._listeners: ListenerGroup | None = None
        self._presence = SessionPresence(self.close)
        self._tick_timer: Any = None
        self._last_tick = self.base.time()

    def _add_services(self, parts: SessionParams) -> None:
        """Whom the parts of the session ask; some look at others when they are made."""
        self.identity = Identity(self.settings)
        self.blocking = Blocking(self)
        self.gate = Gate(connections_limit=None, is_blocked=self.blocking.refuses_stranger)
        self.encryption = Encryption(self)
        self.socket_options = SocketOptions(self)
        self.outgoing = OutgoingSockets(self)
        self.relaying = Relaying(self)
        self.proxying = Proxying(self)
        self.i2p = I2pBridge(self)
        self.mixing = I2pMixing(self)
        self.routes = Routes(self)
        self.lobby = Lobby(self)
        self.connector = Connector(self)
        self.turnover = Turnover(self)
        self.auto_scrape = AutoScrape(self)
        self.datagrams = Datagrams(self)
        self.dht = DhtService(self, parts.dht_state or DhtState())
        self.on_external_address.append(self.dht.external_address)
        self.ssl_peers = SslPeers(self)
        self.transports = PeerTransports(self, parts.peer_transports, parts.transport_options)
        self.choking = Choking(self, parts.choker_policy)
        self._picker_policy = parts.picker_policy
        self.classes = Classing(self)
        self.mixed_mode = MixedMode(self)
        self.quotas = Quotas(self)
        self.port_mapping = PortMapping(self)
        self.local_discovery = LocalDiscoveryService(self)
        self.address_watch = AddressWatch(self)

    def _new_disk(self, backend: Callable[[StorageParams, FilePool], Backend]) -> DiskIo:
        return DiskIo(self.base, self.platform.submit, settings=disk_settings(self.settings), backend=backend)

    def _new_tracker_client(self) -> TrackerClient:
        return TrackerClient(
            self.base,
            user_agent=self.settings.get_str("user_agent"),
            settings=tracker_settings(self.settings),
            is_allowed=self._may_ask_tracker,
            open_relay=lambda on_datagram, on_lost: self.relaying.open_for_trackers(on_datagram, on_lost),
        )

    # ------------------------------------------------------------------------------------------ starting, stopping

    def start(self) -> None:
        """Listen and begin to tick."""
        self.base.add_handle(self._presence)
        self.listen()
        self.i2p.open()
        self._last_tick = self.base.time()
        self._tick_timer = self.base.call_later(self._tick_interval, self._tick)

    def listen(self, *, remap: bool = False) -> None:
        """Open the sockets the settings ask for; those that stay are left alone.  Ports are mapped, anew with `remap`."""
        settings = self.settings
        if self._listeners is None:
            self._listeners = ListenerGroup(
                self.base,
                self._on_accept,
                settings=GroupSettings(
                    max_retry_port_bind=settings.get_int("max_retry_port_bind"),
                    listen_system_port_fallback=settings.get_bool("listen_system_port_fallback"),
                    listen_queue_size=max(settings.get_int("listen_queue_size"), 1),
                    with_datagrams=True,
                ),
                gate=self.gate,
                on_closing=self.datagrams.closing,
            )
        # A socket that listens would say to everybody who asks what the proxy is to hide.
        text = settings.get_str("listen_interfaces") if self.proxying.for_peers is None else ""
        for outcome in self._listeners.apply(text):
            if isinstance(outcome, ListenSuccess):
                kind = _SOCKET_TYPES[outcome.kind]
                if kind is SocketType.utp and outcome.opened.endpoint.is_ssl:
                    kind = SocketType.utp_ssl
                self.alerts.emplace(ListenSucceededAlert, *outcome.address, kind)
            else:
                self.alerts.emplace(
                    ListenFailedAlert,
                    outcome.interface,
                    outcome.address[0],
                    outcome.address[1],
                    Operation[outcome.operation],
                    ErrorCode.from_exception(outcome.error),
                    _SOCKET_TYPES[outcome.kind],
                )
        self.socket_options.mark_listening(self._listeners.endpoints)
        self.datagrams.opened(self._listeners.endpoints)
        self.dht.sync(self._listeners.endpoints)
        self.transports.sync(self._listeners.endpoints)
        self.port_mapping.refresh(remap=remap)
        self.announcing.sync(self._listeners.endpoints)
        self.local_discovery.update()
        self.address_watch.update()

    def apply_settings(self, changed: set[str]) -> None:
        """Settings were changed; take them over."""
        self.tuning.update(self.settings)
        self.connection_speed = self.settings.get_int("connection_speed")
        if changed & PROXY_SETTINGS:
            self.proxying.settings_changed()
            self.listen()
        if changed & {"listen_interfaces", "max_retry_port_bind", "listen_queue_size"}:
            self.listen()
        if "enable_ip_notifier" in changed:
            self.address_watch.update()
        if changed & {"enable_lsd", "local_service_announce_interval"}:
            self.local_discovery.update()
        if changed & {"alert_mask"}:
            self.alerts.set_mask(self.settings.get_int("alert_mask"))
        if changed & {"alert_queue_size"}:
            self.alerts.set_size_limit(self.settings.get_int("alert_queue_size"))
        if changed & {"max_queued_disk_bytes", "file_pool_size", "hashing_threads"}:
            self.disk.apply(disk_settings(self.settings))
        if changed & {"upload_rate_limit", "download_rate_limit"}:
            self.classes.settings_changed()
            self.quotas.settings_changed()
        self.choking.settings_changed()
        self.receive_buffer.set_most(self.settings.get_int("max_peer_recv_buffer_size"))
        if changed & {"auto_scrape_interval", "auto_scrape_min_interval"}:
            self.auto_scrape.settings_changed()
        if "allow_i2p_mixed" in changed:
            self.mixing.settings_changed()
        self.i2p.settings_changed(changed)
        self.port_mapping.settings_changed(changed)
        self.queue.settings_changed()
        self.checks.set_limit(self.settings.get_int("active_checking"))
        self.datagrams.settings_changed()
        if "peer_dscp" in changed and self._listeners is not None:
            self.socket_options.mark_listening(self._listeners.endpoints)
        if "enable_dht" in changed and self._listeners is not None:
            self.dht.sync(self._listeners.endpoints)
        self.dht.settings_changed(changed)
        self.tracker_client.settings = tracker_settings(self.settings)
        self.tracker_lists = tracker_list_settings(self.settings)
        self.tracker_client.user_agent = self.settings.get_str("user_agent")
        for torrent in self.active:
            if torrent.tracking is not None:
                torrent.tracking.settings_changed()
        if changed & {"allow_multiple_connections_per_ip", "max_failcount", "min_reconnect_time"}:
            for torrent in dict.fromkeys(self.torrents.values()):
                if torrent.peers is not None:
                    self._configure(torrent.peers)

    def close(self) -> None:
        """Stop listening and ticking, end every connection; once the disk has done what it was given, `closed` is true and
        `on_closed` called.  Torrents' trackers are told by their own stop.
        """
        if self._is_ending:
            return
        self._is_ending = self.closing = True
        self.plugins.abort()
        if self._tick_timer is not None:
            self._tick_timer.cancel()
        self.looks.close()
        self.address_watch.close()
        self.lobby.close()
        self.i2p.close()
        self.dht.close()
        self.datagrams.close()
        self.transports.close()
        if self._listeners is not None:
            self._listeners.close()
        self.port_mapping.abort()
        self.local_discovery.close()
        self.queue.close()
        self.quotas.close()
        for torrent in dict.fromkeys(self.torrents.values()):
            if torrent.tracking is not None:  # Nobody can be told any more.
                torrent.tracking.abort()
            torrent.close()
        self.tracker_client.close()
        self.relaying.close()
        self.torrents.clear()
        self.disk.close()
        self.disk.on_idle = self._end
        if not self.disk.num_jobs:
            self._end()

    def _end(self) -> None:
        if not self.closed:
            self.closed = True
            self.buffers.clear()
            self._presence.finish()
            if self.on_closed is not None:
                self.on_closed()

    # --------------------------------------------------------------------------------------------------- torrents

    def find(self, name: Sha1Hash) -> Torrent | None:
        """The torrent a peer or caller means by `name`."""
        return self.torrents.get(name)

    def add(self, torrent: Torrent) -> None:
        """A new torrent; it starts unless it or the session is paused."""
        for name in torrent.info_hashes.wire_names():
            self.torrents[name] = torrent
            self.encryption.torrent_added(name)
        if torrent.info is not None:
            self.counters.values["ses.num_total_pieces_added"] += torrent.info.num_pieces

    def remove(self, torrent: Torrent) -> None:
        """A torrent leaves."""
        for name in torrent.info_hashes.wire_names():
            if self.torrents.get(name) is torrent:
                del self.torrents[name]
                self.encryption.torrent_removed(name)
        torrent.close()
        self.queue.removed(torrent)
        self.dirty.pop(torrent, None)  # Last: ending its links touched it.

    def torrent_started(self, torrent: Torrent) -> None:
        """It is online."""
        self.active[torrent] = self.lively[torrent] = None
        self.i2p.torrent_started(torrent)
        self.queue.watch(torrent)
        self.local_discovery.torrent_changed(torrent)

    def torrent_stopped(self, torrent: Torrent) -> None:
        """It is offline."""
        self.active.pop(torrent, None)
        self.lively.pop(torrent, None)
        self.queue.unwatch(torrent)
        if torrent.clocks is not None:
            torrent.clocks.end(self.base.time())
        self.local_discovery.torrent_changed(torrent)
        self.dht.announcer.forget(torrent)
        self.quotas.torrent_stopped(torrent)
        torrent.meters.drain(self.meters)

    def wake(self, torrent: Torrent) -> None:
        """Something may happen there again, if it is online."""
        if torrent in self.active and torrent not in self.lively:
            self.lively[torrent] = None
            self.queue.watch(torrent)

    def download_ended(self, download: Download) -> None:
        """A torrent is gone, or is checked again: its bad and needless bytes count on."""
        self.counters.values["net.recv_failed_bytes"] += download.num_failed_bytes
        self.counters.values["net.recv_redundant_bytes"] += download.num_waste_bytes

    def status_dirty(self, torrent: Torrent) -> None:
        """Its status is worth posting."""
        self.dirty[torrent] = None

    def new_peer_list(self, torrent: Torrent) -> PeerList:
        """An empty peer list with the session's limits."""
        settings = self.settings
        peers = PeerList(rng=self.rng, max_size=settings.get_int("max_peerlist_size"))
        self._configure(peers)
        peers.set_reaches_i2p(self.i2p.is_open)
        for host in self.external.known:
            peers.set_own_address((host, self.listen_port_of(torrent)))
        return peers

    def _configure(self, peers: PeerList) -> None:
        settings = self.settings
        peers.max_failcount = settings.get_int("max_failcount")
        peers.min_reconnect_time = settings.get_int("min_reconnect_time")
        peers.allow_multiple_connections_per_ip = settings.get_bool("allow_multiple_connections_per_ip")

    def new_picker(self, info: TorrentInfo) -> PiecePicker:
        """A picker for a torrent nothing of which is here."""
        per_piece = (info.piece_length + BLOCK_SIZE - 1) // BLOCK_SIZE
        last = (info.piece_size(info.num_pieces - 1) + BLOCK_SIZE - 1) // BLOCK_SIZE
        picker = PiecePicker(
            info.num_pieces,
            per_piece,
            last,
            rng=self.rng,
            initial_picker_threshold=self.settings.get_int("initial_picker_threshold"),
            strict_end_game_mode=self.settings.get_bool("strict_end_game_mode"),
        )
        picker.short_pieces = {piece: -(-size // BLOCK_SIZE) for piece, size in info.short_pieces.items()}
        if self._picker_policy is not None:
            picker.policy = picker_policy_for(self._picker_policy, info, self.plugins.faults)
        return picker

    # ------------------------------------------------------------------------------------------------ connections

    def _on_accept(self, opened: OpenEndpoint, sock: Any, address: Any) -> None:
        self.counters.values["net.on_accept_counter"] += 1
        # Without incoming TCP the port stays open and refuses, as in libtorrent: uTP may still come in beside it.
        if self.closing or self.is_paused or not self.tuning.enable_incoming_tcp:
            sock.close()
            self.gate.release(str(address[0]))
            return
        if self.tuning.outgoing_interfaces and self.outgoing.refuses_stranger(sock.getsockname()[0], address):
            sock.close()
            self.gate.release(str(address[0]))
            return
        self.lobby.admit(sock, address, is_ssl=opened.endpoint.is_ssl)

    def link_opened(self, link: PeerLink) -> None:
        """A torrent has one more connection."""
        self.connector.num_links += 1
        if link.torrent is not None:
            self.wake(link.torrent)

    def link_closed(self, link: PeerLink) -> None:
        """A torrent has one connection less."""
        self.connector.num_links -= 1
        if not link.outgoing:
            self.gate.release(link.address[0])
        self.choking.link_closed(link)
        self.quotas.forget(link)
        if link.closing_error is not None:
            count_end(self.counters.values, link, link.closing_error)

    def set_ip_filter(self, ip_filter: IpFilter) -> None:
        """Who may connect from now on; connections it forbids end, and peers it forbids are forgotten."""
        self.ip_filter = ip_filter
        for torrent in dict.fromkeys(self.torrents.values()):
            for link in list(torrent.swarm.links) if torrent.swarm is not None else []:
                if torrent.is_blocked(link.address[0]):
                    link.close(LinkEnded(CloseReason.blocked))
            if torrent.peers is not None:  # Their links ended first: who is connected would stay banned.
                torrent.peers.apply_filter(torrent.is_blocked)

    def is_blocked(self, host: str) -> bool:
        """The IP filter forbids it.  Of a name, which only a proxy looks up, it knows nothing."""
        ip_filter = self.ip_filter
        return ip_filter is not None and _packed_address(host) is not None and ip_filter.is_blocked(host)

    def _may_ask_tracker(self, host: str) -> bool:
        return not (self.settings.get_bool("apply_ip_filter_to_trackers") and self.is_blocked(host))

    def gateway_said(self, host: str) -> None:
        """A gateway that maps our ports told its outer address: one voice, whatever the number of mappings."""
        self.external_address(host, IpSource.ROUTER, host)

    def external_address(self, host: str, source: IpSource, voter: str) -> None:
        """`voter` says the world sees us at `host` (BEP 24); when that settles our address, it is posted and used."""
        own = self.external.cast_vote(host, source, voter, self.base.time())
        if not own:
            return
        self.alerts.emplace(ExternalIpAlert, own)
        for torrent in dict.fromkeys(self.torrents.values()):
            if torrent.peers is not None:
                torrent.peers.set_own_address((own, self.listen_port_of(torrent)))
        for callback in self.on_external_address:
            callback(own)

    def peer_id_of(self, torrent: Torrent) -> PeerId:
        """What we call ourselves to its peers and trackers."""
        return self.i2p.peer_id if is_i2p_torrent(torrent) else self.peer_id

    def is_own_address(self, address: Address) -> bool:
        """It leads to this session, as far as we know."""
        return address[1] == self.listen_port and address[0] in self.external.known

    def post_stranger(self, kind: type[TorrentAlert], *args: Any) -> None:
        """Post an alert about a peer of no torrent that is known."""
        if self.nobody is not None and self.alerts.should_post(kind):
            self.alerts.emplace(kind, self.nobody, *args)

    def dht_node_heard(self, address: Address) -> None:
        """A peer has a DHT node."""
        self.dht.add_node(address)

    def extension_fields(self, link: PeerLink) -> dict[str, Any]:
        """What every extension handshake of ours says (BEP 10)."""
        fields: dict[str, Any] = {"reqq": self.tuning.max_allowed_in_request_queue}
        if version := self.identity.version:
            fields["v"] = version
        if (port := self.listen_port_of(link.torrent)) and not is_i2p_host(link.address[0]):
            fields["p"] = port
        packed = _packed_address(link.address[0])
        if packed is not None:
            fields["yourip"] = packed
        return fields

    @property
    def local_port(self) -> int:
        """The port that listens; 0 when none does."""
        return self._listeners.port if self._listeners is not None else 0

    @property
    def listen_port(self) -> int:
        """The port to tell others, as the gateway maps it; 0 when nothing listens."""
        return self.port_mapping.external_port(self.local_port)

    def listen_port_of(self, torrent: Torrent | None) -> int:
        """The port to tell others for this torrent: of an SSL torrent, where TLS is spoken."""
        if torrent is None or torrent.tls is None:
            return self.listen_port
        return self.port_mapping.external_port(self.ssl_listen_port)

    def listen_ports(self) -> list[ListenPort]:
        """What listens and may be told beyond the local network."""
        endpoints = self._listeners.endpoints if self._listeners is not None else []
        return [
            ListenPort(opened.host, opened.port, opened.datagrams is not None)
            for opened in endpoints
            if not opened.endpoint.is_local
        ]

    @property
    def listen_addresses(self) -> list[Address]:
        """Where peers can connect to, without those that speak TLS."""
        opened = self._listeners.endpoints if self._listeners is not None else []
        return [(each.host, each.port) for each in opened if not each.endpoint.is_ssl]

    @property
    def ssl_listen_port(self) -> int:
        """The port of the listen socket for TLS; 0 when there is none."""
        opened = self._listeners.endpoints if self._listeners is not None else []
        return next((each.port for each in opened if each.endpoint.is_ssl), 0)

    @property
    def is_listening(self) -> bool:
        """At least one endpoint is open, whatever it lets in (`enable_incoming_tcp`, `enable_incoming_utp`)."""
        return self._listeners is not None and self._listeners.is_listening

    def wall_time(self) -> int:
        """POSIX time, seconds."""
        return int(self.platform.wall_time())

    # --------------------------------------------------------------------------------------------------- the tick

    def statistics(self) -> dict[str, int]:
        """Every counter, by its dotted name."""
        return session_counters(self)

    @property
    def _tick_interval(self) -> float:
        return self.settings.get_int("tick_interval") / 1000.0

    def _tick(self) -> None:
        now = self.base.time()
        self.counters.values["net.on_tick_counter"] += 1
        elapsed, self._last_tick = now - self._last_tick, now
        self._tick_timer = self.base.call_later(self._tick_interval, self._tick)
        for torrent in list(self.lively):
            if not torrent.tick(now, elapsed):
                self.lively.pop(torrent, None)
        self.meters.tick(elapsed)
        self.mixed_mode.tick()
        self.quotas.overhead.tick(elapsed)
        self.lobby.tick(now)
        self.turnover.tick(now)
        self.auto_scrape.tick(now)
        self.connector.tick(now, elapsed)
        self.choking.tick(now)
        self.dht.tick(now)
        self.queue.tick(now)
        self.plugins.tick()

    def begin_closing(self, on_ready: Callable[[], object]) -> None:
        """Stop every torrent; `on_ready` is called when all trackers that had to be told were, also those of torrents paused
        or removed before, and the mappings of our ports are gone.
        """
        self.closing = True
        self.plugins.abort()
        self.port_mapping.close(self.leave_begun(None))
        for torrent in dict.fromkeys(self.torrents.values()):
            torrent.stop()
        self._on_all_left = on_ready
        self._check_left()

    def leave_begun(self, on_told: Callable[[], object] | None) -> Callable[[], object]:
        """A torrent begins to tell its trackers that it stops.  Gives what to call, once, when they know."""
        self._num_leaving += 1

        def told() -> None:
            self._num_leaving -= 1
            if on_told is not None:
                on_told()
            self._check_left()

        return told

    def _check_left(self) -> None:
        if not self._num_leaving and self._on_all_left is not None:
            on_ready, self._on_all_left = self._on_all_left, None
            on_ready()


def disk_settings(settings: SettingsPack) -> DiskSettings:
    """The disk's part of the settings."""
    return DiskSettings(
        max_queued_disk_bytes=settings.get_int("max_queued_disk_bytes"),
        file_pool_size=settings.get_int("file_pool_size"),
        hashing_threads=max(1, settings.get_int("hashing_threads")),
    )


def tracker_settings(settings: SettingsPack) -> TrackerClientSettings:
    """The trackers' part of the settings."""
    return TrackerClientSettings(
        tracker_completion_timeout=float(settings.get_int("tracker_completion_timeout")),
        tracker_receive_timeout=float(settings.get_int("tracker_receive_timeout")),
        stop_tracker_timeout=float(settings.get_int("stop_tracker_timeout")),
        tracker_maximum_response_length=settings.get_int("tracker_maximum_response_length"),
        max_concurrent_http_announces=settings.get_int("max_concurrent_http_announces"),
        udp_tracker_token_expiry=float(settings.get_int("udp_tracker_token_expiry")),
        ssrf_mitigation=settings.get_bool("ssrf_mitigation"),
        allow_idna=settings.get_bool("allow_idna"),
        validate_https_trackers=settings.get_bool("validate_https_trackers"),
    )


def tracker_list_settings(settings: SettingsPack) -> TrackerListSettings:
    """The tracker lists' part of the settings."""
    return TrackerListSettings(
        announce_to_all_trackers=settings.get_bool("announce_to_all_trackers"),
        announce_to_all_tiers=settings.get_bool("announce_to_all_tiers"),
        prefer_udp_trackers=settings.get_bool("prefer_udp_trackers"),
        tracker_backoff=settings.get_int("tracker_backoff"),
        min_announce_interval=settings.get_int("min_announce_interval"),
    )


def _packed_address(host: str) -> bytes | None:
    try:
        return ipaddress.ip_address(host).packed
    except ValueError:
        return None
