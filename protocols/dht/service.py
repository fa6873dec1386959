"""`Dht`: nodes on UDP ports of a `Multi`, one for each address it is bound to (BEP 32, 45), and operations on all of them.

The nodes share a storage, a guard, a quota and counters, as libtorrent's do.  What is asked of it is an `Operation`, a handle
that the engine runs like any other:

    dht = Dht(multi, bind=[("0.0.0.0", 6881)])
    dht.bootstrap([("router.example", 6881)])
    handle = dht.get_peers(info_hash, on_peers=print)

Drive the engine; `multi.info_read()` tells of the handle's end, and `handle.result` has what was found.  Where a port is
shared with others, give no `bind` and call `add_port`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any

from ..bencode import BencodeValue
from ..engine.multi import Multi
from ..engine.ports import Timer
from ..errors import LocalProtocolError, TransportError
from ..http.addresses import numeric_host
from ..types import Address
from .bootstrap import BootstrapOperation
from .ed25519 import public_key_of
from .entropy import PlatformRandom
from .events import Event, ExternalAddressChanged
from .following import DEFAULT_INTERVAL, FollowOperation, OnUpdate
from .guard import Guard
from .items import ImmutableItem, MutableItem
from .krpc import Fields
from .log import DhtLog, DhtModule, where
from .mutable_torrent import MutableTorrentLink
from .node import Node
from .node_id import NodeId
from .operation import Begin, Operation
from .quota import UploadQuota
from .results import (
    Collector,
    ItemCollector,
    NodesCollector,
    OnItem,
    OnPeers,
    PeersCollector,
    PutCollector,
    SingleCollector,
)
from .settings import DhtSettings
from .state import DhtState
from .statistics import DhtCounters
from .storage import DhtStorage, MemoryStorage
from .udp_port import DatagramPort, OnDatagram, OpenPort, UdpPort
from .writes import Update

__all__ = ["Dht"]

OnEvent = Callable[[Node, Event], object]
"""Gets what belongs to no operation: traffic, new external addresses, bootstraps a node began by itself."""


@dataclass(slots=True)
class _Endpoint:
    local: Address
    node: Node
    port: DatagramPort


class Dht:
    """A DHT client and server on a `Multi`.  Everything is called on its thread; callbacks run in its actions."""

    def __init__(
        self,
        multi: Multi,
        *,
        bind: Iterable[Address] = (("0.0.0.0", 0),),
        settings: DhtSettings | None = None,
        state: DhtState | None = None,
        storage: DhtStorage | None = None,
        is_allowed: Callable[[str], bool] | None = None,
        reports: bool = True,
    ) -> None:
        """`bind` are numeric (host, port) of both families; `is_allowed` is the IP filter.  OSError when one is not free.

        Without `reports` operations are inner handles: no messages, `Operation.on_done` tells.
        """
        self.settings = settings or DhtSettings()
        self.state = state or DhtState()
        """What was known before: ids for ports that are added, and nodes for `bootstrap`."""
        self.counters = DhtCounters()
        self.resolves_names = True
        """Names of bootstrap nodes are looked up; False: ports that are added from now on lead to names, and take them."""
        self.on_event: OnEvent | None = None
        self.log = DhtLog()
        """Of all its nodes."""
        self._reports = reports
        self._multi = multi
        self._rng = PlatformRandom(multi.platform.random_bytes)
        self._guard = Guard(self.settings, is_allowed=is_allowed, log=self.log)
        self._quota = UploadQuota(self.settings.upload_rate_limit)
        self.storage = storage or MemoryStorage(self.settings, rng=Random(self._rng.getrandbits(64)))
        self._endpoints: list[_Endpoint] = []
        self._operations: dict[tuple[Node, int], Operation] = {}
        self._timer: Timer | None = None
        self._armed_for = 0.0
        self._is_closed = False
        try:
            for address in bind:
                self.add_udp_port(address)
        except BaseException:
            self.close()
            raise

    # Ports

    def add_udp_port(self, address: Address) -> Address:
        """Bind one more node to a UDP port of its own; gives where it is.  OSError."""
        opened: list[UdpPort] = []

        def open_port(on_datagram: OnDatagram) -> DatagramPort:
            opened.append(UdpPort(self._multi, self._multi.platform, address, on_datagram))
            return opened[0]

        self.add_port(open_port, address)
        local = self._endpoints[-1].local = opened[0].address
        return local

    def add_port(self, open_port: OpenPort, local: Address) -> Node:
        """One more node, on a port somebody opens; `local` is where that is bound, which names the node's saved id."""
        if self._is_closed:
            raise LocalProtocolError("this DHT is closed")
        node = Node(
            self.settings,
            rng=self._rng,
            now=self._multi.time(),
            node_id=self.state.node_id_of(local[0]),
            is_ipv6=":" in local[0],
            takes_names=not self.resolves_names,
            storage=self.storage,
            guard=self._guard,
            quota=self._quota,
            counters=self.counters,
            log=self.log,
        )
        self.log.say(DhtModule.tracker, f"node {node.node_id.hex()} on {where(local)}")
        endpoint = _Endpoint(
            local, node, open_port(lambda data, source, at: self._receive(endpoint, data, source, at))
        )
        self._endpoints.append(endpoint)
        self._nodes_changed()
        self._arm()
        return node

    def remove_port(self, local: Address) -> None:
        """Close the node there; operations go on with the others.  Harmless when there is none."""
        for endpoint in [each for each in self._endpoints if each.local == local]:
            self._endpoints.remove(endpoint)
            self.log.say(DhtModule.tracker, f"no node on {where(local)} any more")
            self._close(endpoint)
        self._nodes_changed()

    # Operations

    def bootstrap(self, nodes: Iterable[Address] = (), *, are_routers: bool = False) -> Operation:
        """Find the network through these (names or numbers) and the nodes of `state`.  Result: how many answered.

        Routers are asked again whenever few nodes are known, and are not remembered as nodes.
        """
        known = [*self.state.nodes, *self.state.nodes6]
        return self._run(BootstrapOperation(self, nodes, known, are_routers=are_routers))

    def add_node(self, address: Address) -> None:
        """Ask whoever is at this numeric address to be known."""
        for endpoint in self._endpoints:
            endpoint.node.add_node(address, now=self._multi.time())
        self._multi.call_soon(self._pump_all)

    def find_node(self, target: NodeId) -> Operation:
        """Result: ((id, address), …), nearest first."""
        return self._operate(lambda node, now: node.find_node(target, now=now), NodesCollector(target))

    def get_peers(
        self, info_hash: bytes, on_peers: OnPeers | None = None, *, noseed: bool = False, scrape: bool = False
    ) -> Operation:
        """Peers of a torrent.  Result: `PeersResult`."""
        target = _target(info_hash)
        return self._operate(
            lambda node, now: node.get_peers(target, now=now, noseed=noseed, scrape=scrape),
            PeersCollector(on_peers),
        )

    def announce(
        self,
        info_hash: bytes,
        port: int = 0,
        on_peers: OnPeers | None = None,
        *,
        is_seed: bool = False,
    ) -> Operation:
        """Peers of a torrent, and tell that we are one, at `port`, or at the port of our datagrams with 0.

        Result: `AnnounceResult`.
        """
        target = _target(info_hash)

        def begin(node: Node, now: float) -> int:
            # Whoever does not know `implied_port` needs a port all the same.
            chosen = port or self._local_port(node)
            return node.announce(target, chosen, now=now, is_seed=is_seed, implied_port=not port)

        return self._operate(begin, PeersCollector(on_peers, is_announce=True))

    def get_immutable(self, target: bytes) -> Operation:
        """The value of this hash.  Result: `ItemResult`."""
        wanted = _target(target)
        return self._operate(lambda node, now: node.get_immutable(wanted, now=now), ItemCollector())

    def get_mutable(self, public_key: bytes, salt: bytes = b"", on_item: OnItem | None = None) -> Operation:
        """What the owner of the key keeps under `salt`.  Result: `ItemResult`, with the newest."""
        return self._operate(
            lambda node, now: node.get_mutable(public_key, salt, now=now), ItemCollector(on_item)
        )

    def put_immutable(self, value: BencodeValue | str) -> Operation:
        """Store a value under its hash.  Result: `PutResult`, whose item has the target.  ItemError when it is too big."""
        item = ImmutableItem.of(value)
        return self._operate(lambda node, now: node.put_immutable(item, now=now), PutCollector())

    def put_mutable(
        self, secret_key: bytes, value: BencodeValue | str, *, salt: bytes = b"", cas: bool = False
    ) -> Operation:
        """Store a value under our key, one sequence number after the newest there is.  Result: `PutResult`.

        With `cas` nodes refuse where somebody else wrote in between.  ItemError when it cannot be put at all.
        """
        MutableItem.signed(value, secret_key, sequence=0, salt=salt)  # refused here rather than later

        def update(current: MutableItem | None) -> MutableItem:
            sequence = 1 if current is None else current.sequence + 1
            return MutableItem.signed(value, secret_key, sequence=sequence, salt=salt)

        return self.update_mutable(public_key_of(secret_key), update, salt=salt, cas=cas)

    def update_mutable(
        self, public_key: bytes, update: Update, *, salt: bytes = b"", cas: bool = False
    ) -> Operation:
        """Store what `update` makes of the newest item there is, once for each node of ours.  Result: `PutResult`."""
        return self._operate(
            lambda node, now: node.put_mutable(public_key, update, now=now, salt=salt, cas=cas),
            PutCollector(),
        )

    def follow(
        self, link: MutableTorrentLink, on_update: OnUpdate, *, interval: float = DEFAULT_INTERVAL
    ) -> Operation:
        """Tell of each torrent a mutable link points to (BEP 46), and keep its item alive, until the handle is removed."""
        return self._run(FollowOperation(self, link, on_update, interval=interval))

    def sample_infohashes(self, address: Address, target: bytes) -> Operation:
        """Ask one node what it stores.  Result: `SampleReceived`."""
        wanted = _target(target)
        return self._operate(
            lambda node, now: node.sample_infohashes(address, wanted, now=now),
            SingleCollector(),
            towards=address,
        )

    def direct_request(self, address: Address, method: bytes, arguments: Fields) -> Operation:
        """Ask one node anything.  Result: `DirectResponse`."""
        return self._operate(
            lambda node, now: node.direct_request(address, method, arguments, now=now),
            SingleCollector(),
            towards=address,
        )

    # The rest

    def apply_settings(self, settings: DhtSettings) -> None:
        """From now on these."""
        self.settings = settings
        for endpoint in self._endpoints:
            endpoint.node.apply_settings(settings)
        self._guard.settings = settings
        self._quota.rate = settings.upload_rate_limit
        if isinstance(self.storage, MemoryStorage):
            self.storage.settings = settings

    def save_state(self) -> DhtState:
        """Ids and known nodes, for another run."""
        state = DhtState()
        for endpoint in self._endpoints:
            state.node_ids.append((endpoint.local[0], endpoint.node.node_id))
            nodes = state.nodes6 if endpoint.node.is_ipv6 else state.nodes
            nodes += [contact.address for contact in endpoint.node.live_nodes()]
        return state

    def close(self) -> None:
        """Close ports and nodes; what still runs fails.  Repeatable."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._endpoints:
            self._close(self._endpoints.pop())

    @property
    def addresses(self) -> list[Address]:
        """Where the nodes are bound."""
        return [endpoint.local for endpoint in self._endpoints]

    def nodes(self, *, is_ipv6: bool | None = None) -> list[Node]:
        """The nodes of a family, or all."""
        nodes = [endpoint.node for endpoint in self._endpoints]
        return [node for node in nodes if is_ipv6 in (None, node.is_ipv6)]

    # Called by operations

    def attach(self, operation: Operation, node: Node, lookup_id: int) -> None:
        """Its events go to the operation."""
        self._operations[node, lookup_id] = operation
        self._multi.call_soon(self._pump_all)

    def detach(self, node: Node, lookup_id: int) -> None:
        """No more of them."""
        self._operations.pop((node, lookup_id), None)

    # Private

    def _operate(self, begin: Begin, collector: Collector, *, towards: Address | None = None) -> Operation:
        is_ipv6 = None if towards is None else ":" in towards[0]
        return self._run(Operation(self, begin, collector, is_ipv6=is_ipv6))

    def _run(self, operation: Operation) -> Operation:
        if self._is_closed:
            raise LocalProtocolError("this DHT is closed")
        operation.reports = self._reports
        self._multi.add_handle(operation)
        return operation

    def _receive(self, endpoint: _Endpoint, data: memoryview, address: Any, now: float) -> None:
        # Any: the shape of a socket address depends on its family.
        source: Address = address if len(address) == 2 else (numeric_host(address), address[1])
        endpoint.node.receive_datagram(data, source, now=now)
        self._pump(endpoint, now)
        self._arm()

    def _on_timer(self) -> None:
        self._timer = None
        now = self._multi.time()
        for endpoint in list(self._endpoints):
            endpoint.node.handle_timeout(now=now)
        self._pump_all()

    def _pump_all(self) -> None:
        now = self._multi.time()
        for endpoint in list(self._endpoints):
            self._pump(endpoint, now)
        self._arm()

    def _pump(self, endpoint: _Endpoint, now: float) -> None:
        """Send, then events, which may lead to more to send."""
        node = endpoint.node
        self._send(endpoint, now)
        while (event := node.next_event()) is not None:
            self._deliver(node, event)
            self._send(endpoint, now)

    def _send(self, endpoint: _Endpoint, now: float) -> None:
        for data, address in endpoint.node.datagrams_to_send(now=now):
            try:
                if not endpoint.port.send(data, address):
                    self.counters.messages_out_dropped += 1
            except TransportError:
                endpoint.node.receive_error(address, now=now)

    def _deliver(self, node: Node, event: Event) -> None:
        lookup_id = getattr(event, "lookup_id", 0)
        operation = self._operations.get((node, lookup_id))
        if operation is not None:
            operation.deliver(node, lookup_id, event)
            return
        if isinstance(event, ExternalAddressChanged):
            self.storage.update_node_ids([each.node_id for each in self.nodes()])
        if self.on_event is not None:
            self.on_event(node, event)

    def _arm(self) -> None:
        """One timer for all; one that comes too early does no harm, so it is only ever moved forward."""
        deadline: float | None = None
        for endpoint in self._endpoints:
            due = endpoint.node.next_timeout()
            if due is not None and (deadline is None or due < deadline):
                deadline = due
        if deadline is None:
            return
        if self._timer is not None:
            if self._armed_for <= deadline:
                return
            self._timer.cancel()
        self._armed_for = deadline
        self._timer = self._multi.call_at(deadline, self._on_timer)

    def _nodes_changed(self) -> None:
        nodes = self.nodes()
        self.storage.update_node_ids([node.node_id for node in nodes])
        for node in nodes:
            node.sibling = next((other for other in nodes if other.is_ipv6 != node.is_ipv6), None)

    def _close(self, endpoint: _Endpoint) -> None:
        endpoint.port.close()
        endpoint.node.close()
        for (node, _), operation in list(self._operations.items()):
            if node is endpoint.node:
                operation.lose(node)

    def _local_port(self, node: Node) -> int:
        return next(endpoint.local[1] for endpoint in self._endpoints if endpoint.node is node)


def _target(digest: bytes) -> NodeId:
    if len(digest) != 20:
        raise LocalProtocolError(f"a target has 20 bytes, not {len(digest)}")
    return NodeId(bytes(digest))
