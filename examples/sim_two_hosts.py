"""Testing a protocol of your own in the simulator: a ping with retries between two hosts, over a line that loses a third.

Nothing here waits: the minutes are virtual.  The same seed gives the same story each time; `make_story(2)` tells another one.
"""

from __future__ import annotations

import socket
from typing import Any

from evtorrent.reactor import READ
from evtorrent.reactor.sim import Link, SimHost, SimWorld

PORT = 7
TIMEOUT = 0.5


class Ping:
    """The protocol under test: number each question, ask again after half a second, count what that cost.

    It takes a loop and a socket, whatever they are: a `Reactor` and a real one, or those of a simulated host.
    """

    def __init__(self, loop: Any, sock: Any, target: Any, count: int) -> None:
        self.loop, self.sock, self.target, self.count = loop, sock, target, count
        self.num_answered = self.num_sent = 0
        self.watch = loop.watch(sock.fileno(), READ, self.on_ready)
        self.ask()

    def ask(self) -> None:
        """Send the question that is open."""
        self.num_sent += 1
        self.sock.sendto(b"%d" % self.num_answered, self.target)
        self.timer = self.loop.call_later(TIMEOUT, self.ask)

    def on_ready(self, _events: int) -> None:
        answer, _address = self.sock.recvfrom(100)
        if int(answer) != self.num_answered:
            return  # a late answer to a question that was asked twice
        self.num_answered += 1
        self.timer.cancel()
        if self.num_answered < self.count:
            self.ask()


def udp_socket(host: SimHost, port: int = 0) -> Any:
    """A simulated socket is used like a real one."""
    sock = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("0.0.0.0", port))
    return sock


def serve(host: SimHost) -> None:
    """The other side: send back whatever comes."""
    sock = udp_socket(host, PORT)
    host.loop.watch(sock.fileno(), READ, lambda _events: sock.sendto(*sock.recvfrom(100)))


def make_story(seed: int) -> str:
    """Run the whole thing in a world of its own and say what happened."""
    with SimWorld(seed, keep_lines=100) as world:
        home = world.host("home", link=Link(bandwidth=10_000, delay=0.05, loss=0.18))
        server = world.host("server")
        serve(server)
        ping = Ping(home.loop, udp_socket(home), (server.addresses[0], PORT), count=100)

        world.run_until(lambda: ping.num_answered == 50)
        world.cut(server)  # the middle of the night: the line is dead for a minute
        world.run_for(60)
        world.heal()

        assert world.run_until(lambda: ping.num_answered == 100, timeout=300), world.trace.lines
        assert world.time() > 0.05 * 2 * 100
        return (
            f"100 answers to {ping.num_sent} questions in {world.time():.2f} virtual seconds, "
            f"trace {world.trace_hash[:8]}"
        )


if __name__ == "__main__":
    print(make_story(1))
    print(make_story(1), "(again)")
    print(make_story(2), "(another seed)")
