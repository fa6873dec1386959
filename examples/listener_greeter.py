"""A server that greets: one Listener, two loops.

The same few lines accept connections on the libuv reactor and on a Multi that a bare selectors loop drives.  Run it; it
connects to itself, prints what it heard, and ends.
"""

from __future__ import annotations

import socket
from typing import Any

from evtorrent import Listener, ListenerFlag, Multi, Reactor, drive_selectors

READ = 0x02


def greet(listener: Listener, sock: socket.socket, address: Any) -> None:
    sock.sendall(f"hello, port {address[1]}".encode())
    sock.close()


def serve_once(base: Any, done: list[str]) -> None:
    """Listen on `base`, connect to it, and put the greeting into `done`."""
    listener = Listener.bind(
        base, ("127.0.0.1", 0), greet, flags=ListenerFlag.CLOSE_ON_FREE | ListenerFlag.REUSEABLE
    )
    client = socket.create_connection(listener.address)
    client.setblocking(False)

    def on_readable(_events: int) -> None:
        text = client.recv(100).decode()
        watch.close()
        client.close()
        listener.close()
        done.append(text)

    watch = base.watch(client.fileno(), READ, on_readable)


def main() -> None:
    done: list[str] = []

    reactor = Reactor()
    serve_once(reactor, done)
    reactor.run()  # ends when nothing is left to wait for
    reactor.close()
    print("reactor:  ", done[0])

    multi = Multi()
    driver = drive_selectors(multi)
    serve_once(multi, done)
    driver.run(until=lambda: len(done) == 2)
    driver.close()
    multi.close()
    print("selectors:", done[1])


if __name__ == "__main__":
    main()
