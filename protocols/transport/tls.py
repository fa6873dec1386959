"""TLS over any transport (`ssl.MemoryBIO`), verifying by default.

Plaintext and ciphertext are held back in bounded amounts: nothing is read from below while MAX_UNREAD bytes wait for the user,
and nothing is taken from the user while MAX_PENDING bytes of ciphertext are unsent.

Departure: an end of input without close_notify is reported as an end, as the standard library does by default, because
many servers never send one; `query("tls_truncated")` tells, and protocols that frame their messages do not need it.
Left out: renegotiation (TLS 1.2) and early data.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, cast

from ..engine.ports import Base, Timer
from ..errors import EngineError, LocalProtocolError, TransportBroken, TransportClosed, TransportError
from ..types import Buffer
from .base import READ_ENDED, READ_NO_USER, WOULD_BLOCK, Filter, Transport, TransportUser
from .chain import ChainContext

__all__ = ["HANDSHAKE_TIMEOUT", "MAX_PENDING", "READ_SIZE", "TlsFilter", "put_on_tls"]

READ_SIZE = 64 * 1024
"""Bytes of ciphertext read from below at a time."""
MAX_UNREAD = 4 * READ_SIZE
"""Bytes of ciphertext not decrypted yet with which no more are read from below."""
MAX_PENDING = 64 * 1024
"""Bytes of unsent ciphertext above which `send` takes nothing."""
MAX_RECORDS_SIZE = 64 * 1024
"""Bytes of plaintext that one `send` encrypts at most."""
HANDSHAKE_TIMEOUT = 15.0
"""Seconds from the connection below to the end of the handshake."""
MAX_DISCARDED_READS = 16
"""Reads of unwanted input that `close` makes at most."""
LINGER_TIMEOUT = 5.0
"""Seconds that what was sent may take to leave after `close`."""

_READ_BY_USER = 1 << 27  # towards the transport below; its own reasons and its other users' stay untouched


def put_on_tls(below: Transport, context: ChainContext) -> TlsFilter:
    """The "tls" of a chain.  Options: "tls_context" (ssl.SSLContext), "tls_server_hostname", and "tls_verify", which is
    called with the `ssl.SSLObject` after the handshake and raises `ssl.SSLError` when that is not good enough.
    """
    tls_context = context.options.get("tls_context")
    if tls_context is None:
        if context.is_inbound:
            raise LocalProtocolError("accepting TLS takes the option tls_context, with a certificate")
        tls_context = ssl.create_default_context()
    hostname = context.options.get("tls_server_hostname", context.host)
    if tls_context.check_hostname and not hostname and not context.is_inbound:
        # OpenSSL takes a missing name for "any name will do".
        raise LocalProtocolError("TLS with '': there is no name to verify")
    try:
        return TlsFilter(
            below,
            context.base,
            tls_context,
            server_hostname=hostname or None,
            is_server=context.is_inbound,
            verify=context.options.get("tls_verify"),
        )
    except ValueError as exc:
        raise LocalProtocolError(f"TLS with {hostname!r}: {exc}") from exc


class TlsFilter(Filter):
    """One TLS connection.  `on_connected` comes when the handshake is done."""

    name = "tls"
    is_encrypted = True

    def __init__(
        self,
        below: Transport,
        base: Base,
        context: ssl.SSLContext,
        *,
        server_hostname: str | None = None,
        is_server: bool = False,
        verify: Callable[[ssl.SSLObject], object] | None = None,
    ) -> None:
        self._base = base
        self._verify = verify
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=is_server,
            server_hostname=None if is_server else server_hostname,
        )
        self._chunk = memoryview(bytearray(READ_SIZE))
        self._held: ssl.SSLError | None = None
        """What came behind the bytes of the last read, and is told with the next."""
        self._unsent = memoryview(b"")
        self._wants_write = False
        self._is_connected = False
        self._is_truncated = False
        self._has_heard_nothing = True
        """Since the handshake."""
        self._end_error: TransportError | None = None
        self._delivery: Timer | None = None
        self._deadline: Timer | None = None
        super().__init__(below)

    # From below

    def on_connected(self, now: float) -> None:
        self._deadline = self._base.call_later(HANDSHAKE_TIMEOUT, self._on_handshake_timeout)
        self._shake_hands(now)

    def on_readable(self, now: float) -> None:
        if self._end_error is not None:
            self._linger()
            return
        try:
            if not self._take_ciphertext():
                return
        except TransportError as exc:
            if self.has_pending_input:  # It came before that.
                self._deliver(now)
            self._fail(exc, now)
            return
        if not self._is_connected:
            self._shake_hands(now)
        else:
            self._deliver(now)

    def on_writable(self, now: float) -> None:
        try:
            self._flush()
        except TransportError as exc:
            self._fail(exc, now)
            return
        if self._end_error is not None:
            self._maybe_say_last()
        elif self._is_connected and self._wants_write and self._has_room():
            self.user.on_writable(now)

    def on_closed(self, error: TransportError, now: float) -> None:
        self._fail(error, now)

    # From above

    def set_user(self, user: TransportUser) -> None:
        self.user = user
        self.resume_reading(READ_NO_USER)

    def recv_into(self, buffer: bytearray | memoryview) -> int:
        self._check()
        if not len(buffer):
            raise ValueError("recv_into takes a buffer with room")
        if not self._is_connected:
            return WOULD_BLOCK
        try:
            return self._decrypt_into(memoryview(buffer))
        except ssl.SSLWantReadError:
            self._send_answers()
            return WOULD_BLOCK
        except ssl.SSLZeroReturnError:
            pass
        except ssl.SSLEOFError:
            self._is_truncated = True
        except ssl.SSLError as exc:
            raise self._broken("recv", exc) from exc
        self.suspend_reading(READ_ENDED)
        return 0

    def send(self, data: Buffer) -> int:
        self._check()
        if not self._is_connected or not self._has_room():
            return 0
        try:
            count = self._tls.write(memoryview(data)[:MAX_RECORDS_SIZE]) if len(data) else 0
        except ssl.SSLError as exc:
            raise self._broken("send", exc) from exc
        self._send_answers()
        return count

    sendv = Transport.sendv

    def want_write(self, wanted: bool) -> None:
        self._wants_write = wanted
        self._update_write_interest()

    def suspend_reading(self, reason: int) -> None:
        self.read_suspended |= reason
        if self._is_connected and not self.is_closed:
            self.below.suspend_reading(_READ_BY_USER)

    def resume_reading(self, reason: int) -> None:
        self.read_suspended &= ~reason
        if self._is_connected and not self.is_closed and not self.read_suspended:
            self.below.resume_reading(_READ_BY_USER)
            self._schedule_delivery()

    def shutdown_write(self) -> None:
        """Sends close_notify; TLS 1.3 lets the other direction go on."""
        if self._is_connected:
            self._say_goodbye()

    def close(self) -> None:
        if self._end_error is None:
            if self._is_connected:
                try:
                    self._say_goodbye()
                    self._discard_input()
                except TransportError:
                    pass  # it is ending anyway
            self._end(TransportClosed("close", "the transport is closed"))
            self._leave()

    def abort(self) -> None:
        if self._end_error is None:
            self._end(TransportClosed("close", "the transport is closed"))
        self._cancel_deadline()  # of a `close` that is still lingering
        self.below.abort()

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    @property
    def is_closed(self) -> bool:
        return self._end_error is not None

    @property
    def has_pending_input(self) -> bool:
        return self._is_connected and bool(
            self._incoming.pending or self._incoming.eof or self._held is not None or self._tls.pending()
        )

    @property
    def is_verified(self) -> bool:  # type: ignore[override]
        return self._is_connected and self._tls.context.verify_mode == ssl.CERT_REQUIRED

    def query(self, name: str) -> Any:
        """Knows "tls_version", "tls_cipher", "tls_certificate", "tls_truncated", and "tls_context": the one in use, which SNI
        may have chosen."""
        if name == "tls_version":
            return self._tls.version()
        if name == "tls_cipher":
            return self._tls.cipher()
        if name == "tls_certificate":
            return self._tls.getpeercert() if self._is_connected else None
        if name == "tls_truncated":
            return self._is_truncated
        if name == "tls_context":
            return self._tls.context
        return super().query(name)

    # Inside

    def _take_ciphertext(self) -> bool:
        """Read from below as long as there is much, so that the user's turn is worth it.  False when there is nothing."""
        incoming = self._incoming
        count = 0
        while incoming.pending < MAX_UNREAD:
            count = self.below.recv_into(self._chunk)
            if count > 0:
                self._has_heard_nothing = not self._is_connected
                incoming.write(self._chunk[:count])
            elif count != WOULD_BLOCK:
                incoming.write_eof()
            if count < READ_SIZE:
                break
        return count != WOULD_BLOCK or incoming.pending > 0

    def _decrypt_into(self, buffer: memoryview) -> int:
        """Fill the buffer: a record is 16 KiB at the most.  ssl.SSLError, only when nothing came before it."""
        held, self._held = self._held, None
        if held is not None:
            raise held
        count, size = 0, len(buffer)
        try:
            while count < size:
                got = cast(
                    int, self._tls.read(size - count, buffer[count:])
                )  # into a buffer it gives a length
                if not got:
                    raise ssl.SSLZeroReturnError
                count += got
        except ssl.SSLError as exc:
            if not count:
                raise
            if not isinstance(exc, ssl.SSLWantReadError):
                self._held = exc
        return count

    def _shake_hands(self, now: float) -> None:
        try:
            try:
                self._tls.do_handshake()
                if self._verify is not None:
                    self._verify(self._tls)
            except ssl.SSLWantReadError:
                self._flush()
                return
            except ssl.SSLError as exc:
                self._flush()  # the alert that says why
                raise TransportBroken("handshake", exc) from exc
            self._flush()
        except TransportError as exc:
            self._fail(exc, now)
            return
        self._cancel_deadline()
        self._is_connected = True
        self._update_write_interest()
        if self.read_suspended:
            self.below.suspend_reading(_READ_BY_USER)
        self.user.on_connected(now)
        self._schedule_delivery()

    def _on_handshake_timeout(self) -> None:
        self._deadline = None
        error = TransportBroken("handshake", TimeoutError("timed out"))
        self._fail(error, self._base.time())

    def _deliver(self, now: float) -> None:
        if self._is_connected and not self.read_suspended:
            try:
                self.user.on_readable(now)
            except Exception as exc:
                self._fail(TransportBroken("callback", exc), now)
                raise
            self._schedule_delivery()

    def _schedule_delivery(self) -> None:
        """Whatever is held back here is announced by nobody else."""
        if self._delivery is None and not self.read_suspended and self.has_pending_input:
            self._delivery = self._base.call_soon(self._on_delivery)

    def _on_delivery(self) -> None:
        self._delivery = None
        self._deliver(self._base.time())

    def _has_room(self) -> bool:
        return len(self._unsent) + self._outgoing.pending < MAX_PENDING

    def _say_goodbye(self) -> None:
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # WantRead: ours is written, theirs is not awaited
        self._send_answers()

    def _discard_input(self) -> None:
        # Closing TCP over unread input, such as session tickets, sends a reset that overtakes what was sent.
        for _ in range(MAX_DISCARDED_READS):
            if self.below.recv_into(self._chunk) <= 0:
                break

    def _send_answers(self) -> None:
        try:
            self._flush()
        except TransportError as exc:
            self._end(exc)
            self.below.abort()
            raise

    def _leave(self) -> None:
        """Close below: at once when everything is sent, else when the other side has it, but not after LINGER_TIMEOUT.

        A client that was told nothing yet waits for the end, too: the server's session tickets are on their way (see
        `_discard_input`).
        """
        awaits_tickets = self._has_heard_nothing and not self._tls.server_side
        if self.below.is_closed or not (self._has_unsent() or awaits_tickets):
            self.below.close()
            return
        try:
            self._deadline = self._base.call_later(LINGER_TIMEOUT, self.below.abort)
        except EngineError:  # the base itself has ended: nothing will be sent any more
            self.below.abort()
            return
        self.below.resume_reading(_READ_BY_USER)
        self.below.want_write(True)

    def _maybe_say_last(self) -> None:
        if self._has_unsent():
            return
        self.below.want_write(False)
        try:
            self.below.shutdown_write()
        except TransportError:
            self._cancel_deadline()

    def _linger(self) -> None:
        try:
            count = self.below.recv_into(self._chunk)
        except TransportError:
            count = 0
        if not count:
            self._cancel_deadline()
            self.below.close()

    def _has_unsent(self) -> bool:
        return bool(self._unsent) or self._outgoing.pending > 0

    def _flush(self) -> None:
        """Hand ciphertext down until there is none or no room."""
        while True:
            if not self._unsent:
                self._unsent = memoryview(self._outgoing.read())
                if not self._unsent:
                    break
            count = self.below.send(self._unsent)
            if not count:
                break
            self._unsent = self._unsent[count:]
        self._update_write_interest()

    def _update_write_interest(self) -> None:
        if self._end_error is None:
            self.below.want_write(self._has_unsent() or (self._wants_write and self._is_connected))

    def _check(self) -> None:
        error = self._end_error
        if error is not None:
            raise type(error)(error.operation, error.cause)

    def _broken(self, operation: str, cause: BaseException) -> TransportBroken:
        error = TransportBroken(operation, cause)
        self._end(error)
        self.below.abort()
        return error

    def _fail(self, error: TransportError, now: float) -> None:
        if self._end_error is not None:
            self._cancel_deadline()
            return
        self._end(error)
        self.below.abort()
        self.user.on_closed(error, now)

    def _end(self, error: TransportError) -> None:
        self._end_error = error
        self._is_connected = False
        self._cancel_deadline()
        if self._delivery is not None:
            self._delivery.cancel()
            self._delivery = None

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
