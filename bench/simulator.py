"""What the simulator costs: `python bench/simulator.py [--hosts N] [--seconds N]`.

Prints microseconds a datagram (hosts that ask each other, as a DHT does) on plain lines, lossy ones and lines with a bandwidth,
microseconds a TCP event, and the memory of an idle host with a socket.
"""

from __future__ import annotations

import argparse
import socket
import tracemalloc
from collections.abc import Sequence
from time import process_time
from typing import Any

from evtorrent.reactor import READ, WRITE
from evtorrent.reactor.sim import Link, SimHost, SimWorld

Result = tuple[str, float, str]
PLAIN = Link(delay=0.03)
LOSSY = Link(delay=0.03, jitter=0.01, loss=0.01)
LINE = Link(bandwidth=1_250_000, delay=0.03)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="virtual, of each case")
    options = parser.parse_args(arguments)
    for name, value, unit in run(options.hosts, options.seconds):
        print(f"{name:<52}{value:>12.2f} {unit}")


def run(num_hosts: int = 1_000, seconds: float = 20.0) -> list[Result]:
    """(what, figure, unit) of every case."""
    return [
        *datagrams("plain lines", num_hosts, seconds, PLAIN),
        *datagrams("lines that lose and delay", num_hosts, seconds, LOSSY),
        *datagrams("lines with a bandwidth", num_hosts, seconds, LINE),
        *stream(seconds),
        memory(num_hosts),
    ]


def datagrams(name: str, num_hosts: int, seconds: float, link: Link) -> list[Result]:
    """Each host asks another one once a second and answers what it is asked."""
    with SimWorld(1) as world:
        hosts = [world.host(f"h{index}", link=link) for index in range(num_hosts)]
        nodes = [Node(host, hosts) for host in hosts]
        began = process_time()
        world.run_for(seconds)
        took = process_time() - began
        count = sum(node.num_received for node in nodes)
        return [
            (f"UDP, {name}: a datagram", took / count * 1e6, "µs"),
            (f"UDP, {name}: events", world.num_events / took, "a second"),
        ]


class Node:
    """A host that asks and answers."""

    def __init__(self, host: SimHost, hosts: list[SimHost]) -> None:
        self.num_received = 0
        self._host = host
        self._hosts = hosts
        self._buffer = bytearray(100)
        self._sock = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("0.0.0.0", 6881))
        host.loop.watch(self._sock.fileno(), READ, self._on_ready)
        host.loop.call_later(host.rng.random(), self._ask)

    def _ask(self) -> None:
        other = self._host.rng.choice(self._hosts)
        self._sock.sendto(b"q" * 60, (other.addresses[0], 6881))
        self._host.loop.call_later(1.0, self._ask)

    def _on_ready(self, _events: int) -> None:
        while True:
            try:
                _, address = self._sock.recvfrom_into(self._buffer)
            except BlockingIOError:
                return
            self.num_received += 1
            if self._buffer[0] == ord("q"):
                self._sock.sendto(b"r" * 80, address)


def stream(seconds: float) -> list[Result]:
    """One connection that fills a line."""
    with SimWorld(1) as world:
        sender, receiver = world.host("sender", link=LINE), world.host("receiver", link=PLAIN)
        listener = receiver.socket()
        listener.bind(("0.0.0.0", 80))
        listener.listen()
        out = sender.socket()
        out.connect_ex((receiver.addresses[0], 80))
        world.run_until(lambda: listener.ready)
        into, _ = listener.accept()
        buffer, block = bytearray(1 << 20), bytes(65_536)

        def write(_events: int) -> None:
            out.send(block)

        def read(_events: int) -> None:
            counts.append(into.recv_into(buffer))

        counts: list[Any] = []
        sender.loop.watch(out.fileno(), WRITE, write)
        receiver.loop.watch(into.fileno(), READ, read)
        before, began = world.num_events, process_time()
        world.run_for(seconds)
        took = process_time() - began
        return [
            ("TCP: an event", took / (world.num_events - before) * 1e6, "µs"),
            ("TCP: carried", sum(counts) / took / 2**20, "MiB a second"),
        ]


def memory(num_hosts: int) -> Result:
    """Hosts with a loop and a bound socket."""
    tracemalloc.start()
    try:
        with SimWorld(1) as world:
            for index in range(num_hosts):
                sock = world.host(f"h{index}").socket(socket.AF_INET, socket.SOCK_DGRAM)
                sock.bind(("0.0.0.0", 6881))
            return "memory of an idle host", tracemalloc.get_traced_memory()[0] / num_hosts / 1024, "KiB"
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    main()
