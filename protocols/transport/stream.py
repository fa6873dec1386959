"""TCP: a non-blocking socket and one watch.

The path of a wake-up is: engine → `_on_ready` → `user.on_readable` → `recv_into` → the socket; nothing is allocated on it.
The stream owns its socket from `connect`, `adopt` or `wrap_accepted` on, and withdraws its watch before closing it.

Left out: out-of-band data.  An error while nothing is wanted (reading suspended, nothing to write) is found when reading
resumes, as with libevent's bufferevents.
"""

from __future__ import annotations

import errno
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..engine.ports import READ, WRITE, Base, StreamSocket, Watch
from ..errors import TransportBroken, TransportClosed, TransportError
from ..types import Address, Buffer
from .base import READ_ENDED, WOULD_BLOCK, Transport

__all__ = ["AF_INET", "AF_INET6", "MAX_SEND_BUFFERS", "ConnectObserver", "StreamTransport", "wrap_accepted"]

# The numbers of <sys/socket.h> and <netinet/tcp.h>: this layer does not import `socket`.
AF_INET = 2
AF_INET6 = {"linux": 10, "android": 10, "darwin": 30, "ios": 30, "win32": 23}.get(sys.platform, 28)
_IS_LINUX = sys.platform in ("linux", "android")
_SOL_SOCKET = 1 if _IS_LINUX else 0xFFFF
_SO_LINGER = 13 if _IS_LINUX else 0x80
_IPPROTO_TCP = 6
_TCP_NODELAY = 1
_SHUT_WR = 1
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, 0 seconds

_IN_PROGRESS = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN, errno.EINTR})

MAX_SEND_BUFFERS = 1024
"""Buffers that one `sendv` hands to the kernel (IOV_MAX of Linux, the BSDs and macOS)."""


class ConnectObserver(Protocol):
    """Who hears, in place of the user, how a connect went, and decides what it means."""

    def on_connect_succeeded(self, now: float) -> None: ...
    def on_connect_failed(self, error: OSError, now: float) -> None: ...
    def on_abandoned(self) -> None:
        """The user closed the transport before it was connected."""
        ...


class StreamTransport(Transport):
    """One TCP connection.  Made by `dial` and `wrap_accepted`; `base` is any loop."""

    name = "tcp"

    def __init__(self, base: Base, *, peer_address: Address | None = None) -> None:
        super().__init__()
        self._base = base
        self._sock: StreamSocket | None = None
        self._watch: Watch | None = None
        self._mask = 0
        """What the watch is told to look for."""
        self._wants_write = False
        self._is_connected = False
        self._is_closed = False
        self._family = 0
        self._peer_address = peer_address
        self._observer: ConnectObserver | None = None
        self._connect_error: Callable[[StreamSocket], OSError | None] | None = None
        # The socket's own methods while connected: one call less on the data path.
        self._sock_recv: Callable[[Any], int] = _nothing_yet
        self._sock_send: Callable[[Any], int] = _no_room_yet
        self._sock_sendmsg: Callable[[Any], int] = _no_room_yet

    # What the user calls

    def recv_into(self, buffer: bytearray | memoryview) -> int:
        """See `Transport.recv_into`: one system call."""
        try:
            count = self._sock_recv(buffer)
        except BlockingIOError:
            return WOULD_BLOCK
        except OSError as exc:
            raise self._broken("recv", exc) from exc
        if not count:
            self._read_end(buffer)
        return count

    def send(self, data: Buffer) -> int:
        """See `Transport.send`: one system call."""
        try:
            return self._sock_send(data)
        except BlockingIOError:
            return 0
        except OSError as exc:
            raise self._broken("send", exc) from exc

    def sendv(self, buffers: Sequence[Buffer]) -> int:
        """See `Transport.sendv`: one system call, for at most MAX_SEND_BUFFERS of them."""
        if len(buffers) > MAX_SEND_BUFFERS:
            buffers = buffers[:MAX_SEND_BUFFERS]
        try:
            return self._sock_sendmsg(buffers)
        except BlockingIOError:
            return 0
        except OSError as exc:
            raise self._broken("send", exc) from exc

    def want_write(self, wanted: bool) -> None:
        if wanted != self._wants_write:
            self._wants_write = wanted
            self._update_interest()

    def suspend_reading(self, reason: int) -> None:
        self.read_suspended |= reason
        self._update_interest()

    def resume_reading(self, reason: int) -> None:
        self.read_suspended &= ~reason
        self._update_interest()

    def shutdown_write(self) -> None:
        """See `Transport.shutdown_write`.  Nothing happens before the connection is there or after its end."""
        if self._is_connected and self._sock is not None:
            try:
                self._sock.shutdown(_SHUT_WR)
            except OSError as exc:
                raise self._broken("shutdown", exc) from exc

    def close(self) -> None:
        """See `Transport.close`: the kernel goes on delivering what was sent."""
        if not self._is_closed:
            self._end(TransportClosed("close", "the transport is closed"))

    def abort(self) -> None:
        """See `Transport.abort`: the other side sees a reset."""
        if self._sock is not None and self._is_connected:
            try:
                self._sock.setsockopt(_SOL_SOCKET, _SO_LINGER, _RESET_ON_CLOSE)
            except OSError:
                pass  # already gone, or a kind of socket that cannot: closing is all there is
        self.close()

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    @property
    def local_address(self) -> Address | None:
        if self._sock is None:
            return None
        try:
            return _as_address(self._sock.getsockname())
        except OSError:
            return None

    @property
    def peer_address(self) -> Address | None:
        return self._peer_address

    @property
    def family(self) -> int:
        return self._family

    def query(self, name: str) -> Any:
        """Knows "chain" and "socket"."""
        return self._sock if name == "socket" else super().query(name)

    # What the maker calls

    def connect(
        self,
        sock: StreamSocket,
        address: Any,
        observer: ConnectObserver,
        connect_error: Callable[[StreamSocket], OSError | None],
    ) -> None:
        """Begin to connect `sock`, which belongs to this transport from now on; `observer` hears how it went.

        OSError when it failed at once: the socket is closed then, and another may be tried.
        """
        try:
            code = sock.connect_ex(address)
        except OSError:
            sock.close()
            raise
        if code and code not in _IN_PROGRESS:
            sock.close()
            raise OSError(code, errno.errorcode.get(code, "unknown error"))
        self._observer = observer
        self._connect_error = connect_error
        self._sock = sock
        self._peer_address = (address[0], address[1])
        self._mask = WRITE
        self._watch = self._base.watch(sock.fileno(), WRITE, self._on_ready)

    def observe(self, observer: ConnectObserver) -> None:
        """`observer` hears when the user gives up before there is anything to connect."""
        self._observer = observer

    def adopt(self, sock: StreamSocket) -> None:
        """Take a connected socket in place of any that was connecting; call `opened` next."""
        self._drop_socket()
        self._sock = sock
        self._peer_address = _peer_of(sock) or self._peer_address

    def release(self) -> StreamSocket:
        """Give the socket away, unwatched; this transport is closed then."""
        sock = self._sock
        assert sock is not None
        self._unwatch()
        self._sock = None
        self._end(TransportClosed("release", "the transport gave its socket away"))
        return sock

    def opened(self, now: float) -> None:
        """The socket is connected: begin to read and tell the user.  Nothing happens when it was closed meanwhile."""
        sock = self._sock
        if sock is None:
            return
        self._observer = None
        self._is_connected = True
        self._family = _family_of(sock)
        self._sock_recv = sock.recv_into
        self._sock_send = sock.send
        self._sock_sendmsg = sock.sendmsg
        if self._watch is None:
            self._mask = self._wanted()
            self._watch = self._base.watch(sock.fileno(), self._mask, self._on_ready)
        else:
            # The watch of the connect attempt serves on: the host sees one change and no withdrawal.
            self._update_interest()
        try:
            self.user.on_connected(now)
        except Exception as exc:
            self.failed(TransportBroken("callback", exc), now)
            raise

    def failed(self, error: TransportError, now: float) -> None:
        """The world ended it behind the user's back."""
        if not self._is_closed:
            self._observer = None
            self._end(error)
            self.user.on_closed(error, now)

    # Inside

    def _on_ready(self, events: int) -> None:
        try:
            if events & READ:
                self.user.on_readable(self._base.time())
            if events & WRITE and self._mask & WRITE:
                now = self._base.time()
                if self._is_connected:
                    self.user.on_writable(now)
                else:
                    self._finish_connect(now)
        except Exception as exc:
            # Input is a level: a user that fails and stays would fail again at once, for ever.
            self.failed(TransportBroken("callback", exc), self._base.time())
            raise

    def _finish_connect(self, now: float) -> None:
        sock, observer, connect_error = self._sock, self._observer, self._connect_error
        assert sock is not None
        assert observer is not None
        assert connect_error is not None
        error = connect_error(sock)
        if error is not None:
            self._drop_socket()
            observer.on_connect_failed(error, now)
        elif _peer_of(sock) is not None:  # or else the wake-up was spurious
            observer.on_connect_succeeded(now)

    def _read_end(self, buffer: bytearray | memoryview) -> None:
        if not len(buffer):
            raise ValueError("recv_into takes a buffer with room")
        self.suspend_reading(READ_ENDED)

    def _wanted(self) -> int:
        return (0 if self.read_suspended else READ) | (WRITE if self._wants_write else 0)

    def _update_interest(self) -> None:
        watch = self._watch
        if watch is not None and self._is_connected:
            wanted = self._wanted()
            if wanted != self._mask:
                self._mask = wanted
                watch.modify(wanted)

    def _broken(self, operation: str, cause: OSError) -> TransportBroken:
        error = TransportBroken(operation, cause)
        self._end(error)
        return error

    def _end(self, error: TransportError) -> None:
        self._is_closed = True
        self._is_connected = False
        self._sock_recv = self._sock_send = self._sock_sendmsg = _raise_again(error)
        self._drop_socket()
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.on_abandoned()

    def _drop_socket(self) -> None:
        self._unwatch()
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    def _unwatch(self) -> None:
        self._mask = 0
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()


def wrap_accepted(base: Base, sock: StreamSocket) -> StreamTransport:
    """A transport over an accepted, non-blocking socket, which it owns.

    Set its user at once: `on_connected` comes in this action or the next, as for a dialled one.
    """
    transport = StreamTransport(base)
    transport.adopt(sock)
    try:
        sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
    except OSError:
        pass  # not TCP (a Unix socket), or reset already, which reading will tell
    base.call_soon(lambda: transport.opened(base.time()))
    return transport


def _raise_again(error: TransportError) -> Callable[[Any], int]:
    kind, operation, cause = type(error), error.operation, error.cause

    def ended(_: Any) -> int:
        raise kind(operation, cause)

    return ended


def _nothing_yet(_buffer: Any) -> int:
    return WOULD_BLOCK


def _no_room_yet(_data: Any) -> int:
    return 0


def _peer_of(sock: StreamSocket) -> Address | None:
    try:
        return _as_address(sock.getpeername()) or ("", 0)
    except OSError:
        return None


def _as_address(name: Any) -> Address | None:
    return (name[0], name[1]) if isinstance(name, tuple) else None


def _family_of(sock: StreamSocket) -> int:
    try:
        name = sock.getsockname()
    except OSError:
        return 0
    if not isinstance(name, tuple):
        return 0
    return AF_INET6 if len(name) == 4 else AF_INET
