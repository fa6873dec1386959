"""What leaves: bytes become packets, packets are under way in bursts, until they are acknowledged.

A burst is what one look at the window sent: packets with consecutive numbers that left together.  Acknowledgements take
whole bursts off the front, so the cost of an ack does not grow with the packets it covers; single packets are looked at only
when some were lost.  Bits of a burst: bit i is its packet i.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ..types import Buffer
from .packet import PacketType, cutter

__all__ = ["Acked", "Burst", "Outgoing"]

DUPLICATES = 3
"""Packets that arrived behind a missing one before it is taken for lost (RFC 5681)."""


@dataclass(slots=True, eq=False)
class Burst:
    """Packets that left together.  What is sent again becomes a burst of its own, so one time holds for all of them."""

    first: int
    """Absolute sequence number of the first."""
    payloads: list[memoryview]
    sent_at: float
    kind: PacketType = PacketType.DATA
    is_resent: bool = False
    """An acknowledgement may be one for the first time it was sent: the round trip is not known."""
    sacked: int = 0
    """Those that arrived out of order."""
    lost: int = 0
    """Those taken for lost and not sent again yet."""

    @property
    def last(self) -> int:
        return self.first + len(self.payloads) - 1

    def part(self, index: int, end: int) -> Burst:
        """The packets [index, end) as a burst."""
        return Burst(
            self.first + index,
            self.payloads[index:end],
            self.sent_at,
            self.kind,
            self.is_resent,
            (self.sacked & ((1 << end) - 1)) >> index,
            (self.lost & ((1 << end) - 1)) >> index,
        )


@dataclass(slots=True)
class Acked:
    """What an acknowledgement brought."""

    num_bytes: int = 0
    """That had not been acknowledged before."""
    num_packets: int = 0
    sent_at: float | None = None
    """When the last of those that were sent once left."""
    resent_at: float | None = None
    """When the last of those that were sent again left."""
    num_lost: int = 0
    """Packets that were found lost."""
    lost_at: float | None = None
    """When the last of them left."""


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
                payloads += cutter(0, size, size, count)(chunk) if count > 1 else (chunk[:size],)
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

    def acknowledge(self, number: int, sack: bytes) -> Acked:
        """Everything up to `number` arrived, and what `sack` says from `number` + 2 on."""
        result = Acked()
        bursts = self.bursts
        while bursts and bursts[0].last <= number:
            burst = bursts.popleft()
            self._count(burst, (1 << len(burst.payloads)) - 1, result)
        if bursts and bursts[0].first <= number:
            count = number + 1 - bursts[0].first
            self._count(bursts[0], (1 << count) - 1, result)
            bursts[0] = bursts[0].part(count, len(bursts[0].payloads))
        self.acked = max(self.acked, number)
        if sack:
            self._take_sack(number + 2, int.from_bytes(sack, "little"), result)
        return result

    def find_late(self, before: float, result: Acked) -> None:
        """What left before that time should have arrived: it is lost."""
        for burst in self.bursts:
            if burst.sent_at < before:
                self._lose(burst, ~(burst.sacked | burst.lost), result)
            elif not burst.is_resent:
                return  # Those behind it left later still.

    def first_is_lost(self, result: Acked) -> None:
        """The first packet under way is missing, and others behind it are not; nothing new when it was sent again since."""
        if self.bursts and not self.bursts[0].is_resent:
            burst = self.bursts[0]
            self._lose(burst, 1 & ~(burst.lost | burst.sacked), result)

    def probe(self) -> None:
        """Nothing was heard for a while: have the first packet that is missing sent again.

        Whatever became of the others, its arrival moves the acknowledgement, or shows that they are late.
        """
        if not self.num_lost and self.bursts:
            burst = self.bursts[0]
            missing = ~burst.sacked & ((1 << len(burst.payloads)) - 1)
            self._lose(burst, missing & -missing, Acked())

    def did_not_leave(self, number: int) -> None:
        """That packet has to be sent again; nothing is learnt from its loss."""
        burst = next((each for each in self.bursts if each.first <= number <= each.last), None)
        if burst is not None:
            self._lose(burst, 1 << (number - burst.first) & ~(burst.lost | burst.sacked), Acked())

    def all_are_lost(self) -> int:
        """A timeout: everything that did not arrive has to be sent again; gives how many packets."""
        for burst in self.bursts:
            self._lose(burst, ~(burst.sacked | burst.lost), Acked())
        return self.num_lost

    def take_lost(self, most: int, room: float, now: float) -> list[Burst]:
        """Up to `most` lost packets to send again, neighbours as one burst; within `room` bytes, but one at least."""
        taken: list[Burst] = []
        done: list[Burst] = []
        bursts = self.bursts
        while self.num_lost and most > 0 and (room > 0 or not taken):
            burst = bursts.popleft()
            if not burst.lost:
                done.append(burst)
                continue
            index = (burst.lost & -burst.lost).bit_length() - 1
            end = _end_of_run(burst, index, most, room)
            again = burst.part(index, end)
            again.sent_at, again.is_resent, again.lost = now, True, 0
            size = sum(map(len, again.payloads))
            self.num_lost -= end - index
            self.lost_bytes -= size
            self.in_flight += size
            most -= end - index
            room -= size
            taken.append(again)
            if index:
                done.append(burst.part(0, index))
            done.append(again)
            if end < len(burst.payloads):
                bursts.appendleft(burst.part(end, len(burst.payloads)))
        bursts.extendleft(reversed(done))
        return taken

    def oldest(self) -> float | None:
        """When the first packet that is not acknowledged last left; None when there is none."""
        return self.bursts[0].sent_at if self.bursts else None

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
        fresh = bits & ~burst.sacked
        if not fresh:
            return
        payloads = burst.payloads
        if fresh == (1 << len(payloads)) - 1 and not burst.lost:
            size = sum(map(len, payloads))
            self.in_flight -= size
        else:
            size = sum(len(payloads[index]) for index in _indices(fresh))
            found = fresh & burst.lost
            found_bytes = sum(len(payloads[index]) for index in _indices(found))
            burst.lost &= ~found
            self.num_lost -= found.bit_count()
            self.lost_bytes -= found_bytes
            self.in_flight -= size - found_bytes
        result.num_bytes += size
        result.num_packets += fresh.bit_count()
        if burst.is_resent:
            result.resent_at = max(result.resent_at or 0.0, burst.sent_at)
        else:
            result.sent_at = max(result.sent_at or 0.0, burst.sent_at)

    def _take_sack(self, start: int, bits: int, result: Acked) -> None:
        behind = 0
        for burst in reversed(self.bursts):
            here = (
                bits << (start - burst.first) if start >= burst.first else bits >> (burst.first - start)
            ) & ((1 << len(burst.payloads)) - 1)
            if here:
                self._count(burst, here, result)
                burst.sacked |= here
            behind = self._find_lost(burst, behind, result)

    def _find_lost(self, burst: Burst, behind: int, result: Acked) -> int:
        """Packets with DUPLICATES or more behind them that arrived are lost; gives how many arrived from here on.

        Not those sent again: what is behind them may have left before them.
        """
        arrived = burst.sacked
        count = arrived.bit_count()
        if behind + count >= DUPLICATES and not burst.is_resent:
            candidates = ~(arrived | burst.lost)
            if behind < DUPLICATES:
                # Only those below the packet that is DUPLICATES from the end.
                rest = arrived
                for _ in range(count - (DUPLICATES - behind)):
                    rest &= rest - 1
                candidates &= (rest & -rest) - 1
            self._lose(burst, candidates, result)
        return behind + count

    def _lose(self, burst: Burst, bits: int, result: Acked) -> None:
        bits &= (1 << len(burst.payloads)) - 1
        if not bits:
            return
        size = sum(len(burst.payloads[index]) for index in _indices(bits))
        burst.lost |= bits
        self.num_lost += bits.bit_count()
        self.in_flight -= size
        self.lost_bytes += size
        result.num_lost += bits.bit_count()
        result.lost_at = max(result.lost_at or 0.0, burst.sent_at)


def _end_of_run(burst: Burst, index: int, most: int, room: float) -> int:
    """Where lost packets from `index` on that make one train end: all of one size, only the last may be shorter."""
    end, size = index, len(burst.payloads[index])
    while end - index < most and burst.lost >> end & 1:
        length = len(burst.payloads[end])
        if length > size or (room <= 0 and end > index):
            break
        end += 1
        room -= length
        if length < size:
            break
    return end


def _indices(bits: int) -> list[int]:
    indices = []
    while bits:
        low = bits & -bits
        indices.append(low.bit_length() - 1)
        bits ^= low
    return indices
