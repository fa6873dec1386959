"""Our own reactor inside a loop that somebody else runs: watches, deadlines and jobs, and asyncio does the waiting.

The same works with every driver: `drive_qt(embed(reactor))`, `drive_trio(embed(reactor), nursery)`, …
"""

from __future__ import annotations

import asyncio
import socket

from evtorrent import Reactor, SteppedLoop, drive_asyncio, embed
from evtorrent.reactor import READ


async def main() -> None:
    """Echo a line through a watch of the reactor's, while asyncio runs."""
    reactor = Reactor(loop=SteppedLoop())  # a loop that never waits
    driver = drive_asyncio(embed(reactor))

    server, client = socket.socketpair()
    server.setblocking(False)
    client.setblocking(False)
    reactor.watch(server.fileno(), READ, lambda ready: server.send(server.recv(100).upper()))
    reactor.call_later(0.01, print, "a deadline of the reactor's")

    done = asyncio.Event()
    reactor.submit(sum, range(1_000_000), on_done=lambda total, error: (print("a job:", total), done.set()))
    await done.wait()

    loop = asyncio.get_running_loop()
    await loop.sock_sendall(client, b"through the watch")
    print("an echo:", (await loop.sock_recv(client, 100)).decode())
    await asyncio.sleep(0.02)

    driver.close()
    reactor.close()
    server.close()
    client.close()


if __name__ == "__main__":
    asyncio.run(main())
