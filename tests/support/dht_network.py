"""Whole networks: growing, dying, lying, and being measured.

A liar runs a node like everybody's and spoils what it sends.  Each kind does one thing, always:

* `wrong_id` answers under another id every time;
* `spam` names nodes that do not exist, as near to the target as can be;
* `false_values` gives peers nobody announced, and items with high sequence numbers that nobody signed;
* `replay` hands out others' tokens, and announces with tokens that were issued to somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import Any

from evtorrent.protocols.bencode import BencodeError, decode, encode
from evtorrent.protocols.dht.compact import pack_address
from evtorrent.protocols.dht.ed25519 import public_key_of
from evtorrent.protocols.dht.events import Announced, ItemFound, ItemPut, PeersDone, PeersFound
from evtorrent.protocols.dht.items import MutableItem
from evtorrent.protocols.dht.node_id import NodeId
from support.dht_world import DhtWorld, Member

Address = tuple[str, int]
Datagrams = Iterable[tuple[bytes, Address]]

FALSE_PEER = ("66.66.66.66", 666)
"""What liars name; nobody honest may ever store it."""


class Liars:
    """What all liars of a network do, and know from each other."""

    KINDS = ("wrong_id", "spam", "false_values", "replay")

    def __init__(self, world: DhtWorld) -> None:
        self.world = world
        self.rng = Random(13)
        self.tokens: list[tuple[bytes, bytes, Address, Member]] = []
        """(target, token, who gave it, to whom) that some liar was given."""
        self.num_lies = 0

    def recruit(self, member: Member, kind: str) -> None:
        """From now on it lies."""
        spoil: Callable[[Any, bytes], None] = getattr(self, f"_{kind}")

        def tamper(data: bytes, address: Address) -> Datagrams:
            table: Any = decode(data)
            if table[b"y"] != b"r":
                return [(data, address)]
            self.num_lies += 1
            spoil(table, self._target(member))
            sent = [(encode(table), address)]
            if kind == "replay":
                sent += self._replayed(member)
            return sent

        member.tamper = tamper
        self._steal(member)

    def _target(self, member: Member) -> bytes:
        """What the query that is being answered was about."""
        try:
            query: Any = decode(member.heard[0])
        except BencodeError:
            return bytes(20)
        arguments = query.get(b"a", {})
        target: bytes = arguments.get(b"target") or arguments.get(b"info_hash") or bytes(20)
        return target

    def _wrong_id(self, table: Any, target: bytes) -> None:
        table[b"r"][b"id"] = self.rng.randbytes(20)

    def _spam(self, table: Any, target: bytes) -> None:
        invented = b""
        for _ in range(20):
            node_id = target[:18] + self.rng.randbytes(2)
            host = (
                f"{self.rng.randrange(200, 220)}.{self.rng.randrange(256)}.{self.rng.randrange(256)}.7",
                7,
            )
            invented += node_id + pack_address(host)
        table[b"r"][b"nodes"] = invented

    def _false_values(self, table: Any, target: bytes) -> None:
        fields = table[b"r"]
        if b"token" in fields:
            fields[b"values"] = [pack_address(FALSE_PEER)]
            fields[b"seq"] = 1 << 40
            fields[b"k"] = fields.get(b"k", self.rng.randbytes(32))
            fields[b"sig"] = self.rng.randbytes(64)
            fields[b"v"] = b"false"

    def _replay(self, table: Any, target: bytes) -> None:
        if b"token" in table[b"r"] and self.tokens:
            table[b"r"][b"token"] = self.rng.choice(self.tokens)[1]

    def _replayed(self, member: Member) -> list[tuple[bytes, Address]]:
        """An announce to whoever gave a token to another liar."""
        if not self.tokens:
            return []
        target, token, giver, given_to = self.rng.choice(self.tokens)
        if given_to is member:
            return []
        arguments = {
            b"id": self.rng.randbytes(20),
            b"info_hash": target,
            b"port": FALSE_PEER[1],
            b"token": token,
        }
        query = {b"t": b"lie", b"y": b"q", b"q": b"announce_peer", b"a": arguments}
        return [(encode(query), giver)]

    def _steal(self, member: Member) -> None:
        """Have tokens issued to this address, for the others to use."""
        for giver in self.rng.sample(list(self.world.members.values()), 3):
            target = NodeId(self.rng.randbytes(20))
            if giver is not member:
                host = pack_address(member.address)[:-2]
                token = giver.node._responder.tokens.issue(host, target)
                self.tokens.append((target, token, giver.address, member))


@dataclass
class Search:
    """One `get_peers` that is being watched."""

    started_at: float
    info_hash: NodeId
    peer: Address
    lookup: Any
    found_at: float | None = None
    done_at: float | None = None
    hops: int = 0


@dataclass
class Figures:
    """What a network did."""

    num_nodes: int
    num_announced: int = 0
    num_found: int = 0
    num_items: int = 0
    num_newest: int = 0
    first_latencies: list[float] = field(default_factory=list)
    done_latencies: list[float] = field(default_factory=list)
    item_latencies: list[float] = field(default_factory=list)
    hops: list[int] = field(default_factory=list)
    questions: list[int] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    """What was not found, and who has it all the same."""

    def __str__(self) -> str:
        def spread(values: list[Any]) -> str:
            ordered = sorted(values)
            return f"median {median(ordered):.2f}, 95 % {ordered[len(ordered) * 95 // 100]:.2f}, most {ordered[-1]:.2f}"

        return "\n".join(
            (
                f"{self.num_nodes} nodes",
                f"announces found        {self.num_found} of {self.num_announced}",
                f"newest items found     {self.num_newest} of {self.num_items}",
                f"first peers, s         {spread(self.first_latencies)}",
                f"lookup over, s         {spread(self.done_latencies)}",
                f"item authoritative, s  {spread(self.item_latencies)}",
                f"hops to first peers    {spread(self.hops)}",
                f"questions a lookup     {spread(self.questions)}",
                *self.missed,
            )
        )


class Network:
    """A world with liars, and measurements in it."""

    def __init__(
        self, num_nodes: int, *, liars: float = 0.05, nat: float = 0.0, settling: float = 20, **world: Any
    ) -> None:
        """`liars` and `nat` are shares: who lies, and who is behind a NAT box (newcomers, too).

        `settling` are seconds for the last to come to meet their neighbours, before anything is asked.
        """
        self.world = DhtWorld(**world)
        self.nat = nat
        self.rng = Random(99)
        self.liars = Liars(self.world)
        self.world.grow(num_nodes, nat=nat)
        self.world.run(settling)
        chosen = self.rng.sample(list(self.world.members.values()), int(num_nodes * liars))
        for index, member in enumerate(chosen):
            self.liars.recruit(member, Liars.KINDS[index % 4])
        self.figures = Figures(num_nodes)
        self._announced: list[tuple[NodeId, Address]] = []
        self._items: list[tuple[bytes, bytes]] = []
        self._searches: dict[tuple[Member, int], Search] = {}

    def honest(self) -> Member:
        """Somebody who is alive, tells the truth, and has been there long enough to know eight others."""
        members = self._members()
        while True:
            member = self.rng.choice(members)
            if member.tamper is None and member.node.parts.table.num_confirmed >= 8:
                return member

    def announce(self, count: int) -> None:
        """So many torrents, each by somebody, several at a time."""
        waiting = []
        for _ in range(count):
            member, info_hash = self.honest(), NodeId(self.rng.randbytes(20))
            lookup_id = member.do(member.node.announce, info_hash, 4000)
            self._announced.append((info_hash, (member.address[0], 4000)))
            waiting.append((member, lookup_id))
            self.world.run(0.05)
        self._wait_for(Announced, waiting)

    def put(self, count: int) -> None:
        """So many mutable items, each of which somebody else changes after a while."""
        secrets = [self.rng.randbytes(32) for _ in range(count)]
        self._items += [(public_key_of(secret), b"salt") for secret in secrets]
        for value in (b"old", b"new"):
            self._wait_for(ItemPut, [self._write(secret, value) for secret in secrets])

    def _write(self, secret: bytes, value: bytes) -> tuple[Member, int]:
        def update(current: MutableItem | None) -> MutableItem:
            sequence = 1 if current is None else current.sequence + 1
            return MutableItem.signed(value, secret, sequence=sequence, salt=b"salt")

        member = self.honest()
        lookup_id = member.do(member.node.put_mutable, public_key_of(secret), update, salt=b"salt", cas=True)
        self.world.run(0.05)
        return member, lookup_id

    def kill(self, share: float) -> None:
        """A part of everybody dies at once, and nobody is told."""
        members = self._members()
        for member in self.rng.sample(members, int(len(members) * share)):
            self.world.kill(member)

    def churn(self, count: int) -> None:
        """So many die, so many come."""
        members = self._members()
        for member in self.rng.sample(members, count):
            self.world.kill(member)
        public = self.world.public()
        for _ in range(count):
            known = self.rng.sample(public, 3)
            member = self.world.add(is_behind_nat=self.nat > 0 and self.rng.random() < self.nat)
            member.do(member.node.bootstrap, known)

    def search(self, count: int, *, churn: int = 0) -> None:
        """Look for what was announced, each from somewhere else, twenty at a time; meanwhile nodes come and go."""
        self.world.on_event = self._on_event
        for number in range(count):
            info_hash, peer = self._announced[number % len(self._announced)]
            member = self.honest()
            lookup_id = member.do(member.node.get_peers, info_hash)
            (lookup,) = [each for each in member.node.lookups() if each.lookup_id == lookup_id] or [None]
            self._searches[member, lookup_id] = Search(self.world.now, info_hash, peer, lookup)
            self.world.run(0.05)
            if churn and number % 10 == 9:
                self.churn(churn)
        self._wait_for(PeersDone, list(self._searches))
        self.world.on_event = None
        for (member, _), search in self._searches.items():
            if not member.is_dead:
                self._count(search)
                if search.found_at is None:
                    self.figures.missed.append(self._holders(search))
        self._searches.clear()

    def _on_event(self, member: Member, event: Any) -> None:
        search = self._searches.get((member, getattr(event, "lookup_id", 0)))
        if search is None:
            return
        if isinstance(event, PeersFound) and search.peer in event.peers and search.found_at is None:
            search.found_at, search.hops = self.world.now, event.hops
        elif isinstance(event, PeersDone):
            search.done_at = self.world.now

    def _count(self, search: Search) -> None:
        figures = self.figures
        figures.num_announced += 1
        assert search.done_at is not None, "every lookup ends"
        figures.done_latencies.append(search.done_at - search.started_at)
        figures.questions.append(getattr(search.lookup, "num_questions", 0))
        if search.found_at is not None:
            figures.num_found += 1
            figures.first_latencies.append(search.found_at - search.started_at)
            figures.hops.append(search.hops)

    def _holders(self, search: Search) -> str:
        """Who of those nearest to what was looked for has it, and how they are."""
        number = int.from_bytes(search.info_hash, "big")
        nearest = sorted(
            self._members(), key=lambda member: int.from_bytes(member.node.node_id, "big") ^ number
        )
        held = [
            f"{rank}{' liar' * (member.tamper is not None)}{' in a box' * (member.nat is not None)}"
            for rank, member in enumerate(nearest[:100])
            if search.info_hash in member.node.storage._torrents  # type: ignore[attr-defined]
        ]
        return f"{search.info_hash.hex()} not found; of the nearest have it: {', '.join(held) or 'nobody'}"

    def read(self, count: int) -> None:
        """Look for the items, several at a time."""
        asked: dict[tuple[Member, int], float] = {}

        def on_event(member: Member, event: Any) -> None:
            if isinstance(event, ItemFound) and event.is_authoritative and (member, event.lookup_id) in asked:
                self.figures.item_latencies.append(self.world.now - asked.pop((member, event.lookup_id)))
                self.figures.num_newest += isinstance(event.item, MutableItem) and event.item.value == b"new"

        self.world.on_event = on_event
        for number in range(count):
            public, salt = self._items[number % len(self._items)]
            member = self.honest()
            asked[member, member.do(member.node.get_mutable, public, salt)] = self.world.now
            self.figures.num_items += 1
            self.world.run(0.05)
        self.world.sim.run_until(lambda: not asked, timeout=60, every=1.0)
        self.world.on_event = None
        assert not asked, "every lookup ends"

    def check(self) -> None:
        """Every table keeps its law, and no lie was stored."""
        self.world.check()
        false = pack_address(FALSE_PEER)[4:]
        for member in self._members():
            storage: Any = member.node.storage
            for torrent in storage._torrents.values():
                assert not [peer for peer in torrent.ipv4.peers if peer.endswith(false)]

    def _members(self) -> list[Member]:
        return list(self.world.members.values())

    def _wait_for(self, kind: type[Any], waiting: list[tuple[Member, int]]) -> None:
        def missing() -> list[tuple[Member, int]]:
            return [
                (member, lookup_id)
                for member, lookup_id in waiting
                if not member.is_dead and lookup_id not in {event.lookup_id for event in member.take(kind)}
            ]

        deadline = self.world.now + 60
        while missing():
            assert self.world.now < deadline, f"{kind.__name__} is missing"
            self.world.run(1)
