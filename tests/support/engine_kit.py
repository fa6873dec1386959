"""A world without an operating system for the engine, and a host that writes down what it is told."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

from evtorrent.protocols.engine import Multi
from evtorrent.protocols.engine.ports import READ, Base


class FakeWakeup:
    """A wake-up whose descriptor is only a number."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.is_set = False
        self.num_sets = 0
        self.is_closed = False

    def fileno(self) -> int:
        return self.fd

    def set(self) -> None:
        self.is_set = True
        self.num_sets += 1

    def clear(self) -> None:
        self.is_set = False

    def close(self) -> None:
        self.is_closed = True


class FakeLookup:
    """A name being looked up."""

    is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class FakePlatform:
    """A clock moved by hand, numbered descriptors, scripted sockets and lookups."""

    WAKEUP_FD = 900

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.num_clock_reads = 0
        self.wakeups: list[FakeWakeup] = []
        self.ready: list[list[tuple[int, int]]] = []
        """What the next calls of `poll` answer, beside wake-ups that are set."""
        self.polls: list[tuple[list[tuple[int, int]], float | None]] = []
        self.sockets: list[Any] = []
        """What the next calls of `stream_socket` give: sockets, or errors to raise."""
        self.opened: list[tuple[int, Any]] = []
        self.lookups: list[tuple[str, int, Callable[[Any], object]]] = []
        """(name, port, callback): a test answers by calling."""
        self.pending: list[FakeLookup] = []

    def time(self) -> float:
        self.num_clock_reads += 1
        return self.now

    def wall_time(self) -> float:
        return 1_000_000_000.0 + self.now

    def random_bytes(self, count: int) -> bytes:
        return bytes(count)

    def open_socket(self, family: int, kind: int) -> Any:
        return socket.socket(family, kind)

    def wakeup(self) -> FakeWakeup:
        self.wakeups.append(FakeWakeup(self.WAKEUP_FD + len(self.wakeups)))
        return self.wakeups[-1]

    def stream_socket(self, family: int, *, source: Any = None) -> Any:
        self.opened.append((family, source))
        sock = self.sockets.pop(0)
        if isinstance(sock, Exception):
            raise sock
        return sock

    def datagram_socket(self, family: int, *, bind: Any = None, group: Any = None) -> Any:
        raise OSError("no datagrams here")

    def connect_error(self, sock: Any) -> OSError | None:
        return sock.connect_error

    def resolve(
        self, base: Base, host: str, port: int, callback: Callable[[Any], object], *, family: int = 0
    ) -> FakeLookup:
        self.lookups.append((host, port, callback))
        self.pending.append(FakeLookup())
        return self.pending[-1]

    def submit(self, base: Base, function: Callable[..., Any], *args: Any, on_done: Any) -> None:
        on_done(function(*args), None)

    def poll(self, wanted: Sequence[tuple[int, int]], timeout: float | None) -> list[tuple[int, int]]:
        self.polls.append((list(wanted), timeout))
        ready = [(wakeup.fd, READ) for wakeup in self.wakeups if wakeup.is_set]
        return ready + (self.ready.pop(0) if self.ready else [])

    def thread_id(self) -> int:
        return 1


class Host:
    """A host loop by hand: `told` is what it was told since it was last read by `take`."""

    def __init__(self, multi: Multi, *, has_socket: bool = True, has_timer: bool = True) -> None:
        self.multi = multi
        self.told: list[tuple[Any, ...]] = []
        self.on_socket: Callable[[int, int, Any], object] = lambda what, fd, data: None
        """Further behaviour of the socket function; its answer is the answer."""
        self.on_timer: Callable[[int], object] = lambda ms: None
        if has_socket:
            multi.setopt(multi.M_SOCKETFUNCTION, self._socket)
        if has_timer:
            multi.setopt(multi.M_TIMERFUNCTION, self._timer)

    def take(self) -> list[tuple[Any, ...]]:
        """What was said, in order: ("IN", fd, data), …, ("timer", ms); the inner wake-up is left out."""
        told, self.told = self.told, []
        return [item for item in told if item[0] == "timer" or item[1] < FakePlatform.WAKEUP_FD]

    def take_sockets(self) -> list[tuple[Any, ...]]:
        """As `take`, without the timer."""
        return [item for item in self.take() if item[0] != "timer"]

    def timeout(self) -> tuple[int, int]:
        """The host's timer fires."""
        return self.multi.socket_action(self.multi.SOCKET_TIMEOUT, 0)

    def _socket(self, what: int, fd: int, multi: Multi, data: Any) -> object:
        assert multi is self.multi
        self.told.append((("NONE", "IN", "OUT", "INOUT", "REMOVE")[what], fd, data))
        return self.on_socket(what, fd, data)

    def _timer(self, ms: int) -> object:
        self.told.append(("timer", ms))
        return self.on_timer(ms)


def make_engine() -> tuple[Multi, FakePlatform]:
    """An engine in a fake world."""
    platform = FakePlatform()
    return Multi(platform), platform
