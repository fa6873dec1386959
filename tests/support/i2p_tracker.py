"""An HTTP tracker for destinations, to be reached through a `SamBridge`."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from evtorrent.protocols.bencode import encode
from evtorrent.protocols.sam import Destination, parse_destination


class I2pTracker:
    """Use as a context manager."""

    def __init__(self, *, is_compact: bool = True) -> None:
        self.is_compact = is_compact
        """It answers with hashes, else with whole destinations."""
        self.answer: bytes | None = None
        """In place of the right one."""
        self.requests: list[dict[str, str]] = []
        """The arguments of each request, with "path" and "host"."""
        self._peers: dict[str, Destination] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Of", (_Handler,), {"tracker": self}))
        self._server.daemon_threads = False
        self.address: tuple[str, int] = self._server.server_address[:2]  # type: ignore[assignment]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="i2p-tracker")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def announces(self, event: str = "") -> list[dict[str, str]]:
        """The announces so far, or those with this event."""
        found = [request for request in self.requests if request["path"] == "/announce"]
        return [request for request in found if not event or request.get("event") == event]

    def reply(self, request: dict[str, str]) -> bytes:
        if self.answer is not None:
            return self.answer
        if request["path"] == "/scrape":
            name = request["info_hash"].encode("latin-1")
            return encode({"files": {name: {"complete": 3, "incomplete": 2, "downloaded": 1}}})
        caller = parse_destination(request["ip"].removesuffix(".i2p"))
        others = [peer for name, peer in self._peers.items() if name != caller.name]
        if request.get("event") == "stopped":
            self._peers.pop(caller.name, None)
        else:
            self._peers[caller.name] = caller
        peers: Any = b"".join(peer.hash for peer in others)
        if not self.is_compact:
            peers = [{"ip": f"{peer}.i2p".encode(), "port": 6881, "peer id": b"x" * 20} for peer in others]
        return encode({"interval": 1800, "complete": 1, "incomplete": 1, "peers": peers})


class _Handler(BaseHTTPRequestHandler):
    tracker: I2pTracker

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        arguments = {key: value[0] for key, value in parse_qs(parts.query, encoding="latin-1").items()}
        request = {**arguments, "path": parts.path, "host": self.headers["Host"]}
        self.tracker.requests.append(request)
        body = self.tracker.reply(request)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Tests are quiet."""
