"""What the engine needs from below and gives to above, by shape (`typing.Protocol`), and nothing else.

Below: a `Platform` (clock, sockets, resolver, worker pool).  `evtorrent.reactor.net.SystemPlatform` is the real one, the
simulator's is virtual.  `Multi()` without an argument takes the real one by name, which is the only seam between
protocols and reactor.

Above: a `Base`, the five calls that a listener, a transport or a protocol makes of whatever loop it lives on.  `Reactor`,
`Multi` and the simulated loop all have them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..types import Buffer

__all__ = [
    "READ",
    "WRITE",
    "Base",
    "DatagramSocket",
    "DialPlatform",
    "Platform",
    "ResolveCallback",
    "StreamSocket",
    "Timer",
    "Wakeup",
    "Watch",
]

READ = 0x02
"""Interest in reading; libevent's EV_READ."""
WRITE = 0x04
"""Interest in writing; libevent's EV_WRITE."""


class Watch(Protocol):
    """Interest in one descriptor.  The callback gets the READ | WRITE bits that are ready."""

    def modify(self, mask: int) -> None:
        """Replace the interest; 0 keeps the registration and watches nothing."""
        ...

    def close(self) -> None:
        """Withdraw; no callback runs afterwards, the descriptor may be closed at once.  Repeatable."""
        ...


class Timer(Protocol):
    """One armed call."""

    def cancel(self) -> None:
        """The call will not happen.  Repeatable, and harmless after it happened."""
        ...


class Base(Protocol):
    """A loop, as the things that live on it see it."""

    def watch(self, fd: int, mask: int, callback: Callable[[int], object]) -> Watch:
        """Call `callback(READ | WRITE bits)` while the descriptor is ready for what `mask` asks."""
        ...

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Timer:
        """Call in the next turn, in the order asked."""
        ...

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Call `delay` seconds from now, never earlier."""
        ...

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Call when `time()` has reached `when`."""
        ...

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> None:
        """As `call_soon`, from any thread."""
        ...

    def time(self) -> float:
        """The loop's monotonic clock, seconds."""
        ...


class StreamSocket(Protocol):
    """A non-blocking connected or connecting socket; the subset of `socket.socket` that transports use.

    `recv_into` and `send` raise BlockingIOError when they would block and OSError when they fail.
    """

    def fileno(self) -> int: ...
    def connect_ex(self, address: Any, /) -> int: ...
    def recv_into(self, buffer: bytearray | memoryview, /) -> int: ...
    def send(self, data: Buffer, /) -> int: ...
    def sendmsg(self, buffers: Sequence[Buffer], /) -> int: ...
    def getsockopt(self, level: int, option: int, /) -> int: ...
    def setsockopt(self, level: int, option: int, value: int | bytes, /) -> None: ...
    def getsockname(self) -> Any: ...
    def getpeername(self) -> Any: ...
    def shutdown(self, how: int, /) -> None: ...
    def close(self) -> None: ...


class DatagramSocket(Protocol):
    """A non-blocking UDP socket; the subset of `socket.socket` that datagram users need."""

    def fileno(self) -> int: ...
    def sendto(self, data: Buffer, address: Any, /) -> int: ...
    def recvfrom_into(self, buffer: bytearray | memoryview, /) -> tuple[int, Any]: ...
    def getsockname(self) -> Any: ...
    def close(self) -> None: ...


class Wakeup(Protocol):
    """A descriptor that another thread can make readable."""

    def fileno(self) -> int: ...
    def set(self) -> None:
        """Make it readable; any thread, any number of times."""
        ...

    def clear(self) -> None:
        """Make it unreadable again."""
        ...

    def close(self) -> None: ...


ResolveCallback = Callable[["list[tuple[int, Any]] | OSError"], object]
"""Gets [(family, socket address), …] in the order to try, or the error."""


class DialPlatform(Protocol):
    """The part of a `Platform` that connecting takes."""

    def stream_socket(self, family: int, *, source: tuple[str, int] | None = None) -> StreamSocket: ...
    def connect_error(self, sock: StreamSocket) -> OSError | None: ...
    def resolve(
        self, base: Base, host: str, port: int, callback: ResolveCallback, *, family: int = 0
    ) -> Timer: ...


class Platform(Protocol):
    """Everything outside the process that the engine may touch."""

    def time(self) -> float:
        """A monotonic clock, seconds."""
        ...

    def wall_time(self) -> float:
        """POSIX time, seconds."""
        ...

    def random_bytes(self, count: int) -> bytes:
        """Unpredictable bytes."""
        ...

    def wakeup(self) -> Wakeup:
        """A new descriptor that any thread can make readable."""
        ...

    def open_socket(self, family: int, kind: int) -> Any:
        """A socket as it comes, for listeners.  OSError."""
        ...

    def stream_socket(self, family: int, *, source: tuple[str, int] | None = None) -> StreamSocket:
        """A non-blocking TCP socket with TCP_NODELAY, bound to `source` if given.  OSError."""
        ...

    def datagram_socket(
        self, family: int, *, bind: tuple[str, int] | None = None, group: tuple[str, str] | None = None
    ) -> DatagramSocket:
        """A non-blocking UDP socket.  OSError.

        `group`: (multicast address, interface).  It is joined there, and nothing else is received; what is sent to it leaves
        there; others on this machine may be bound to the same port.  An interface is a local address for IPv4, a device for
        IPv6.
        """
        ...

    def connect_error(self, sock: StreamSocket) -> OSError | None:
        """Why a connect under way failed (SO_ERROR), or None."""
        ...

    def resolve(
        self, base: Base, host: str, port: int, callback: ResolveCallback, *, family: int = 0
    ) -> Timer:
        """Look a name up off the loop; the callback runs on `base`, never inside this call.  `cancel()` forgets it."""
        ...

    def submit(
        self,
        base: Base,
        function: Callable[..., Any],
        *args: Any,
        on_done: Callable[[Any, BaseException | None], object],
    ) -> None:
        """Run `function(*args)` on the worker pool, then `on_done(result, error)` on `base`."""
        ...

    def poll(self, wanted: Sequence[tuple[int, int]], timeout: float | None) -> list[tuple[int, int]]:
        """Block until a descriptor of [(fd, READ | WRITE), …] is ready or `timeout` seconds passed."""
        ...

    def thread_id(self) -> int:
        """Names the calling thread."""
        ...
