"""What leaves: bytes become packets, packets are under way in bursts, until they are acknowledged.

A burst is what one look at the window sent: packets with consecutive numbers that left together.  Acknowledgements take
whole bursts off the front, so the cost of an ack does not grow with the packets it covers; single packets are looked at only
when some were lost.  Bits of a burst: bit i is its packet i.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ..types import Buffer
from .packet import PacketType

__all__ = ["Acked", "Burst", "Outgoing"]

DUPLICATES = 3
"""Packets that arrived behind a missing one before it is taken for lost (RFC 5681)."""


@dataclass(slots=True, eq=False)
class Burst:
    """Packets that left together."""

    first: int
    """Absolute sequence number of the first."""
    payloads: list[memoryview]
    sent_at: float
    kind: PacketType = PacketType.DATA
    sacked: int = 0
    """Those that arrived out of order."""
    lost: int = 0
    """Those taken for lost and not sent again yet."""
    resent: int = 0
    """Those sent again; their round trip says nothing."""
    recent: int = 0
    """Those sent again so lately that the other side cannot have answered."""
    resent_at: float = 0.0

    @property
    def last(self) -> int:
        return self.first + len(self.payloads) - 1


@dataclass(slots=True)
class Acked:
    """What an acknowledgement brought."""

    num_bytes: int = 0
    """That had not been acknowledged before."""
    num_packets: int = 0
    sent_at: float | None = None
    """When the last of them left; None when it was sent more than once."""
    has_loss: bool = False
    """Packets were found lost."""


@dataclass(slots=True)
class Outgoing:
    """The sending half of a connection.  Sequence numbers are absolute."""

    next: int
    """The number of the next new packet."""
    limit: int
    """Bytes taken from the application and not yet sent."""
    unsent: deque[memoryview] = field(default_factory=deque)
    num_unsent: int = 0
    """Bytes of them."""
    in_flight: int = 0
    """Bytes sent and neither acknowledged nor taken for lost."""
    bursts: deque[Burst] = field(default_factory=deque)
    """All that is not acknowledged, in order."""
    num_lost: int = 0
    """Packets taken for lost that have to be sent again."""
    lost_bytes: int = 0
    """Bytes of them: the other side must keep room for them, or nothing will ever close its gap."""
    acked: int = -1
    """Everything up to this number was acknowledged."""

    def write(self, data: Buffer, unit: int) -> int:
        """Take a copy of as much as there is room for, in chunks of `unit` bytes: whole trains, and cheap to allocate."""
        count = min(len(data), self.limit - self.num_unsent)
        if count <= 0:
            return 0
        view = memoryview(data)
        self.unsent.extend(
            [memoryview(bytes(view[at : min(at + unit, count)])) for at in range(0, count, unit)]
        )
        self.num_unsent += count
        return count

    @property
    def has_unacked(self) -> bool:
        """Something is under way or has to be sent again."""
        return bool(self.bursts)

    def take(self, size: int, most: int, now: float) -> Burst | None:
        """Up to `most` new packets of `size` bytes as one burst, only the last may be shorter; None when nothing waits."""
        unsent = self.unsent
        if not unsent or most < 1:
            return None
        payloads: list[memoryview] = []
        while unsent and len(payloads) < most:
            chunk = unsent[0]
            length = len(chunk)
            if length >= size:
                count = min(length // size, most - len(payloads))
                end = count * size
                payloads += [chunk[at : at + size] for at in range(0, end, size)]
                if end == length:
                    unsent.popleft()
                else:
                    unsent[0] = chunk[end:]
                continue
            payloads.append(self._gather(size))
            if len(payloads[-1]) < size:
                break
        taken = sum(map(len, payloads))
        self.num_unsent -= taken
        self.in_flight += taken
        return self._add(payloads, PacketType.DATA, now)

    def take_signal(self, kind: PacketType, now: float) -> Burst:
        """A SYN or FIN, which has a number and no bytes."""
        return self._add([memoryview(b"")], kind, now)

    def take_one(self, size: int, now: float) -> Burst | None:
        """One packet of up to `size` bytes: a probe."""
        return self.take(size, 1, now)

    def acknowledge(self, number: int, sack: bytes, stale: float = 0.0) -> Acked:
        """Everything up to `number` arrived, and what `sack` says from `number` + 2 on.

        Packets sent again before the time `stale` and still missing are lost once more.
        """
        result = Acked()
        bursts = self.bursts
        while bursts and bursts[0].last <= number:
            burst = bursts.popleft()
            self._count(burst, (1 << len(burst.payloads)) - 1, result)
        if bursts and bursts[0].first <= number:
            self._trim(bursts[0], number, result)
        self.acked = max(self.acked, number)
        if sack:
            self._take_sack(number + 2, int.from_bytes(sack, "little"), stale, result)
        return result

    def first_is_lost(self) -> bool:
        """Duplicate acks without bits say that the first packet under way is missing; False when that is known."""
        if not self.bursts:
            return False
        burst = self.bursts[0]
        if (burst.lost | burst.resent | burst.sacked) & 1:
            return False
        self._lose(burst, 1)
        return True

    def probe(self) -> bool:
        """Nothing was heard for a while: have sent again what would bring an answer soonest.

        That is what was sent again before and still leaves a gap, or, where nothing is known to have arrived out of order, the last
        packet, whose arrival shows what is missing before it.  Gives whether there was a gap.
        """
        first = self.bursts[0]
        if first.recent & ~(first.sacked | first.lost):
            bits = first.recent & ~(first.sacked | first.lost)
            first.recent &= ~bits
            self._lose(first, bits)
            return True
        last = self.bursts[-1]
        bit = 1 << (len(last.payloads) - 1)
        if not (last.sacked | last.lost) & bit:
            self._lose(last, bit)
        return False

    def all_are_lost(self) -> int:
        """A timeout: everything that did not arrive has to be sent again; gives how many packets."""
        for burst in self.bursts:
            burst.recent = 0
            bits = ((1 << len(burst.payloads)) - 1) & ~(burst.sacked | burst.lost)
            if bits:
                self._lose(burst, bits)
        return self.num_lost

    def take_lost(self, most: int, room: float, now: float) -> list[tuple[Burst, int, int]]:
        """[(burst, index, count), …] of lost packets to send again, neighbours together; within `room` bytes, but one at least."""
        runs: list[tuple[Burst, int, int]] = []
        for burst in self.bursts:
            while burst.lost and most > 0 and (room > 0 or not runs):
                index = (burst.lost & -burst.lost).bit_length() - 1
                count = 0
                size = len(burst.payloads[index])
                while (
                    count < most
                    and burst.lost >> (index + count) & 1
                    and (room > 0 or not count)
                    and len(burst.payloads[index + count]) <= size
                ):
                    length = len(burst.payloads[index + count])
                    room -= length
                    self.in_flight += length
                    self.lost_bytes -= length
                    count += 1
                    if length < size:
                        break
                bits = ((1 << count) - 1) << index
                burst.lost &= ~bits
                burst.resent |= bits
                burst.recent |= bits
                burst.resent_at = now
                self.num_lost -= count
                most -= count
                runs.append((burst, index, count))
            if not self.num_lost or most <= 0 or room <= 0:
                break
        return runs

    def oldest(self) -> float | None:
        """When the first packet that is not acknowledged last left; None when there is none."""
        if not self.bursts:
            return None
        burst = self.bursts[0]
        return burst.resent_at if burst.resent & 1 else burst.sent_at

    def clear(self) -> None:
        """Nothing will be sent any more."""
        self.unsent.clear()
        self.bursts.clear()
        self.num_unsent = self.in_flight = self.num_lost = self.lost_bytes = 0

    def _add(self, payloads: list[memoryview], kind: PacketType, now: float) -> Burst:
        burst = Burst(self.next, payloads, now, kind)
        self.next += len(payloads)
        self.bursts.append(burst)
        return burst

    def _gather(self, size: int) -> memoryview:
        """One packet out of chunks shorter than it."""
        unsent, parts, missing = self.unsent, [], size
        while unsent and missing:
            chunk = unsent[0]
            if len(chunk) <= missing:
                parts.append(chunk)
                missing -= len(chunk)
                unsent.popleft()
            else:
                parts.append(chunk[:missing])
                unsent[0] = chunk[missing:]
                missing = 0
        return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))

    def _count(self, burst: Burst, bits: int, result: Acked) -> None:
        """Packets of a burst have arrived; `bits` may name some that were known to."""
        whole = (1 << len(burst.payloads)) - 1
        fresh = bits & ~burst.sacked
        if not fresh:
            return
        if fresh == whole and not burst.lost and not burst.resent:
            size = sum(map(len, burst.payloads))
            self.in_flight -= size
            result.num_bytes += size
            result.num_packets += len(burst.payloads)
            result.sent_at = burst.sent_at
            return
        newly_found = fresh & burst.lost
        self.num_lost -= newly_found.bit_count()
        burst.lost &= ~fresh
        for index in _indices(fresh):
            size = len(burst.payloads[index])
            result.num_bytes += size
            result.num_packets += 1
            if newly_found >> index & 1:
                self.lost_bytes -= size
            else:
                self.in_flight -= size
        result.sent_at = None if fresh & burst.resent else burst.sent_at

    def _trim(self, burst: Burst, number: int, result: Acked) -> None:
        count = number - burst.first + 1
        self._count(burst, (1 << count) - 1, result)
        del burst.payloads[:count]
        burst.first += count
        burst.sacked >>= count
        burst.lost >>= count
        burst.resent >>= count
        burst.recent >>= count

    def _take_sack(self, start: int, bits: int, stale: float, result: Acked) -> None:
        behind = 0
        for burst in reversed(self.bursts):
            here = (
                bits << (start - burst.first) if start >= burst.first else bits >> (burst.first - start)
            ) & ((1 << len(burst.payloads)) - 1)
            if here:
                self._count(burst, here, result)
                burst.sacked |= here
            if burst.recent and burst.resent_at < stale:
                burst.recent = 0
            behind = self._find_lost(burst, behind, result)

    def _find_lost(self, burst: Burst, behind: int, result: Acked) -> int:
        """Packets with DUPLICATES or more behind them that arrived are lost; gives how many arrived from here on."""
        arrived = burst.sacked
        count = arrived.bit_count()
        if behind + count >= DUPLICATES:
            candidates = ((1 << len(burst.payloads)) - 1) & ~(arrived | burst.lost | burst.recent)
            if behind < DUPLICATES and candidates:
                # Only those below the packet that is DUPLICATES from the end.
                rest = arrived
                for _ in range(count - (DUPLICATES - behind)):
                    rest &= rest - 1
                candidates &= (rest & -rest) - 1
            if candidates:
                self._lose(burst, candidates)
                result.has_loss = True
        return behind + count

    def _lose(self, burst: Burst, bits: int) -> None:
        burst.lost |= bits
        for index in _indices(bits):
            self.num_lost += 1
            self.in_flight -= len(burst.payloads[index])
            self.lost_bytes += len(burst.payloads[index])


def _indices(bits: int) -> list[int]:
    indices = []
    while bits:
        low = bits & -bits
        indices.append(low.bit_length() - 1)
        bits ^= low
    return indices
