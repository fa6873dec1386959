"""Several ways to one peer at once: whichever connects first is the transport, the others end (RFC 8305's idea across kinds).

Peers behind one firewall take only TCP, behind another only uTP, and nobody knows before.  Asking one after the other costs a
timeout; so the first way gets a head start, and then the next one runs beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..engine.ports import Base, Timer
from ..errors import TransportBroken, TransportClosed, TransportError
from ..types import Address, Buffer
from .base import WOULD_BLOCK, Transport

__all__ = ["HEAD_START", "Race"]

HEAD_START = 0.2
"""Seconds before the next way is tried beside the last: most answers are there by then."""
GRACE = 0.1
"""Seconds the others still have when a later way failed: if somebody is there, what came earlier would have been answered.

Lists of peers are full of dead ones; each second they take is one less for those that live.
"""


class Race(Transport):
    """A transport that is one of several, decided when one connects.  Before, nothing is sent or read.

    It is the user of the winner: what comes up arrives at its `on_…` methods.
    """

    name = "race"

    def __init__(
        self,
        base: Base,
        ways: Sequence[Callable[[], Transport]],
        *,
        head_start: float = HEAD_START,
        address: Address | None = None,
    ) -> None:
        """`ways` make the transports, the preferred one first; one that raises a TransportError has lost."""
        super().__init__()
        if not ways:
            raise ValueError("a race needs at least one way")
        self._base = base
        self._ways = list(ways)
        self._head_start = head_start
        self._address = address
        self._runners: dict[Transport, None] = {}
        self._winner: Transport | None = None
        self._last_error: TransportError | None = None
        self._is_ended = False
        self._wants_write = False
        self._next: Timer | None = base.call_soon(self._start_next)

    # What the user calls

    def recv_into(self, buffer: bytearray | memoryview) -> int:
        if self._winner is not None:
            return self._winner.recv_into(buffer)
        self._check("recv")
        return WOULD_BLOCK

    def send(self, data: Buffer) -> int:
        if self._winner is not None:
            return self._winner.send(data)
        self._check("send")
        return 0

    def sendv(self, buffers: Sequence[Buffer]) -> int:
        if self._winner is not None:
            return self._winner.sendv(buffers)
        self._check("send")
        return 0

    def want_write(self, wanted: bool) -> None:
        self._wants_write = wanted
        if self._winner is not None:
            self._winner.want_write(wanted)

    def suspend_reading(self, reason: int) -> None:
        self.read_suspended |= reason
        if self._winner is not None:
            self._winner.suspend_reading(reason)

    def resume_reading(self, reason: int) -> None:
        self.read_suspended &= ~reason
        if self._winner is not None:
            self._winner.resume_reading(reason)

    def shutdown_write(self) -> None:
        if self._winner is not None:
            self._winner.shutdown_write()

    def close(self) -> None:
        if self._winner is not None:
            self._winner.close()
        self._end()

    def abort(self) -> None:
        if self._winner is not None:
            self._winner.abort()
        self._end()

    @property
    def is_connected(self) -> bool:
        return self._winner is not None and self._winner.is_connected

    @property
    def is_closed(self) -> bool:
        return self._is_ended if self._winner is None else self._winner.is_closed

    @property
    def has_pending_input(self) -> bool:
        return self._winner is not None and self._winner.has_pending_input

    @property
    def local_address(self) -> Address | None:
        return None if self._winner is None else self._winner.local_address

    @property
    def peer_address(self) -> Address | None:
        return self._address if self._winner is None else self._winner.peer_address

    @property
    def family(self) -> int:
        return 0 if self._winner is None else self._winner.family

    def query(self, name: str) -> Any:
        """What the winner knows."""
        return super().query(name) if self._winner is None else self._winner.query(name)

    # What the winner calls

    def on_connected(self, now: float) -> None:
        """It won by that, and `won` told the user."""

    def on_readable(self, now: float) -> object:
        return self.user.on_readable(now)

    def on_writable(self, now: float) -> object:
        return self.user.on_writable(now)

    def on_closed(self, error: TransportError, now: float) -> object:
        return self.user.on_closed(error, now)

    # What runners call

    def won(self, transport: Transport, now: float) -> None:
        """The first to connect."""
        del self._runners[transport]
        self._winner = transport
        self._stop()
        transport.set_user(self)
        if self.read_suspended:
            transport.suspend_reading(self.read_suspended)
        if self._wants_write:
            transport.want_write(True)
        self.user.on_connected(now)

    def lost(self, transport: Transport, error: TransportError, now: float) -> None:
        """One did not connect; when all are lost, so is the race."""
        self._runners.pop(transport, None)
        self._last_error = error
        if self._ways:
            self._cancel_next()
            self._start_next()
        elif not self._runners:
            self._lose(now)
        elif self._next is None and isinstance(error.cause, ConnectionRefusedError | TimeoutError):
            self._next = self._base.call_later(GRACE, self._give_up)

    # Inside

    def _start_next(self) -> None:
        self._next = None
        while self._ways:
            way = self._ways.pop(0)
            try:
                transport = way()
            except TransportError as error:
                self._last_error = error
                continue
            self._runners[transport] = None
            transport.set_user(_Runner(self, transport))
            if self._ways:
                self._next = self._base.call_later(self._head_start, self._start_next)
            return
        if not self._runners:
            self._lose(self._base.time())

    def _give_up(self) -> None:
        self._next = None
        self._lose(self._base.time())

    def _lose(self, now: float) -> None:
        self._end()
        self.user.on_closed(self._last_error or TransportBroken("connect", "no way leads there"), now)

    def _end(self) -> None:
        self._is_ended = True
        self._stop()

    def _stop(self) -> None:
        self._ways.clear()
        self._cancel_next()
        runners, self._runners = self._runners, {}
        for transport in runners:
            transport.close()

    def _cancel_next(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _check(self, operation: str) -> None:
        if self._is_ended:
            raise TransportClosed(operation, "the transport is closed")


class _Runner:
    """The user of a transport that runs."""

    def __init__(self, race: Race, transport: Transport) -> None:
        self._race = race
        self._transport = transport

    def on_connected(self, now: float) -> None:
        self._race.won(self._transport, now)

    def on_closed(self, error: TransportError, now: float) -> None:
        self._race.lost(self._transport, error, now)

    def on_readable(self, now: float) -> None:
        """Not before it is connected; then it has another user."""

    def on_writable(self, now: float) -> None:
        """As above."""
