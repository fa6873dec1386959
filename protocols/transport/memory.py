"""An in-memory pair of transports on any base: what tests and in-process peers talk over.

Two bounded pipes.  What one side sends the other may read in the same or the next action, never inside the call.  The same
laws hold as for TCP, including levels: `on_readable` is repeated while input is left unread.
"""

from __future__ import annotations

from ..engine.ports import Base, Timer
from ..errors import TransportBroken, TransportClosed, TransportError
from ..types import Address, Buffer
from .base import READ_ENDED, WOULD_BLOCK, Transport

__all__ = ["MEMORY_LIMIT", "MemoryTransport", "memory_pair"]

MEMORY_LIMIT = 64 * 1024
"""Bytes under way in one direction before `send` takes no more."""


def memory_pair(base: Base, limit: int = MEMORY_LIMIT) -> tuple[MemoryTransport, MemoryTransport]:
    """Two transports joined back to back; both are told `on_connected` in this action or the next."""
    if limit < 1:
        raise ValueError(f"a pipe of {limit} bytes carries nothing")
    there, back = _Pipe(limit), _Pipe(limit)
    one = MemoryTransport(base, back, there, ("memory", 1), ("memory", 2))
    two = MemoryTransport(base, there, back, ("memory", 2), ("memory", 1))
    one.peer, two.peer = two, one
    for side in (one, two):
        base.call_soon(side.opened)
    return one, two


class _Pipe:
    """One direction."""

    __slots__ = ("bytes", "is_broken", "is_ended", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = bytearray()
        self.is_ended = False
        """The sender will send no more."""
        self.is_broken = False
        """One side is gone and will not read, or did not wait for what it sent to be read."""


class MemoryTransport(Transport):
    """One side of a `memory_pair`."""

    name = "memory"

    def __init__(self, base: Base, incoming: _Pipe, outgoing: _Pipe, local: Address, remote: Address) -> None:
        super().__init__()
        self.peer: MemoryTransport | None = None
        self._base = base
        self._in = incoming
        self._out = outgoing
        self._local = local
        self._remote = remote
        self._wants_write = False
        self._is_connected = False
        self._end_error: TransportError | None = None
        self._delivery: Timer | None = None

    def recv_into(self, buffer: bytearray | memoryview) -> int:
        self._check("recv")
        if not len(buffer):
            raise ValueError("recv_into takes a buffer with room")
        if not self._is_connected:
            return WOULD_BLOCK
        incoming = self._in
        count = min(len(buffer), len(incoming.bytes))
        if count:
            buffer[:count] = incoming.bytes[:count]
            del incoming.bytes[:count]
            self._stir_peer()
            return count
        if incoming.is_ended:
            self.suspend_reading(READ_ENDED)
            return 0
        return WOULD_BLOCK

    def send(self, data: Buffer) -> int:
        self._check("send")
        if not self._is_connected:
            return 0
        if self._out.is_ended:
            raise self._broken("send")
        count = min(len(data), self._out.limit - len(self._out.bytes))
        if count:
            self._out.bytes += memoryview(data)[:count]
            self._stir_peer()
        return count

    def want_write(self, wanted: bool) -> None:
        self._wants_write = wanted
        self.stir()

    def suspend_reading(self, reason: int) -> None:
        self.read_suspended |= reason

    def resume_reading(self, reason: int) -> None:
        self.read_suspended &= ~reason
        self.stir()

    def shutdown_write(self) -> None:
        if self._is_connected:
            self._out.is_ended = True
            self._stir_peer()

    def close(self) -> None:
        if self._end_error is None:
            # As with TCP: input that nobody will read makes a reset of what would have been an end.
            if self._in.bytes:
                self._out.is_broken = True
            self._end(TransportClosed("close", "the transport is closed"))

    def abort(self) -> None:
        if self._end_error is None:
            self._out.is_broken = True
            self._end(TransportClosed("close", "the transport is closed"))

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    @property
    def is_closed(self) -> bool:
        return self._end_error is not None

    @property
    def local_address(self) -> Address | None:
        return self._local

    @property
    def peer_address(self) -> Address | None:
        return self._remote

    @property
    def family(self) -> int:
        return 0

    def opened(self) -> None:
        """Connected, as far as this side goes."""
        if self._end_error is None:
            self._is_connected = True
            now = self._base.time()
            try:
                self.user.on_connected(now)
            except Exception as exc:
                self._fail(exc, now)
                raise
            self.stir()

    def stir(self) -> None:
        """Something changed: tell the user in this action or the next, if there is something to tell."""
        if self._delivery is None and self._is_connected and (self._is_readable() or self._is_writable()):
            self._delivery = self._base.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._delivery = None
        now = self._base.time()
        try:
            if self._is_readable():
                self.user.on_readable(now)
            if self._is_writable():
                self.user.on_writable(now)
        except Exception as exc:
            self._fail(exc, now)
            raise
        self.stir()  # a level: again while there is something left

    def _is_readable(self) -> bool:
        incoming = self._in
        has_input = bool(incoming.bytes) or incoming.is_ended or incoming.is_broken
        return self._is_connected and has_input and not self.read_suspended

    def _is_writable(self) -> bool:
        if not (self._is_connected and self._wants_write):
            return False
        return len(self._out.bytes) < self._out.limit or self._in.is_broken

    def _check(self, operation: str) -> None:
        error = self._end_error
        if error is not None:
            raise type(error)(error.operation, error.cause)
        if self._in.is_broken:
            raise self._broken(operation)

    def _broken(self, operation: str) -> TransportBroken:
        error = TransportBroken(operation, ConnectionResetError("connection reset by peer"))
        self._end(error)
        return error

    def _fail(self, cause: Exception, now: float) -> None:
        if self._end_error is None:
            error = TransportBroken("callback", cause)
            self._out.is_broken = True
            self._end(error)
            self.user.on_closed(error, now)

    def _end(self, error: TransportError) -> None:
        self._end_error = error
        self._is_connected = False
        self._out.is_ended = True
        self._in.bytes.clear()
        self._in.is_ended = True
        if self._delivery is not None:
            self._delivery.cancel()
            self._delivery = None
        self._stir_peer()

    def _stir_peer(self) -> None:
        if self.peer is not None:
            self.peer.stir()
