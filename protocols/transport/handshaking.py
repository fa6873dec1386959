"""A filter that says something first (a `Dialogue`) and then lets the stream through: encryption handshakes, proxies.

The user hears `on_connected` when the exchange is done.  What arrived behind it is held back here, at most READ_SIZE bytes,
and delivered first.  What the exchange still has to send goes before what the user sends, who is told that there is no
room until then.  When the exchange fails the connection is reset, and the error carries the filter's `operation`.
"""

from __future__ import annotations

from collections.abc import Callable

from ..dialogue import Dialogue
from ..engine.ports import Base, Timer
from ..errors import EngineError, ProtocolError, TransportBroken, TransportClosed, TransportError
from ..types import Buffer
from .base import READ_NO_USER, WOULD_BLOCK, Filter, Transport, TransportUser

__all__ = ["LINGER_TIMEOUT", "READ_SIZE", "HandshakeFilter"]

READ_SIZE = 4096
"""Bytes read from below at a time during the exchange."""
LINGER_TIMEOUT = 5.0
"""Seconds that what was sent may take to leave after `close`."""

_READ_BY_USER = 1 << 27  # towards the transport below; its own reasons and its other users' stay untouched
_NOTHING = memoryview(b"")


class HandshakeFilter(Filter):
    """One exchange, then the stream.  A subclass names itself and may change what passes (`_opened`, `recv_into`, `send`)."""

    operation = "handshake"
    """Names the exchange in errors."""

    def __init__(self, below: Transport, base: Base, dialogue: Dialogue, *, timeout: float) -> None:
        """`timeout`: seconds from the connection below to the end of the exchange."""
        self._base = base
        self._dialogue = dialogue
        self._timeout = timeout
        self._chunk = bytearray()
        self._held = _NOTHING
        """Input that came behind the exchange."""
        self._unsent = _NOTHING
        """Output that goes before anything else."""
        self._wants_write = False
        self._told_write = False
        """What the transport below was told last."""
        self._is_shut_down = False
        self._has_begun = False
        self._is_connected = False
        self._end_error: TransportError | None = None
        self._departure: _Departure | None = None
        self._delivery: Timer | None = None
        self._deadline: Timer | None = None
        super().__init__(below)

    # From below

    def on_connected(self, now: float) -> None:
        self._has_begun = True
        self._deadline = self._base.call_later(self._timeout, self._on_timeout)
        self._proceed(now)

    def on_readable(self, now: float) -> None:
        if not self._is_connected:
            self._receive(now)
        elif not self.read_suspended:
            self.user.on_readable(now)

    def on_writable(self, now: float) -> None:
        try:
            self._flush()
        except TransportError as exc:
            self._fail(exc, now)
            return
        if self._is_connected and self._wants_write and not self._unsent:
            self.user.on_writable(now)

    def on_closed(self, error: TransportError, now: float) -> None:
        self._fail(error, now)

    # From above

    def set_user(self, user: TransportUser) -> None:
        self.user = user
        self.resume_reading(READ_NO_USER)

    def recv_into(self, buffer: bytearray | memoryview) -> int:
        if self._held or not self._is_connected:
            return self._recv_held(buffer)
        try:
            return self.below.recv_into(buffer)
        except TransportError as exc:
            self._end(exc)
            raise

    def send(self, data: Buffer) -> int:
        if not self._may_send():
            return 0
        try:
            return self.below.send(data)
        except TransportError as exc:
            self._end(exc)
            raise

    sendv = Transport.sendv

    def want_write(self, wanted: bool) -> None:
        self._wants_write = wanted
        self._update_write_interest()

    def suspend_reading(self, reason: int) -> None:
        self.read_suspended |= reason
        if self._is_connected:
            self.below.suspend_reading(_READ_BY_USER)

    def resume_reading(self, reason: int) -> None:
        self.read_suspended &= ~reason
        if self._is_connected and not self.read_suspended:
            self.below.resume_reading(_READ_BY_USER)
            self._schedule_delivery()

    def shutdown_write(self) -> None:
        if self._is_connected and not self._is_shut_down:
            self._is_shut_down = True
            try:
                self._maybe_shut_down()
            except TransportError as exc:
                self._end(exc)
                raise

    def close(self) -> None:
        if self._end_error is not None:
            return
        if self._is_connected and self._unsent:
            self._departure = _Departure(self.below, self._base, self._unsent, self._sent_all)
        else:
            self.below.close()
        self._end(TransportClosed("close", "the transport is closed"))

    def abort(self) -> None:
        if self._end_error is None:
            self._end(TransportClosed("close", "the transport is closed"))
        if self._departure is not None:
            self._departure.abort()
        self.below.abort()

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    @property
    def is_closed(self) -> bool:
        return self._end_error is not None

    @property
    def has_pending_input(self) -> bool:
        return bool(self._held) or self.below.has_pending_input

    # For subclasses

    def _opened(self) -> None:
        """The exchange is done; the user is told next."""

    def _sent_all(self) -> None:
        """Nothing is unsent any more: its buffer may be used again.  Called at any time, also without need."""

    def _may_send(self) -> bool:
        """There is room for what the user sends: nothing of before is left."""
        self._check()
        if not self._is_connected:
            return False
        if self._is_shut_down:
            raise self._broken(BrokenPipeError("the sending side is shut down"))
        if self._unsent:
            try:
                self._flush()
            except TransportError as exc:
                self._end(exc)
                raise
        return not self._unsent

    def _end(self, error: TransportError) -> None:
        self._end_error = error
        self._is_connected = False
        self._held = self._unsent = _NOTHING
        if self._departure is None:
            self._sent_all()
        self._cancel_deadline()
        if self._delivery is not None:
            self._delivery.cancel()
            self._delivery = None

    def _hold_unsent(self, data: memoryview) -> None:
        self._unsent = data
        self._update_write_interest()

    # Inside

    def _receive(self, now: float) -> None:
        if not self._chunk:
            self._chunk = bytearray(READ_SIZE)
        try:
            count = self.below.recv_into(self._chunk)
            if count == WOULD_BLOCK:
                return
            if not count:
                raise TransportBroken(self.operation, EOFError("the other side ended the connection"))
            self._dialogue.receive_data(memoryview(self._chunk)[:count])
        except TransportError as exc:
            self._fail(exc, now)
        except ProtocolError as exc:
            self._fail(TransportBroken(self.operation, exc), now)
        else:
            self._proceed(now)

    def _proceed(self, now: float) -> None:
        self._unsent = memoryview(bytes(self._unsent) + self._dialogue.data_to_send())
        try:
            self._flush()
        except TransportError as exc:
            self._fail(exc, now)
            return
        if self._dialogue.is_done:
            self._open(now)

    def _open(self, now: float) -> None:
        self._cancel_deadline()
        self._chunk = bytearray()
        self._held = memoryview(self._dialogue.take_rest())
        self._is_connected = True
        self._opened()
        self._update_write_interest()
        if self.read_suspended:
            self.below.suspend_reading(_READ_BY_USER)
        self.user.on_connected(now)
        self._schedule_delivery()

    def _on_timeout(self) -> None:
        self._deadline = None
        self._fail(TransportBroken(self.operation, TimeoutError("timed out")), self._base.time())

    def _recv_held(self, buffer: bytearray | memoryview) -> int:
        self._check()
        if not len(buffer):
            raise ValueError("recv_into takes a buffer with room")
        if not self._is_connected:
            return WOULD_BLOCK
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count

    def _schedule_delivery(self) -> None:
        """What is held back here is announced by nobody else."""
        if self._held and self._delivery is None and not self.read_suspended:
            self._delivery = self._base.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._delivery = None
        if not self._held or self.read_suspended:
            return
        now = self._base.time()
        try:
            self.user.on_readable(now)
        except Exception as exc:
            self._fail(TransportBroken("callback", exc), now)
            raise
        self._schedule_delivery()

    def _flush(self) -> None:
        if self._unsent:
            self._unsent = _send_some(self.below, self._unsent)
            if not self._unsent:
                self._sent_all()
                self._maybe_shut_down()
        self._update_write_interest()

    def _maybe_shut_down(self) -> None:
        if self._is_shut_down and not self._unsent:
            self.below.shutdown_write()

    def _update_write_interest(self) -> None:
        wanted = bool(self._unsent) or (self._wants_write and self._is_connected)
        if wanted != self._told_write and self._end_error is None:
            self._told_write = wanted
            self.below.want_write(wanted)

    def _check(self) -> None:
        error = self._end_error
        if error is not None:
            raise type(error)(error.operation, error.cause)

    def _broken(self, cause: OSError) -> TransportBroken:
        error = TransportBroken("send", cause)
        self._end(error)
        self.below.abort()
        return error

    def _fail(self, error: TransportError, now: float) -> None:
        if self._end_error is None:
            self._end(error)
            self.below.abort()
            self.user.on_closed(error, now)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Departure:
    """Sends what a closed filter has left, then closes below; not for longer than LINGER_TIMEOUT.  User of the one below."""

    def __init__(
        self, below: Transport, base: Base, unsent: memoryview, on_end: Callable[[], object]
    ) -> None:
        self._below = below
        self._unsent = unsent
        self._on_end = on_end
        self._deadline: Timer | None = None
        try:
            self._deadline = base.call_later(LINGER_TIMEOUT, self.abort)
        except EngineError:  # the base itself has ended: nothing will be sent any more
            self.abort()
            return
        below.suspend_reading(_READ_BY_USER)
        below.set_user(self)
        below.want_write(True)

    def on_connected(self, now: float) -> None:
        """Was before."""

    def on_readable(self, now: float) -> None:
        """Nobody reads any more."""

    def on_writable(self, now: float) -> None:
        try:
            self._unsent = _send_some(self._below, self._unsent)
        except TransportError:
            self.abort()
            return
        if not self._unsent:
            self._below.close()
            self._finish()

    def on_closed(self, error: TransportError, now: float) -> None:
        self._finish()

    def abort(self) -> None:
        self._below.abort()
        self._finish()

    def _finish(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._unsent = _NOTHING
        self._on_end()


def _send_some(below: Transport, data: memoryview) -> memoryview:
    """Send what there is room for; gives the rest."""
    while data:
        count = below.send(data)
        if not count:
            break
        data = data[count:]
    return data
