"""One simulated machine: addresses, descriptors, sockets, a loop, a worker pool, a line to the world."""

from __future__ import annotations

import errno
import heapq
import random
import socket
from typing import TYPE_CHECKING, Any

from ..errors import ReactorClosed
from .address import Address, family_of, is_loopback
from .arguments import check_kind
from .clock import Clock
from .datagram_socket import SimDatagramSocket
from .descriptor import SimDescriptor
from .disk import Disk, DiskPool
from .lane import Lane
from .link import Link
from .loop import SimLoop
from .network import Network
from .packet import RST, SYN, Datagram, Segments
from .platform import SimPlatform
from .port_table import PortTable
from .sockets import failure
from .stream_socket import SimStreamSocket
from .tcp import LINGERING, TcpConnection

if TYPE_CHECKING:
    from .nat import Nat
    from .world import SimWorld

__all__ = ["SimHost"]

_FIRST_FD = 3
MAX_DESCRIPTORS = 65_536
"""Descriptors of one host before EMFILE."""


class SimHost:
    """Made by `SimWorld.host`.  Everything on it lives on its `loop` and is opened through its `platform`."""

    __slots__ = (
        "_free_fds",
        "_platform",
        "_pool",
        "_rng",
        "addresses",
        "clock",
        "connections",
        "descriptor_limit",
        "descriptors",
        "disk",
        "down",
        "is_dead",
        "island",
        "lines",
        "loop",
        "name",
        "nat",
        "network",
        "path_mtus",
        "tcp",
        "udp",
        "up",
        "world",
    )

    def __init__(
        self,
        world: SimWorld,
        name: str,
        addresses: tuple[str, ...],
        lanes: tuple[Lane, Lane],
        nat: Nat | None,
    ) -> None:
        self.world = world
        self.name = name
        self.addresses = addresses
        """In order of preference; the first of a family is where packets leave from."""
        self.up, self.down = lanes
        self.nat = nat
        """The box it is behind, which translates its IPv4."""
        self.is_dead = False
        self.island = 0
        """Hosts of different islands do not reach each other (`SimWorld.cut`)."""
        self.lines: dict[object, Lane] | None = None
        """Lines of its own to other hosts."""
        self.clock: Clock = world.clock
        self.network: Network = world.network
        self.descriptors: dict[int, SimDescriptor] = {}
        self.descriptor_limit = MAX_DESCRIPTORS
        """Descriptors it may have open; EMFILE beyond."""
        self.tcp = PortTable()
        self.udp = PortTable()
        self.connections: dict[tuple[Address, Address], TcpConnection] = {}
        self.path_mtus: dict[str, int] = {}
        """What ICMP said about the way to a host."""
        self.disk = Disk()
        self.loop = SimLoop(self)
        self._free_fds: list[int] = []
        self._platform: SimPlatform | None = None
        self._pool: DiskPool | None = None
        self._rng: random.Random | None = None

    # -- what a test does with it

    def socket(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> Any:
        """A socket of this host, as `socket.socket(family, kind)` makes a real one.  Any: by shape, of either kind."""
        if self.is_dead:
            raise ReactorClosed(f"{self.name} is dead")
        if kind == socket.SOCK_STREAM:
            return SimStreamSocket(self, family)
        if kind == socket.SOCK_DGRAM:
            return SimDatagramSocket(self, family)
        raise failure(
            errno.EPROTONOSUPPORT, f"simulated hosts have SOCK_STREAM and SOCK_DGRAM, not kind {kind}"
        )

    def pair(self) -> tuple[SimStreamSocket, SimStreamSocket]:
        """Two sockets of this host, connected to each other at once, as `socket.socketpair()` gives."""
        left, right = self.socket(), self.socket()
        for sock in (left, right):
            sock.bind(("127.0.0.1", 0))
        left.join(right)
        right.join(left)
        return left, right

    def set_link(self, link: Link | None = None, *, up: Link | None = None, down: Link | None = None) -> None:
        """Change its line: both directions, or one.  What is under way arrives as before."""
        for lane, given in ((self.up, up or link), (self.down, down or link)):
            if given is not None:
                check_kind("link", given, Link)
                lane.link = given

    def kill(self) -> None:
        """Switch it off: nothing of it is called any more, nothing is said to anybody.  Repeatable.

        Objects that lived on it may be closed, and must not be used otherwise.  The world forgets it: another host may get its
        name and its addresses.
        """
        if self.is_dead:
            return
        self.is_dead = True
        self.loop.close()
        for connection in list(self.connections.values()):
            connection.vanish()
        for descriptor in list(self.descriptors.values()):
            descriptor.vanish()
        self.descriptors.clear()
        # What still points here must not keep alive what ran here.
        self.tcp, self.udp = PortTable(), PortTable()
        self.world.forget(self)
        self.world.note(f"{self.name} dies")

    @property
    def platform(self) -> SimPlatform:
        """What an engine on it is given: `Multi(host.platform)`."""
        if self._platform is None:
            self._platform = SimPlatform(self)
        return self._platform

    @property
    def pool(self) -> DiskPool:
        """Its worker pool, which takes as long as `disk` says."""
        if self._pool is None:
            self._pool = DiskPool(self, self.disk)
        return self._pool

    @property
    def rng(self) -> random.Random:
        """Randomness of its own: what other hosts do does not change it."""
        if self._rng is None:
            # Text is hashed by `random` itself, in the same way in every process.
            self._rng = random.Random(f"{self.world.seed} {self.name}")
        return self._rng

    def __repr__(self) -> str:
        return f"<SimHost {self.name} {' '.join(self.addresses)}{', dead' if self.is_dead else ''}>"

    # -- for sockets and the network

    def owns(self, host: str) -> bool:
        """The address means this machine."""
        return host in self.addresses or is_loopback(host)

    def source_for(self, target: str) -> str:
        """The address that packets to `target` leave from.  OSError ENETUNREACH without one of the family."""
        if is_loopback(target):
            return target
        if target in self.addresses:
            return target
        is_v6 = ":" in target
        for address in self.addresses:
            if (":" in address) is is_v6:
                return address
        raise failure(errno.ENETUNREACH)

    def open_descriptor(self, descriptor: SimDescriptor) -> int:
        """A number for it, the lowest free.  OSError EMFILE."""
        if self.is_dead:
            raise ReactorClosed(f"{self.name} is dead")
        if len(self.descriptors) >= self.descriptor_limit:
            raise failure(errno.EMFILE)
        fd = heapq.heappop(self._free_fds) if self._free_fds else _FIRST_FD + len(self.descriptors)
        self.descriptors[fd] = descriptor
        return fd

    def close_descriptor(self, fd: int) -> None:
        """The number is free."""
        if self.descriptors.pop(fd, None) is not None:
            heapq.heappush(self._free_fds, fd)

    def receive_datagram(self, datagram: Datagram) -> None:
        """A datagram, or the error about one, came for one of its addresses."""
        host, port = datagram.target
        sock = self.udp.find(host, port, datagram.source)
        if datagram.errno:
            if datagram.errno == errno.EMSGSIZE and datagram.about is not None:
                self.path_mtus[datagram.about[0]] = int.from_bytes(datagram.payload, "big")
            if sock is not None:
                sock.receive_error(datagram.errno, datagram.about)
        elif sock is None:
            self.network.refuse(self, datagram, errno.ECONNREFUSED)
        else:
            sock.receive(datagram)

    def receive_segments(self, packet: Segments) -> None:
        """Something of TCP came for one of its addresses."""
        key = (packet.target, packet.source)
        connection = self.connections.get(key)
        if connection is not None and connection.state == LINGERING and packet.code == SYN:
            connection.vanish()
            connection = None
        if connection is not None:
            connection.receive(packet)
            return
        if packet.code == SYN:
            listener = self.tcp.find(*packet.target, packet.source, listening=True)
            if listener is not None:
                listener.knock(packet)
                return
        if packet.code != RST:
            self.network.send(self, Segments(RST, packet.target, packet.source, packet.mss))

    def interfaces(self) -> list[tuple[str, str, int]]:
        """[(device, address, length of its network's prefix), …], as a listener asks for them."""
        own = [("sim0", host, 64 if family_of(host) == socket.AF_INET6 else 24) for host in self.addresses]
        return [("lo", "127.0.0.1", 8), *own, ("lo", "::1", 128)]
