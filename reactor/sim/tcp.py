"""One end of a TCP connection inside a simulated host: handshake, acknowledgements, endings, timers.

    SYN_SENT ──SYN-ACK──► OPEN          SYN_RECEIVED ──anything──► OPEN (and into the listener's queue)
    SYN_SENT ──SYN──► SYN_RECEIVED      (both ends dial each other at once)
    OPEN ──both ends finished──► LINGERING ──► OVER         any ──RST, timeout, abort──► OVER

It lives on after its socket was closed until everything that was sent is acknowledged.

Left out: keep-alive, urgent data, and most of TIME_WAIT: a finished connection answers for `LINGER_SECONDS` only.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..flags import READ, WRITE
from .address import Address
from .packet import DATA, RST, SYN, SYN_ACK, Segments
from .tcp_receiver import TcpReceiver
from .tcp_sender import FIRST_RTO, TcpSender

if TYPE_CHECKING:
    from .host import SimHost
    from .stream_socket import SimStreamSocket

__all__ = ["LINGERING", "OPEN", "OVER", "SYN_RECEIVED", "SYN_SENT", "TcpConnection"]

SYN_SENT, SYN_RECEIVED, OPEN, LINGERING, OVER = range(5)

MAX_SYN_TIMEOUTS = 6
"""Unanswered SYNs after the first one before ETIMEDOUT: 127 seconds, as on Linux."""
MAX_TIMEOUTS = 15
"""Unanswered retransmissions before ETIMEDOUT (Linux `tcp_retries2`)."""
LINGER_SECONDS = 4.0
"""How long a finished connection still answers."""
ACK_DELAY = 0.04
"""Seconds a small piece of news may wait for an answer to ride along with (Linux `TCP_DELACK_MIN`)."""
ORPHAN_SECONDS = 60.0
"""How long a closed connection waits for the other side to finish, too (Linux `tcp_fin_timeout`)."""
_RUN_LIMIT = 65_536


class TcpConnection:
    """One end of a connection."""

    __slots__ = (
        "_acked",
        "_armed_for",
        "_deadline",
        "_echo",
        "_host",
        "_is_ack_due",
        "_is_ack_timed",
        "_is_orphan",
        "_own_mss",
        "_run_limit",
        "_syn_timeouts",
        "local",
        "receiver",
        "remote",
        "sender",
        "sock",
        "state",
    )

    def __init__(
        self, host: SimHost, sock: SimStreamSocket, local: Address, remote: Address, state: int
    ) -> None:
        self._host = host
        self.sock: SimStreamSocket | None = sock
        """None once the application closed it; a connection not accepted yet has its listener's."""
        self.local = local
        self.remote = remote
        self.state = state
        self._own_mss, self._run_limit = host.network.segment_sizes(host, remote[0])
        self.sender = TcpSender(self._own_mss, sock.send_limit)
        self.receiver = TcpReceiver(sock.receive_limit)
        self._deadline = 0.0
        """When the peer must have answered; 0: nothing is asked."""
        self._armed_for = 0.0
        """When the one timer event under way comes; 0: none."""
        self._syn_timeouts = 0
        self._acked = 0
        """What we have acknowledged."""
        self._is_ack_due = False
        self._is_ack_timed = False
        """A timer event for a delayed acknowledgement is under way."""
        self._echo = -1.0
        """When the oldest packet left that is not acknowledged yet."""
        self._is_orphan = False
        """Closed here, and waiting for the other side."""
        host.connections[local, remote] = self

    # -- what the socket says

    def open(self) -> None:
        """Send the first SYN, or answer one."""
        self._send_syn()
        self._set_deadline(FIRST_RTO)

    def begin_passively(self, packet: Segments) -> None:
        """Answer the SYN that came for a listening socket."""
        self._accept_mss(packet)
        self.open()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Queue bytes and send what may leave; gives how many fitted."""
        count = self.sender.write(data)
        if count:
            self._pump()
        return count

    def read_into(self, buffer: memoryview) -> int:
        """Take bytes; tells the peer of the new room when that is news to it."""
        receiver = self.receiver
        count = receiver.read_into(buffer)
        gain = receiver.window_gain
        if gain >= receiver.limit >> 1 or (
            gain >= 2 * self.sender.mss and receiver.limit - gain < 4 * self.sender.mss
        ):
            self._send(DATA)
        return count

    def shut_down(self) -> None:
        """Nothing more will be written."""
        self.sender.finish()
        if self.state == OPEN:
            self._pump()

    def release(self) -> None:
        """The application closed its socket.  Unread input resets the connection, as everywhere."""
        if self.state == SYN_SENT or self.receiver.queued:
            self.abort()
            return
        self.sock = None
        self.shut_down()
        if self.state == OPEN:
            self._check_finished()

    def abort(self) -> None:
        """End it now; the other side sees a reset."""
        if self.state in (SYN_RECEIVED, OPEN):
            self._send(RST)
        self.sock = None
        self._end()

    def vanish(self) -> None:
        """The machine died: nothing is said to anybody."""
        self.sock = None
        self._end()

    # -- what the network says

    def receive(self, packet: Segments) -> None:
        """A packet of this connection arrived."""
        code = packet.code
        if code == DATA:
            if self.state == SYN_SENT:
                return  # of an older life
            self._receive_data(packet)
        elif code == RST:
            self._fail(errno.ECONNREFUSED if self.state == SYN_SENT else errno.ECONNRESET)
        elif code == SYN:
            if self.state == SYN_SENT:
                self.state = SYN_RECEIVED
                self._accept_mss(packet)
            if self.state == SYN_RECEIVED:
                self._send_syn()
        elif self.state in (SYN_SENT, SYN_RECEIVED):
            self._accept_mss(packet)
            self.sender.receive_ack(packet, self._host.clock.now)
            self._open()
            self._send(DATA)
            self._pump()
        elif self.state == OPEN:
            self._send(DATA)  # our answer was lost

    # -- private

    def _accept_mss(self, packet: Segments) -> None:
        self.sender.set_mss(min(self._own_mss, packet.mss))
        self.sender.edge = packet.edge

    def _open(self) -> None:
        was = self.state
        self.state = OPEN
        self._deadline = 0.0
        if self.sock is not None:
            if was == SYN_SENT or self.sock.connection is self:
                self.sock.update()
            else:
                self.sock.enqueue(self)

    def _receive_data(self, packet: Segments) -> None:
        now = self._host.clock.now
        if self.state == SYN_RECEIVED:
            self._open()
        sender, receiver = self.sender, self.receiver
        moved = sender.receive_ack(packet, now)
        if moved:
            if sender.is_waiting:
                self._set_deadline(sender.rto)
            else:
                self._deadline = 0.0
        is_news = False
        if packet.payload or packet.is_final:
            if self.sock is None and packet.payload:
                self._send(RST)  # nobody reads any more, and the peer must learn it
                self._end()
                return
            is_news = receiver.receive(packet.seq, packet.payload, packet.is_final)
            self._note_ack_due(packet)
        elif packet.seq < receiver.nxt:
            self._note_ack_due(packet)  # a probe
        self._pump()
        if self._is_ack_due:
            self._acknowledge(packet, is_news)
        sock = self.sock
        if sock is not None and ((is_news and not sock.ready & READ) or (moved and not sock.ready & WRITE)):
            sock.update()
        if self.sock is None and self.state == OPEN:
            self._check_finished()

    def _note_ack_due(self, packet: Segments) -> None:
        self._is_ack_due = True
        if self._echo < 0:
            self._echo = packet.sent_at

    def _acknowledge(self, packet: Segments, is_news: bool) -> None:
        """At once what is large, final or out of order; small news may ride along with an answer (RFC 1122 4.2.3.2)."""
        receiver = self.receiver
        is_small = receiver.nxt - self._acked < 2 * self.sender.mss
        if is_small and is_news and not packet.is_final and not receiver.has_holes:
            if not self._is_ack_timed:
                self._is_ack_timed = True
                clock = self._host.clock
                clock.post(clock.now + ACK_DELAY, self._on_ack_timer)
        else:
            self._send(DATA)

    def _on_ack_timer(self) -> None:
        self._is_ack_timed = False
        if self._is_ack_due and self.state == OPEN:
            self._send(DATA)

    def _pump(self) -> None:
        """Send what may be sent, and arm the timer."""
        if self.state != OPEN:
            return
        sender, now = self.sender, self._host.clock.now
        while (run := sender.next_run(self._run_limit, now)) is not None:
            packet = self._packet(DATA)
            packet.load(*run)
            self._host.network.send(self._host, packet)
            if not self._deadline:
                self._set_deadline(sender.rto)
        if not self._deadline and sender.is_waiting:
            self._set_deadline(sender.rto)  # the peer's window is shut: ask from time to time

    def _send_syn(self) -> None:
        packet = self._packet(SYN_ACK if self.state == SYN_RECEIVED else SYN)
        packet.mss = self._own_mss
        self._host.network.send(self._host, packet)

    def _send(self, code: int) -> None:
        packet = self._packet(code)
        packet.seq = self.sender.nxt
        self._host.network.send(self._host, packet)

    def _packet(self, code: int) -> Segments:
        packet = Segments(code, self.local, self.remote, self.sender.mss)
        receiver = self.receiver
        packet.ack = self._acked = receiver.nxt
        packet.edge = receiver.open_window()
        if receiver.has_holes:
            packet.sacked = receiver.sacked
        packet.sent_at = self._host.clock.now
        packet.echo = self._echo
        self._echo = -1.0
        self._is_ack_due = False
        return packet

    # -- timers: one event under way at most, which looks whether its time has really come

    def _set_deadline(self, seconds: float) -> None:
        clock = self._host.clock
        self._deadline = clock.now + seconds
        if not self._armed_for or self._armed_for > self._deadline:
            self._armed_for = self._deadline
            clock.post(self._deadline, self._on_timer, self._deadline)

    def _on_timer(self, armed_for: float) -> None:
        if armed_for != self._armed_for:
            return  # another event took its place
        self._armed_for = 0.0
        if not self._deadline or self.state >= LINGERING:
            return
        now = self._host.clock.now
        if now < self._deadline:
            self._set_deadline(self._deadline - now)
        elif self.state == OPEN:
            self._on_silence()
        else:
            self._on_syn_timeout()

    def _on_syn_timeout(self) -> None:
        self._syn_timeouts += 1
        if self._syn_timeouts > MAX_SYN_TIMEOUTS:
            self._fail(errno.ETIMEDOUT)
            return
        self._send_syn()
        self._set_deadline(FIRST_RTO * 2**self._syn_timeouts)

    def _on_silence(self) -> None:
        sender = self.sender
        if sender.num_timeouts >= MAX_TIMEOUTS:
            self._fail(errno.ETIMEDOUT)
            return
        is_probe = sender.nxt == sender.una
        sender.on_timeout()
        self._deadline = 0.0
        if is_probe:
            packet = self._packet(DATA)
            packet.seq = sender.una - 1  # something old, which has to be answered
            self._host.network.send(self._host, packet)
        self._pump()
        if not self._deadline and sender.is_waiting:
            self._set_deadline(sender.rto)

    # -- ends

    def _fail(self, code: int) -> None:
        sock, self.sock = self.sock, None
        self._end()
        if sock is not None and (sock.connection is self):
            sock.fail(code)
        elif sock is not None:
            sock.forget(self)

    def _check_finished(self) -> None:
        if self.sender.is_finished:
            clock = self._host.clock
            if self.receiver.is_ended:
                self.state = LINGERING
                clock.post(clock.now + LINGER_SECONDS, self._end)
            elif not self._is_orphan:
                self._is_orphan = True
                clock.post(clock.now + ORPHAN_SECONDS, self._end)

    def _end(self) -> None:
        if self.state != OVER:
            self.state = OVER
            self._deadline = 0.0
            connections, key = self._host.connections, (self.local, self.remote)
            if connections.get(key) is self:
                del connections[key]
