"""A UDP tracker (BEP 15) on a simulated host: what it is asked is kept, and it can be told to fall silent."""

from __future__ import annotations

import ipaddress
import socket
import struct
from typing import Any

from evtorrent.reactor import READ
from evtorrent.reactor.sim import SimHost

CONNECT, ANNOUNCE, SCRAPE, ERROR = range(4)
EVENTS = ("", "completed", "started", "stopped")
_CONNECTION = b"connected"[:8]


class SimTracker:
    """Listens at port 6969 of a host."""

    PORT = 6969

    def __init__(self, host: SimHost, *, interval: int = 60) -> None:
        self.host = host
        self.interval = interval
        self.is_silent = False
        """Answer nothing."""
        self.announces: list[tuple[float, str, str]] = []
        """(when, who, event) of each announce that was answered."""
        self.swarms: dict[bytes, dict[tuple[str, int], bool]] = {}
        """Peers of each torrent, and whether they are seeds."""
        self._sock = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("0.0.0.0", self.PORT))
        host.loop.watch(self._sock.fileno(), READ, self._on_ready)

    @property
    def url(self) -> str:
        return f"udp://{self.host.addresses[0]}:{self.PORT}/announce"

    def _on_ready(self, _events: int) -> None:
        buffer = bytearray(2048)
        while True:
            try:
                count, address = self._sock.recvfrom_into(buffer)
            except BlockingIOError:
                return
            if not self.is_silent and count >= 16:
                self._sock.sendto(self._answer(memoryview(buffer)[:count], address), address)

    def _answer(self, data: memoryview, address: Any) -> bytes:
        action, transaction = struct.unpack_from(">I4s", data, 8)
        if action == CONNECT:
            return struct.pack(">I4s8s", CONNECT, transaction, _CONNECTION)
        if action != ANNOUNCE or len(data) < 98:
            return struct.pack(">I4s", ERROR, transaction) + b"not understood"
        name, _, _, left, _, event, _, _, want, port = struct.unpack_from(">20s20sQQQIIIiH", data, 16)
        swarm = self.swarms.setdefault(name, {})
        who = (address[0], port)
        self.announces.append((self.host.loop.time(), address[0], EVENTS[event]))
        others = [peer for peer in swarm if peer != who]
        if EVENTS[event] == "stopped":
            swarm.pop(who, None)
        else:
            swarm[who] = left == 0
        if EVENTS[event] != "stopped":
            others = self.host.rng.sample(others, min(len(others), 50 if want < 0 else want, 200))
        seeds = sum(swarm.values())
        head = struct.pack(">I4sIII", ANNOUNCE, transaction, self.interval, len(swarm) - seeds, seeds)
        return head + b"".join(
            ipaddress.ip_address(host).packed + port.to_bytes(2, "big") for host, port in others
        )
