"""uTP as a `Transport`: a connection of `protocols/utp` seen as a byte stream.  Made by a `UtpPort`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import TransportBroken, TransportClosed, TransportError
from ..types import Address, Buffer
from ..utp.connection import UtpConnected, UtpConnection
from .base import READ_ENDED, WOULD_BLOCK, Transport

if TYPE_CHECKING:
    from .utp_port import UtpPort

__all__ = ["UtpTransport"]


class UtpTransport(Transport):
    """One connection of a port."""

    name = "utp"

    def __init__(self, port: UtpPort, connection: UtpConnection, address: Any) -> None:
        """Any: `address` is a socket address, as the system gives it."""
        super().__init__()
        self.connection = connection
        self.address = address
        self._port = port
        self._wants_write = False
        self._is_connected = False
        self._end_error: TransportError | None = None

    # What the user calls

    def recv_into(self, buffer: bytearray | memoryview) -> int:
        self._check("recv")
        if not len(buffer):
            raise ValueError("recv_into takes a buffer with room")
        connection = self.connection
        count = connection.read_into(buffer)
        if count:
            if connection.wants_turn:
                self._port.touch(connection, self.address)
            return count
        if connection.incoming.is_ended:
            self.suspend_reading(READ_ENDED)
            self._port.touch(connection, self.address)
            return 0
        return WOULD_BLOCK

    def send(self, data: Buffer) -> int:
        self._check("send")
        if not self._is_connected:
            return 0
        count = self.connection.send(data)
        if count:
            self._port.touch(self.connection, self.address)
        return count

    def want_write(self, wanted: bool) -> None:
        self._wants_write = wanted
        if wanted and self._is_writable():
            self._port.call_again(self.connection, self.address)

    def suspend_reading(self, reason: int) -> None:
        self.read_suspended |= reason

    def resume_reading(self, reason: int) -> None:
        self.read_suspended &= ~reason
        if self._is_readable():
            self._port.call_again(self.connection, self.address)

    def shutdown_write(self) -> None:
        if self._is_connected:
            self.connection.shutdown()
            self._port.touch(self.connection, self.address)

    def close(self) -> None:
        if self._end_error is None:
            self._end(TransportClosed("close", "the transport is closed"))
            self._port.release(self)

    def abort(self) -> None:
        if self._end_error is None:
            self._end(TransportClosed("close", "the transport is closed"))
            self._port.abort(self)

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    @property
    def is_closed(self) -> bool:
        return self._end_error is not None

    @property
    def has_pending_input(self) -> bool:
        return self._is_connected and self.connection.incoming.has_input

    @property
    def local_address(self) -> Address | None:
        return self._port.address

    @property
    def peer_address(self) -> Address | None:
        return self.address[0], self.address[1]

    @property
    def family(self) -> int:
        return self._port.family

    def query(self, name: str) -> Any:
        """Knows "chain" and "utp_connection"."""
        return self.connection if name == "utp_connection" else super().query(name)

    # What the port calls

    def serve(self, now: float) -> None:
        """Tell the user what happened.  An exception of the user ends the transport, and is raised on."""
        try:
            while (event := self.connection.next_event()) is not None:
                if isinstance(event, UtpConnected):
                    self._is_connected = True
                    self.user.on_connected(now)
                elif self._end_error is None:
                    operation = "recv" if self._is_connected else "connect"
                    self.failed(TransportBroken(operation, event.error), now)
            if self._is_readable():
                self.user.on_readable(now)
            if self._is_writable():
                self.user.on_writable(now)
        except Exception as error:
            if self._end_error is None:
                self._port.abort(self)
                self.failed(TransportBroken("callback", error), now)
            raise
        if self._is_readable() or self._is_writable():
            self._port.call_again(
                self.connection, self.address
            )  # A level: again while there is something left.

    def failed(self, error: TransportError, now: float) -> None:
        """The world ended it."""
        if self._end_error is None:
            self._end(error)
            self.user.on_closed(error, now)

    # Inside

    def _is_readable(self) -> bool:
        return self._is_connected and not self.read_suspended and self.connection.incoming.has_input

    def _is_writable(self) -> bool:
        outgoing = self.connection.outgoing
        # Half empty, not just not full: many small refills would make many small packets.
        return self._wants_write and self._is_connected and outgoing.num_unsent * 2 <= outgoing.limit

    def _check(self, operation: str) -> None:
        error = self._end_error
        if error is not None:
            raise type(error)(error.operation, error.cause)

    def _end(self, error: TransportError) -> None:
        self._end_error = error
        self._is_connected = False
