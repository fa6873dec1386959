"""The transport interface: a byte stream in pull style, and `Filter`, a transport on top of another.

A transport tells its user that something can be done (`TransportUser`), and the user then does it, as with sockets: it lends
`recv_into` a buffer, and `send` takes as much as there is room for.  Nothing is buffered that need not be.

Laws, the same for every transport (`tests/conformance` checks them):

* No callback runs inside a call of the user, whatever the call finds out.
* `on_connected` comes first and once.  Nothing comes after `on_closed`, nor after `close()` or `abort()` by the user, which
  are silent.
* `on_closed` is called once when the transport ended behind the user's back: the world did it (connecting, handshaking,
  polling), or a callback of the user raised, which ends the transport and then goes to the base as it is.  What a call of the user runs into is raised there instead, as `TransportBroken`, and no `on_closed` follows.
* Readiness is a level: `on_readable` is repeated while there is input, no reason to suspend stands, and the end of input
  has not been read.  It may find nothing (`WOULD_BLOCK`): a filter had input of its own.  `on_writable` is repeated while `want_write(True)` stands and there is room.
* End of input is `recv_into` giving 0, once; sending may go on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

from ..errors import TransportError
from ..types import Address, Buffer

__all__ = [
    "READ_ENDED",
    "READ_NO_USER",
    "READ_RESERVED",
    "WOULD_BLOCK",
    "Filter",
    "Transport",
    "TransportUser",
]

WOULD_BLOCK = -1
"""What `recv_into` gives when there is nothing yet."""

READ_NO_USER = 1 << 28
"""Reading is suspended because nobody listens yet."""
READ_ENDED = 1 << 29
"""Reading is suspended because the end of input was read."""
READ_RESERVED = 0x1F << 27
"""Reasons that transports keep to themselves; users have all lower bits."""


class TransportUser(Protocol):
    """Who is told.  `now` is the clock of the base at the beginning of the action."""

    def on_connected(self, now: float) -> object:
        """Bytes can be exchanged: connected or accepted, and every handshake below is done."""
        ...

    def on_readable(self, now: float) -> object:
        """`recv_into` has something: bytes, the end of input, or the error that ended the transport."""
        ...

    def on_writable(self, now: float) -> object:
        """`send` will take something; only while `want_write(True)` stands."""
        ...

    def on_closed(self, error: TransportError, now: float) -> object:
        """The world ended it.  The transport has released everything; nothing more will be called."""
        ...


class _NoUser:
    """Hears everything and does nothing."""

    def on_connected(self, now: float) -> None:
        pass

    def on_readable(self, now: float) -> None:
        pass

    def on_writable(self, now: float) -> None:
        pass

    def on_closed(self, error: TransportError, now: float) -> None:
        pass


NO_USER: TransportUser = _NoUser()


class Transport(ABC):
    """A byte stream between two parties."""

    name = ""
    """What `chain` strings and `query` call it."""
    is_encrypted = False
    """What others on the path see is not what the user sends."""
    is_verified = False
    """The other side proved who it is."""

    def __init__(self) -> None:
        self.user: TransportUser = NO_USER
        self.read_suspended = READ_NO_USER
        """Reasons why nothing is read, ORed together."""

    def set_user(self, user: TransportUser) -> None:
        """Say who is told; before the first callback, or later to hand the stream on."""
        self.user = user
        self.resume_reading(READ_NO_USER)

    @abstractmethod
    def recv_into(self, buffer: bytearray | memoryview) -> int:
        """Fill `buffer` (not empty) with what is there: the number of bytes, 0 at the end, WOULD_BLOCK (-1).

        TransportBroken when the world ended it, TransportClosed after `close` or `abort`.
        """

    @abstractmethod
    def send(self, data: Buffer) -> int:
        """Send what there is room for and give its length; 0 means: `want_write(True)` and try again when told.

        TransportBroken, TransportClosed.
        """

    def sendv(self, buffers: Sequence[Buffer]) -> int:
        """As `send`, for the concatenation of `buffers`."""
        taken = 0
        for buffer in buffers:
            count = self.send(buffer)
            taken += count
            if count < len(buffer):
                break
        return taken

    @abstractmethod
    def want_write(self, wanted: bool) -> None:
        """Whether `on_writable` should be called while there is room.  Repeatable, harmless after the end."""

    @abstractmethod
    def suspend_reading(self, reason: int) -> None:
        """Add a reason bit: `on_readable` is not called while any stands.  The kernel's window then fills up."""

    @abstractmethod
    def resume_reading(self, reason: int) -> None:
        """Clear a reason bit; each party clears only its own."""

    @abstractmethod
    def shutdown_write(self) -> None:
        """Nothing more will be sent: the other side reads the end of input.  Reading goes on."""

    @abstractmethod
    def close(self) -> None:
        """End it, delivering what was sent.  Silent and repeatable."""

    @abstractmethod
    def abort(self) -> None:
        """End it at once; what was sent may be lost and the other side sees a reset.  Silent and repeatable."""

    @property
    @abstractmethod
    def is_connected(self) -> bool:
        """Between `on_connected` and the end."""

    @property
    @abstractmethod
    def is_closed(self) -> bool:
        """Ended, by us or by the world."""

    @property
    def has_pending_input(self) -> bool:
        """Input is held back here, which no descriptor will announce; `on_readable` is called again for it."""
        return False

    @property
    @abstractmethod
    def local_address(self) -> Address | None:
        """Our end; None when it has none, or not yet."""

    @property
    @abstractmethod
    def peer_address(self) -> Address | None:
        """The other end; while connecting, where to."""

    @property
    @abstractmethod
    def family(self) -> int:
        """AF_INET, AF_INET6, or 0."""

    def query(self, name: str) -> Any:
        """A fact about the stream, from the nearest filter that knows it: "chain", "tls_version", …; None if nobody does.

        Any: each name has its own type.
        """
        return self.name if name == "chain" else None

    def __repr__(self) -> str:
        state = "closed" if self.is_closed else "connected" if self.is_connected else "connecting"
        peer = self.peer_address
        where = "" if peer is None else f" {peer[0]}:{peer[1]}"
        return f"{type(self).__name__}({self.query('chain')}{where} {state})"


class Filter(Transport):
    """A transport over another.  What it does not override passes through.

    It is the user of the one `below`: what comes up arrives at its `on_…` methods.
    """

    def __init__(self, below: Transport) -> None:
        super().__init__()
        self.below = below
        below.set_user(self)

    # From below

    def on_connected(self, now: float) -> object:
        """See `TransportUser.on_connected`."""
        return self.user.on_connected(now)

    def on_readable(self, now: float) -> object:
        """See `TransportUser.on_readable`."""
        return self.user.on_readable(now)

    def on_writable(self, now: float) -> object:
        """See `TransportUser.on_writable`."""
        return self.user.on_writable(now)

    def on_closed(self, error: TransportError, now: float) -> object:
        """See `TransportUser.on_closed`."""
        return self.user.on_closed(error, now)

    # From above

    def set_user(self, user: TransportUser) -> None:
        self.user = user

    def recv_into(self, buffer: bytearray | memoryview) -> int:
        return self.below.recv_into(buffer)

    def send(self, data: Buffer) -> int:
        return self.below.send(data)

    def sendv(self, buffers: Sequence[Buffer]) -> int:
        return self.below.sendv(buffers)

    def want_write(self, wanted: bool) -> None:
        self.below.want_write(wanted)

    def suspend_reading(self, reason: int) -> None:
        self.below.suspend_reading(reason)

    def resume_reading(self, reason: int) -> None:
        self.below.resume_reading(reason)

    def shutdown_write(self) -> None:
        self.below.shutdown_write()

    def close(self) -> None:
        self.below.close()

    def abort(self) -> None:
        self.below.abort()

    @property
    def is_connected(self) -> bool:
        return self.below.is_connected

    @property
    def is_closed(self) -> bool:
        return self.below.is_closed

    @property
    def has_pending_input(self) -> bool:
        return self.below.has_pending_input

    @property
    def local_address(self) -> Address | None:
        return self.below.local_address

    @property
    def peer_address(self) -> Address | None:
        return self.below.peer_address

    @property
    def family(self) -> int:
        return self.below.family

    def query(self, name: str) -> Any:
        if name == "chain":
            below = self.below.query(name)
            return f"{below}+{self.name}" if self.name else below
        return self.below.query(name)
