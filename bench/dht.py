"""What the DHT costs: `python bench/dht.py [--seconds N] [--depth N]`.

Prints, ours and libtorrent's in one run: queries answered a second and microseconds of CPU for each, over loopback, one
process each, limits lifted, from a routing table of 200 nodes; what decoding and encoding one message costs; and how long
a newcomer needs until it has asked all of eight nodes (of ours, in both cases).

The client is the same for both and keeps `--depth` queries under way, so that the server is never waiting.  Rates are a
statement about the machine; compare them with each other.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import socket
import time
from collections.abc import Callable
from importlib import import_module
from multiprocessing.connection import Connection
from random import Random
from typing import Any

from evtorrent.protocols.dht import Dht, DhtSettings, Node
from evtorrent.protocols.dht.krpc import Fields, Query, encode_query, encode_response, parse_message
from evtorrent.protocols.dht.responder import Sender
from evtorrent.protocols.engine import Multi
from evtorrent.reactor import Reactor, drive
from evtorrent.reactor.adapters import drive_selectors

SETTINGS = DhtSettings(
    restrict_routing_ips=False,
    restrict_search_ips=False,
    prefer_verified_node_ids=False,
    ignore_dark_internet=False,
    block_ratelimit=1_000_000,
    upload_rate_limit=2**31 - 1,
)

LIBTORRENT = {
    "listen_interfaces": "127.0.0.1:0",
    "alert_mask": 0,
    "enable_dht": True,
    "dht_bootstrap_nodes": "",
    "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False,
    "dht_prefer_verified_node_ids": False,
    "dht_ignore_dark_internet": False,
    "dht_upload_rate_limit": 2**31 - 1,
    "dht_block_ratelimit": 1_000_000,
    **dict.fromkeys(("enable_lsd", "enable_upnp", "enable_natpmp"), False),
}

NUM_KNOWN = 200
"""Nodes in the routing table that answers come from."""

METHODS = ("ping", "find_node", "get_peers")

Address = tuple[str, int]


def main() -> None:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--depth", type=int, default=64, help="queries under way")
    options = parser.parse_args()
    codec(options.seconds / 4)
    print(f"\n{'queries answered':<24}{'a second':>12}{'CPU µs each':>14}")
    for method in METHODS:
        for name, server in SERVERS.items():
            rate, cpu = answered(server, method, options.seconds, options.depth)
            print(f"{method + ', ' + name:<24}{rate:>12,.0f}{cpu:>14.1f}")
    print()
    for name, measure in (("evtorrent", bootstrap_ours), ("libtorrent", bootstrap_libtorrent)):
        print(f"{'bootstrap from 8 nodes, ' + name:<44}{measure() * 1000:>8.1f} ms")


# Codec


def codec(seconds: float) -> None:
    """Microseconds a message."""
    node_id, external = bytes(20), bytes(6)
    query = encode_query(b"abcd", b"get_peers", {b"id": node_id, b"info_hash": bytes(20)})
    nodes: Any = {b"id": node_id, b"nodes": bytes(208), b"token": bytes(8), b"p": 6881}
    response = encode_response(b"abcd", nodes, external)
    peers = encode_response(b"abcd", {**nodes, b"values": [bytes(6)] * 50}, external)
    table = [
        ("decode a get_peers query", lambda: parse_message(query)),
        ("decode an answer with 8 nodes", lambda: parse_message(response)),
        ("decode an answer with 8 nodes and 50 peers", lambda: parse_message(peers)),
        (
            "encode a get_peers query",
            lambda: encode_query(b"abcd", b"get_peers", {b"id": node_id, b"info_hash": node_id}),
        ),
        ("encode an answer with 8 nodes", lambda: encode_response(b"abcd", nodes, external)),
    ]
    for name, call in table:
        print(f"{name:<44}{each(call, seconds):>8.2f} µs")


def each(call: Callable[[], object], seconds: float) -> float:
    """Microseconds of one call, the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        count, start = 0, time.perf_counter()
        while (passed := time.perf_counter() - start) < seconds / 5:
            for _ in range(100):
                call()
            count += 100
        best = min(best, passed / count)
    return best * 1e6


# Throughput


def serve_ours(control: Connection) -> None:
    """Our node on our reactor, until told to end."""
    reactor = Reactor()
    multi = Multi()
    driver = drive(multi, reactor)
    dht = Dht(multi, bind=[("127.0.0.1", 0)], settings=SETTINGS)
    control.send(dht.addresses[0])

    def watch() -> None:
        if control.poll():
            control.recv()
            usage = resource.getrusage(resource.RUSAGE_SELF)
            control.send((usage.ru_utime + usage.ru_stime, len(dht.nodes()[0].live_nodes())))
            if control.recv() == "end":
                reactor.stop()
                return
        reactor.call_later(0.01, watch)

    watch()
    reactor.run()
    dht.close()
    driver.close()
    multi.close()
    reactor.close()


def serve_libtorrent(control: Connection) -> None:
    """libtorrent's node, until told to end."""
    session = import_module("libtorrent").session(LIBTORRENT)
    while not session.listen_port():
        time.sleep(0.01)
    control.send(("127.0.0.1", session.listen_port()))
    while True:
        control.recv()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        control.send((usage.ru_utime + usage.ru_stime, NUM_KNOWN))
        if control.recv() == "end":
            return


SERVERS: dict[str, Callable[[Connection], None]] = {"evtorrent": serve_ours, "libtorrent": serve_libtorrent}


class Neighbours:
    """Sockets that play nodes, so that the server has somebody in its routing table."""

    def __init__(self, count: int) -> None:
        rng = Random(1)
        self.ids = [bytes((n * 256 // count,)) + rng.randbytes(19) for n in range(count)]
        self.sockets = []
        for _ in range(count):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
            self.sockets.append(sock)

    def introduce(self, server: Address, seconds: float) -> None:
        """Announce with a token each: the proof on which both servers take a node."""
        for node_id, sock in zip(self.ids, self.sockets, strict=True):
            hello = encode_query(b"abcd", b"get_peers", {b"id": node_id, b"info_hash": bytes(20)})
            sock.sendto(hello, server)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for node_id, sock in zip(self.ids, self.sockets, strict=True):
                self._answer(node_id, sock)
            time.sleep(0.002)

    def _answer(self, node_id: bytes, sock: socket.socket) -> None:
        try:
            data, address = sock.recvfrom(4096)
        except BlockingIOError:
            return
        message: Any = parse_message(data)
        if hasattr(message, "arguments"):
            sock.sendto(
                encode_response(message.transaction, {b"id": node_id, b"nodes": b""}, bytes(6)), address
            )
        elif message.values.get(b"token") and message.transaction == b"abcd":
            fields: Any = {
                b"id": node_id,
                b"info_hash": bytes(20),
                b"port": 1,
                b"token": message.values[b"token"],
            }
            sock.sendto(encode_query(b"done", b"announce_peer", fields), address)

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()


def answered(
    server: Callable[[Connection], None], method: str, seconds: float, depth: int
) -> tuple[float, float]:
    """(queries answered a second, microseconds of the server's CPU for each)."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=server, args=(theirs,), daemon=True)
    child.start()
    address = ours.recv()
    neighbours = Neighbours(NUM_KNOWN)
    try:
        neighbours.introduce(address, 1.0)
        before = cpu_of(ours)
        count, passed = ask(address, method.encode(), seconds, depth)
        used = cpu_of(ours) - before
    finally:
        neighbours.close()
        ours.send("now")
        ours.recv()
        ours.send("end")
        child.join(10)
        child.kill()
    return count / passed, used / max(count, 1) * 1e6


def cpu_of(control: Connection) -> float:
    """Seconds of CPU the server has used."""
    control.send("now")
    used: float = control.recv()[0]
    control.send("go on")
    return used


def ask(server: Address, method: bytes, seconds: float, depth: int) -> tuple[int, float]:
    """Keep `depth` queries under way; gives how many were answered, and the time."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(0.2)
    rng = Random(2)
    key = b"info_hash" if method == b"get_peers" else b"target"
    queries = [
        encode_query(b"abcd", method, {b"id": b"\x7f" * 20, key: rng.randbytes(20)}, is_read_only=True)
        for _ in range(256)
    ]
    count = sent = 0
    start = time.perf_counter()
    with sock:
        for _ in range(depth):
            sock.sendto(queries[sent % 256], server)
            sent += 1
        while (passed := time.perf_counter() - start) < seconds:
            try:
                sock.recv(4096)
                count += 1
                missing = 1
            except TimeoutError:
                missing = depth  # all were lost
            for _ in range(missing):
                sock.sendto(queries[sent % 256], server)
                sent += 1
    return count, passed


# Bootstrap


def bootstrap(join: Callable[[Multi, Address], object], leave: Callable[[object], object]) -> float:
    """Seconds from joining until a newcomer has asked all of eight nodes of ours that know each other."""
    multi = Multi()
    driver = drive_selectors(multi)
    nodes = [Dht(multi, bind=[("127.0.0.1", 0)], settings=SETTINGS) for _ in range(8)]
    for node in nodes[1:]:
        node.bootstrap([nodes[0].addresses[0]])
    driver.run(until=lambda: all(len(node.nodes()[0].live_nodes()) == 7 for node in nodes))
    members = {node.addresses[0] for node in nodes}
    asked: set[Dht] = set()
    for node in nodes:
        (seen,) = node.nodes()

        def answer(query: Query, sender: Sender, now: float, node: Dht = node, seen: Node = seen) -> Fields:
            if sender.address not in members:
                asked.add(node)
            return {b"nodes": b"".join(contact.packed for contact in seen.live_nodes()), b"token": bytes(8)}

        for method in (b"get_peers", b"find_node"):
            seen.extend(method, answer)
    start = time.perf_counter()
    newcomer = join(multi, nodes[0].addresses[0])
    driver.run(until=lambda: len(asked) == 8)
    passed = time.perf_counter() - start
    leave(newcomer)
    for node in nodes:
        node.close()
    driver.close()
    multi.close()
    return passed


def bootstrap_ours() -> float:
    """A newcomer of ours, on the engine of the eight."""

    def join(multi: Multi, entry: Address) -> Dht:
        newcomer = Dht(multi, bind=[("127.0.0.1", 0)], settings=SETTINGS)
        newcomer.bootstrap([entry])
        return newcomer

    return bootstrap(join, lambda newcomer: newcomer.close())  # type: ignore[attr-defined]


def bootstrap_libtorrent() -> float:
    """A newcomer of libtorrent's, on a thread of its own."""
    session = import_module("libtorrent").session({**LIBTORRENT, "enable_dht": False})
    while not session.listen_port():
        time.sleep(0.01)

    def join(multi: Multi, entry: Address) -> None:
        session.apply_settings({"dht_bootstrap_nodes": f"{entry[0]}:{entry[1]}", "enable_dht": True})

    return bootstrap(join, lambda newcomer: None)


if __name__ == "__main__":
    main()
