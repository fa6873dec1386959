"""`SimWorld`: virtual time, hosts, the network between them, and the wheel that turns it all in one thread."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Self

from ..errors import ReactorBusy, ReactorClosed, ReactorUsageError
from .address import host_address
from .arguments import check_kind, check_number
from .clock import Clock
from .disk import Disk
from .host import SimHost
from .lane import Lane
from .link import Link
from .names import Names
from .nat import TCP_TIMEOUT, UDP_TIMEOUT, Nat, NatKind
from .network import Network
from .trace import Trace

__all__ = ["SimWorld"]

DEFAULT_BURST = 0.02
_AUTOMATIC = 10 << 24
"""Hosts that were given no address get those of 10.0.0.0/8, in order."""


class SimWorld:
    """A world of its own.  Everything in it is a function of the seed and of what was done to it.

    Belongs to the thread that made it; from others only `post`, and what loops and wake-ups say is for any thread.
    """

    def __init__(
        self, seed: int = 0, *, start: float = 0.0, burst: float = DEFAULT_BURST, keep_lines: int = 0
    ) -> None:
        """`burst`: seconds that TCP segments sent together may occupy a line; more is faster to run and coarser.

        `keep_lines`: the number of newest lines to hold in `trace.lines`.
        """
        check_kind("seed", seed, int)
        check_number("burst", burst)
        self.seed = seed
        self.clock = Clock(start)
        self.trace = Trace(keep=keep_lines)
        self.rng = random.Random(seed)
        """For what belongs to no host: lines and NAT boxes."""
        self.network = Network(self.clock, self.trace, self.rng, burst)
        self.names = Names(self.clock)
        """What names mean, for every host."""
        self.hosts: dict[str, SimHost] = {}
        self.nats: dict[str, Nat] = {}
        self.thread_id = threading.get_ident()
        self._num_islands = 0
        self._num_automatic = 0
        self._posted: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._is_running = False
        self._is_closed = False

    # -- building

    def host(
        self,
        name: str,
        *addresses: str,
        link: Link | None = None,
        up: Link | None = None,
        down: Link | None = None,
        nat: Nat | None = None,
        disk: Disk | None = None,
    ) -> SimHost:
        """A new machine.  Its line is `link` in both directions, unless `up` or `down` say otherwise.

        Without `addresses` it gets one.  ReactorUsageError when a name or an address is taken or cannot be.
        """
        self._check_open()
        self._check_name(name, self.hosts)
        taken = self.network.owners if nat is None else nat.hosts
        if not addresses:
            addresses = (self._next_address(taken),)
        checked = tuple(map(host_address, addresses))
        for address in checked:
            owner = (taken if ":" not in address else self.network.owners).get(address)
            if owner is not None:
                raise ReactorUsageError(f"address must be free, and {owner.name} has {address}")
        for argument, given, kind in (
            ("link", link, Link),
            ("up", up, Link),
            ("down", down, Link),
            ("disk", disk, Disk),
        ):
            if given is not None:
                check_kind(argument, given, kind)
        lanes = (Lane(up or link or Link(), self.rng), Lane(down or link or Link(), self.rng))
        host = SimHost(self, name, checked, lanes, nat)
        if disk is not None:
            host.disk = disk
        for address in checked:
            if nat is not None and ":" not in address:
                nat.hosts[address] = host
            else:
                self.network.owners[address] = host
        self.hosts[name] = host
        return host

    def nat(
        self,
        name: str,
        address: str,
        *,
        kind: NatKind = NatKind.PORT_RESTRICTED,
        hairpin: bool = True,
        udp_timeout: float = UDP_TIMEOUT,
        tcp_timeout: float = TCP_TIMEOUT,
    ) -> Nat:
        """A new box that hosts can be put behind (`host(…, nat=…)`)."""
        self._check_open()
        self._check_name(name, self.nats)
        address = host_address(address)
        if address in self.network.owners:
            raise ReactorUsageError(
                f"address must be free, and {self.network.owners[address].name} has {address}"
            )
        nat = Nat(
            name,
            address,
            self.rng,
            kind=kind,
            hairpin=hairpin,
            udp_timeout=udp_timeout,
            tcp_timeout=tcp_timeout,
        )
        self.nats[name] = nat
        self.network.owners[address] = nat
        return nat

    def join(self, one: SimHost, other: SimHost, link: Link) -> None:
        """A line of their own between two hosts, which replaces the way through the world.  Their NATs do not see it."""
        for argument, host in (("one", one), ("other", other)):
            self._check_own(argument, host)
        if one is other:
            raise ReactorUsageError("other must be another host than one")
        check_kind("link", link, Link)
        for here, there in ((one, other), (other, one)):
            if here.lines is None:
                here.lines = {}
            here.lines[there] = Lane(link, self.rng)

    # -- what befalls it

    def cut(self, *hosts: SimHost) -> None:
        """Make an island of these hosts: they reach each other, and nobody else.  What is under way still arrives."""
        for host in hosts:
            self._check_own("hosts", host)
        self._num_islands += 1
        for host in hosts:
            host.island = self._num_islands
        self.note(f"cut {' '.join(host.name for host in hosts)}")

    def heal(self) -> None:
        """Everybody reaches everybody again."""
        for host in self.hosts.values():
            host.island = 0
        self.note("heal")

    def remove(self, nat: Nat) -> None:
        """A box is gone: hosts behind it reach nobody outside, and another one may get its name and its address."""
        if self.nats.get(nat.name) is not nat:
            raise ReactorUsageError(f"nat must be a box of this world, not {nat!r}")
        del self.nats[nat.name]
        del self.network.owners[nat.address]
        nat.shut()
        self.note(f"{nat.name} is gone")

    def note(self, what: str) -> None:
        """Add a line of your own to the trace; it counts in the hash."""
        self.trace.note(self.clock.now, what)

    # -- turning

    def run_for(self, seconds: float) -> None:
        """Run until the clock has moved on by so much."""
        check_number("seconds", seconds)
        self._run(self.clock.now + seconds, None, 0.0)

    def run_until(
        self, condition: Callable[[], object], *, timeout: float = 3_600.0, every: float = 0.0
    ) -> bool:
        """Run until `condition()`, which is asked after each event, or once in `every` seconds; False at the timeout.

        When nothing is left to happen the clock goes to the timeout at once.
        """
        if not callable(condition):
            raise ReactorUsageError(f"condition must be callable, not {condition!r}")
        check_number("timeout", timeout)
        check_number("every", every)
        return self._run(self.clock.now + timeout, condition, every)

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Call before the next event.  Any thread; such calls are outside of what the seed decides."""
        self._posted.append((function, args))

    def close(self) -> None:
        """Kill every host.  Repeatable."""
        if not self._is_closed:
            for host in list(self.hosts.values()):
                host.kill()
            self._is_closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- for hosts

    def forget(self, host: SimHost) -> None:
        """It died."""
        del self.hosts[host.name]
        for address in host.addresses:
            owners = self.network.owners if host.nat is None or ":" in address else host.nat.hosts
            del owners[address]
        for other in host.lines or ():
            assert isinstance(other, SimHost) and other.lines is not None
            del other.lines[host]
        host.lines = None

    # -- asking

    def time(self) -> float:
        """The virtual clock, seconds."""
        return self.clock.now

    @property
    def trace_hash(self) -> str:
        """Stands for everything that happened so far."""
        return self.trace.hexdigest

    @property
    def num_events(self) -> int:
        """Calls the clock made so far."""
        return self.clock.num_events

    @property
    def is_own_thread(self) -> bool:
        """The caller is the thread that the world belongs to."""
        return threading.get_ident() == self.thread_id

    def __repr__(self) -> str:
        return f"<SimWorld at {self.clock.now:.6f}, {len(self.hosts)} hosts, seed {self.seed}>"

    # -- private

    def _run(self, until: float, condition: Callable[[], object] | None, every: float) -> bool:
        self._check_open()
        if not self.is_own_thread:
            raise ReactorUsageError("a world is run by the thread that made it")
        if self._is_running:
            raise ReactorBusy("the world is running already")
        self._is_running = True
        clock, posted = self.clock, self._posted
        try:
            if condition is not None and not every:
                while not condition():
                    if not clock.step(until) and not posted:
                        clock.now = max(clock.now, until)
                        return bool(condition())
                    self._take_posted()
                return True
            mark = until if condition is None else clock.now
            while True:
                clock.run(mark, posted)
                if posted:
                    self._take_posted()
                    continue
                clock.now = max(clock.now, mark)
                if condition is not None and condition():
                    return True
                if mark >= until:
                    return condition is None
                mark = min(until, mark + every)
        finally:
            self._is_running = False

    def _take_posted(self) -> None:
        while self._posted:
            function, args = self._posted.popleft()
            function(*args)

    def _next_address(self, taken: Any) -> str:
        while True:
            self._num_automatic += 1
            number = _AUTOMATIC + self._num_automatic
            address = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
            if address not in taken:
                return address

    def _check_open(self) -> None:
        if self._is_closed:
            raise ReactorClosed("the world is closed")

    def _check_own(self, argument: str, host: object) -> None:
        if not isinstance(host, SimHost) or host.world is not self:
            raise ReactorUsageError(f"{argument} must be hosts of this world, not {host!r}")

    @staticmethod
    def _check_name(name: object, names: Any) -> None:
        if not isinstance(name, str) or not name:
            raise ReactorUsageError(f"name must be a text that is not empty, not {name!r}")
        if name in names:
            raise ReactorUsageError(f"name must be new, and there is a {name} already")
