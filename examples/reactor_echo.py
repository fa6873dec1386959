"""An echo server on the reactor: watches, a timer, a job on a worker thread.  Run it; it ends by itself.

The server is three small callbacks and no classes.  A client on the same loop sends it a few lines.
"""

from __future__ import annotations

import socket
from functools import partial
from typing import Any

from evtorrent.reactor import READ, WRITE, Reactor

LINES = (b"hello", b"reactor", b"good bye")


def accept(reactor: Reactor, server: socket.socket, _events: int) -> None:
    """Somebody connects: watch them."""
    sock, _address = server.accept()
    sock.setblocking(False)
    # The watch is only known once it exists, so the callback finds it in a list of its own.
    watches: list[Any] = []
    watches.append(reactor.watch(sock.fileno(), READ, partial(echo, sock, watches)))


def echo(sock: socket.socket, watches: list[Any], _events: int) -> None:
    """Somebody sent: send it back, or leave with them."""
    data = sock.recv(4096)
    if data:
        sock.send(data)
        return
    watches.pop().close()  # first the watch, then the descriptor
    sock.close()


class Client:
    """Says one line after the other and waits for the echo of each."""

    def __init__(self, reactor: Reactor, address: Any, on_end: Any) -> None:
        self.left = list(LINES)
        self.on_end = on_end
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.connect_ex(address)
        self.watch = reactor.watch(self.sock.fileno(), WRITE, self.on_ready)

    def on_ready(self, events: int) -> None:
        if events & READ:
            print("echo:", self.sock.recv(4096).decode())
        if self.left:
            self.sock.send(self.left.pop(0))
            self.watch.modify(READ)
        else:
            self.watch.close()
            self.sock.close()
            self.on_end()


def main() -> None:
    with Reactor() as reactor, socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        listening = reactor.watch(server.fileno(), READ, partial(accept, reactor, server))
        Client(reactor, server.getsockname(), on_end=listening.close)
        reactor.call_later(0.01, print, "timer: 10 ms have passed")
        reactor.submit(sum, range(1_000_000), on_done=lambda result, error: print("job:", result))
        ended = reactor.run()  # by itself, when nothing is left to wait for
        print("nothing left to do:", ended)


if __name__ == "__main__":
    main()
