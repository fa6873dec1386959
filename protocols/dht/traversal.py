"""Asking one's way towards a target: the search all lookups share (Kademlia, as libtorrent tunes it).

Candidates are kept in order of distance.  `search_branching` questions are under way among the nearest that have not
answered; each answer brings nearer candidates.  It is over when the eight nearest that are alive have answered, and
nobody nearer is still expected to.

Somebody who is late (see `rpc`) frees his place at once, and is not waited for once eight others have answered; libtorrent
waits fifteen seconds for him there.  An answer under another id than the candidate was named with counts as none.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from operator import attrgetter
from random import Random
from typing import TYPE_CHECKING, Final

from ..bencode import find_bytes
from ..types import Address
from .compact import host_prefix, is_loopback, unpack_nodes
from .events import Event, FinalEvent
from .guard import Guard
from .hosts import pack_host
from .krpc import Failure, Fields, Response
from .log import DhtLog, DhtModule, where
from .node_id import ID_BITS, NodeId, shared_bits
from .routing_table import BUCKET_SIZE, RoutingTable
from .rpc import Rpc, Transaction
from .settings import DhtSettings
from .statistics import DhtCounters

if TYPE_CHECKING:
    from .node import Node

__all__ = [
    "MAX_CANDIDATES",
    "MAX_NODES_PER_ANSWER",
    "MAX_QUESTIONS",
    "Candidate",
    "CandidateState",
    "LookupStatus",
    "Parts",
    "Traversal",
    "nodes_in",
]

MAX_CANDIDATES: Final = 100
"""Candidates remembered, the nearest (libtorrent's limit)."""

MAX_NODES_PER_ANSWER: Final = 20
"""Candidates taken from one answer; BEP 5 sends eight."""

MAX_QUESTIONS: Final = 200
"""Questions of one lookup, so that made-up nodes, each nearer than the last, cannot keep it going for ever."""

MAX_TOKEN: Final = 128
"""Bytes of somebody's token that we would send back."""

FEW: Final = 3
"""With fewer candidates to begin with, the bootstrap nodes are asked as well."""


@dataclass(slots=True)
class Parts:
    """What of a node its lookups work with."""

    settings: DhtSettings
    table: RoutingTable
    rpc: Rpc
    guard: Guard
    rng: Random
    counters: DhtCounters
    is_ipv6: bool
    emit: Callable[[Event], None]
    """Something happened."""
    conclude: Callable[[FinalEvent], None]
    """Something happened that ends its lookup."""
    sibling: Callable[[], Node | None]
    """The node of the other address family (BEP 32)."""
    log: DhtLog
    reports_traffic: bool = False
    """Tell of peers asked for and announced."""


@dataclass(frozen=True, slots=True)
class LookupStatus:
    """A search under way, counted (libtorrent `dht_lookup`)."""

    kind: str
    """"bootstrap", "find_node", "get_peers", "announce", "get" or "put"."""
    target: NodeId
    num_outstanding: int
    """Questions under way."""
    num_late: int
    """Of these, the ones that should have been answered."""
    num_timeouts: int
    """Questions nobody answered."""
    num_responses: int
    """Questions answered."""
    num_left: int
    """Candidates not asked yet."""
    branching: int
    """Questions it would keep under way."""
    last_sent: float | None
    """Seconds since it asked last."""


class CandidateState(Enum):
    """Between a candidate and us."""

    FRESH = auto()
    ASKED = auto()
    LATE = auto()
    ALIVE = auto()
    FAILED = auto()


class Candidate:
    """A node on the way."""

    __slots__ = ("address", "hops", "node_id", "order", "sequence", "state", "token")

    def __init__(self, node_id: NodeId | None, address: Address, order: int, hops: int) -> None:
        self.node_id = node_id
        """None when only the address is known."""
        self.address = address
        self.order = order
        """Distance to the target."""
        self.hops = hops
        """Answers that led to it; 1 for whom we knew."""
        self.state = CandidateState.FRESH
        self.token: bytes | None = None
        """Lets us write there."""
        self.sequence: int | None = None
        """Sequence number of the item it has, as it says (BEP 44)."""


_order = attrgetter("order")


class Traversal:
    """One search.  Subclasses say what is asked (`_arguments`), take answers (`_absorb`) and end it (`_finished`)."""

    kind = "find_node"
    """What it is called in statistics."""
    method = b"find_node"
    """What it asks."""

    def __init__(self, parts: Parts, target: NodeId, lookup_id: int) -> None:
        self.parts = parts
        self.target = target
        self.lookup_id = lookup_id
        self.is_done = False
        self.num_responses = 0
        self.num_timeouts = 0
        self.num_questions = 0
        self._number = int.from_bytes(target, "big")
        self._candidates: list[Candidate] = []
        self._addresses: set[Address] = set()
        self._prefixes: set[bytes] = set()
        self._ids: set[NodeId] = set()
        self._under_way: dict[Candidate, Transaction] = {}

    def start(self, *, now: float) -> None:
        """Begin with those we know."""
        if not self._candidates:
            for contact in self.parts.table.closest(self.target, confirmed=False):
                self.add(contact.node_id, contact.address)
        if len(self._candidates) < FEW:
            for router in self.parts.table.routers:
                self.add(None, router)
        self._advance(now)

    def add(self, node_id: NodeId | None, address: Address, *, hops: int = 1) -> None:
        """One more candidate, unless there is one of its id, its address, or (if restricted) its network.

        The last does not hold for whom we knew before, with one hop.
        """
        if address in self._addresses or node_id in self._ids:
            return
        if self.parts.settings.restrict_search_ips and hops > 1:
            prefix = host_prefix(pack_host(address[0]))
            if prefix in self._prefixes:
                return
            self._prefixes.add(prefix)
        order = self._distance(node_id)
        candidates = self._candidates
        if len(candidates) >= MAX_CANDIDATES:
            if order >= candidates[-1].order:
                return
            self._drop_last()
        insort(candidates, Candidate(node_id, address, order, hops), key=_order)
        self._addresses.add(address)
        if node_id is not None:
            self._ids.add(node_id)

    def cancel(self) -> None:
        """End without an event.  Repeatable."""
        self.is_done = True
        for asked in self._under_way.values():
            asked.asker = None
        self._under_way.clear()

    def on_response(self, asked: Transaction, response: Response, *, now: float) -> None:
        candidate = self._ended(asked)
        if candidate.node_id is not None and response.node_id != candidate.node_id:
            self.parts.counters.wrong_id += 1
            candidate.state = CandidateState.FAILED
            if self.parts.log.on_line is not None:
                self._say(f"{where(asked.address)} answers under another id")
            self._advance(now)
            return
        if candidate.node_id is None:
            self._identify(candidate, response.node_id)
        if candidate.address != asked.address:  # It was asked by name, and has a number now.
            candidate.address = asked.address
            self._addresses.add(asked.address)
        candidate.state = CandidateState.ALIVE
        self.num_responses += 1
        token = find_bytes(response.values, b"token")
        if token is not None and len(token) <= MAX_TOKEN:
            candidate.token = token
        for node_id, address in nodes_in(self.parts, response, asked.address):
            self.parts.table.heard_of(node_id, address)
            self.add(node_id, address, hops=candidate.hops + 1)
        if self.parts.log.on_line is not None:
            bits = shared_bits(response.node_id, self.target)
            self._say(f"{where(asked.address)}, {bits} bits near, after {candidate.hops} hops")
        self._absorb(candidate, response, now)
        self._advance(now)

    def on_late(self, asked: Transaction, *, now: float) -> None:
        candidate = asked.subject
        assert isinstance(candidate, Candidate)
        candidate.state = CandidateState.LATE
        self._advance(now)

    def on_failure(self, asked: Transaction, failure: Failure | None, *, now: float) -> None:
        candidate = self._ended(asked)
        candidate.state = CandidateState.FAILED
        self.num_timeouts += failure is None
        self._advance(now)

    def nearest_alive(self, count: int = BUCKET_SIZE, *, with_token: bool = False) -> list[Candidate]:
        """The nearest that answered, nearest first; of them those that gave a token."""
        alive = [
            candidate
            for candidate in self._candidates
            if candidate.state is CandidateState.ALIVE and (candidate.token is not None or not with_token)
        ]
        return alive[:count]

    def status(self, *, now: float) -> LookupStatus:
        """How it stands."""
        states = [candidate.state for candidate in self._candidates]
        sent = [asked.sent_at for asked in self._under_way.values()]
        return LookupStatus(
            kind=self.kind,
            target=self.target,
            num_outstanding=len(self._under_way),
            num_late=states.count(CandidateState.LATE),
            num_timeouts=self.num_timeouts,
            num_responses=self.num_responses,
            num_left=states.count(CandidateState.FRESH),
            branching=self.parts.settings.search_branching,
            last_sent=now - max(sent) if sent else None,
        )

    @property
    def num_outstanding(self) -> int:
        """Questions under way."""
        return len(self._under_way)

    @property
    def num_left(self) -> int:
        """Candidates not asked yet."""
        return sum(candidate.state is CandidateState.FRESH for candidate in self._candidates)

    def _arguments(self, candidate: Candidate) -> Fields:
        """What the question carries, our id aside."""
        return {b"target": self.target}

    def _absorb(self, candidate: Candidate, response: Response, now: float) -> None:
        """An answer; may call `_finish`."""

    def _finished(self, now: float) -> None:
        """The search is over: conclude, or go on to what comes after it."""
        raise NotImplementedError

    def _finish(self, now: float) -> None:
        self.cancel()
        if self.parts.log.on_line is not None:
            self._say(f"over: {self.num_responses} answered, {self.num_timeouts} did not")
        self._finished(now)

    def _advance(self, now: float) -> None:
        """Ask as many as should be under way; end it when there is nobody to wait for."""
        if self.is_done:
            return
        settings = self.parts.settings
        branching = settings.search_branching
        wanted = BUCKET_SIZE
        expected = 0
        late = 0
        if not settings.aggressive_lookups:
            branching -= sum(candidate.state is CandidateState.ASKED for candidate in self._under_way)
        for candidate in self._candidates:
            state = candidate.state
            if state is CandidateState.ALIVE:
                wanted -= 1
                if not wanted:
                    break
            elif state is CandidateState.ASKED:
                expected += 1
                if settings.aggressive_lookups:
                    branching -= 1
            elif state is CandidateState.LATE:
                late += 1
            elif state is CandidateState.FRESH:
                # Without a place he waits for somebody who is under way.
                if branching <= 0:
                    expected += 1
                elif self._ask(candidate, now):
                    branching -= 1
                    expected += 1
        if not expected and not (wanted and late):
            self._finish(now)

    def _ask(self, candidate: Candidate, now: float) -> bool:
        if self.num_questions >= MAX_QUESTIONS:
            return False
        parts = self.parts
        arguments = self._arguments(candidate)
        arguments[b"id"] = parts.table.node_id
        asked = parts.rpc.ask(
            self.method,
            arguments,
            candidate.address,
            self,
            now=now,
            subject=candidate,
            node_id=candidate.node_id,
        )
        if asked is None:
            candidate.state = CandidateState.FAILED
            return False
        self.num_questions += 1
        candidate.state = CandidateState.ASKED
        self._under_way[candidate] = asked
        self._asked(candidate, arguments)
        return True

    def _asked(self, candidate: Candidate, arguments: Fields) -> None:
        """It was asked."""

    def _say(self, text: str) -> None:
        self.parts.log.say(DhtModule.traversal, f"[{self.lookup_id}] {self.kind} {text}")

    def _ended(self, asked: Transaction) -> Candidate:
        candidate = asked.subject
        assert isinstance(candidate, Candidate)
        del self._under_way[candidate]
        return candidate

    def _identify(self, candidate: Candidate, node_id: NodeId) -> None:
        """Now we know who lives there: to its place in the order."""
        self._candidates.remove(candidate)
        candidate.node_id = node_id
        candidate.order = self._distance(node_id)
        insort(self._candidates, candidate, key=_order)
        self._ids.add(node_id)

    def _distance(self, node_id: NodeId | None) -> int:
        # Who has no name yet stands behind everybody who has.
        return 1 << ID_BITS if node_id is None else int.from_bytes(node_id, "big") ^ self._number

    def _drop_last(self) -> None:
        dropped = self._candidates.pop()
        asked = self._under_way.pop(dropped, None)
        if asked is not None:
            asked.asker = None


def nodes_in(parts: Parts, response: Response, source: Address) -> list[tuple[NodeId, Address]]:
    """The nodes an answer names that may be asked; those of the other family are passed on to our node there."""
    found = []
    own_id, is_welcome, may_be_local = parts.table.node_id, parts.guard.is_welcome, is_loopback(source[0])
    for is_ipv6, key in ((False, b"nodes"), (True, b"nodes6")):
        packed = find_bytes(response.values, key)
        if not packed:
            continue
        node = None if is_ipv6 == parts.is_ipv6 else parts.sibling()
        for node_id, address in unpack_nodes(packed, is_ipv6=is_ipv6, limit=MAX_NODES_PER_ANSWER):
            # Nobody outside may make us ask ourselves, or the services of this machine.
            host = address[0]
            if node_id == own_id or (not may_be_local and is_loopback(host)):
                continue
            if not is_welcome(host, pack_host(host)):
                continue
            if is_ipv6 == parts.is_ipv6:
                found.append((node_id, address))
            elif node is not None:
                node.heard_of(node_id, address)
    return found
