"""What arrives: packets in any order become bytes in order.

The usual case is a run of packets that continues what is here: it costs one join and no look at the single packet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ..types import Buffer
from .counts import UtpCounts

__all__ = ["MAX_GAP", "Incoming"]

MAX_GAP = 4096
"""Packets ahead of the first missing one that are kept; what is beyond was sent without regard for our window."""


class Incoming:
    """The receiving half of a connection.  Sequence numbers are absolute."""

    __slots__ = (
        "_chunks",
        "_counts",
        "_early",
        "_early_bytes",
        "_front",
        "buffered",
        "end",
        "last",
        "window",
    )

    def __init__(self, window: int, counts: UtpCounts | None = None) -> None:
        self.window = window
        """Bytes that may be held for the application."""
        self.last = 0
        """The last packet up to which all are here."""
        self.buffered = 0
        """Bytes in order that nobody has read."""
        self.end: int | None = None
        """The packet that ends the stream, when it is known."""
        self._counts = counts or UtpCounts()
        self._chunks: deque[bytes] = deque()
        self._front = 0
        self._early: dict[int, bytes] = {}
        self._early_bytes = 0

    @property
    def room(self) -> int:
        """Bytes the other side may send."""
        return max(0, self.window - self.buffered - self._early_bytes)

    @property
    def has_gap(self) -> bool:
        """Packets are here that come after a missing one."""
        return bool(self._early)

    @property
    def is_ended(self) -> bool:
        """All packets are here and read."""
        return self.end is not None and self.last >= self.end and not self.buffered

    @property
    def has_input(self) -> bool:
        """Bytes, or the end, wait to be read."""
        return self.buffered > 0 or (self.end is not None and self.last >= self.end)

    def receive_run(self, first: int, payloads: Sequence[Buffer]) -> None:
        """Packets that follow each other."""
        if first == self.last + 1 and not self._early and self.end is None:
            data = b"".join(payloads)
            if self.buffered + len(data) <= self.window:
                self._chunks.append(data)
                self.buffered += len(data)
                self.last += len(payloads)
                return
        for number, payload in enumerate(payloads, first):
            self.receive(number, payload)

    def receive(self, number: int, payload: Buffer) -> bool:
        """One packet; False when it is here already or cannot be kept."""
        last = self.last
        if number <= last or number in self._early:
            self._counts.redundant_packets_in += 1
            return False
        if number > last + MAX_GAP:
            return False
        if self.end is not None and number > self.end:
            return False
        if self.buffered + self._early_bytes + len(payload) > self.window and number != last + 1:
            return False
        if number != last + 1:
            self._early[number] = bytes(payload)
            self._early_bytes += len(payload)
            return True
        if self.buffered + len(payload) > self.window:
            return False
        self._append(bytes(payload))
        self.last = number
        self._close_gap()
        return True

    def receive_end(self, number: int) -> None:
        """The packet that ends the stream; what was kept beyond it was never part of it."""
        if self.end is None and number > self.last:
            self.end = number
            for beyond in [each for each in self._early if each >= number]:
                self._early_bytes -= len(self._early.pop(beyond))
            self._early[number] = b""
            self._close_gap()

    def read_into(self, buffer: bytearray | memoryview) -> int:
        """Fill `buffer` with what is in order; gives how many bytes."""
        chunks, position, size = self._chunks, 0, len(buffer)
        while chunks and position < size:
            chunk = chunks[0]
            start = self._front
            count = len(chunk) - start
            if count <= size - position:
                buffer[position : position + count] = chunk if not start else memoryview(chunk)[start:]
                chunks.popleft()
                self._front = 0
            else:
                count = size - position
                buffer[position:size] = memoryview(chunk)[start : start + count]
                self._front = start + count
            position += count
        self.buffered -= position
        return position

    def selective_ack(self, most: int) -> bytes:
        """The bits for what is here beyond the first missing packet, at most `most` bytes; empty when nothing is."""
        if not self._early:
            return b""
        first, bits = self.last + 2, 0
        for number in self._early:
            bits |= 1 << (number - first)
        size = min(-(-bits.bit_length() // 32) * 4, most)
        return (bits & ((1 << size * 8) - 1)).to_bytes(size, "little")

    def clear(self) -> None:
        """Nobody will read any more."""
        self._chunks.clear()
        self._early.clear()
        self.buffered = self._early_bytes = self._front = 0

    def _append(self, data: bytes) -> None:
        if data:
            self._chunks.append(data)
            self.buffered += len(data)

    def _close_gap(self) -> None:
        early = self._early
        while early and (data := early.pop(self.last + 1, None)) is not None:
            self.last += 1
            self._early_bytes -= len(data)
            self._append(data)
