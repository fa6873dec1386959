"""A small tracker for demonstrations and tests: HTTP announce and scrape on one port of this host (BEP 3, 7, 23, 48).

Honest but small: memory only, no statistics, no protection beyond its limits, a thread for each request.  Use opentracker
or the like for anything that outlives a demonstration.
"""

from __future__ import annotations

import ipaddress
import random
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

__all__ = ["DemoTracker", "Swarms"]

MAX_TORRENTS = 10_000
"""Torrents kept; announces of further ones are refused."""

MAX_PEERS = 1_000
"""Peers kept of one torrent; the one not heard of for longest goes first."""

MAX_WANTED = 200
"""Peers in one answer."""

REQUEST_TIMEOUT = 5.0
"""Seconds a client may take to say what it wants."""


@dataclass(slots=True)
class _Peer:
    packed: bytes
    is_seed: bool
    expires: float


class Swarms:
    """Who shares what.  May be used from several threads."""

    def __init__(self, *, interval: int = 60) -> None:
        """`interval` is the time between announces, in seconds; a peer silent for twice that is forgotten."""
        self.interval = interval
        self._torrents: dict[bytes, dict[tuple[str, int], _Peer]] = {}
        self._completed: dict[bytes, int] = {}
        self._lock = threading.Lock()

    def announce(
        self, info_hash: bytes, host: str, port: int, *, left: int, event: str = "", num_want: int = 50
    ) -> tuple[int, int, list[bytes], list[bytes]] | None:
        """(seeds, leechers, packed IPv4 peers, packed IPv6 peers), or None when there are too many torrents."""
        now = time.monotonic()
        with self._lock:
            if info_hash not in self._torrents and len(self._torrents) >= MAX_TORRENTS:
                return None
            peers = self._torrents.setdefault(info_hash, {})
            for key in [key for key, peer in peers.items() if peer.expires < now]:
                del peers[key]
            peers.pop((host, port), None)
            others = [peer.packed for peer in peers.values()]
            if event == "completed":
                self._completed[info_hash] = self._completed.get(info_hash, 0) + 1
            if event != "stopped" and port:
                packed = ipaddress.ip_address(host).packed + port.to_bytes(2, "big")
                peers[host, port] = _Peer(packed, left == 0, now + 2 * self.interval)
                if len(peers) > MAX_PEERS:
                    del peers[next(iter(peers))]
            chosen = random.sample(others, min(len(others), max(num_want, 0), MAX_WANTED))
            seeds, leechers = self._count(info_hash)
        return seeds, leechers, [p for p in chosen if len(p) == 6], [p for p in chosen if len(p) == 18]

    def scrape(self, info_hash: bytes) -> tuple[int, int, int]:
        """(seeds, completed downloads, leechers)."""
        with self._lock:
            seeds, leechers = self._count(info_hash)
            return seeds, self._completed.get(info_hash, 0), leechers

    def _count(self, info_hash: bytes) -> tuple[int, int]:
        peers = self._torrents.get(info_hash, {})
        seeds = sum(peer.is_seed for peer in peers.values())
        return seeds, len(peers) - seeds


class DemoTracker:
    """Listens from construction on, answers while the `with` block runs (or from `start` to `close`)."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, swarms: Swarms | None = None) -> None:
        """Port 0 takes any free one.  OSError when the address cannot be had."""
        self.swarms = swarms or Swarms()
        self._server = _Server((host, port), self.swarms)
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The announce URL."""
        host = str(self._server.server_address[0])
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/announce"

    def start(self) -> None:
        """Answer from now on."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="demo-tracker", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End, waiting for requests under way.  Repeatable."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._server.shutdown()
            thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close waits for them
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], swarms: Swarms) -> None:
        self.swarms = swarms
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = REQUEST_TIMEOUT
    server_version = "evtorrent-demo"

    def do_GET(self) -> None:
        """Announce, scrape, or 404."""
        parts = urlsplit(self.path)
        query = parse_qs(parts.query, encoding="latin-1")
        try:
            if parts.path == "/announce":
                self._answer(200, self._announce(query))
            elif parts.path == "/scrape":
                self._answer(200, self._scrape(query))
            else:
                self._answer(404, b"only /announce and /scrape\n")
        except (KeyError, ValueError):
            self._answer(200, _failure("malformed request"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Keep the terminal for the demonstration."""

    def _announce(self, query: dict[str, list[str]]) -> bytes:
        info_hash = _info_hash(query["info_hash"][0])
        port, left = int(query["port"][0]), int(query["left"][0])
        if not 0 <= port < 65536:
            raise ValueError(port)
        event, num_want = query.get("event", [""])[0], int(query.get("numwant", ["50"])[0])
        swarms = self.server.swarms
        found = swarms.announce(
            info_hash, self.client_address[0], port, left=left, event=event, num_want=num_want
        )
        if found is None:
            return _failure("too many torrents")
        seeds, leechers, peers, peers6 = found
        answer = b"d8:completei%de10:incompletei%de8:intervali%de" % (seeds, leechers, swarms.interval)
        return answer + b"5:peers" + _string(b"".join(peers)) + b"6:peers6" + _string(b"".join(peers6)) + b"e"

    def _scrape(self, query: dict[str, list[str]]) -> bytes:
        files = b""
        for info_hash in sorted({_info_hash(text) for text in query["info_hash"]}):
            counts = b"d8:completei%de10:downloadedi%de10:incompletei%dee" % self.server.swarms.scrape(
                info_hash
            )
            files += _string(info_hash) + counts
        return b"d5:filesd" + files + b"ee"

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _info_hash(text: str) -> bytes:
    info_hash = text.encode("latin-1")
    if len(info_hash) != 20:
        raise ValueError("an info-hash has 20 bytes")
    return info_hash


def _failure(reason: str) -> bytes:
    return b"d14:failure reason" + _string(reason.encode()) + b"e"


def _string(data: bytes) -> bytes:
    return b"%d:%s" % (len(data), data)
