"""One direction of a line at work.

A run of TCP segments is carried as one: a segment lost in it splits the run, and what did not fit into the queue is cut off
its end (drop-tail).  Where a line is faster than the one before, a run passes while it still comes in (cut-through).
"""

from __future__ import annotations

import random

from .link import Link
from .packet import Packet, Segments

__all__ = ["MIN_DELAY", "Lane"]

MIN_DELAY = 1e-5
"""Seconds that every packet travels at least, so that two hosts at no distance still move the clock."""
_REORDER_SECONDS = 0.001


class Lane:
    """One direction of a link at work."""

    __slots__ = (
        "_bandwidth",
        "_free_at",
        "_is_steady",
        "_last_arrival",
        "_link",
        "_queue_bytes",
        "_rng",
        "delay",
        "has_queue",
        "is_ordered",
        "is_plain",
        "mtu",
    )

    def __init__(self, link: Link, rng: random.Random) -> None:
        self._rng = rng
        self._free_at = 0.0
        self._last_arrival = 0.0
        self.link = link

    @property
    def link(self) -> Link:
        """May be replaced at any time; what is under way arrives as before."""
        return self._link

    @link.setter
    def link(self, link: Link) -> None:
        self._link = link
        self.delay = max(link.delay, MIN_DELAY)
        """Seconds that a packet travels when nothing else happens to it."""
        self.mtu = link.mtu
        self.is_ordered = bool(link.bandwidth or link.jitter)
        """Packets must be handed in in the order in which they reach it."""
        self.is_plain = not (self.is_ordered or link.loss or link.reordering or link.duplicates)
        """Nothing but the delay happens to a packet no larger than the MTU."""
        self.has_queue = bool(link.bandwidth)
        """Packets may have to wait for others."""
        self._bandwidth = link.bandwidth or 0.0
        self._queue_bytes = link.queue_bytes
        self._is_steady = bool(link.bandwidth) and not (
            link.jitter or link.loss or link.reordering or link.duplicates
        )
        """Nothing is drawn for a packet."""

    def backlog(self, now: float) -> float:
        """Bytes that wait for the line."""
        return max(0.0, self._free_at - now) * self._bandwidth

    def time_of_backlog(self, backlog: float) -> float:
        """When no more than `backlog` bytes will wait, if none are added."""
        return self._free_at - backlog / (self._link.bandwidth or 1.0)

    def carry(self, packet: Packet, now: float) -> list[tuple[float, Packet]]:
        """[(arrival, packet), …] of what comes out at the other end; empty when all is lost."""
        if self._is_steady and (packet.is_tcp or packet.size <= self.mtu):
            # The usual case, in as few steps as possible; otherwise the same as below.
            start, bandwidth, size = self._free_at, self._bandwidth, packet.size
            waiting = (start - now) * bandwidth if start > now else 0.0
            if size <= self._queue_bytes - waiting:
                span = size / bandwidth
                first = now - packet.span
                end = (start if start > first else first) + span
                least = now + span / packet.num_segments
                self._free_at = end = end if end > least else least
                packet.span = span
                return [(end + self.delay, packet)]
        link = self._link
        if (
            not (self.has_queue or packet.is_tcp or link.reordering or link.duplicates)
            and packet.size <= self.mtu
        ):
            # Nor is this rare: one datagram on a line that only loses and delays.
            draw = self._rng.random
            if link.loss and draw() < link.loss:
                return []
            when = now + self.delay
            if link.jitter:
                when += draw() * link.jitter
                if when < self._last_arrival:
                    when = self._last_arrival
                self._last_arrival = when
            return [(when, packet)]
        arrived: list[tuple[float, Packet]] = []
        for part in self._survivors(packet):
            fitting: Packet | None = part
            sent = now
            if link.bandwidth:
                fitting = self._enqueue(part, now, link.bandwidth)
                if fitting is None:
                    break
                sent = self._free_at
            assert fitting is not None
            when = self._arrival(sent)
            arrived.append((when, fitting))
            if link.duplicates and not packet.is_tcp and self._rng.random() < link.duplicates:
                arrived.append((when, fitting))
        return arrived

    def _survivors(self, packet: Packet) -> list[Packet]:
        link = self._link
        if isinstance(packet, Segments):
            return self._runs(packet, link.loss) if link.loss else [packet]
        fragments = -(-packet.size // link.mtu)
        if fragments > 1 and not packet.can_fragment:
            return []
        if link.loss:
            draws = [self._rng.random() < link.loss for _ in range(fragments)]
            return [] if any(draws) else [packet]
        return [packet]

    def _runs(self, packet: Segments, loss: float) -> list[Packet]:
        """The run without the segments lost."""
        count, draw = packet.num_segments, self._rng.random
        if count == 1:
            return [] if draw() < loss else [packet]
        lost = [index for index in range(count) if draw() < loss]
        if not lost:
            return [packet]
        found: list[Packet] = []
        start = 0
        for index in [*lost, count]:
            if index > start:
                found.append(packet.part(start, index))
            start = index + 1
        return found

    def _enqueue(self, packet: Packet, now: float, bandwidth: float) -> Packet | None:
        """Occupy the line; the part of the packet that fits into the queue, None when nothing does."""
        start = self._free_at
        room = self._queue_bytes - max(0.0, start - now) * bandwidth
        size = packet.size
        if size > room:
            if not isinstance(packet, Segments) or (count := packet.num_segments) == 1:
                return None
            fitting = int(room * count // size)
            if fitting <= 0:
                return None
            packet = packet.part(0, fitting)
            size = packet.size
        span = size / bandwidth
        # The first byte came `packet.span` before the last, which comes now; the last segment cannot leave earlier.
        begin = max(start, now - packet.span)
        self._free_at = max(begin + span, now + span / packet.num_segments)
        packet.span = span
        return packet

    def _arrival(self, sent: float) -> float:
        link = self._link
        when = sent + self.delay
        if not (link.jitter or link.reordering):
            return when
        if link.jitter:
            when += self._rng.random() * link.jitter
        if link.reordering and self._rng.random() < link.reordering:
            return when + _REORDER_SECONDS + self._rng.random() * max(link.delay, link.jitter)
        if self.is_ordered:
            self._last_arrival = when = max(when, self._last_arrival)
        return when
