"""One uTP connection, sans-I/O (BEP 29).

    CONNECTING --(our SYN is acknowledged)--> CONNECTED --(FIN both ways, or an error)--> CLOSED
    ACCEPTED --(anything but a SYN came)----> CONNECTED

ACCEPTED is not shown to the application: a SYN may have a made-up source, and only its sender can know the number we answered
with.  Either side may end its stream (FIN) and go on reading, as with TCP; libtorrent and libutp then end theirs, too.

Everything is done for many packets at once: `receive_run` takes those that came in one datagram train, `trains_to_send`
gives packets in trains of equal size, each for one system call.  One acknowledgement answers all that came in one wake-up, or
travels with data.  Inside, sequence numbers are absolute; `unwrap` and `& 0xFFFF` are the border.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from ..errors import RemoteProtocolError
from ..types import Buffer
from .congestion import ControllerFactory, Ledbat
from .counts import UtpCounts
from .delay import BaseDelay, CurrentDelay
from .incoming import Incoming
from .mtu import PathMtu
from .outgoing import DUPLICATES, Acked, Burst, Outgoing
from .packet import HEADER_SIZE, MAX_SACK_BYTES, Packet, PacketType, pack_headers, pack_packet, unwrap
from .recovery import Recovery
from .rtt import RoundTrip
from .settings import UtpSettings

__all__ = ["MAX_TRAIN", "Newest", "State", "Train", "UtpConnected", "UtpConnection", "UtpEvent", "UtpFailed"]

MAX_TRAIN = 44
"""Packets of one train: what fits into one UDP datagram of 64 KiB at Ethernet's size."""
MAX_TRAIN_BYTES = 65_000
TRAINS_PER_TURN = 16
"""Trains one call gives; the rest waits for the next, so that connections take turns."""
ZERO_WINDOW_PROBE = 5.0
"""Seconds without room at the other side after which one packet is sent all the same."""
MAX_SKEW_SHIFT = 10_000
"""Microseconds the base is moved by at a time: more is no drift of a clock."""
MAX_REPEATED_ACKS = 3
"""Times the acknowledgement of the answer to our SYN is repeated while nothing else comes: it may be lost, and nobody asks for it."""
MAX_OLD_ACK = 8192
"""Packets that an acknowledgement may be behind the newest one: it was overtaken by as many at the most."""
ACCEPTED_TIMEOUTS = 4
"""How many times `connect_timeout` who sent a SYN may take to speak again: what it says then may be lost several times."""
KEEP_ALIVE_AFTER = 29.0
"""Seconds of silence after which an acknowledgement keeps NATs from forgetting us (as libutp)."""

_WRAP = 0xFFFFFFFF


class State(Enum):
    """See the module's docstring."""

    CONNECTING = "connecting"
    ACCEPTED = "accepted"
    CONNECTED = "connected"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class UtpConnected:
    """The other side is there."""


@dataclass(frozen=True, slots=True)
class UtpFailed:
    """The connection ended, and not by our doing."""

    error: OSError
    """ConnectionRefusedError, ConnectionResetError or TimeoutError."""


UtpEvent = UtpConnected | UtpFailed


@dataclass(slots=True)
class Train:
    """Packets of equal size, the last may be shorter, for one system call."""

    buffers: list[Buffer]
    """Headers and payloads in turn."""
    segment: int
    """Bytes of each packet."""
    count: int
    may_fragment: bool = False
    """Larger than the path is known to take: IP may cut it up."""
    is_probe: bool = False
    """It shows how large a packet the path takes: nobody may cut it up.  `probe_refused` when the system says that it is too large."""


class Newest(NamedTuple):
    """What the header of the last packet of a run says; see `Packet`."""

    timestamp: int
    timestamp_difference: int
    window: int
    ack_nr: int


class UtpConnection:
    """One side of a connection.  Its endpoint brings packets and time, and takes trains and events."""

    __slots__ = (
        "_ack_needed",
        "_advertised",
        "_base",
        "_counts",
        "_current",
        "_duplicates",
        "_events",
        "_fin",
        "_fin_wanted",
        "_is_abandoned",
        "_last_progress",
        "_last_sent",
        "_mtu",
        "_must_send",
        "_peer_window",
        "_probe",
        "_recovery",
        "_reply_difference",
        "_rtt",
        "_settings",
        "_their_base",
        "_timeouts",
        "_unheard",
        "_window_closed_at",
        "controller",
        "incoming",
        "outgoing",
        "recv_id",
        "send_id",
        "state",
    )

    def __init__(
        self,
        settings: UtpSettings,
        recv_id: int,
        send_id: int,
        *,
        first: int,
        overhead: int,
        controller: ControllerFactory = Ledbat,
        counts: UtpCounts | None = None,
    ) -> None:
        """`first` is the number of our first packet, `overhead` the bytes of IP and UDP headers."""
        self._counts = counts or UtpCounts()
        self.state = State.CONNECTING
        self.recv_id = recv_id
        """What the other side's packets are addressed to."""
        self.send_id = send_id
        self.incoming = Incoming(settings.receive_window, self._counts)
        self.outgoing = Outgoing(next=first, limit=settings.send_buffer, acked=first - 1)
        self._settings = settings
        self._mtu = PathMtu(settings.max_mtu, overhead)
        self.controller = controller(settings, self._mtu.size - HEADER_SIZE)
        self._rtt = RoundTrip(settings.min_timeout)
        self._base = BaseDelay()
        self._their_base = BaseDelay()
        self._current = CurrentDelay()
        self._events: deque[UtpEvent] = deque()
        self._peer_window = settings.receive_window
        self._window_closed_at = 0.0
        self._reply_difference = 0
        self._advertised = 0
        self._ack_needed = False
        self._duplicates = 0
        self._timeouts = 0
        self._unheard = 0
        self._recovery = Recovery()
        self._must_send = False
        self._last_progress = 0.0
        self._last_sent = 0.0
        self._probe: int | None = None
        self._fin: int | None = None
        self._fin_wanted = False
        self._is_abandoned = False

    # ---------------------------------------------------------------------------------------------- commands

    def connect(self, now: float) -> None:
        """Begin: the SYN is among the next trains."""
        self._last_progress = now
        self._unheard = MAX_REPEATED_ACKS
        self.outgoing.take_signal(PacketType.SYN, now)
        self.outgoing.all_are_lost()  # Not sent yet: it leaves as what is to be sent again does.

    def accept(self, syn: Packet, now: float) -> None:
        """Answer a SYN."""
        self.state = State.ACCEPTED
        self.incoming.last = syn.seq_nr
        self._last_progress = now
        self._ack_needed = True
        self._note_times(syn.timestamp, 0, now)
        self._peer_window = syn.window

    def send(self, data: Buffer) -> int:
        """Take as much as there is room for; gives how many bytes."""
        if self._fin_wanted or self.state is State.CLOSED:
            return 0
        return self.outgoing.write(data, MAX_TRAIN * (self._mtu.size - HEADER_SIZE))

    def read_into(self, buffer: bytearray | memoryview) -> int:
        """Bytes in order; 0 when there are none now."""
        incoming = self.incoming
        count = incoming.read_into(buffer)
        if incoming.room - self._advertised >= incoming.window // 2:
            self._ack_needed = True  # The other side takes us for full, and would wait.
        return count

    def shutdown(self) -> None:
        """Nothing more will be sent; what was taken leaves before the FIN."""
        self._fin_wanted = True

    def close(self) -> None:
        """The application is gone: what was taken is still sent, what comes is not kept."""
        self._fin_wanted = True
        self._is_abandoned = True
        self.incoming.clear()
        if self.state is State.CONNECTING:
            self._end()

    def abort(self, now: float) -> Train:
        """End at once; the train tells the other side."""
        self._end()
        return self._signal(PacketType.RESET, now)

    # ------------------------------------------------------------------------------------------------ inputs

    def receive_packet(self, packet: Packet, now: float) -> None:
        """One packet addressed to us.  RemoteProtocolError for what cannot be; then nothing has changed."""
        if self.state is State.CLOSED:
            return
        if packet.kind is PacketType.RESET:
            self._reset()
            return
        if packet.kind is PacketType.SYN:
            self._ack_needed = True  # Our answer was lost.
            if self.state is State.ACCEPTED:
                self._last_progress = now  # And waits for another one.
            return
        ack = unwrap(packet.ack_nr, self.outgoing.acked)
        if not self._is_possible(ack):
            raise RemoteProtocolError(f"uTP ack of packet {ack}, which was not sent")
        if self.state is State.CONNECTING:
            if ack != self.outgoing.next - 1:
                return
            # The answer carries the number of the packet to come; should it have been lost, what came first is that.
            self.incoming.last = packet.seq_nr - 1
        self._note_times(packet.timestamp, packet.timestamp_difference, now)
        self._take_ack(ack, packet, now)
        if self.state is State.CONNECTED:
            self._timeouts = self._unheard = 0
        else:
            self._connected()
        if packet.kind is not PacketType.STATE:
            self._take_data(packet)

    def receive_run(
        self,
        seq_nr: int,
        payloads: Sequence[Buffer],
        newest: Newest,
        now: float,
    ) -> bool:
        """Data packets without extensions that follow each other; `newest` is what the last one's header says.

        False when they have to be given one by one: the connection is not so far, or the ack is no usual one.
        """
        outgoing = self.outgoing
        timestamp, difference, window, ack_nr = newest
        ack = unwrap(ack_nr, outgoing.acked)
        if self.state is not State.CONNECTED or not self._is_possible(ack):
            return False
        self._note_times(timestamp, difference, now)
        self._timeouts = self._unheard = 0
        if ack > outgoing.acked or window != self._peer_window:
            self._progress(outgoing.acknowledge(ack, b""), window, now)
        self._ack_needed = True
        self._counts.payload_packets_in += len(payloads)
        if not self._is_abandoned:
            incoming = self.incoming
            incoming.receive_run(unwrap(seq_nr, incoming.last), payloads)
        return True

    def probe_refused(self, now: float) -> None:
        """The system did not take the probe: it is larger than the first link, or what ICMP said of the path."""
        if self._probe is not None:
            self.outgoing.did_not_leave(self._probe)
            self._mtu.on_refused(now)
            self._probe = None

    # ----------------------------------------------------------------------------------------------- outputs

    def trains_to_send(self, now: float) -> list[Train]:
        """What may leave now, at most TRAINS_PER_TURN; `wants_turn` says whether there is more."""
        trains: list[Train] = []
        if self.state is State.CLOSED:
            return trains
        outgoing = self.outgoing
        if self._fin is not None and outgoing.acked >= self._fin and self._is_done():
            # Both streams are over.  Should this last acknowledgement be lost, the other side's FIN meets a stranger.
            trains.append(self._signal(PacketType.STATE, now))
            self._end()
            return trains
        if outgoing.num_lost:
            self._send_again(trains, now)
        if self.state is State.CONNECTED:
            if outgoing.unsent:
                self._send_new(trains, now)
            if self._fin_wanted and self._fin is None and not outgoing.unsent:
                burst = outgoing.take_signal(PacketType.FIN, now)
                self._fin = burst.first
                trains.append(self._train(burst, now))
        if self._ack_needed and (not trains or self.incoming.has_gap):
            trains.append(self._signal(PacketType.STATE, now))
        if trains:
            self._ack_needed = False
            self._last_sent = now
        return trains

    @property
    def is_over(self) -> bool:
        """It ended as it should: our FIN was acknowledged."""
        return self.state is State.CLOSED and self._fin is not None and self.outgoing.acked >= self._fin

    @property
    def wants_turn(self) -> bool:
        """`trains_to_send` would give something."""
        if self.state is State.CLOSED:
            return False
        outgoing = self.outgoing
        if self._ack_needed:
            return True
        if outgoing.num_lost:
            return self._must_send or not outgoing.in_flight or self.controller.window > outgoing.in_flight
        if self.state is not State.CONNECTED:
            return False
        if outgoing.unsent:
            return self._new_packets(self._room()) > 0
        return self._fin_wanted and self._fin is None

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due."""
        if self.state is State.CLOSED:
            return None
        outgoing = self.outgoing
        if self.state is State.CONNECTING:
            return self._last_progress + self._settings.connect_timeout * float(1 << self._timeouts)
        if outgoing.bursts:
            since = max(outgoing.oldest() or 0.0, self._last_progress)
            timeout = since + self._rtt.timeout
            if self._recovery.may_probe and self._rtt.smoothed and self.state is State.CONNECTED:
                return min(timeout, max(since, self._last_sent) + self._probe_timeout())
            return timeout
        if self.state is State.ACCEPTED:
            return self._last_progress + self._settings.connect_timeout * ACCEPTED_TIMEOUTS
        if outgoing.unsent:
            return max(self._window_closed_at, self._last_sent) + ZERO_WINDOW_PROBE
        if self._unheard:
            return self._last_sent + self._settings.min_timeout * (1 << (MAX_REPEATED_ACKS - self._unheard))
        return self._last_sent + KEEP_ALIVE_AFTER

    def handle_timeout(self, now: float) -> None:
        """The time of `next_timeout` has come."""
        due = self.next_timeout()
        if due is None or now < due:
            return
        if self.state is State.CONNECTED and self.outgoing.bursts and self._is_probe_due(now):
            self._recovery.num_probes += 1
            self._must_send = True
            self.outgoing.probe()
        elif self.state is State.ACCEPTED and not self.outgoing.bursts:
            self._fail(TimeoutError("timed out"))  # Whoever sent that SYN never spoke again.
        elif self.state is State.CONNECTING or self.outgoing.bursts:
            self._time_out(now)
        elif self.outgoing.unsent:
            self._peer_window = max(self._peer_window, self._mtu.size)
        else:
            self._unheard = max(0, self._unheard - 1)
            self._ack_needed = True

    def next_event(self) -> UtpEvent | None:
        """What happened."""
        return self._events.popleft() if self._events else None

    # ----------------------------------------------------------------------------------------------- queries

    @property
    def has_news(self) -> bool:
        """`next_event` would give something."""
        return bool(self._events)

    @property
    def has_sent_end(self) -> bool:
        """Our FIN is under way, or has arrived."""
        return self._fin is not None

    @property
    def can_send(self) -> bool:
        """`send` would take something."""
        return self.outgoing.num_unsent < self.outgoing.limit and not self._fin_wanted

    @property
    def packet_size(self) -> int:
        """Bytes of payload in a packet."""
        return self._mtu.size - HEADER_SIZE

    @property
    def round_trip(self) -> float:
        """Seconds, smoothed; 0 before anything was measured."""
        return self._rtt.smoothed

    # ----------------------------------------------------------------------------------------------- private

    def _reset(self) -> None:
        if self.state is State.CONNECTING:
            self._fail(ConnectionRefusedError("refused"))
        elif self._fin is not None and self.incoming.end is not None and self.outgoing.acked >= self._fin - 1:
            self._end()  # Both had ended, and only the last acknowledgement was lost.
        else:
            self._fail(ConnectionResetError("reset by peer"))

    def _is_possible(self, ack: int) -> bool:
        """An acknowledgement that somebody may send who heard of us: what is far off is a guess."""
        outgoing = self.outgoing
        oldest = outgoing.acked - (MAX_OLD_ACK if self.state is State.CONNECTED else 0)
        return oldest <= ack < outgoing.next or self.state is State.CONNECTING

    def _note_times(self, timestamp: int, difference: int, now: float) -> None:
        reply = (int(now * 1_000_000) - timestamp) & _WRAP
        self._reply_difference = reply
        before = self._their_base.base
        self._their_base.add(reply, now)
        if before is not None:
            fell = (before - self._their_base.base) & _WRAP  # type: ignore[operator]
            if 0 < fell <= MAX_SKEW_SHIFT:
                self._base.shift(fell)
        if difference:
            self._current.add(self._base.add(difference, now))

    def _take_ack(self, ack: int, packet: Packet, now: float) -> None:
        outgoing = self.outgoing
        if ack < outgoing.acked:
            return  # Overtaken by a later one.
        is_duplicate = ack == outgoing.acked and outgoing.has_unacked
        acked = outgoing.acknowledge(ack, packet.selective_ack)
        if not is_duplicate or packet.kind is not PacketType.STATE:
            self._duplicates = 0
        elif packet.selective_ack or packet.window == self._peer_window:
            self._duplicates += 1
        # A long selective ack says that many arrived, even where it does not name them.
        if self._duplicates >= DUPLICATES or len(packet.selective_ack) > 1:
            outgoing.first_is_lost(acked)
        self._progress(acked, packet.window, now)

    def _progress(self, acked: Acked, window: int, now: float) -> None:
        outgoing = self.outgoing
        if window < self._mtu.size <= self._peer_window:
            self._window_closed_at = now
        elif self._peer_window < self._mtu.size <= window:
            outgoing.all_are_lost()  # What was sent while there was no room was not kept.
            self._rtt.progress()
        self._peer_window = window
        if acked.num_packets:
            self._last_progress = now
            self._rtt.progress()
            if acked.sent_at is not None:
                self._rtt.add(now - acked.sent_at)
            outgoing.find_late(self._recovery.take(acked, now), acked)
        self._counts.lost_packets += acked.num_lost
        if self._probe is not None and outgoing.acked >= self._probe:
            self._mtu.on_passed()
            self._probe = None
        if acked.lost_at is not None and not self._was_probe_lost(now):
            self.controller.on_loss(acked.lost_at, now)
        if acked.num_bytes:
            delay = self._current.least / 1_000_000
            if delay > self._settings.target_delay:
                self._counts.samples_above_target += 1
            else:
                self._counts.samples_below_target += 1
            self.controller.on_ack(acked.num_bytes, outgoing.in_flight + acked.num_bytes, delay, now)

    def _is_done(self) -> bool:
        return self._is_abandoned or self.incoming.is_ended

    def _was_probe_lost(self, now: float) -> bool:
        """The one packet found lost is a probe: the path is too narrow, not too full."""
        outgoing = self.outgoing
        if self._probe is None:
            return False
        burst = next((each for each in outgoing.bursts if each.first == self._probe), None)
        if burst is None or not burst.lost:
            return False
        self._probe = None
        self._mtu.on_lost(now)
        return outgoing.num_lost == 1

    def _connected(self) -> None:
        self.state = State.CONNECTED
        self._ack_needed = True
        self._events.append(UtpConnected())

    def _take_data(self, packet: Packet) -> None:
        incoming = self.incoming
        number = unwrap(packet.seq_nr, incoming.last)
        self._ack_needed = True
        self._counts.payload_packets_in += bool(packet.payload)
        if packet.kind is PacketType.FIN:
            incoming.receive_end(number)
        elif self._is_abandoned:
            incoming.receive(number, b"")
        else:
            incoming.receive(number, packet.payload)
        if self._is_abandoned:
            incoming.clear()

    def _room(self) -> float:
        outgoing = self.outgoing
        # What is lost needs room over there, too: libtorrent drops even what would close the gap when its buffer is full.
        return min(
            self.controller.window - outgoing.in_flight,
            self._peer_window - outgoing.in_flight - outgoing.lost_bytes,
        )

    def _new_packets(self, room: float) -> int:
        """How many packets fit; one always does when nothing is under way and the other side has room for it."""
        size = self._mtu.size - HEADER_SIZE
        packets = int(room // size) if room > 0 else 0
        if not packets and not self.outgoing.in_flight:
            packets = int(self._peer_window >= min(size, self.outgoing.num_unsent))
        return packets

    def _send_again(self, trains: list[Train], now: float) -> None:
        room = self.controller.window - self.outgoing.in_flight
        if room <= 0 and self.outgoing.in_flight and not self._must_send:
            return
        self._must_send = False
        lost = self.outgoing.take_lost(self._packets_a_train(), room, now)
        if self.state is State.CONNECTING and not self._timeouts:
            lost[0].is_resent = False  # The first SYN: its answer tells the round trip.
        else:
            count = sum(len(burst.payloads) for burst in lost)
            self._counts.resent_packets += count
            if not self._timeouts:
                self._counts.fast_resent_packets += count
        trains.extend(self._train(burst, now) for burst in lost)

    def _send_new(self, trains: list[Train], now: float) -> None:
        outgoing, size = self.outgoing, self._mtu.size - HEADER_SIZE
        room = self._room()
        # Others have to follow, or nobody would notice its loss; they need not leave together with it.
        can_be_missed = room > size and room + outgoing.in_flight > 4 * size
        if self._probe is None and can_be_missed and outgoing.num_unsent > 2 * self._settings.max_mtu:
            self._send_probe(trains, now)
        most = self._packets_a_train()
        while outgoing.unsent and len(trains) < TRAINS_PER_TURN:
            packets = min(most, self._new_packets(room))
            burst = outgoing.take(size, packets, now) if packets else None
            if burst is None:
                return
            trains.append(self._train(burst, now))
            room -= size * len(burst.payloads)

    def _packets_a_train(self) -> int:
        return min(MAX_TRAIN, max(1, MAX_TRAIN_BYTES // self._mtu.size))

    def _send_probe(self, trains: list[Train], now: float) -> None:
        size = self._mtu.next_probe(now)
        if size:
            burst = self.outgoing.take(size - HEADER_SIZE, 1, now)
            assert burst is not None  # there is more than two packets' worth
            self._probe = burst.first
            trains.append(self._train(burst, now))

    def _train(self, burst: Burst, now: float) -> Train:
        payloads = burst.payloads
        count, size = len(payloads), len(payloads[0])
        is_syn = burst.kind is PacketType.SYN
        self._advertised = window = 0 if self._is_abandoned else self.incoming.room
        headers = pack_headers(
            count,
            burst.first,
            kind=burst.kind,
            # A SYN names the id we want to be called by; all later packets the one they call the other side by.
            connection_id=self.recv_id if is_syn else self.send_id,
            timestamp=int(now * 1_000_000) & _WRAP,
            timestamp_difference=self._reply_difference,
            window=window,
            ack_nr=self.incoming.last & 0xFFFF,
        )
        buffers: list[Buffer] = [b""] * (2 * count)
        buffers[::2] = headers
        buffers[1::2] = payloads
        self._counts.packets_out += count
        self._counts.payload_packets_out += count * (burst.kind is PacketType.DATA)
        is_large, is_probe = size + HEADER_SIZE > self._mtu.size, burst.first == self._probe
        return Train(buffers, size + HEADER_SIZE, count, is_large and not is_probe, is_probe)

    def _signal(self, kind: PacketType, now: float) -> Train:
        incoming = self.incoming
        self._advertised = 0 if self._is_abandoned else incoming.room
        data = pack_packet(
            Packet(
                kind,
                self.send_id,
                int(now * 1_000_000) & _WRAP,
                self._reply_difference,
                self._advertised,
                self.outgoing.next & 0xFFFF,
                incoming.last & 0xFFFF,
                incoming.selective_ack(MAX_SACK_BYTES) if kind is PacketType.STATE else b"",
            )
        )
        self._counts.packets_out += 1
        return Train([data], len(data), 1)

    def _probe_timeout(self) -> float:
        return self._recovery.probe_timeout(self._rtt.smoothed, self._rtt.variance)

    def _is_probe_due(self, now: float) -> bool:
        since = max(self.outgoing.oldest() or 0.0, self._last_progress)
        return self._recovery.may_probe and self._rtt.smoothed > 0 and now < since + self._rtt.timeout

    def _time_out(self, now: float) -> None:
        settings, outgoing = self._settings, self.outgoing
        self._timeouts += 1
        self._counts.timeouts += 1
        is_last = self._fin is not None and outgoing.bursts[0].first >= self._fin
        if self.state is State.CONNECTING:
            allowed = settings.syn_resends
        else:
            allowed = settings.fin_resends if is_last else settings.num_resends
        if self._timeouts > allowed:
            if is_last and self._is_done():
                self._end()
            else:
                self._fail(TimeoutError("timed out"))
            return
        if self._probe is not None:
            self._mtu.on_lost(now)
            self._probe = None
        elif self._timeouts == settings.num_resends and not is_last:
            self._mtu.on_black_hole()
        self._duplicates = 0
        self._rtt.back_off()
        self.controller.on_timeout(now)
        outgoing.all_are_lost()
        self._last_progress = now

    def _fail(self, error: OSError) -> None:
        self._end()
        if not self._is_abandoned:
            self._events.append(UtpFailed(error))

    def _end(self) -> None:
        self.state = State.CLOSED
        self.outgoing.clear()
