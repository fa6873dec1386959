"""A real tracker on loopback for tests: HTTP(S) and UDP on ports of its own, sharing one set of swarms.

It behaves unless told otherwise: `http_answer`, `udp_error`, `is_udp_silent` make it misbehave, `requests` is what it was
asked.  The HTTP side is the demo command's tracker, the UDP side a thread over a blocking socket.
"""

from __future__ import annotations

import secrets
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

from evtorrent.protocols.engine import Multi
from evtorrent.session.cli.demo_tracker import DemoTracker, Swarms, _Handler

PATIENCE = 10.0
"""Seconds after which `run_until` gives up."""


def run_until(multi: Multi, condition: Callable[[], bool]) -> None:
    """Drive `multi` by hand until `condition` holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        multi.poll(0.05)
        multi.perform()


class LocalTracker:
    """Use as a context manager."""

    def __init__(
        self, *, interval: int = 1800, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        """With a server's `tls` context the HTTP side speaks HTTPS."""
        self.swarms = Swarms(interval=interval)
        self.requests: list[str] = []
        """Targets of HTTP requests, and "udp announce", "udp scrape", in order."""
        self.agents: list[str | None] = []
        """User-Agent of each HTTP request."""
        self.http_answer: tuple[int, bytes] | None = None
        """Given in place of the real answer."""
        self.http_location: str | None = None
        """Redirect announces there."""
        self.udp_error: str | None = None
        """Answer announces and scrapes with this error."""
        self.is_udp_silent = False
        """Answer no datagram."""
        self.udp_url_data: list[bytes] = []
        """What followed the 98 bytes of each UDP announce."""
        self._http = DemoTracker(host, swarms=self.swarms)
        server = self._http._server
        server.RequestHandlerClass = type("_Scripted", (_Scripted,), {"tracker": self})  # type: ignore[assignment]
        if tls is not None:
            server.get_request = lambda: accept_tls(server.socket, tls)  # type: ignore[method-assign]
        self._is_ipv6 = ":" in host
        self._udp = socket.socket(socket.AF_INET6 if self._is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((host, 0))
        self._connections: set[bytes] = set()
        self._thread = threading.Thread(target=self._serve_udp, name="udp-tracker")

    @property
    def http_port(self) -> int:
        return self._http.port

    @property
    def http_url(self) -> str:
        return self._http.url

    @property
    def https_url(self) -> str:
        return self._http.url.replace("http:", "https:")

    @property
    def udp_url(self) -> str:
        host, port = self._udp.getsockname()[:2]
        return f"udp://{f'[{host}]' if self._is_ipv6 else host}:{port}/announce"

    def forget_connections(self) -> None:
        """As after a restart: connection ids given out are no longer known."""
        self._connections.clear()

    def __enter__(self) -> Self:
        self._http.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._udp.sendto(b"", self._udp.getsockname())
        self._thread.join()
        self._udp.close()

    def _serve_udp(self) -> None:
        while True:
            data, address = self._udp.recvfrom(65536)
            if not data:
                return
            if self.is_udp_silent or len(data) < 16:
                continue
            answer = self._answer_udp(data, address)
            if answer is not None:
                self._udp.sendto(answer, address)

    def _answer_udp(self, data: bytes, address: tuple[str, int]) -> bytes | None:
        connection, action, transaction = data[:8], *struct.unpack_from(">I4s", data, 8)
        if action == 0:
            connection = secrets.token_bytes(8)
            self._connections.add(connection)
            return struct.pack(">I4s8s", 0, transaction, connection)
        if connection not in self._connections:
            return struct.pack(">I4s", 3, transaction) + b"connection id mismatch"
        self.requests.append("udp announce" if action == 1 else "udp scrape")
        if self.udp_error is not None:
            return struct.pack(">I4s", 3, transaction) + self.udp_error.encode()
        return self._announce(data, transaction, address) if action == 1 else self._scrape(data, transaction)

    def _announce(self, data: bytes, transaction: bytes, address: tuple[str, int]) -> bytes:
        info_hash, _, _, left, _, event, _, _, want, port = struct.unpack_from(">20s20sQQQIIIiH", data, 16)
        self.udp_url_data.append(data[98:])
        found = self.swarms.announce(
            info_hash,
            address[0],
            port,
            left=left,
            event=("", "completed", "started", "stopped", "paused")[event],
            num_want=50 if want < 0 else want,
        )
        assert found is not None
        seeds, leechers, peers, peers6 = found
        head = struct.pack(">I4sIII", 1, transaction, self.swarms.interval, leechers, seeds)
        return head + b"".join(peers6 if self._is_ipv6 else peers)

    def _scrape(self, data: bytes, transaction: bytes) -> bytes:
        answer = struct.pack(">I4s", 2, transaction)
        for start in range(16, len(data), 20):
            answer += struct.pack(">III", *self.swarms.scrape(data[start : start + 20]))
        return answer


class OpenTracker:
    """A real opentracker on loopback, TCP and UDP on one port, serving just `info_hashes` (Debian's knows a white list only).

    Use as a context manager; `folder` is where it lives and is made readable for the user it becomes.
    """

    def __init__(self, program: str, folder: Path, info_hashes: Iterable[bytes]) -> None:
        self._program = program
        self._folder = folder
        self._hashes = [bytes(info_hash) for info_hash in info_hashes]
        (folder / "whitelist").write_text("".join(f"{info_hash.hex()}\n" for info_hash in self._hashes))
        folder.chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/announce"

    @property
    def udp_url(self) -> str:
        return f"udp://127.0.0.1:{self.port}/announce"

    def __enter__(self) -> Self:
        self.port = _free_port()
        port = str(self.port)
        self._process = subprocess.Popen(
            [
                self._program,
                "-i",
                "127.0.0.1",
                "-p",
                port,
                "-P",
                port,
                "-d",
                str(self._folder),
                "-w",
                "whitelist",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if self._knows_its_list():
                    return self
            except OSError:
                pass
            assert self._process.poll() is None, "opentracker ended by itself"
            assert time.monotonic() < deadline, "opentracker does not listen, or does not load its white list"
            time.sleep(0.01)

    def _knows_its_list(self) -> bool:
        """It listens before a thread of its own has read the white list, and refuses everybody until then."""
        for info_hash in self._hashes:
            goodbye = {
                "info_hash": info_hash,
                "peer_id": b"-EV0100-nobodynobody",
                "port": 1,
                "event": "stopped",
            }
            with urlopen(
                f"{self.http_url}?{urlencode(goodbye)}&uploaded=0&downloaded=0&left=0", timeout=1
            ) as answer:
                if b"not authorized" in answer.read():
                    return False
        return True

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()


def _free_port() -> int:
    """A port that nobody has, neither for TCP nor for UDP."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = int(tcp.getsockname()[1])
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class _Scripted(_Handler):
    tracker: Any

    def do_GET(self) -> None:
        tracker = self.tracker
        tracker.agents.append(self.headers.get("User-Agent"))
        tracker.requests.append(self.path)
        if tracker.http_location is not None and urlsplit(self.path).path == "/announce":
            self.send_response(302)
            self.send_header("Location", tracker.http_location)
            self.end_headers()
        elif tracker.http_answer is not None:
            self._answer(*tracker.http_answer)
        else:
            super().do_GET()


def accept_tls(sock: socket.socket, context: ssl.SSLContext) -> tuple[socket.socket, Any]:
    """Accept for a server that speaks TLS; OSError when the handshake fails, which it takes for nothing."""
    plain, address = sock.accept()
    plain.settimeout(PATIENCE)
    try:
        return context.wrap_socket(plain, server_side=True), address
    except OSError:
        plain.close()
        raise
