"""A network of DHT nodes on the simulator: each a host with one socket, driven by a few lines; NAT boxes, the dead and the living.

`dht_hosts` has the same with engines and whole `Dht`s.  Here is nothing but nodes, so that there may be ten thousand.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, TypeVar

from evtorrent.protocols.dht.events import Event
from evtorrent.protocols.dht.krpc import MAX_MESSAGE
from evtorrent.protocols.dht.node import Node
from evtorrent.protocols.dht.node_id import NodeId, generate_node_id
from evtorrent.protocols.dht.settings import DhtSettings
from evtorrent.reactor import READ
from evtorrent.reactor.sim import Link, Nat, NatKind, SimHost, SimWorld

E = TypeVar("E")
Address = tuple[str, int]

PORT = 6881
BOXES = (NatKind.FULL_CONE, NatKind.RESTRICTED, NatKind.PORT_RESTRICTED, NatKind.SYMMETRIC)

UNLIMITED = DhtSettings(upload_rate_limit=10_000_000, block_ratelimit=100_000)
"""For networks in which nobody is to be slowed down."""


class Member:
    """A node, its host, and its socket."""

    __slots__ = (
        "_armed_for",
        "_call",
        "address",
        "events",
        "heard",
        "host",
        "is_dead",
        "nat",
        "node",
        "sock",
        "tamper",
        "world",
    )

    def __init__(self, world: DhtWorld, node: Node, host: SimHost, address: Address) -> None:
        self.world = world
        self.node = node
        self.host = host
        self.nat: Nat | None = host.nat
        """The box it is behind."""
        self.address = address
        """Where others see it."""
        self.events: list[Event] = []
        self.heard: tuple[bytes, Address] = (b"", address)
        """The last datagram that arrived."""
        self.is_dead = False
        self.tamper: Callable[[bytes, Address], Iterable[tuple[bytes, Address]]] | None = None
        """What a liar makes of a datagram he should send."""
        self._call: Any = None
        self._armed_for = float("inf")
        self.sock = host.socket(socket.AF_INET6 if node.is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("::" if node.is_ipv6 else "0.0.0.0", PORT))
        host.loop.watch(self.sock.fileno(), READ, self._on_ready)

    def take(self, kind: type[E]) -> list[E]:
        """The events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def do(self, command: Callable[..., int], *args: Any, **kwargs: Any) -> int:
        """Call a command of the node at the present time."""
        result = command(*args, now=self.world.now, **kwargs)
        self.settle()
        return result

    def ask(self, kind: type[E], command: Callable[..., int], *args: Any, **kwargs: Any) -> E:
        """Call a command and run until the event that ends it."""
        lookup_id = self.do(command, *args, **kwargs)

        def found() -> list[E]:
            return [
                event
                for event in self.take(kind)
                if event.lookup_id == lookup_id  # type: ignore[attr-defined]
                and getattr(event, "is_authoritative", True)
            ]

        assert self.world.sim.run_until(found, timeout=300, every=0.05)
        return found()[0]

    def settle(self) -> None:
        """Take what the node has to say, and arm for when it wants to be woken."""
        node, world = self.node, self.world
        for data, address in node.datagrams_to_send(now=world.now):
            if self.tamper is None:
                world.note_sent(data)
                self.sock.sendto(data, address)
                continue
            for other, target in self.tamper(data, address):
                world.note_sent(other)
                self.sock.sendto(other, target)
        while (event := node.next_event()) is not None:
            self.events.append(event)
            if world.on_event is not None:
                world.on_event(self, event)
        wake = node.next_timeout()
        if wake is not None and wake < self._armed_for:
            if self._call is not None:
                self._call.cancel()
            self._armed_for = wake
            self._call = self.host.loop.call_at(wake, self._on_timer)

    def kill(self) -> None:
        """It is gone, with its box: nothing it is sent arrives, and it does nothing any more."""
        self.is_dead = True
        if self._call is not None:
            self._call.cancel()
        self.node.close()
        self.host.kill()
        if self.nat is not None:
            self.world.sim.remove(self.nat)

    def _on_ready(self, _events: int) -> None:
        while self.sock.ready & READ:
            self.heard = data, address = self.sock.recvfrom(MAX_MESSAGE + 1)
            self.node.receive_datagram(data, address[:2], now=self.world.now)
            self.settle()

    def _on_timer(self) -> None:
        self._call, self._armed_for = None, float("inf")
        self.node.handle_timeout(now=self.world.now)
        self.settle()


class DhtWorld:
    """Everybody, on a `SimWorld`."""

    def __init__(
        self,
        seed: int = 1,
        *,
        rtt: float = 0.1,
        jitter: float = 0.0,
        loss: float = 0.0,
        settings: DhtSettings = UNLIMITED,
    ) -> None:
        """`rtt` is there and back; `jitter` and `loss` are of each way."""
        self.sim = SimWorld(seed, start=1000.0)
        self.rng = Random(seed)
        self._nodes_rng = Random(seed + 1)
        """Of all of them: a generator takes 2.5 KB."""
        self.settings = settings
        self.members: dict[Address, Member] = {}
        self.num_datagrams = 0
        self.largest = 0
        """Bytes of the largest datagram."""
        self.on_event: Callable[[Member, Event], object] | None = None
        """Told of everything that happens to anybody."""
        self._rtt = rtt
        # All that befalls a datagram befalls it on the line it leaves by.
        self._up, self._down = Link(delay=rtt / 2, jitter=jitter, loss=loss), Link()
        self._num_made = 0

    @property
    def now(self) -> float:
        """The virtual clock."""
        return self.sim.clock.now

    def add(
        self,
        *,
        settings: DhtSettings | None = None,
        is_ipv6: bool = False,
        is_behind_nat: bool = False,
        **parts: Any,
    ) -> Member:
        """One more node, with an id that fits its address; everybody is of his own network."""
        number = self._num_made = self._num_made + 1
        if is_ipv6:
            outside = f"2600:{number >> 16:x}:{number & 0xFFFF:x}::1"
        else:
            # 60.0.0.0 and on: public, and nobody's dark network.
            outside = f"{60 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.1"
        nat = None
        inside = outside
        if is_behind_nat:
            nat, inside = self.sim.nat(f"box {number}", outside, kind=BOXES[number % 4]), "192.168.1.2"
        host = self.sim.host(f"node {number}", inside, up=self._up, down=self._down, nat=nat)
        node_id: NodeId = generate_node_id(outside, self._nodes_rng)
        node = Node(
            settings or self.settings,
            rng=self._nodes_rng,
            now=self.now,
            node_id=node_id,
            is_ipv6=is_ipv6,
            **parts,
        )
        member = self.members[outside, PORT] = Member(self, node, host, (outside, PORT))
        member.settle()
        return member

    def public(self) -> list[Address]:
        """Whom a newcomer may begin with."""
        return [address for address, member in self.members.items() if member.nat is None]

    def grow(self, count: int, *, entries: int = 3, nat: float = 0.0, **parts: Any) -> list[Member]:
        """`count` nodes, each of which bootstraps from some that were there before it; several come at a time.

        Of those after the first ten a share of `nat` is behind a box, and nobody begins with one of them.
        """
        added: list[Member] = []
        while len(added) < count:
            known = self.public()
            for _ in range(min(max(1, len(known) // 8), count - len(added))):
                member = self.add(
                    is_behind_nat=nat > 0 and len(added) > 9 and self.rng.random() < nat, **parts
                )
                added.append(member)
                sources = self.rng.sample(known, min(entries, len(known)))
                member.do(member.node.bootstrap, sources)
            self.run(15 * self._rtt if known else 0.0)
        return added

    def kill(self, member: Member) -> None:
        """As `Member.kill`, and it is no member any more."""
        member.kill()
        self.members.pop(member.address, None)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.sim.run_for(seconds)

    def note_sent(self, data: bytes) -> None:
        """Somebody sends this."""
        self.num_datagrams += 1
        if len(data) > self.largest:
            self.largest = len(data)

    def check(self) -> None:
        """Every routing table keeps its law."""
        for member in self.members.values():
            member.node.parts.table.check_invariant()
