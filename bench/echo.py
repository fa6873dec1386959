"""Echo round trips of small messages: the case `echo`.

The client is the same for all and does as little as it can: blocking sockets, everybody's message sent, then everybody's
echo read.  It shares the machine with the server, so the server's own CPU for each round trip is the second figure.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Final

from .children import Children
from .figures import Figures
from .options import Options
from .roles import Order, Parent, Role

CONNECTIONS: Final = 50
"""Enough to keep the server busy: with few, much of a round trip is the hand-over from one CPU to the other."""
MESSAGE: Final = 1024
"""Bytes of a message."""
SLICES: Final = 25
"""Parts of a round: the least disturbed one counts, since everything else on the machine only ever slows."""


def prepare_echo(options: Options) -> Callable[[str], Figures]:
    """The result measures one round of a contender."""

    def measure(contender: str) -> Figures:
        best: Figures = {}
        with Children(options.timeout) as children:
            server = children.start("echo_server", kind=contender)
            port = server.read()["port"]
            client = children.start("echo_client", port=port, seconds=options.seconds / SLICES)
            client.read()
            for _ in range(SLICES):
                server.go()
                before = server.read()["cpu"]
                client.go()
                table = client.read()
                server.go()
                used = server.read()["cpu"] - before
                rate = table["count"] / table["seconds"]
                if not best or rate > best["round trips/s"]:
                    best = {"round trips/s": rate, "server CPU µs": used * 1e6 / table["count"]}
        return best

    return measure


def echo_client(order: Order, parent: Parent) -> None:
    """Role `echo_client`: at each gate send and read for so many seconds, and say how often."""
    sockets = [socket.create_connection(("127.0.0.1", order["port"])) for _ in range(CONNECTIONS)]
    for sock in sockets:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    turn = _make_turn(sockets)
    for _ in range(100):
        turn()
    parent.say()
    while True:
        parent.wait()
        start, count = time.perf_counter(), 0
        end = start + order["seconds"]
        while (now := time.perf_counter()) < end:
            for _ in range(4):
                turn()
            count += 4 * len(sockets)
        parent.say(count=count, seconds=now - start)


def _make_turn(sockets: list[socket.socket]) -> Callable[[], None]:
    message, buffer = bytes(MESSAGE), bytearray(MESSAGE)
    sends = [sock.send for sock in sockets]
    receives = [sock.recv_into for sock in sockets]

    def turn() -> None:
        for send in sends:
            send(message)
        for receive in receives:
            count = receive(buffer)
            while count < MESSAGE:
                more = receive(buffer)
                if not more:
                    raise ConnectionError("the server ended a connection")
                count += more

    return turn


ROLES: Final[dict[str, Role]] = {"echo_client": echo_client}
