"""The sending half of a TCP connection: what may leave when, and what has to leave again.

Slow start, congestion avoidance and fast recovery of NewReno with selective acknowledgements (RFC 5681, 6582, 6675),
retransmission timeout and back-off (RFC 6298).  A lost retransmission is noticed when something sent after it arrives
(RFC 8985).  Numbers are plain integers from 0 that never wrap; the end of the stream (FIN) counts as one byte.

Left out: Nagle's algorithm (always off), slow start after idling, pacing.
"""

from __future__ import annotations

from math import inf

from .packet import Segments

__all__ = ["FIRST_RTO", "MAX_RTO", "MIN_RTO", "TcpSender"]

INITIAL_WINDOW = 10
"""Segments sent before the first answer (RFC 6928)."""
FIRST_RTO = 1.0
MIN_RTO = 0.2
MAX_RTO = 60.0
_REORDER_SEGMENTS = 3
"""Segments that have to arrive behind a hole before it counts as a loss."""


class TcpSender:
    """Holds what is not acknowledged yet; gives runs to send.  Knows no clock and no network."""

    __slots__ = (
        "_backoff",
        "_buffer",
        "_end",
        "_hole_sent_at",
        "_is_full",
        "_is_timed_out",
        "_lost_below",
        "_recover",
        "_resent_below",
        "_rtt_var",
        "_sacked",
        "_ssthresh",
        "cwnd",
        "edge",
        "limit",
        "mss",
        "nxt",
        "srtt",
        "una",
    )

    def __init__(self, mss: int, limit: int) -> None:
        self.mss = mss
        self.limit = limit
        """Bytes that may lie here (SO_SNDBUF)."""
        self.una = 0
        """First byte not acknowledged."""
        self.nxt = 0
        """First byte never sent."""
        self.edge = 0
        """The peer has room for bytes before this one."""
        self.cwnd = float(INITIAL_WINDOW * mss)
        self.srtt = 0.0
        """Round trip, smoothed; 0 before the first measurement."""
        self._rtt_var = 0.0
        self._ssthresh = inf
        self._buffer = bytearray()
        """Bytes from `una` on."""
        self._end: int | None = None
        """Number of the FIN, once nothing more will be written."""
        self._sacked: tuple[tuple[int, int], ...] = ()
        self._recover: int | None = None
        """Recovery ends when everything before this is acknowledged."""
        self._is_timed_out = False
        """The recovery began with a timeout."""
        self._lost_below = 0
        """What is not acknowledged before this is lost."""
        self._resent_below = 0
        """What was lost before this has been sent again."""
        self._hole_sent_at = 0.0
        """When the first hole was filled last."""
        self._is_full = False
        """The congestion window, and nothing else, held data back."""
        self._backoff = 0

    # -- what the connection says

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take as much as fits; 0 when nothing does."""
        count = min(len(data), self.limit - len(self._buffer))
        if count <= 0:
            return 0
        self._buffer += data if count == len(data) else memoryview(data)[:count]
        return count

    def finish(self) -> None:
        """Nothing more will be written."""
        if self._end is None:
            self._end = self.una + len(self._buffer)

    def set_mss(self, mss: int) -> None:
        """What the peer can take became known; before anything was sent."""
        self.mss = mss
        self.cwnd = float(INITIAL_WINDOW * mss)

    def receive_ack(self, packet: Segments, now: float) -> bool:
        """An acknowledgement came.  True when it moved anything."""
        ack = packet.ack
        if ack > self.nxt:
            return False  # of something never sent
        if packet.edge > self.edge:
            self.edge = packet.edge
        if packet.echo >= 0:
            self._measure(now - packet.echo)
        advanced = ack - self.una
        if advanced < 0:
            return False
        if advanced:
            self._advance(advanced)
        if packet.sacked or self._sacked:
            self._sacked = tuple(each for each in packet.sacked if each[1] > self.una)
            self._detect_losses(packet, now)
        return advanced > 0

    def on_timeout(self) -> None:
        """Nothing was heard for `rto`: all that is under way is taken for lost."""
        if self.nxt > self.una:
            if not self._is_timed_out:
                self._ssthresh = max(self._in_flight() / 2, 2.0 * self.mss)
            self.cwnd = float(self.mss)
            self._recover = self._lost_below = self.nxt
            self._resent_below = self.una
            self._is_timed_out = True
        self._backoff += 1

    # -- what it asks

    def next_run(self, limit: int, now: float) -> tuple[int, bytes, bool] | None:
        """(first byte, payload, is it the end) of what may leave now, at most `limit` bytes; None for nothing."""
        if self._recover is None and self._end is None and self.nxt - self.una == len(self._buffer):
            self._is_full = False
            return None  # the usual case: all was sent
        room = self.cwnd - self._in_flight()
        if self._recover is not None and room > 0:
            hole = self._next_hole()
            if hole is not None:
                start = hole[0]
                stop = min(hole[1], start + max(self.mss, min(limit, int(room))))
                if start == self.una:
                    self._hole_sent_at = now
                self._resent_below = stop
                return self._run(start, stop)
        return self._next_new(limit, room)

    @property
    def rto(self) -> float:
        """Seconds to wait for an answer."""
        first = FIRST_RTO if not self.srtt else max(MIN_RTO, self.srtt + max(0.001, 4 * self._rtt_var))
        return min(MAX_RTO, first * 2.0 ** min(self._backoff, 10))

    @property
    def num_timeouts(self) -> int:
        """Timeouts since the peer was heard last."""
        return self._backoff

    @property
    def buffered(self) -> int:
        """Bytes that lie here."""
        return len(self._buffer)

    @property
    def is_waiting(self) -> bool:
        """Something is not acknowledged, or cannot be sent."""
        return self.nxt > self.una or bool(self._buffer) or (self._end is not None and self.una <= self._end)

    @property
    def is_finished(self) -> bool:
        """The end of the stream was acknowledged."""
        return self._end is not None and self.una > self._end

    # -- private

    def _advance(self, advanced: int) -> None:
        self.una += advanced
        del self._buffer[:advanced]  # the FIN is beyond the end, which is fine
        self._backoff = 0
        if self._recover is not None:
            if self.una >= self._recover:
                self.cwnd = max(self._ssthresh, 2.0 * self.mss) if not self._is_timed_out else self.cwnd
                self._recover = None
                self._is_timed_out = False
            elif not self._is_timed_out:
                return
        if not self._is_full and self._recover is None:
            return  # the application had no more: the window was not tried
        if self.cwnd < self._ssthresh:
            self.cwnd = min(self.cwnd + advanced, max(self._ssthresh, self.cwnd + self.mss))
        else:
            self.cwnd += self.mss * advanced / self.cwnd

    def _detect_losses(self, packet: Segments, now: float) -> None:
        if not self._sacked:
            return
        highest = self._sacked[-1][1]
        if self._recover is None:
            # With nothing behind it that could still arrive, a single segment has to do.
            enough = self.mss * _REORDER_SEGMENTS if highest < self.nxt else 1
            if sum(end - start for start, end in self._sacked) < enough:
                return
            self._ssthresh = max(self._in_flight() / 2, 2.0 * self.mss)
            self.cwnd = self._ssthresh
            self._recover = self.nxt
            self._is_timed_out = False
            self._lost_below = highest
            self._resent_below = self.una
            return
        self._lost_below = max(self._lost_below, highest)
        if (
            self._resent_below > self.una
            and packet.echo > self._hole_sent_at + self.srtt / 4
            and self._sacked[0][0] > self.una
            and now > self._hole_sent_at + self.srtt
        ):
            self._resent_below = self.una

    def _in_flight(self) -> int:
        """Bytes taken to be on their way."""
        flight = self.nxt - self.una
        if not self._sacked and self._recover is None:
            return flight
        for start, end in self._sacked:
            flight -= end - max(start, self.una)
        if self._recover is not None:
            at = max(self.una, self._resent_below)
            for start, end in self._sacked:
                if start > at:
                    flight -= min(start, self._lost_below) - at if self._lost_below > at else 0
                at = max(at, end)
            if self._lost_below > at:
                flight -= self._lost_below - at
        return flight

    def _next_hole(self) -> tuple[int, int] | None:
        """The first [start, end) that is lost and not sent again."""
        at = max(self.una, self._resent_below)
        for start, end in self._sacked:
            if at < start:
                return (at, min(start, self._lost_below)) if at < self._lost_below else None
            at = max(at, end)
        return (at, self._lost_below) if at < self._lost_below else None

    def _next_new(self, limit: int, room: float) -> tuple[int, bytes, bool] | None:
        available = self.una + len(self._buffer) - self.nxt
        if available <= 0:
            self._is_full = False
            if self._end is not None and self.nxt == self._end:
                self.nxt += 1
                return self._end, b"", True
            return None
        size = min(available, limit, self.edge - self.nxt)
        self._is_full = size > room
        size = min(size, int(room))
        if size < available and size < self.mss:
            # No small segments in the middle of a stream, unless the peer's whole window is small and empty.
            if size <= 0 or self.nxt > self.una:
                return None
        elif size > self.mss and size < available:
            size -= size % self.mss
        start = self.nxt
        self.nxt += size
        return self._run(start, self.nxt)

    def _run(self, start: int, stop: int) -> tuple[int, bytes, bool]:
        end = self._end
        is_final = end is not None and stop >= end
        if end is not None and stop >= end and self.nxt == end:
            self.nxt = end + 1  # the FIN rides along
        return start, bytes(memoryview(self._buffer)[start - self.una : stop - self.una]), is_final

    def _measure(self, rtt: float) -> None:
        if not self.srtt:
            self.srtt = rtt
            self._rtt_var = rtt / 2
        else:
            self._rtt_var += (abs(self.srtt - rtt) - self._rtt_var) / 4
            self.srtt += (rtt - self.srtt) / 8

    def check_invariant(self) -> None:
        """Raise AssertionError when the numbers contradict each other."""
        fin = 0 if self._end is None else 1
        assert self.una <= self.nxt <= self.una + len(self._buffer) + fin
        assert len(self._buffer) <= self.limit
        assert self.cwnd >= self.mss
        assert all(a < b for a, b in self._sacked)
        assert all(a[1] < b[0] for a, b in zip(self._sacked, self._sacked[1:], strict=False))
