"""`Dht`s on simulated machines: engines, sockets, lines and NAT boxes of `reactor/sim`, and everybody of his own address."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any, Self

from evtorrent.protocols.dht import Dht, DhtSettings, Node, Operation
from evtorrent.protocols.dht.udp_port import OnDatagram, UdpPort
from evtorrent.protocols.engine import Multi
from evtorrent.reactor import drive
from evtorrent.reactor.sim import Link, NatKind, SimHost, SimWorld
from support.dht_network import Liars

Address = tuple[str, int]

PORT = 6881
SETTINGS = DhtSettings(upload_rate_limit=10_000_000, block_ratelimit=100_000)
LINK = Link(delay=0.025, jitter=0.005, loss=0.005)
"""Of each machine, there and back: round trips of some 100 ms."""

BOXES = (NatKind.FULL_CONE, NatKind.RESTRICTED, NatKind.PORT_RESTRICTED, NatKind.SYMMETRIC)


class Machine:
    """A host, an engine, and a `Dht` with one node; what a liar makes of its datagrams is `tamper`."""

    def __init__(self, host: SimHost, address: Address) -> None:
        self.address = address
        """Where others see it."""
        self.host = host
        self.heard: tuple[bytes, Address] = (b"", address)
        self.tamper: Callable[[bytes, Address], Iterable[tuple[bytes, Address]]] | None = None
        self._multi = Multi(self.host.platform)
        self._driver = drive(self._multi, self.host.loop)
        self.dht = Dht(self._multi, bind=(), settings=SETTINGS, reports=False)
        self.dht.add_port(self._open, ("0.0.0.0", PORT))

    @property
    def node(self) -> Node:
        return self.dht.nodes()[0]

    def close(self) -> None:
        self.dht.close()
        self._driver.close()
        self._multi.close()

    def send(self, data: Any, address: Any, /) -> bool:
        """As `DatagramPort.send`: the truth, or what is left of it."""
        if self.tamper is None:
            return self._port.send(data, address)
        for part, target in self.tamper(data, address):
            self._port.send(part, target)
        return True

    def _open(self, on_datagram: OnDatagram) -> _Mouth:
        def hear(data: memoryview, address: Any, now: float) -> None:
            if self.tamper is not None:
                self.heard = bytes(data), address
            on_datagram(data, address, now)

        self._port = UdpPort(self._multi, self.host.platform, ("0.0.0.0", PORT), hear)
        return _Mouth(self)


class _Mouth:
    """A machine, as a `DatagramPort`."""

    def __init__(self, machine: Machine) -> None:
        self.send = machine.send
        self._machine = machine

    def close(self) -> None:
        self._machine._port.close()


class DhtHosts:
    """A network that grew; a share of `nat` behind boxes of all kinds, and a share of liars.  Use as a context manager."""

    def __init__(self, count: int, *, nat: float = 0.3, liars: float = 0.05, seed: int = 3) -> None:
        self.world = SimWorld(seed)
        self.rng = Random(seed)
        self.members: dict[Address, Machine] = {}
        self._nat = nat
        self._num_made = 0
        while len(self.members) < count:
            for _ in range(min(max(1, len(self.members) // 8), count - len(self.members))):
                self.add()
            self.world.run_for(3)
        self.world.run_for(60)
        liar_list = self.rng.sample(list(self.members.values()), int(count * liars))
        self._liars = Liars(self)  # type: ignore[arg-type]  # whose members are shaped like ours
        for index, machine in enumerate(liar_list):
            self._liars.recruit(machine, Liars.KINDS[index % 4])  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for machine in self.members.values():
            machine.close()
        self.world.close()

    @property
    def num_lies(self) -> int:
        return self._liars.num_lies

    def public(self) -> list[Address]:
        """Who can be begun with."""
        return [address for address, machine in self.members.items() if machine.host.nat is None]

    def add(self) -> Machine:
        """One more."""
        number, self._num_made = self._num_made, self._num_made + 1
        outside = f"{60 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.1"
        if number > 9 and self.rng.random() < self._nat:
            nat = self.world.nat(f"box {number}", outside, kind=BOXES[number % len(BOXES)])
            host = self.world.host(f"node {number}", "192.168.1.2", link=LINK, nat=nat)
        else:
            host = self.world.host(f"node {number}", outside, link=LINK)
        machine = Machine(host, (outside, PORT))
        if self.members:
            public = self.public()
            machine.dht.bootstrap(self.rng.sample(public, min(3, len(public))))
        self.members[outside, PORT] = machine
        return machine

    def kill(self, count: int) -> None:
        """So many machines are gone at once, and nobody is told."""
        for address in self.rng.sample(list(self.members), count):
            machine = self.members.pop(address)
            machine.host.kill()
            machine.close()

    def honest(self) -> Machine:
        """Somebody who tells the truth and is at home in the network."""
        while True:
            machine = self.rng.choice(list(self.members.values()))
            if machine.tamper is None and machine.node.parts.table.num_confirmed >= 8:
                return machine

    def ask(self, begin: Callable[[Dht], Operation]) -> Any:
        """Somebody asks; the result, and how long it took."""
        machine, start = self.honest(), self.world.time()
        operation = begin(machine.dht)
        assert self.world.run_until(lambda: operation.is_done, timeout=120)
        assert operation.error is None
        return operation.result, self.world.time() - start
