"""How packets get from host to host: over the sender's line, through NAT boxes, over the receiver's line.

    host ──uplink──► [its NAT] ──► [the other's NAT] ──downlink──► host          or a line of their own between two hosts

Where nothing on the way depends on the order of arrival, the whole way is computed when a packet leaves, and costs one event.
"""

from __future__ import annotations

import errno
import random
from typing import TYPE_CHECKING

from .address import is_loopback
from .clock import Clock
from .lane import MIN_DELAY, Lane
from .nat import Nat
from .packet import Datagram, Packet
from .trace import DELIVERED, LOST, Trace

if TYPE_CHECKING:
    from .host import SimHost

__all__ = ["Network"]

LOOPBACK_DELAY = 2e-5
"""Seconds from a host to itself."""
LOOPBACK_MTU = 65_535
_MAX_RUN = 65_536
_TCP_HEADERS = 40
_V6_MORE = 20


class Network:
    """All lines of a world."""

    __slots__ = ("_clock", "_rng", "_trace", "burst", "owners")

    def __init__(self, clock: Clock, trace: Trace, rng: random.Random, burst: float) -> None:
        self._clock = clock
        self._trace = trace
        self._rng = rng
        self.burst = burst
        """Seconds that one run of TCP segments may occupy a line."""
        self.owners: dict[str, SimHost | Nat] = {}
        """Who has which address of the world; those behind a NAT are known to their box only."""

    def send(self, host: SimHost, packet: Packet) -> None:
        """A packet leaves a host."""
        clock, target = self._clock, packet.target[0]
        now = clock.now
        # Nobody's loopback address is among the owners.
        owner = self.owners.get(target) if host.nat is None else None
        if owner is None:
            owner = self.find(host, target)
        if owner is host:
            clock.post(now + LOOPBACK_DELAY, self._deliver, host, packet)
            return
        if host.lines is not None and (line := host.lines.get(owner)) is not None:
            self._carry(line, owner, packet, now)  # type: ignore[arg-type]
            return
        if host.nat is not None:
            translated = self._leave(host.nat, owner, packet)
            if translated is None:
                self._trace.record(now, LOST, packet)
                return
            packet = translated
        if owner is None:
            self._trace.record(now, LOST, packet)
            return
        lane = host.up
        if lane.is_plain and (packet.is_tcp or packet.size <= lane.mtu):
            self._towards(host, owner, packet, now + lane.delay)
            return
        arrived = lane.carry(packet, now)
        if not arrived:
            self._trace.record(now, LOST, packet)
            self._tell_too_big(lane, packet)
        for when, part in arrived:
            self._towards(host, owner, part, when)

    def refuse(self, host: SimHost, datagram: Datagram, code: int) -> None:
        """Tell the sender of a datagram why it did not get through (ICMP)."""
        if datagram.errno:
            return  # never about another one (RFC 1122 section 3.2.2)
        error = Datagram(datagram.target, datagram.source, b"")
        error.errno = code
        error.about = datagram.target
        self.send(host, error)

    # -- what sockets ask before they send

    def find(self, host: SimHost, target: str) -> SimHost | Nat | None:
        """Who has the address, as seen from `host`."""
        if is_loopback(target) or host.owns(target):
            return host
        if host.nat is not None and (neighbour := host.nat.hosts.get(target)) is not None:
            return neighbour
        return self.owners.get(target)

    def first_lane(self, host: SimHost, target: str) -> Lane | None:
        """The line that packets to `target` leave by; None: they do not leave the host."""
        owner = self.find(host, target)
        if owner is host:
            return None
        if host.lines is not None and owner in host.lines:
            return host.lines[owner]
        return host.up

    def first_mtu(self, host: SimHost, target: str) -> int:
        """The MTU of that line."""
        lane = self.first_lane(host, target)
        return LOOPBACK_MTU if lane is None else lane.mtu

    def time_of_room(self, host: SimHost, target: str, limit: int) -> float | None:
        """When a sender that may have `limit` bytes before the line can send again; None: now."""
        lane = self.first_lane(host, target)
        if lane is None or lane.backlog(self._clock.now) <= limit:
            return None
        return lane.time_of_backlog(limit / 2)

    def segment_sizes(self, host: SimHost, target: str) -> tuple[int, int]:
        """(MSS, most bytes of a run) of a connection from `host` to `target`."""
        owner = self.find(host, target)
        headers = _TCP_HEADERS + (_V6_MORE if ":" in target else 0)
        if owner is host:
            return LOOPBACK_MTU - headers, _MAX_RUN
        lanes = [self.first_lane(host, target)]
        if owner is not None and not isinstance(owner, Nat) and lanes[0] is host.up:
            lanes.append(owner.down)
        mtu = min(lane.mtu for lane in lanes if lane is not None)
        rates = [lane.link.bandwidth for lane in lanes if lane is not None and lane.link.bandwidth]
        most = min(_MAX_RUN, *(rate * self.burst for rate in rates)) if rates else _MAX_RUN
        mss = mtu - headers
        return mss, max(1, int(most) // mss) * mss

    # -- the way

    def _leave(self, nat: Nat, owner: SimHost | Nat | None, packet: Packet) -> Packet | None:
        """What the box makes of a packet of a host behind it: IPv6 and neighbours' packets stay as they are."""
        target = packet.target[0]
        if ":" in target or (owner is not nat and target in nat.hosts):
            return packet
        if owner is nat and not nat.hairpin:
            return None
        return nat.leave(packet, self._clock.now)

    def _towards(self, source: SimHost, owner: SimHost | Nat, packet: Packet, when: float) -> None:
        if isinstance(owner, Nat):
            self._clock.post(when, self._enter, source, owner, packet)
            return
        if source.island != owner.island:
            self._trace.record(self._clock.now, LOST, packet)
            return
        lane = owner.down
        if lane.is_ordered:
            self._clock.post(when, self._descend, owner, packet)
        elif lane.is_plain and (packet.is_tcp or packet.size <= lane.mtu):
            self._clock.post(when + lane.delay, self._deliver, owner, packet)
        else:
            self._carry(lane, owner, packet, when)

    def _enter(self, source: SimHost, nat: Nat, packet: Packet) -> None:
        now = self._clock.now
        translated = nat.enter(packet, now)
        host = None if translated is None else nat.hosts.get(translated.target[0])
        if translated is None or host is None:
            self._trace.record(now, LOST, packet)
        else:
            self._towards(source, host, translated, now)

    def _descend(self, owner: SimHost, packet: Packet) -> None:
        self._carry(owner.down, owner, packet, self._clock.now)

    def _carry(self, lane: Lane, owner: SimHost, packet: Packet, now: float) -> None:
        arrived = lane.carry(packet, now)
        if not arrived:
            self._trace.record(self._clock.now, LOST, packet)
            self._tell_too_big(lane, packet)
        for when, part in arrived:
            self._clock.post(when, self._deliver, owner, part)

    def _deliver(self, host: SimHost, packet: Packet) -> None:
        if host.is_dead:
            self._trace.record(self._clock.now, LOST, packet)
            return
        self._trace.record(self._clock.now, DELIVERED, packet)
        if packet.is_tcp:
            host.receive_segments(packet)  # type: ignore[arg-type]
        else:
            host.receive_datagram(packet)  # type: ignore[arg-type]

    def _tell_too_big(self, lane: Lane, packet: Packet) -> None:
        """A datagram that must not be fragmented met a smaller MTU: its sender learns of it (RFC 1191)."""
        if packet.is_tcp or packet.can_fragment or packet.size <= lane.mtu:
            return
        assert isinstance(packet, Datagram)
        owner = self.owners.get(packet.source[0])
        error = Datagram(packet.target, packet.source, b"")
        error.errno, error.about = errno.EMSGSIZE, packet.target
        error.payload = lane.mtu.to_bytes(4, "big")
        if isinstance(owner, Nat):
            self._clock.post(self._clock.now + MIN_DELAY, self._enter_error, owner, error)
        elif owner is not None:
            self._clock.post(self._clock.now + MIN_DELAY, self._deliver, owner, error)

    def _enter_error(self, nat: Nat, error: Datagram) -> None:
        translated = nat.enter(error, self._clock.now)
        host = None if translated is None else nat.hosts.get(translated.target[0])
        if translated is not None and host is not None:
            self._deliver(host, translated)
