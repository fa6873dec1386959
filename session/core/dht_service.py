"""The session's DHT: one node on each UDP socket of ours, kept as the settings say, and what is asked of it.

The nodes, their lookups and what they store for others are `protocols/dht`; which torrents are announced when is
`dht_announcing`; this connects them with sockets, settings, torrents and alerts.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...listener.group import OpenEndpoint
from ...protocols.dht import (
    Announced,
    Bootstrapped,
    Dht,
    DhtSettings,
    DhtState,
    DhtStorage,
    Event,
    ExternalAddressChanged,
    Node,
    NodeId,
    Operation,
    PeerAnnounced,
    PeersAsked,
)
from ...protocols.errors import EvtorrentError
from ...protocols.types import Address, Sha1Hash
from ..alerts import DhtAnnounceAlert, DhtBootstrapAlert, DhtErrorAlert, DhtGetPeersAlert
from ..errors import ErrorCode
from ..operations import operation_of
from ..settings import SettingsPack
from .dht_announcing import DhtAnnouncer

if TYPE_CHECKING:
    from .core import Core

__all__ = ["DhtService", "dht_settings", "parse_nodes"]

StorageMaker = Callable[[DhtSettings], DhtStorage]


class DhtService:
    """Runs while `enable_dht` is on."""

    def __init__(self, core: Core, state: DhtState) -> None:
        self._core = core
        self.state = state
        """Ids and nodes of an earlier run, until there are newer ones."""
        self.make_storage: StorageMaker | None = None
        """`set_dht_storage`; takes effect when the DHT is started next."""
        self.dht: Dht | None = None
        self.announcer = DhtAnnouncer(core, self)
        self._ports: dict[OpenEndpoint, Address] = {}

    # ---------------------------------------------------------------------------------------------------- running

    def sync(self, endpoints: list[OpenEndpoint]) -> None:
        """The endpoints that listen are these now; start or stop as the settings say."""
        wanted = [each for each in endpoints if each.datagrams is not None and not each.endpoint.is_ssl]
        if not self._core.settings.get_bool("enable_dht"):
            wanted = []
        for gone in [each for each in self._ports if each not in wanted]:
            assert self.dht is not None
            self.dht.remove_port(self._ports.pop(gone))
        if not wanted:
            self._stop()
            return
        is_new = self.dht is None
        if self.dht is None:
            self.dht = self._make()
        for opened in wanted:
            if opened not in self._ports:
                self._open(opened)
        if is_new:
            self._bootstrap()

    def settings_changed(self, changed: set[str]) -> None:
        """Take them over."""
        if self.dht is None:
            return
        if any(name.startswith("dht_") for name in changed):
            self.dht.apply_settings(dht_settings(self._core.settings))
        if "dht_bootstrap_nodes" in changed:
            self._bootstrap()
        self._report_traffic()

    def close(self) -> None:
        """Nothing is asked or answered any more."""
        self._ports.clear()
        self._stop()

    def save_state(self) -> DhtState:
        """Ids and known nodes, for another run."""
        return self.state if self.dht is None else self.dht.save_state()

    @property
    def is_running(self) -> bool:
        """There is a node of ours."""
        return self.dht is not None

    def tick(self, now: float) -> None:
        """Once a second or so."""
        if self.dht is not None:
            self.announcer.tick(now)

    # ------------------------------------------------------------------------------------------------- being told

    def add_node(self, address: Address) -> None:
        """Somebody knows a node: a peer of its own (BEP 5's port message), a torrent file, the program."""
        if self.dht is None:
            return
        host, port = address
        if _is_numeric(host):
            self.dht.add_node((host, port))
        else:
            self._watch(self.dht.bootstrap([(host, port)]))

    def external_address(self, host: str) -> None:
        """How the world sees us, as others than nodes say: ids have to fit it (BEP 42)."""
        if self.dht is None or not _is_numeric(host):
            return
        now = self._core.base.time()
        for node in self.dht.nodes(is_ipv6=":" in host):
            node.set_external_address(host, now=now)

    @property
    def port(self) -> int:
        """Where peers find our node; 0 when there is none."""
        return next((local[1] for local in self._ports.values()), 0)

    # --------------------------------------------------------------------------------------------------- private

    def _make(self) -> Dht:
        core, settings = self._core, dht_settings(self._core.settings)
        dht = Dht(
            core.base,
            bind=(),
            settings=settings,
            state=self.state,
            storage=self.make_storage(settings) if self.make_storage is not None else None,
            is_allowed=self._is_allowed,
            reports=False,
        )
        dht.on_event = self._on_event
        return dht

    def _open(self, opened: OpenEndpoint) -> None:
        dht, mux = self.dht, opened.datagrams
        assert dht is not None and mux is not None
        local = (str(mux.address[0]), int(mux.address[1]))
        self._ports[opened] = local
        dht.add_port(lambda on_datagram: mux.route_first_bytes(b"d", on_datagram), local)
        self._report_traffic()

    def _stop(self) -> None:
        dht, self.dht = self.dht, None
        if dht is not None:
            self.state = dht.save_state()
            self._ports.clear()
            self.announcer.stopped()
            dht.close()

    def _bootstrap(self) -> None:
        dht = self.dht
        assert dht is not None
        # Whoever listens on this machine alone asks nobody outside of it.
        is_local = all(_is_loopback(local[0]) for local in self._ports.values())
        routers = [] if is_local else parse_nodes(self._core.settings.get_str("dht_bootstrap_nodes"))
        self._watch(dht.bootstrap(routers, are_routers=True), self._bootstrapped)

    def _bootstrapped(self, operation: Operation) -> None:
        if operation.error is None:
            self._core.alerts.emplace(DhtBootstrapAlert)

    def _watch(self, operation: Operation, on_done: Callable[[Operation], object] | None = None) -> None:
        def done(ended: Operation) -> None:
            error = ended.error
            if isinstance(error, EvtorrentError | OSError) and not self._core.closing:
                self._core.alerts.emplace(DhtErrorAlert, ErrorCode.from_exception(error), operation_of(error))
            if on_done is not None:
                on_done(ended)

        operation.on_done = done

    def _is_allowed(self, host: str) -> bool:
        core = self._core
        return not (core.settings.get_bool("apply_filter_to_dht") and core.is_blocked(host))

    def _report_traffic(self) -> None:
        if self.dht is not None:
            wanted = self._core.alerts.should_post(DhtAnnounceAlert)
            for node in self.dht.nodes():
                node.reports_traffic = wanted

    def _on_event(self, node: Node, event: Event) -> None:
        alerts = self._core.alerts
        if isinstance(event, PeerAnnounced):
            alerts.emplace(DhtAnnounceAlert, event.peer[0], event.peer[1], Sha1Hash(event.info_hash))
        elif isinstance(event, PeersAsked):
            alerts.emplace(DhtGetPeersAlert, Sha1Hash(event.info_hash))
        elif isinstance(event, ExternalAddressChanged):
            self._core.external_address(event.host)
        elif isinstance(event, Bootstrapped | Announced):
            pass  # began by itself: nobody waits for it


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


def node_id(value: Any) -> NodeId:
    """20 bytes as a target (Any: bytes of any kind).  ValueError otherwise."""
    return NodeId(bytes(value))
