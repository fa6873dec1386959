"""Datagrams in memory on any base: a network that loses, repeats, reorders and delays as it is told."""

from __future__ import annotations

import errno
from collections.abc import Callable
from random import Random
from typing import Any

from evtorrent.protocols.engine.ports import Base
from evtorrent.protocols.errors import TransportBroken
from evtorrent.protocols.transport.utp_port import UtpPort
from evtorrent.protocols.utp import Train


class MemoryDatagrams:
    """The network.  Each port has an address of it."""

    def __init__(
        self,
        base: Base,
        rng: Random,
        *,
        delay: float = 0.0,
        loss: float = 0.0,
        duplicates: float = 0.0,
        reordering: float = 0.0,
        mtu: int = 1500,
        spares: frozenset[int] = frozenset(),
    ) -> None:
        self.base = base
        self.rng = rng
        self.delay, self.loss, self.duplicates, self.reordering = delay, loss, duplicates, reordering
        self.mtu = mtu
        """Larger packets vanish, unless they may be cut up."""
        self.first_mtu = 65_535
        """Larger probes are refused by the system."""
        self.spares = spares
        """First bytes of what is never lost."""
        self.is_full = False
        """Nothing can be sent now."""
        self.is_broken = False
        """Sending is refused."""
        self.lets_pass: Callable[[bytes, Any], bool] = lambda data, address: True
        """Asked of every packet: (bytes, address it is sent to)."""
        self.sent: list[bytes] = []
        self.waiting: list[Callable[[], object]] = []
        self._ports: dict[Any, UtpPort] = {}

    def open_port(self, **options: Any) -> UtpPort:
        """A port on an address of its own (Any: see `UtpPort`)."""
        address = ("10.0.0.1", 1000 + len(self._ports))
        port = UtpPort(self.base, _End(self, address), address, **options)
        self._ports[address] = port
        return port

    def send(self, data: bytes, source: Any, target: Any, *, may_fragment: bool = False) -> None:
        """One datagram (Any: addresses)."""
        self.sent.append(data)
        if not self.lets_pass(data, target):
            return
        if data[0] not in self.spares and self.rng.random() < self.loss:
            return
        if len(data) + 28 > self.mtu and not may_fragment:
            return
        for _ in range(1 + (self.rng.random() < self.duplicates)):
            late = self.delay * 3 if self.rng.random() < self.reordering else 0.0
            self.base.call_later(self.delay + late, self._arrive, data, source, target)

    def inject(self, data: bytes, source: Any, target: Any) -> None:
        """A datagram that somebody made up (Any: addresses)."""
        self._arrive(data, source, target)

    def drain(self) -> None:
        """Sending is possible again."""
        self.is_full = False
        waiting, self.waiting = self.waiting, []
        for callback in waiting:
            callback()

    def _arrive(self, data: bytes, source: Any, target: Any) -> None:
        port = self._ports.get(target)
        if port is not None:
            now = self.base.time()
            port.receive(memoryview(data), len(data), source, now)
            port.turn(now)


class _End:
    """A `DatagramPort` of the network."""

    def __init__(self, network: MemoryDatagrams, address: Any) -> None:
        self._network = network
        self._address = address

    def send_train(self, train: Train, address: Any) -> bool:
        network, segment, count = self._network, train.segment, train.count
        if network.is_full:
            return False
        if network.is_broken:
            raise TransportBroken("send", OSError(101, "unreachable"))
        if train.is_probe and segment + 28 > network.first_mtu:
            raise TransportBroken("send", OSError(errno.EMSGSIZE, "Message too long"))
        whole = b"".join(train.buffers)
        assert segment * (count - 1) < len(whole) <= segment * count
        for position in range(0, len(whole), segment):
            network.send(
                whole[position : position + segment], self._address, address, may_fragment=train.may_fragment
            )
        return True

    def call_when_writable(self, callback: Callable[[], object]) -> None:
        self._network.waiting.append(callback)
