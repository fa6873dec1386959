"""The session's DHT: one node on each UDP socket of ours, kept as the settings say, and what is asked of it.

With a proxy, for whatever it is, there is one node instead, behind the proxy (`relaying.py`), of IPv4 as libtorrent's; it asks by
name whom it does not know by number.  A proxy that has no datagrams means no DHT.

The nodes, their lookups and what they store for others are `protocols/dht`; which torrents are announced when is
`dht_announcing`; this connects them with sockets, settings, torrents and alerts.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ...listener.group import OpenEndpoint
from ...protocols.dht import (
    Dht,
    DhtCounters,
    DhtModule,
    DhtSettings,
    DhtState,
    DhtStorage,
    Event,
    ExternalAddressChanged,
    GetPeersSent,
    Node,
    Operation,
    PeerAnnounced,
    PeersAsked,
)
from ...protocols.dht.bootstrap import BootstrapOperation
from ...protocols.dht.udp_port import DatagramPort, OnDatagram
from ...protocols.errors import EvtorrentError
from ...protocols.transport.shared_relay import RelayRoute, SharedRelay, SourceKind
from ...protocols.types import Address, Buffer, Sha1Hash
from ..alerts import (
    DhtAnnounceAlert,
    DhtBootstrapAlert,
    DhtErrorAlert,
    DhtGetPeersAlert,
    DhtLogAlert,
    DhtOutgoingGetPeersAlert,
    DhtPktAlert,
    DhtPktDirection,
)
from ..errors import ErrorCode
from ..errors import Operation as ErrorOperation
from ..flags import PeerSource
from ..operations import operation_of
from ..settings import SettingsPack
from ..torrent.discovery import may_discover
from .dht_announcing import DhtAnnouncer
from .external_ip import IpSource

if TYPE_CHECKING:
    from ..torrent.torrent import Torrent
    from .core import Core

__all__ = ["DhtService", "dht_settings", "parse_nodes"]

_OF_OUR_OWN = frozenset({"blocked", "malformed", "unmatched", "wrong_id", "bad_value"})
"""Counters libtorrent has no name for."""

StorageMaker = Callable[[DhtSettings], DhtStorage]

_Place = OpenEndpoint | SharedRelay
"""Where a node of ours is."""
_BEHIND_PROXY: Address = ("0.0.0.0", 0)
"""What stands for the address of a node that has none of its own."""


class DhtService:
    """Runs while `enable_dht` is on and a UDP socket is open, or a proxy has datagrams."""

    def __init__(self, core: Core, state: DhtState) -> None:
        self._core = core
        self._state = state
        """Ids and nodes of an earlier run, until there are newer ones."""
        self._is_state_given = True
        """The program gave that state and it was not used yet."""
        self.make_storage: StorageMaker | None = None
        """`set_dht_storage`; takes effect when the DHT is started next."""
        self.dht: Dht | None = None
        self.announcer = DhtAnnouncer(core)
        self._ports: dict[_Place, Address] = {}
        self._counted: Counter[str] = Counter()
        """What earlier runs of the DHT counted."""

    # ---------------------------------------------------------------------------------------------------- running

    def sync(self, endpoints: list[OpenEndpoint]) -> None:
        """The endpoints that listen are these now, or there is another proxy; start or stop as the settings say."""
        wanted = self._places(endpoints)
        if not wanted or not self._core.settings.get_bool("enable_dht"):
            self._stop()
            return
        if self.dht is None:
            self.dht = self._make()
            self._is_state_given = False
        elif not self._ports.keys() <= set(wanted):
            # Who is known survives the socket over which we learned of them.
            self.dht.state = self._saved(self.dht)
        for gone in [each for each in self._ports if each not in wanted]:
            self.dht.remove_port(self._ports.pop(gone))
        proxy = self._core.proxying.for_dht
        self.dht.resolves_names = proxy is None or not proxy.resolves_names
        new = [each for each in wanted if each not in self._ports]
        for place in new:
            self._open(self.dht, place)
        if new:
            self._bootstrap(self.dht)

    def settings_changed(self, changed: set[str]) -> None:
        """Take them over."""
        if self.dht is None:
            return
        if any(name.startswith("dht_") for name in changed):
            self.dht.apply_settings(dht_settings(self._core.settings))
        if "dht_bootstrap_nodes" in changed:
            self._bootstrap(self.dht)
        if "dht_announce_interval" in changed:
            self.announcer.interval_changed()
        self._listen(self.dht)

    def close(self) -> None:
        """Nothing is asked or answered any more."""
        self._stop()

    def set_state(self, state: DhtState) -> None:
        """`set_dht_state`: what the DHT knows when it is started next."""
        self._state, self._is_state_given = state, True

    def save_state(self) -> DhtState:
        """Ids and known nodes, for another run."""
        return self._state if self.dht is None else self._saved(self.dht)

    @property
    def is_running(self) -> bool:
        """There is a node of ours."""
        return self.dht is not None

    def tick(self, now: float) -> None:
        """Once a second or so."""
        if self.dht is not None:
            self._listen(self.dht)  # Alert streams come and go with masks of their own.
            self.announcer.tick(self.dht, now)

    def statistics(self) -> dict[str, int]:
        """Counters and gauges by libtorrent's names."""
        dht, counted = self.dht, self._counted.copy()
        if dht is not None:
            counted.update(dht.counters.as_dict())
        values = {
            f"dht.dht_{name}": counted[name] for name in DhtCounters().as_dict() if name not in _OF_OUR_OWN
        }
        if dht is not None:
            stored, nodes = dht.storage.statistics(), dht.nodes()
            buckets = [bucket for node in nodes for bucket in node.bucket_status()]
            values |= {
                "dht.dht_nodes": sum(bucket.num_nodes for bucket in buckets),
                "dht.dht_node_cache": sum(bucket.num_replacements for bucket in buckets),
                "dht.dht_torrents": stored.torrents,
                "dht.dht_peers": stored.peers,
                "dht.dht_immutable_data": stored.immutable_data,
                "dht.dht_mutable_data": stored.mutable_data,
                "dht.dht_allocated_observers": sum(node.num_questions for node in nodes),
            }
        return values

    # ------------------------------------------------------------------------------------------------- being told

    def add_node(self, address: Address) -> None:
        """Somebody knows a node: a peer of its own (BEP 5's port message), or the program.  Its host may be a name."""
        if self.dht is None:
            return
        if _is_numeric(address[0]):
            self.dht.add_node(address)
        else:
            self._watch(self.dht.bootstrap([address]))

    def add_nodes_of(self, torrent: Torrent) -> None:
        """Nodes a torrent file or magnet link names (BEP 5), unless it is private (BEP 27).

        Whoever listens on this machine alone asks nobody for names: what is outside cannot be reached.
        """
        if self.dht is None or not may_discover(torrent, PeerSource.dht):
            return
        for address in torrent.params.dht_nodes:
            if _is_numeric(address[0]) or not self._is_local:
                self.add_node(address)

    def external_address(self, host: str) -> None:
        """How the world sees us, as others than nodes say: ids have to fit it (BEP 42)."""
        if self.dht is None or not _is_numeric(host):
            return
        now = self._core.base.time()
        for node in self.dht.nodes(is_ipv6=":" in host):
            node.set_external_address(host, now=now)

    def port_for(self, host: str) -> int:
        """Where a peer at `host` finds our node of its address family; 0 when there is none."""
        is_ipv6 = ":" in host
        return next((local[1] for local in self._ports.values() if (":" in local[0]) == is_ipv6), 0)

    # --------------------------------------------------------------------------------------------------- private

    def _make(self) -> Dht:
        core, settings = self._core, dht_settings(self._core.settings)
        dht = Dht(
            core.base,
            bind=(),
            settings=settings,
            state=self._state,
            storage=self.make_storage(settings) if self.make_storage is not None else None,
            is_allowed=self._is_allowed,
            reports=False,
        )
        dht.on_event = self._on_event
        self._listen(dht)
        return dht

    def _places(self, endpoints: list[OpenEndpoint]) -> list[_Place]:
        core = self._core
        if core.proxying.for_dht is not None:
            return [core.relaying.relay] if core.relaying.relay is not None else []
        return [each for each in endpoints if each.datagrams is not None and not each.endpoint.is_ssl]

    def _open(self, dht: Dht, place: _Place) -> None:
        if isinstance(place, SharedRelay):
            relay, self._ports[place] = place, _BEHIND_PROXY
            dht.state = replace(dht.state, node_ids=[])
            dht.add_port(lambda on_datagram: _RelayedPort(relay, on_datagram), _BEHIND_PROXY)
        else:
            mux = place.datagrams
            assert mux is not None
            local = self._ports[place] = (str(mux.address[0]), int(mux.address[1]))
            dht.add_port(lambda on_datagram: mux.route_first_bytes(b"d", on_datagram), local)
        self._listen(dht)

    def _saved(self, dht: Dht) -> DhtState:
        """Ids are not carried to or from behind a proxy: they would tell who is there."""
        state = dht.save_state()
        if any(isinstance(place, SharedRelay) for place in self._ports):
            state.node_ids.clear()
        return state

    def _stop(self) -> None:
        dht, self.dht = self.dht, None
        if dht is None:
            return
        if not self._is_state_given:
            self._state = self._saved(dht)
        self._counted.update(dht.counters.as_dict())
        self._ports.clear()
        self.announcer.stopped()
        dht.close()

    @property
    def _is_local(self) -> bool:
        """No socket of ours reaches another machine."""
        return all(_is_loopback(local[0]) for local in self._ports.values())

    def _bootstrap(self, dht: Dht) -> None:
        routers = [] if self._is_local else parse_nodes(self._core.settings.get_str("dht_bootstrap_nodes"))
        self._watch(dht.bootstrap(routers, are_routers=True), self._bootstrapped)
        for torrent in self._core.active:
            self.add_nodes_of(torrent)

    def _bootstrapped(self, operation: Operation) -> None:
        if operation.error is None:
            self._core.alerts.emplace(DhtBootstrapAlert)

    def _watch(self, operation: Operation, on_done: Callable[[Operation], object] | None = None) -> None:
        def done(ended: Operation) -> None:
            errors: list[tuple[BaseException | None, ErrorOperation]] = []
            if isinstance(ended, BootstrapOperation):
                errors += [(error, ErrorOperation.hostname_lookup) for error in ended.name_errors]
            if ended.error is not None:
                errors.append((ended.error, operation_of(ended.error)))
            for error, during in errors:
                if isinstance(error, EvtorrentError | OSError) and not self._core.closing:
                    self._core.alerts.emplace(DhtErrorAlert, ErrorCode.from_exception(error), during)
            if on_done is not None:
                on_done(ended)

        operation.on_done = done

    def _is_allowed(self, host: str) -> bool:
        core = self._core
        return not (core.settings.get_bool("apply_filter_to_dht") and core.is_blocked(host))

    def _listen(self, dht: Dht) -> None:
        """To what alerts are wanted of; the rest is not even built."""
        alerts = self._core.alerts
        dht.log.on_line = self._on_line if alerts.should_post(DhtLogAlert) else None
        dht.log.on_packet = self._on_packet if alerts.should_post(DhtPktAlert) else None
        wanted = alerts.should_post(DhtAnnounceAlert)
        for node in dht.nodes():
            node.reports_traffic = wanted

    def _on_line(self, module: DhtModule, text: str) -> None:
        self._core.alerts.emplace(DhtLogAlert, module, text)

    def _on_packet(self, data: bytes, address: Address, is_ours: bool) -> None:
        direction = DhtPktDirection.outgoing if is_ours else DhtPktDirection.incoming
        self._core.alerts.emplace(DhtPktAlert, data, direction, address)

    def _on_event(self, node: Node, event: Event) -> None:
        alerts = self._core.alerts
        if isinstance(event, PeerAnnounced):
            alerts.emplace(DhtAnnounceAlert, event.peer[0], event.peer[1], Sha1Hash(event.info_hash))
        elif isinstance(event, PeersAsked):
            alerts.emplace(DhtGetPeersAlert, Sha1Hash(event.info_hash))
        elif isinstance(event, GetPeersSent):
            info_hash, told = Sha1Hash(event.info_hash), Sha1Hash(event.told)
            alerts.emplace(DhtOutgoingGetPeersAlert, info_hash, told, event.address)
        elif isinstance(event, ExternalAddressChanged):
            # One voice: the node's own vote, of all that answered it.
            self._core.external_address(event.host, IpSource.DHT, event.host)
        # Bootstraps a node began by itself are nobody's news.


class _RelayedPort(DatagramPort):
    """A node's way through the proxy.  While that refuses, datagrams are lost: what is at fault is none of the nodes."""

    def __init__(self, relay: SharedRelay, on_datagram: OnDatagram) -> None:
        self._relay = relay
        self._route: RelayRoute = relay.open_route(b"d", [SourceKind.IPV4], on_datagram)

    def send(self, data: Buffer, address: Address, /) -> bool:
        """As `DatagramPort.send`."""
        return not self._relay.is_refusing and self._route.send(data, address)

    def close(self) -> None:
        """As `DatagramPort.close`."""
        self._route.close()


def dht_settings(settings: SettingsPack) -> DhtSettings:
    """The DHT's part of the settings."""
    return DhtSettings.from_mapping(settings)


def parse_nodes(text: str) -> list[Address]:
    """ "router.example:6881, [::1]:25401" as addresses; what is no host and port is left out."""
    nodes: list[Address] = []
    for part in text.split(","):
        host, _, port = part.strip().rpartition(":")
        host = host.strip("[]")
        if host and port.isascii() and port.isdigit() and 0 < int(port) < 65536:
            nodes.append((host, int(port)))
    return nodes


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return _is_numeric(host) and ipaddress.ip_address(host).is_loopback
