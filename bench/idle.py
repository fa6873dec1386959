"""Many idle connections and one that is busy: the case `idle`.

What an idle connection keeps of the server's memory, and what a round trip of the busy one costs beside them.  The kernel's
memory is not counted: it is the same for all.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from typing import Final

from .children import Children
from .ends import allow_descriptors
from .figures import Figures
from .options import KIB, Options
from .roles import Order, Parent, Role

MESSAGE: Final = bytes(64)
TRIPS: Final = 500
SLICES: Final = 8
"""Of so many round trips each; the least disturbed counts."""
SPARE: Final = 64
"""Descriptors a process has beside its connections."""
RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


def prepare_idle(options: Options) -> Callable[[str], Figures]:
    """The result measures one round of a contender.  BenchFailure where so many descriptors are not to be had."""
    allow_descriptors(options.connections + SPARE)

    def measure(contender: str) -> Figures:
        with Children(options.timeout) as children:
            server = children.start("echo_server", kind=contender)
            client = children.start("idle_client", port=server.read()["port"], count=options.connections)
            client.read()
            server.go()
            before = server.read()["memory"]
            client.go()
            client.read()
            server.go()
            after = server.read()["memory"]
            client.go()
            seconds = client.read()["seconds"]
        return {
            "KiB each": (after - before) / KIB / options.connections,
            "busy µs": seconds * 1e6 / TRIPS,
        }

    return measure


def idle_client(order: Order, parent: Parent) -> None:
    """Role `idle_client`: one connection that talks, then many that wait, then the one is timed."""
    busy = _connect(order["port"])
    _talk(busy, TRIPS)
    parent.say()
    parent.wait()
    idle = [_connect(order["port"]) for _ in range(order["count"])]
    # Accepted in order: the echo of the last one says that the server has all.
    _talk(idle[-1], 1)
    parent.say()
    parent.wait()
    parent.say(seconds=min(_talk(busy, TRIPS) for _ in range(SLICES)))
    parent.wait()


def _connect(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Ten thousand ports a round must not wait for old packets.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    return sock


def _talk(sock: socket.socket, count: int) -> float:
    send, receive = sock.send, sock.recv
    start = time.perf_counter()
    for _ in range(count):
        send(MESSAGE)
        if not receive(len(MESSAGE)):
            raise ConnectionError("the server ended a connection")
    return time.perf_counter() - start


ROLES: Final[dict[str, Role]] = {"idle_client": idle_client}
