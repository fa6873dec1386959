"""A network of DHT nodes in memory: virtual time, latency, loss, NAT, the dead and the living, one queue of what happens next."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, TypeVar

from evtorrent.protocols.dht.events import Event
from evtorrent.protocols.dht.node import Node
from evtorrent.protocols.dht.node_id import NodeId, generate_node_id
from evtorrent.protocols.dht.settings import DhtSettings

E = TypeVar("E")
Address = tuple[str, int]

NAT_LIFETIME = 120.0
"""Seconds for which whoever is behind a NAT box is reached by those he sent something (RFC 4787: two minutes at least)."""

UNLIMITED = DhtSettings(upload_rate_limit=10_000_000, block_ratelimit=100_000)
"""For networks in which nobody is to be slowed down."""


class Member:
    """A node and its place in the network."""

    __slots__ = (
        "address",
        "events",
        "heard",
        "is_dead",
        "let_in",
        "node",
        "tamper",
        "wakes_at",
        "world",
    )

    def __init__(self, world: DhtWorld, node: Node, address: Address) -> None:
        self.world = world
        self.node = node
        self.address = address
        self.events: list[Event] = []
        self.heard: tuple[bytes, Address] = (b"", address)
        """The last datagram that arrived."""
        self.is_dead = False
        self.let_in: dict[Address, float] | None = None
        """Behind a NAT box that lets in whom he sent something: whom, and until when; None: everybody."""
        self.wakes_at = float("inf")
        self.tamper: Callable[[bytes, Address], Iterable[tuple[bytes, Address]]] | None = None
        """What a liar makes of a datagram he should send."""

    def take(self, kind: type[E]) -> list[E]:
        """The events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def do(self, command: Callable[..., int], *args: Any, **kwargs: Any) -> int:
        """Call a command of the node at the present time."""
        result = command(*args, now=self.world.now, **kwargs)
        self.world.settle(self)
        return result

    def ask(self, kind: type[E], command: Callable[..., int], *args: Any, **kwargs: Any) -> E:
        """Call a command and run until the event that ends it."""
        lookup_id = self.do(command, *args, **kwargs)

        def found() -> list[E]:
            return [
                event
                for event in self.events
                if isinstance(event, kind)
                and event.lookup_id == lookup_id  # type: ignore[attr-defined]
                and getattr(event, "is_authoritative", True)
            ]

        self.world.run_until(found)
        return found()[0]


class DhtWorld:
    """Everybody, and what is under way between them."""

    def __init__(
        self,
        seed: int = 1,
        *,
        rtt: float = 0.1,
        jitter: float = 0.0,
        loss: float = 0.0,
        settings: DhtSettings = UNLIMITED,
    ) -> None:
        self.rng = Random(seed)
        self.now = 1000.0
        self.rtt = rtt
        self.jitter = jitter
        self.loss = loss
        self.settings = settings
        self.members: dict[Address, Member] = {}
        self.num_datagrams = 0
        self.num_lost = 0
        self.num_shut_out = 0
        """Datagrams that NAT boxes did not let in."""
        self.largest = 0
        """Bytes of the largest datagram."""
        self.on_event: Callable[[Member, Event], object] | None = None
        """Told of everything that happens to anybody."""
        self._queue: list[tuple[float, int, Member | None, bytes | None, Address]] = []
        self._sequence = 0
        self._next_host = 0

    def new_address(self, *, is_ipv6: bool = False) -> Address:
        """An address of its own network."""
        self._next_host += 1
        n = self._next_host
        if is_ipv6:
            return f"2600:{n >> 16:x}:{n & 0xFFFF:x}::1", 6881
        # 60.0.0.0 and on: public, and nobody's dark network.
        return f"{60 + (n >> 16)}.{n >> 8 & 255}.{n & 255}.1", 6881

    def add(
        self,
        *,
        settings: DhtSettings | None = None,
        address: Address | None = None,
        node_id: NodeId | None = None,
        is_ipv6: bool = False,
        is_behind_nat: bool = False,
        **parts: Any,
    ) -> Member:
        """One more node, with an id that fits its address unless another is given."""
        address = address or self.new_address(is_ipv6=is_ipv6)
        rng = Random(self.rng.getrandbits(64))
        node = Node(
            settings or self.settings,
            rng=rng,
            now=self.now,
            node_id=node_id if node_id is not None else generate_node_id(address[0], rng),
            is_ipv6=is_ipv6,
            **parts,
        )
        member = self.members[address] = Member(self, node, address)
        member.let_in = {} if is_behind_nat else None
        self.settle(member)
        return member

    def grow(self, count: int, *, entries: int = 3, nat: float = 0.0, **parts: Any) -> list[Member]:
        """`count` nodes, each of which bootstraps from some that were there before it; several come at a time.

        Of those after the first ten a share of `nat` is behind a box, and nobody begins with one of them.
        """
        added: list[Member] = []
        while len(added) < count:
            known = [address for address, member in self.members.items() if member.let_in is None]
            for _ in range(min(max(1, len(known) // 8), count - len(added))):
                member = self.add(
                    is_behind_nat=nat > 0 and len(added) > 9 and self.rng.random() < nat, **parts
                )
                added.append(member)
                sources = self.rng.sample(known, min(entries, len(known)))
                member.do(member.node.bootstrap, sources)
            self.run(15 * self.rtt if known else 0.0)
        return added

    def kill(self, member: Member) -> None:
        """It is gone: nothing it is sent arrives, and it does nothing any more."""
        member.is_dead = True
        member.node.close()
        self.members.pop(member.address, None)

    def inject(self, data: bytes, source: Address, target: Member) -> None:
        """A datagram from nowhere."""
        self._push(self.now, target, data, source)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self._queue and self._queue[0][0] <= end:
            self._step()
        self.now = end

    def run_until(self, condition: Callable[[], object], *, most: float = 300.0) -> None:
        """Let time pass until something is true."""
        end = self.now + most
        while not condition():
            if not self._queue or self._queue[0][0] > end:
                raise AssertionError(f"not within {most} s")
            self._step()

    def settle(self, member: Member) -> None:
        """Take what a node has to say, and note when it wants to be woken."""
        node = member.node
        for data, address in node.datagrams_to_send(now=self.now):
            if member.tamper is None:
                self._send(data, member, address)
            else:
                for other, target in member.tamper(data, address):
                    self._send(other, member, target)
        while (event := node.next_event()) is not None:
            member.events.append(event)
            if self.on_event is not None:
                self.on_event(member, event)
        wake = node.next_timeout()
        if wake is not None and wake < member.wakes_at:
            member.wakes_at = wake
            self._push(wake, member, None, member.address)

    def check(self) -> None:
        """Every routing table keeps its law."""
        for member in self.members.values():
            member.node.parts.table.check_invariant()

    def _send(self, data: bytes, sender: Member, target: Address) -> None:
        self.num_datagrams += 1
        self.largest = max(self.largest, len(data))
        if sender.let_in is not None:
            sender.let_in[target] = self.now + NAT_LIFETIME
        member = self.members.get(target)
        if member is None or (self.loss and self.rng.random() < self.loss):
            self.num_lost += 1
            return
        delay = self.rtt / 2
        if self.jitter:
            delay += self.jitter * self.rng.random()
        self._push(self.now + delay, member, data, sender.address)

    def _push(self, when: float, member: Member, data: bytes | None, source: Address) -> None:
        self._sequence += 1
        heapq.heappush(self._queue, (when, self._sequence, member, data, source))

    def _step(self) -> None:
        when, _, member, data, source = heapq.heappop(self._queue)
        assert member is not None
        self.now = max(self.now, when)
        if member.is_dead:
            return
        if data is not None:
            if member.let_in is not None and member.let_in.get(source, 0.0) < self.now:
                self.num_shut_out += 1
                return
            member.heard = data, source
            member.node.receive_datagram(data, source, now=self.now)
        else:
            member.wakes_at = float("inf")
            member.node.handle_timeout(now=self.now)
        self.settle(member)
