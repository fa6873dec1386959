"""`Node`: one DHT node at one address, sans-I/O (BEP 5, 32, 33, 42, 43, 44, 51).

It wires and routes; the ideas are next door.  Whoever drives it hands in datagrams and time, takes datagrams and events, and
comes back at `next_timeout()`.  Several nodes may share a storage, a guard, a quota and counters (BEP 45), and one of each
family may know the other as `sibling` (BEP 32).

Every answer goes through the routing table first, then to whoever asked.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from random import Random
from typing import Final, TypeAlias

from ..errors import LocalProtocolError
from ..types import Address, Buffer
from .compact import is_usable, pack_address
from .contact import Contact
from .errors import KrpcCode, KrpcError
from .events import Event, ExternalAddressChanged, FinalEvent, GetPeersSent, PeerAnnounced, PeersAsked
from .external_address import AddressVotes
from .guard import Guard
from .hosts import pack_host
from .items import ImmutableItem
from .krpc import Failure, Fields, Query, Response, encode_failure, parse_message
from .log import DhtLog, DhtModule, where
from .lookups import BootstrapLookup, FindNodeLookup, GetItemLookup, GetPeersLookup
from .neighbours import NeighbourSearch
from .node_id import NodeId, generate_node_id, random_node_id, verify_node_id
from .quota import UploadQuota
from .responder import Handler, Responder
from .routing_table import BucketStatus, RoutingTable
from .rpc import Rpc
from .settings import DhtSettings
from .single import DirectRequest, Refresh, SampleRequest, SingleRequest
from .statistics import DhtCounters
from .storage import DhtStorage, MemoryStorage
from .timetable import Task, Timetable
from .tokens import Tokens
from .traversal import LookupStatus, Parts, Traversal
from .writes import AnnounceLookup, Announcement, PutImmutable, PutMutable, Update

__all__ = ["MAX_EVENTS", "MAX_LOOKUPS", "Node"]

MAX_LOOKUPS: Final = 1000
"""Lookups at a time; one more is refused."""

MAX_EVENTS: Final = 10_000
"""Events that wait to be taken; beyond it traffic is no longer reported.  Lookups, which we begin, report always."""

EAGER_INTERVAL: Final = 0.1
"""Seconds between two nodes asked while few are known, so that a small network finds itself quickly."""

NEIGHBOUR_INTERVAL: Final = 1.0
"""Seconds within which somebody new and near is tried; one at a time, so that no crowd of forged ones makes us loud."""

_log = logging.getLogger(__name__)

_TRAFFIC = (PeersAsked, PeerAnnounced, GetPeersSent)
"""What others, or many questions, could make any number of."""

_Lookup: TypeAlias = Traversal | SingleRequest


class Node:
    """One node.  `rng` has to be unpredictable: secrets and transactions come from it."""

    def __init__(
        self,
        settings: DhtSettings | None = None,
        *,
        rng: Random,
        now: float,
        node_id: NodeId | None = None,
        is_ipv6: bool = False,
        takes_names: bool = False,
        storage: DhtStorage | None = None,
        guard: Guard | None = None,
        quota: UploadQuota | None = None,
        counters: DhtCounters | None = None,
        log: DhtLog | None = None,
    ) -> None:
        """With `takes_names` datagrams may be addressed to names, as a proxy does it: bootstrap nodes need not be numeric then."""
        settings = settings or DhtSettings()
        self._takes_names = takes_names
        self._log = log = log or DhtLog()
        self.counters = counters if counters is not None else DhtCounters()
        self.quota = quota or UploadQuota(settings.upload_rate_limit)
        self.sibling: Node | None = None
        """Our node of the other address family."""
        self._output: list[tuple[bytes, Address]] = []
        self._events: deque[Event] = deque()
        self._lookups: dict[int, _Lookup] = {}
        self._last_lookup_id = 0
        self._votes = AddressVotes(is_ipv6=is_ipv6)
        self._timetable = Timetable(rng, now=now)
        self._neighbours = NeighbourSearch()
        self._is_closed = False
        self.parts = Parts(
            settings,
            RoutingTable(node_id if node_id is not None else random_node_id(rng), settings, log),
            Rpc(settings, self._send, rng=rng, counters=self.counters, log=log),
            guard or Guard(settings, log=log),
            rng,
            self.counters,
            is_ipv6,
            self._emit,
            self._conclude,
            lambda: self.sibling,
            log,
        )
        """For the files next door."""
        self._owns_storage = storage is None
        self.storage = storage or MemoryStorage(settings, rng=Random(rng.getrandbits(64)))
        self._responder = Responder(self.parts, self.storage, Tokens(rng))
        self._tell_storage()

    # Commands

    def bootstrap(self, addresses: Iterable[Address] = (), *, now: float) -> int:
        """Find our neighbours, beginning with these nodes, those we know, and the routers.  Ends with `Bootstrapped`.

        Repeated by itself, also reported, while there are few.
        """
        lookup = BootstrapLookup(self.parts, self.node_id, self._new_lookup_id())
        for address in addresses:
            if self._is_ours(address):
                lookup.add(None, address)
        for contact in self.parts.table.closest(self.node_id, confirmed=False):
            lookup.add(contact.node_id, contact.address)
        self._timetable.postpone(Task.BOOTSTRAP, self._neighbours.looked(self.parts.table, now=now))
        return self._begin(lookup, now)

    def add_router(self, address: Address) -> None:
        """A node to ask when few others are known; it never enters the routing table."""
        if self._is_ours(address):
            if self._log.on_line is not None:
                self._log.say(DhtModule.node, f"router {where(address)}")
            self.parts.table.routers[address] = None

    def add_node(self, address: Address, *, now: float) -> None:
        """Ask whoever is there; if it answers, the routing table has it."""
        if self._is_ours(address):
            self._refresh(address, None, now)

    def heard_of(self, node_id: NodeId, address: Address) -> None:
        """This node may exist."""
        self.parts.table.heard_of(node_id, address)

    def find_node(self, target: NodeId, *, now: float) -> int:
        """The nodes nearest to `target`.  Ends with `NodesFound`."""
        return self._begin(FindNodeLookup(self.parts, target, self._new_lookup_id()), now)

    def get_peers(self, info_hash: NodeId, *, now: float, noseed: bool = False, scrape: bool = False) -> int:
        """Peers of a torrent: `PeersFound` as they come, then `PeersDone`; with `scrape` it says how many there are."""
        lookup_id = self._new_lookup_id()
        return self._begin(
            GetPeersLookup(self.parts, info_hash, lookup_id, noseed=noseed, scrape=scrape), now
        )

    def announce(
        self, info_hash: NodeId, port: int, *, now: float, is_seed: bool = False, implied_port: bool = False
    ) -> int:
        """As `get_peers`, and tell the nearest nodes that we have it.  Ends with `Announced`."""
        if not (0 < port < 65536 or implied_port):
            raise LocalProtocolError(f"{port} is no port")
        announcement = Announcement(port, is_seed, implied_port)
        return self._begin(AnnounceLookup(self.parts, info_hash, self._new_lookup_id(), announcement), now)

    def get_immutable(self, target: NodeId, *, now: float) -> int:
        """The value whose hash this is.  Ends with `ItemFound`."""
        return self._begin(GetItemLookup(self.parts, target, self._new_lookup_id()), now)

    def get_mutable(self, public_key: bytes, salt: bytes = b"", *, now: float) -> int:
        """What the owner of the key keeps under `salt`: `ItemFound` for each newer state, the last authoritative."""
        lookup = GetItemLookup.mutable(self.parts, public_key, salt, self._new_lookup_id())
        return self._begin(lookup, now)

    def put_immutable(self, item: ImmutableItem, *, now: float) -> int:
        """Store a value.  Ends with `ItemPut`."""
        return self._begin(PutImmutable(self.parts, item, self._new_lookup_id()), now)

    def put_mutable(
        self, public_key: bytes, update: Update, *, now: float, salt: bytes = b"", cas: bool = False
    ) -> int:
        """Store what `update` makes of the newest state there is.  Ends with `ItemPut`.

        `update` is called inside this node and must not call it; with `cas` nodes whose state is another refuse.
        """
        lookup = PutMutable(self.parts, (public_key, salt), self._new_lookup_id(), update, cas=cas)
        return self._begin(lookup, now)

    def sample_infohashes(self, address: Address, target: NodeId, *, now: float) -> int:
        """Ask one node what it stores (BEP 51).  Ends with `SampleReceived`."""
        request = SampleRequest(self.parts, address, self._new_lookup_id())
        return self._begin_single(request, b"sample_infohashes", {b"target": target}, now)

    def direct_request(self, address: Address, method: bytes, arguments: Fields, *, now: float) -> int:
        """Ask one node anything; our id is added.  Ends with `DirectResponse`."""
        request = DirectRequest(self.parts, address, self._new_lookup_id())
        return self._begin_single(request, method, arguments, now)

    def cancel(self, lookup_id: int) -> None:
        """Forget a lookup silently.  Repeatable."""
        lookup = self._lookups.pop(lookup_id, None)
        if lookup is not None:
            lookup.cancel()

    def extend(self, method: bytes, handler: Handler) -> None:
        """Answer queries of this name by `handler`."""
        self._responder.extend(method, handler)

    def set_external_address(self, host: str, *, now: float) -> None:
        """We are seen at `host`: the id changes if it does not fit (BEP 42)."""
        if verify_node_id(self.node_id, host):
            return
        self.parts.table.set_node_id(generate_node_id(host, self.parts.rng))
        _log.debug("%r: new id for %s", self, host)
        if self._log.on_line is not None:
            self._log.say(DhtModule.node, f"our address is {host}: our id is {self.node_id.hex()} now")
        self._tell_storage()
        self._emit(ExternalAddressChanged(host, self.node_id))
        if len(self._lookups) < MAX_LOOKUPS:
            self.bootstrap(now=now)

    def apply_settings(self, settings: DhtSettings) -> None:
        """From now on these."""
        parts = self.parts
        parts.settings = parts.table.settings = parts.rpc.settings = parts.guard.settings = settings
        self.quota.rate = settings.upload_rate_limit
        if isinstance(self.storage, MemoryStorage):
            self.storage.settings = settings

    def close(self) -> None:
        """End everything silently.  Repeatable."""
        self._is_closed = True
        for lookup in self._lookups.values():
            lookup.cancel()
        self._lookups.clear()
        self.parts.rpc.close()
        self._output.clear()
        self._events.clear()

    # Inputs

    def receive_datagram(self, data: Buffer, address: Address, *, now: float) -> None:
        """Somebody sent this.  Never raises, whatever it is."""
        if self._is_closed:
            return
        counters = self.counters
        counters.messages_in += 1
        counters.bytes_in += len(data)
        host = self.parts.guard.admit(address, now=now)
        if host is None or (len(host) == 16) != self.parts.is_ipv6:
            counters.blocked += 1
            counters.messages_in_dropped += 1
            return
        if self._log.on_packet is not None:
            self._log.on_packet(bytes(data), address, False)
        try:
            message = parse_message(bytes(data))
        except KrpcError as error:
            counters.malformed += 1
            self._refuse(error, error.transaction, address, now)
            return
        if isinstance(message, Query):
            self._answer(message, address, host, now)
        else:
            self._take_answer(message, address, host, now)

    def receive_error(self, address: Address, *, now: float) -> None:
        """The system says that nothing can be sent to `address`."""
        self.counters.messages_out_dropped += 1
        for asked in self.parts.rpc.unreachable(address, now=now):
            self.parts.table.node_failed(asked.node_id, address)

    def handle_timeout(self, *, now: float) -> None:
        """Do what is due; harmless when nothing is."""
        if self._is_closed:
            return
        for asked in self.parts.rpc.expire(now=now):
            self.parts.table.node_failed(asked.node_id, asked.address)
        for task in self._timetable.take_due(now):
            self._run(task, now)

    # Outputs

    def datagrams_to_send(self, *, now: float) -> list[tuple[bytes, Address]]:
        """What must go out, once."""
        output, self._output = self._output, []
        return output

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due; None when closed."""
        if self._is_closed:
            return None
        due = self._timetable.next_due()
        waiting = self.parts.rpc.next_timeout()
        return due if waiting is None else min(due, waiting)

    def next_event(self) -> Event | None:
        """What happened, once."""
        return self._events.popleft() if self._events else None

    # Queries

    @property
    def node_id(self) -> NodeId:
        """Our id; it may change with our address."""
        return self.parts.table.node_id

    @property
    def is_ipv6(self) -> bool:
        """The family of its addresses."""
        return self.parts.is_ipv6

    @property
    def reports_traffic(self) -> bool:
        """Whether `PeersAsked`, `PeerAnnounced` and `GetPeersSent` are reported."""
        return self.parts.reports_traffic

    @reports_traffic.setter
    def reports_traffic(self, value: bool) -> None:
        self.parts.reports_traffic = value

    @property
    def num_lookups(self) -> int:
        """Lookups under way."""
        return len(self._lookups)

    @property
    def num_questions(self) -> int:
        """Questions that wait for an answer."""
        return self.parts.rpc.num_waiting

    def lookups(self) -> list[_Lookup]:
        """Lookups under way."""
        return list(self._lookups.values())

    def lookup_status(self, *, now: float) -> list[LookupStatus]:
        """How the searches stand."""
        return [each.status(now=now) for each in self._lookups.values() if isinstance(each, Traversal)]

    def bucket_status(self) -> list[BucketStatus]:
        """How full the routing table is, bucket by bucket; the first is the farthest."""
        return self.parts.table.status()

    def live_nodes(self) -> list[Contact]:
        """The live nodes of the routing table."""
        return list(self.parts.table.live())

    def __repr__(self) -> str:
        return f"<Node {self.node_id.hex()[:8]} {'IPv6' if self.is_ipv6 else 'IPv4'}>"

    # Private

    def _answer(self, query: Query, address: Address, host: bytes, now: float) -> None:
        settings = self.parts.settings
        if not query.is_read_only:
            self._heard_from(query.node_id, address, now)
        if settings.read_only or not self.quota.is_available(now=now):
            self.counters.messages_in_dropped += 1
            return
        try:
            if settings.enforce_node_id and not verify_node_id(query.node_id, address[0]):
                raise KrpcError("invalid node ID")
            answer = self._responder.answer(query, address, host, now=now)
        except KrpcError as error:
            self._refuse(error, query.transaction, address, now)
            return
        except Exception:
            # A border: storage and handlers may be the owner's, who is told what failed; the asker only that it did.
            _log.exception("%r: answering %r failed", self, query.method)
            failed = KrpcError("server error", code=KrpcCode.SERVER)
            self._refuse(failed, query.transaction, address, now)
            return
        self._send(answer, address)

    def _heard_from(self, node_id: NodeId, address: Address, now: float) -> None:
        table = self.parts.table
        if table.is_neighbour(node_id, address):
            # A newcomer asks those it is to live among: who answers for what is near us has to know it, and soon.
            table.heard_of(node_id, address, makes_room=True)
            self._timetable.hasten(Task.REFRESH, now + NEIGHBOUR_INTERVAL)
        else:
            table.heard_of(node_id, address)
        if table.is_eager:
            self._timetable.hasten(Task.REFRESH, now + EAGER_INTERVAL)

    def _refuse(self, error: KrpcError, transaction: bytes | None, address: Address, now: float) -> None:
        if self._log.on_line is not None:
            self._log.say(DhtModule.node, f"refused {where(address)}: ({error.code}) {error.text}")
        if transaction is None or self.parts.settings.read_only or not self.quota.is_available(now=now):
            self.counters.messages_in_dropped += 1
            return
        self._send(encode_failure(transaction, error.code, error.text, pack_address(address)), address)

    def _take_answer(self, message: Response | Failure, address: Address, host: bytes, now: float) -> None:
        named = self.parts.rpc.name_asked(message.transaction, address)
        asked = self.parts.rpc.receive(message, address, now=now)
        if asked is None:
            return
        if named is not None and named in self.parts.table.routers:
            # Now it has a number, by which it is known from now on.
            del self.parts.table.routers[named]
            self.parts.table.routers[address] = None
        if message.external is not None:
            winner = self._votes.vote(message.external, host)
            if winner is not None:
                self.set_external_address(winner, now=now)
        if isinstance(message, Response):
            self.parts.table.node_seen(message.node_id, address, now - asked.sent_at, now=now)
            if asked.asker is not None:
                asked.asker.on_response(asked, message, now=now)
        elif asked.asker is not None:
            asked.asker.on_failure(asked, message, now=now)

    def _run(self, task: Task, now: float) -> None:
        if task is Task.ROTATE_TOKENS:
            if self._log.on_line is not None:
                self._log.say(DhtModule.tracker, "new secret for write tokens")
            self._responder.tokens.rotate()
        elif task is Task.EXPIRE_STORAGE:
            self.storage.tick(now=now)
        elif task is Task.BOOTSTRAP:
            table = self.parts.table
            if len(self._lookups) < MAX_LOOKUPS and self._neighbours.should_look(table, now=now):
                self.bootstrap(now=now)
            else:
                self._timetable.postpone(task, self._neighbours.when_to_decide(table, now=now))
        else:
            contact = self.parts.table.next_refresh(now=now)
            if contact is not None:
                self._refresh(contact.address, contact, now)
            if self.parts.table.is_eager:
                self._timetable.hasten(Task.REFRESH, now + EAGER_INTERVAL)

    def _refresh(self, address: Address, contact: Contact | None, now: float) -> None:
        target: NodeId | None = self.node_id
        if contact is not None:
            target = self.parts.table.refresh_target(contact, self.parts.rng)
        refresh = Refresh(self.parts, address)
        if target is None:
            refresh.start(b"ping", {}, now=now)
        else:
            refresh.start(b"find_node", {b"target": target}, now=now)

    def _begin(self, lookup: Traversal, now: float) -> int:
        self._lookups[lookup.lookup_id] = lookup
        if self._log.on_line is not None:
            self._log.say(DhtModule.node, f"[{lookup.lookup_id}] {lookup.kind} of {lookup.target.hex()}")
        lookup.start(now=now)
        return lookup.lookup_id

    def _begin_single(self, request: SingleRequest, method: bytes, arguments: Fields, now: float) -> int:
        self._lookups[request.lookup_id] = request
        request.start(method, arguments, now=now)
        return request.lookup_id

    def _new_lookup_id(self) -> int:
        if self._is_closed:
            raise LocalProtocolError("this node is closed")
        if len(self._lookups) >= MAX_LOOKUPS:
            raise LocalProtocolError(f"more than {MAX_LOOKUPS} lookups at a time")
        self._last_lookup_id += 1
        return self._last_lookup_id

    def _is_ours(self, address: Address) -> bool:
        """Of our family, and possible.  Of a name the family is not known."""
        try:
            host = pack_host(address[0])
        except ValueError:
            return self._takes_names and 0 < address[1] < 65536
        return (len(host) == 16) == self.parts.is_ipv6 and is_usable(host, address[1])

    def _tell_storage(self) -> None:
        if self._owns_storage:
            self.storage.update_node_ids([self.node_id])

    def _send(self, data: bytes, address: Address) -> None:
        self.counters.messages_out += 1
        self.counters.bytes_out += len(data)
        self.quota.spend(len(data))
        if self._log.on_packet is not None:
            self._log.on_packet(data, address, True)
        self._output.append((data, address))

    def _emit(self, event: Event) -> None:
        if len(self._events) < MAX_EVENTS or not isinstance(event, _TRAFFIC):
            self._events.append(event)

    def _conclude(self, event: FinalEvent) -> None:
        self._lookups.pop(event.lookup_id, None)
        self._events.append(event)
