"""The operating system behind the engine: clock, sockets, name lookups, workers, polling.

`SystemPlatform` has the shape the engine asks for and knows nothing else about it.  The socket functions are public for
whoever opens sockets by hand.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from .flags import READ, WRITE
from .handles.wakeup import Wakeup, open_wakeup
from .ports import Poster
from .resolver import Lookup, ResolveCallback, Resolver
from .threadpool import OnDone, ThreadPool

__all__ = [
    "SystemPlatform",
    "connect_error",
    "join_group",
    "open_datagram_socket",
    "open_stream_socket",
    "poll_descriptors",
    "set_buffer_sizes",
]

# Linux: choose the source port at connect, not at bind, so that many connections may share one (linux/in.h).
_IP_BIND_ADDRESS_NO_PORT = 24
# Linux: a socket gets what this machine has joined anywhere, unless it is told to mind its own groups (linux/in.h).
_IP_MULTICAST_ALL = 49
_IPV6_MULTICAST_ALL = 29
_IS_LINUX = sys.platform.startswith("linux")


class SystemPlatform:
    """The real world.  Threads are started with the first job or lookup that needs one."""

    def __init__(self, pool_workers: int = 2) -> None:
        self.pool = ThreadPool(pool_workers)
        """Workers for disk and hashing; `pool.resize` changes how many."""
        self.resolver = Resolver()

    def time(self) -> float:
        """A monotonic clock, seconds."""
        return time.monotonic()

    def wall_time(self) -> float:
        """POSIX time, seconds."""
        return time.time()

    def random_bytes(self, count: int) -> bytes:
        """Unpredictable bytes from the system."""
        return os.urandom(count)

    def wakeup(self) -> Wakeup:
        """A new descriptor that any thread can make readable."""
        return open_wakeup()

    def open_socket(self, family: int, kind: int) -> socket.socket:
        """A socket as it comes, blocking and without options.  OSError."""
        return socket.socket(family, kind)

    def stream_socket(self, family: int, *, source: tuple[str, int] | None = None) -> socket.socket:
        """A non-blocking TCP socket with TCP_NODELAY, bound to `source` if given.  OSError."""
        return open_stream_socket(family, source=source)

    def datagram_socket(
        self, family: int, *, bind: tuple[str, int] | None = None, group: tuple[str, str] | None = None
    ) -> socket.socket:
        """A non-blocking UDP socket, member of a multicast group on an interface if given.  OSError."""
        return open_datagram_socket(family, bind=bind, group=group)

    def connect_error(self, sock: Any) -> OSError | None:
        """Why a connect under way failed (SO_ERROR), or None.  Any: sockets by shape, ours or the engine's."""
        return connect_error(sock)

    def resolve(
        self, base: Poster, host: str, port: int, callback: ResolveCallback, *, family: int = 0
    ) -> Lookup:
        """Look a name up off the loop; the callback runs on `base`, never inside this call."""
        return self.resolver.resolve(base, host, port, callback, family=family)

    def submit(self, base: Poster, function: Callable[..., Any], *args: Any, on_done: OnDone) -> None:
        """Run `function(*args)` on the worker pool, then `on_done(result, error)` on `base`."""
        self.pool.submit(base, function, *args, on_done=on_done)

    def poll(self, wanted: Sequence[tuple[int, int]], timeout: float | None) -> list[tuple[int, int]]:
        """Block until a descriptor of [(fd, READ | WRITE), …] is ready or `timeout` seconds passed."""
        return poll_descriptors(wanted, timeout)

    def thread_id(self) -> int:
        """Names the calling thread."""
        return threading.get_ident()

    def close(self, timeout: float | None = None) -> bool:
        """Finish queued jobs and end the workers.  False when some still ran after `timeout`.  Repeatable."""
        self.resolver.close()
        return self.pool.close(timeout)


def open_stream_socket(family: int, *, source: tuple[str, int] | None = None) -> socket.socket:
    """A non-blocking, non-inheritable TCP socket with TCP_NODELAY, bound to `source` if given.  OSError."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source is not None:
            _bind_source(sock, source)
    except BaseException:
        sock.close()
        raise
    return sock


def open_datagram_socket(
    family: int, *, bind: tuple[str, int] | None = None, group: tuple[str, str] | None = None
) -> socket.socket:
    """A non-blocking, non-inheritable UDP socket; IPv6 ones carry IPv6 only.  OSError.

    `group`: (multicast address, interface) to join; see `join_group`.  The port may be shared then.
    """
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if group is not None:
            _share_port(sock)
        if bind is not None:
            sock.bind(bind)
        if group is not None:
            join_group(sock, *group)
    except BaseException:
        sock.close()
        raise
    return sock


def join_group(sock: socket.socket, group: str, interface: str, *, hops: int = 32) -> None:
    """Join a multicast group on one interface: a local address for IPv4, a device for IPv6.  OSError.

    What the socket sends to the group leaves there, reaches `hops` networks, and this machine, too.
    """
    if sock.family == socket.AF_INET:
        local = socket.inet_aton(interface)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + local)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, local)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, hops)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        if _IS_LINUX:
            sock.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        return
    index = socket.if_nametoindex(interface)
    member = socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, hops)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
    if _IS_LINUX:
        with contextlib.suppress(OSError):  # Since Linux 4.20.
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 0)


def _share_port(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if not _IS_LINUX and hasattr(socket, "SO_REUSEPORT"):  # Elsewhere every member needs this one.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def set_buffer_sizes(sock: socket.socket, *, receive: int = 0, send: int = 0) -> None:
    """Ask for kernel buffers of these sizes in bytes; 0 leaves the system's own tuning on."""
    if receive:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    if send:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send)


def connect_error(sock: Any) -> OSError | None:
    """The error pending on a socket, taken from it, or None.  Any: any object with `getsockopt`."""
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return OSError(code, os.strerror(code)) if code else None


def poll_descriptors(wanted: Sequence[tuple[int, int]], timeout: float | None) -> list[tuple[int, int]]:
    """Block until one of [(fd, READ | WRITE), …] is ready; errors and hang-ups report all that was wanted.

    An empty `wanted` sleeps for the timeout.  A negative timeout, or no timeout with nothing wanted, is refused: it
    would never return.
    """
    if timeout is not None and timeout < 0:
        raise OSError(errno.EINVAL, "negative timeout")
    if not wanted and timeout is None:
        raise OSError(errno.EINVAL, "nothing to wait for")
    if hasattr(select, "poll"):
        return _poll_with_poll(wanted, timeout)
    return _poll_with_select(wanted, timeout)


def _poll_with_poll(wanted: Sequence[tuple[int, int]], timeout: float | None) -> list[tuple[int, int]]:
    poller = select.poll()
    masks: dict[int, int] = {}
    for fd, mask in wanted:
        masks[fd] = masks.get(fd, 0) | mask
    for fd, mask in masks.items():
        poller.register(fd, (select.POLLIN if mask & READ else 0) | (select.POLLOUT if mask & WRITE else 0))
    # Rounded up: waking before the deadline would only mean another round.
    ready = poller.poll(None if timeout is None else math.ceil(timeout * 1000))
    return [(fd, _ready_bits(events, masks[fd])) for fd, events in ready]


def _ready_bits(events: int, wanted: int) -> int:
    if events & ~(select.POLLIN | select.POLLOUT):
        return wanted
    return (READ if events & select.POLLIN else 0) | (WRITE if events & select.POLLOUT else 0)


def _poll_with_select(wanted: Sequence[tuple[int, int]], timeout: float | None) -> list[tuple[int, int]]:
    if not wanted:  # select of nothing is an error on Windows
        time.sleep(timeout or 0.0)
        return []
    readers = [fd for fd, mask in wanted if mask & READ]
    writers = [fd for fd, mask in wanted if mask & WRITE]
    # Windows tells of a failed connect only in the third set.
    readable, writable, broken = select.select(readers, writers, writers, timeout)
    ready: dict[int, int] = {}
    for fds, bits in ((readable, READ), (writable, WRITE), (broken, WRITE)):
        for fd in fds:
            ready[fd] = ready.get(fd, 0) | bits
    return list(ready.items())


def _bind_source(sock: socket.socket, source: tuple[str, int]) -> None:
    if source[1]:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    elif _IS_LINUX:
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind(source)
