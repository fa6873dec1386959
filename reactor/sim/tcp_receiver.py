"""The receiving half of a TCP connection: puts runs in order and says what there is room for."""

from __future__ import annotations

from bisect import insort
from collections import deque
from operator import itemgetter

__all__ = ["TcpReceiver"]

_START = itemgetter(0)
_MAX_SACKED = 16
"""Stretches behind holes that an acknowledgement names; a real one has room for three or four."""


class TcpReceiver:
    """What arrived and was not read yet."""

    __slots__ = ("_chunks", "_edge", "_end", "_held", "_is_discarding", "limit", "nxt", "queued")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        """Bytes that may lie here (SO_RCVBUF)."""
        self.nxt = 0
        """Everything before this one arrived."""
        self.queued = 0
        """Bytes that can be read."""
        self._edge = limit
        self._end: int | None = None
        """Number of the FIN, once known."""
        self._is_discarding = False
        self._chunks: deque[memoryview] = deque()
        self._held: list[tuple[int, memoryview]] = []
        """(first byte, data) of what is behind holes, in order, without overlaps."""

    def receive(self, seq: int, payload: bytes | memoryview, is_final: bool) -> bool:
        """A run arrived, perhaps not the first time.  True when there is more to read than before, or the end."""
        if is_final:
            self._end = seq + len(payload)
        before = self.nxt
        stop = min(seq + len(payload), self._edge)
        if stop > self.nxt:
            if seq > self.nxt:
                self._hold(seq, memoryview(payload)[: stop - seq])
            else:
                self._take(memoryview(payload)[self.nxt - seq : stop - seq])
                if self._held:
                    self._take_held()
        if self.nxt == self._end:
            self.nxt += 1  # the FIN counts as one
        return self.nxt > before

    def read_into(self, buffer: memoryview) -> int:
        """Move bytes out; 0 when there are none."""
        chunks, size, done = self._chunks, len(buffer), 0
        while chunks and done < size:
            chunk = chunks[0]
            room = size - done
            if len(chunk) <= room:
                buffer[done : done + len(chunk)] = chunk
                done += len(chunk)
                chunks.popleft()
            else:
                buffer[done:size] = chunk[:room]
                chunks[0] = chunk[room:]
                done = size
        self.queued -= done
        return done

    def discard(self) -> None:
        """Nobody reads: what is here and what comes is dropped."""
        self._is_discarding = True
        self._chunks.clear()
        self.queued = 0

    def open_window(self) -> int:
        """The first byte there is no room for, which never moves back."""
        edge = self.nxt + self.limit - self.queued
        if edge > self._edge:
            self._edge = edge
        return self._edge

    @property
    def window_gain(self) -> int:
        """By how much `open_window` would move."""
        return self.nxt + self.limit - self.queued - self._edge

    @property
    def has_holes(self) -> bool:
        """Something arrived behind a hole."""
        return bool(self._held)

    @property
    def sacked(self) -> tuple[tuple[int, int], ...]:
        """[first, end) of what arrived behind holes, in order, joined."""
        joined: list[tuple[int, int]] = []
        for start, data in self._held:
            if joined and joined[-1][1] == start:
                joined[-1] = (joined[-1][0], start + len(data))
            elif len(joined) == _MAX_SACKED:
                break
            else:
                joined.append((start, start + len(data)))
        return tuple(joined)

    @property
    def is_ended(self) -> bool:
        """The end of the stream arrived; what is queued can still be read."""
        return self._end is not None and self.nxt > self._end

    @property
    def is_at_end(self) -> bool:
        """Nothing more will be there to read."""
        return not self.queued and (self.is_ended or self._is_discarding)

    def _take(self, data: memoryview) -> None:
        self.nxt += len(data)
        if not self._is_discarding:
            self._chunks.append(data)
            self.queued += len(data)

    def _take_held(self) -> None:
        held, count = self._held, 0
        for start, data in held:
            if start > self.nxt:
                break
            count += 1
            if start + len(data) > self.nxt:
                self._take(data[self.nxt - start :])
        del held[:count]

    def _hold(self, seq: int, data: memoryview) -> None:
        """Keep the parts of it that are new."""
        stop = seq + len(data)
        pieces, at = [], seq
        for start, kept in self._held:
            if start >= stop:
                break
            if start > at:
                pieces.append((at, data[at - seq : start - seq]))
            at = max(at, start + len(kept))
        if at < stop:
            pieces.append((at, data[at - seq :]))
        for piece in pieces:
            insort(self._held, piece, key=_START)

    def check_invariant(self) -> None:
        """Raise AssertionError when the numbers contradict each other."""
        assert self.queued == sum(map(len, self._chunks))
        at = self.nxt
        for start, data in self._held:
            assert start >= at
            assert data
            at = start + len(data)
