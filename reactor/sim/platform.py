"""The simulated system behind an engine; has the shape of the engine's `Platform` port.

Everything is virtual: the clock, the sockets, names, workers and randomness.  Waiting is refused: the world turns the wheel.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ReactorUsageError
from ..ports import Poster
from ..resolver import Lookup, ResolveCallback
from .descriptor import SimWakeup

if TYPE_CHECKING:
    from .datagram_socket import SimDatagramSocket
    from .host import SimHost
    from .stream_socket import SimStreamSocket

__all__ = ["EPOCH", "SimPlatform"]

EPOCH = 1_700_000_000
"""POSIX time at the virtual time 0."""


class SimPlatform:
    """What `Multi(host.platform)` lives in."""

    __slots__ = ("_host", "time")

    def __init__(self, host: SimHost) -> None:
        self._host = host
        self.time = host.loop.time
        """The virtual clock, seconds."""

    @property
    def host(self) -> SimHost:
        """The machine."""
        return self._host

    def wall_time(self) -> float:
        """POSIX time, seconds: the virtual clock again."""
        return EPOCH + self._host.clock.now

    def random_bytes(self, count: int) -> bytes:
        """Bytes from the host's own generator: the same in every run of one seed."""
        return self._host.rng.randbytes(count)

    def wakeup(self) -> SimWakeup:
        """A new descriptor that any thread can make readable."""
        return SimWakeup(self._host)

    def open_socket(self, family: int, kind: int) -> Any:
        """A socket as it comes.  Any: by shape, of either kind.  OSError."""
        return self._host.socket(family, kind)

    def socket_of(self, fileno: int) -> Any:
        """The socket that has this number on the host.  Any: by shape, of either kind.  OSError."""
        found = self._host.descriptors.get(fileno)
        if found is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if not hasattr(found, "getsockname"):
            raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))
        return found

    def stream_socket(self, family: int, *, source: tuple[str, int] | None = None) -> SimStreamSocket:
        """A TCP socket, bound to `source` if given.  OSError."""
        sock: SimStreamSocket = self._host.socket(family, socket.SOCK_STREAM)
        if source is not None:
            sock.can_reuse_address = True
            self._bind(sock, source)
        return sock

    def datagram_socket(
        self, family: int, *, bind: tuple[str, int] | None = None, group: tuple[str, str] | None = None
    ) -> SimDatagramSocket:
        """A UDP socket; IPv6 ones carry IPv6 only.  OSError, EOPNOTSUPP for a multicast group: lines here know none."""
        if group is not None:
            raise OSError(errno.EOPNOTSUPP, "there is no multicast in the simulator")
        sock: SimDatagramSocket = self._host.socket(family, socket.SOCK_DGRAM)
        sock.is_v6_only = family == socket.AF_INET6
        if bind is not None:
            self._bind(sock, bind)
        return sock

    def connect_error(self, sock: Any) -> OSError | None:
        """Why a connect under way failed (SO_ERROR), or None.  Any: sockets by shape."""
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return OSError(code, os.strerror(code)) if code else None

    def resolve(
        self, base: Poster, host: str, port: int, callback: ResolveCallback, *, family: int = 0
    ) -> Lookup:
        """Look a name up in the world's table; the callback runs on `base`, never inside this call."""
        return self._host.world.names.resolve(base, host, port, callback, family=family)

    def submit(
        self,
        base: Poster,
        function: Callable[..., Any],
        *args: Any,
        on_done: Callable[[Any, BaseException | None], object],
    ) -> None:
        """Run `function(*args)` after the disk's virtual delay, then `on_done(result, error)` on `base`."""
        self._host.pool.submit(base, function, *args, on_done=on_done)

    def poll(self, wanted: Sequence[tuple[int, int]], timeout: float | None) -> list[tuple[int, int]]:
        """What is ready of [(fd, READ | WRITE), …] now.  ReactorUsageError for a timeout other than 0."""
        if timeout != 0:
            raise ReactorUsageError(
                f"timeout must be 0, not {timeout}: the world turns the wheel, nobody waits in it"
            )
        descriptors = self._host.descriptors
        found = []
        for fd, mask in wanted:
            descriptor = descriptors.get(fd)
            ready = mask if descriptor is None else mask & descriptor.ready
            if ready:
                found.append((fd, ready))
        return found

    def interfaces(self) -> list[tuple[str, str, int]]:
        """[(device, address, prefix length), …] of the host."""
        return self._host.interfaces()

    def thread_id(self) -> int:
        """Every host of a world is on the world's thread."""
        return self._host.world.thread_id

    def close(self, timeout: float | None = None) -> bool:
        """Nothing to end.  True."""
        return True

    @staticmethod
    def _bind(sock: Any, address: tuple[str, int]) -> None:
        try:
            sock.bind(address)
        except BaseException:
            sock.close()
            raise
