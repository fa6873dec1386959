"""The two ends of a storm: `python -m bench.storm_ends server PORT COUNT LIMIT` and `… client SOURCE PORT COUNT`.

The server keeps what it accepts; with every COUNT, and when no descriptor is left, it sends each connection it has its own process
number and the client's port, and ends it.  So a client knows that it was served, once, and by whom.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import selectors
import socket
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

BACKLOG: Final = 4096
"""Asked of listen(); the system may allow fewer."""
SERVING: Final = 0.02
"""Seconds the held connections are kept after the descriptors ran out."""


class Server:
    """A Listener on a Reactor that keeps connections, then serves them all."""

    def __init__(self, port: int, count: int) -> None:
        from evtorrent.listener import Listener, ListenerFlag
        from evtorrent.reactor import Reactor

        self.reactor = Reactor()
        self.listener = Listener.bind(
            self.reactor,
            ("127.0.0.1", port),
            self._on_accept,
            flags=ListenerFlag.CLOSE_ON_FREE | ListenerFlag.REUSEABLE_PORT,
            backlog=BACKLOG,
            on_error=self._on_error,
        )
        self._count = count
        self._held: list[tuple[socket.socket, Any]] = []
        self._num_accepted = self._most = self._num_errors = 0
        self._first = self._last = self._cpu_first = self._cpu_last = 0.0
        self._memory = self._memory_before = 0

    def run(self) -> None:
        """Serve until the parent says that it is over; report before and after."""
        self.reactor.watch(0, 2, self._on_parent)
        self._memory_before = _resident()
        _say(port=self.listener.address[1])
        self.reactor.run()
        self.reactor.close()
        _say(
            pid=os.getpid(),
            accepted=self._num_accepted,
            most=self._most,
            errors=self._num_errors,
            seconds=self._last - self._first,
            cpu=self._cpu_last - self._cpu_first,
            bytes=self._memory - self._memory_before,
        )

    def _on_accept(self, _listener: Any, sock: socket.socket, address: Any) -> None:
        if not self._num_accepted:
            self._first, self._cpu_first = time.monotonic(), time.process_time()
        self._held.append((sock, address))
        self._num_accepted += 1
        if self._num_accepted % self._count == 0:
            self._last, self._cpu_last = time.monotonic(), time.process_time()
            self._memory = _resident()
            self._serve()

    def _on_error(self, _listener: Any, _error: OSError) -> None:
        self._num_errors += 1
        self.reactor.call_later(SERVING, self._serve)

    def _serve(self) -> None:
        held, self._held = self._held, []
        self._most = max(self._most, len(held))
        for sock, address in held:
            with sock, contextlib.suppress(OSError):
                sock.send(f"{os.getpid()} {address[1]}".encode())

    def _on_parent(self, _events: int) -> None:
        self._serve()
        self.listener.close()
        self.reactor.stop()


def be_client(source: str, port: int, count: int) -> None:
    """Connect COUNT times at once; report who served, and what was lost."""
    os.read(0, 1)
    waiting: dict[int, socket.socket] = {}
    served: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    selector = selectors.DefaultSelector()
    for _ in range(count):
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind((source, 0))
        sock.connect_ex(("127.0.0.1", port))
        selector.register(sock, selectors.EVENT_READ)
        waiting[sock.fileno()] = sock
    while waiting:
        for key, _ in selector.select():
            sock = waiting.pop(key.fd)
            selector.unregister(sock)
            with sock:
                _judge(sock, served, lost)
    _say(served=dict(served), lost=dict(lost))


def _judge(sock: socket.socket, served: Counter[str], lost: Counter[str]) -> None:
    try:
        process, port = sock.recv(64).split()
    except (OSError, ValueError) as error:
        lost[str(error)] += 1
        return
    if int(port) == sock.getsockname()[1]:
        served[process.decode()] += 1
    else:
        lost["served as another"] += 1


def _say(**table: object) -> None:
    os.write(1, json.dumps(table).encode() + b"\n")


def _resident() -> int:
    """Bytes of memory this process has now; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * resource.getpagesize()


def main() -> None:
    """Be the end that was asked for."""
    role, *arguments = sys.argv[1:]
    if role == "client":
        be_client(arguments[0], int(arguments[1]), int(arguments[2]))
        return
    port, count, limit = map(int, arguments)
    if limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    Server(port, count).run()


if __name__ == "__main__":
    main()
