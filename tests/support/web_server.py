"""A web seed on loopback: files by path, ranges, connections that stay, and whatever else a test wants of it."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote

from evtorrent.protocols.metainfo import TorrentInfo
from support.trackers import accept_tls


class WebServer:
    """Use as a context manager.  Knobs may be turned at any time."""

    def __init__(self, *, protocol: str = "HTTP/1.1", tls: ssl.SSLContext | None = None) -> None:
        """With a server's `tls` context it speaks HTTPS."""
        self.files: dict[str, bytes] = {}
        """Path → content."""
        self.moved: dict[str, str] = {}
        """Path → `Location`."""
        self.requests: list[tuple[str, str]] = []
        """(path, Range) of each request."""
        self.agents: list[str | None] = []
        """User-Agent of each request."""
        self.clients: list[str] = []
        """Where each request came from."""
        self.num_connections = 0
        self.status = 0
        """Answer everything with this."""
        self.knows_ranges = True
        self.wrong_range = False
        self.cut_after: int | None = None
        """Close the connection after so many bytes of each body."""
        self.is_silent = False
        self.is_chunked = False
        self._silence = threading.Event()
        handler = type("_Handler", (_Handler,), {"web": self, "protocol_version": protocol})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = False
        self._scheme = "http"
        if tls is not None:
            self._scheme, sock = "https", self._server.socket
            self._server.get_request = lambda: accept_tls(sock, tls)  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="web-server")

    @property
    def url(self) -> str:
        """The folder at its root."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}/"

    def offer(self, info: TorrentInfo, data: bytes, *, folder: str = "/") -> None:
        """Have every file of a torrent."""
        for index in range(info.files.num_files):
            if not info.files.is_pad(index):
                start = info.files.offset(index)
                path = folder + info.files.original_path(index)
                self.files[path] = data[start : start + info.files.size(index)]

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._silence.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    web: WebServer
    timeout = 5

    def setup(self) -> None:
        super().setup()
        self.web.num_connections += 1

    def do_GET(self) -> None:
        web = self.web
        path, wanted = unquote(self.path), self.headers.get("Range", "")
        web.clients.append(self.client_address[0])
        web.agents.append(self.headers.get("User-Agent"))
        web.requests.append((path, wanted))
        if web.is_silent:
            web._silence.wait(20)
            self.close_connection = True
            return
        content = web.files.get(path)
        if path in web.moved:
            self._answer(302, b"", {"Location": web.moved[path]})
        elif web.status:
            self._answer(web.status, b"no", {})
        elif content is None:
            self._answer(404, b"no such file", {})
        elif not web.knows_ranges:
            self._answer(200, content, {})
        else:
            first, last = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
            shown = first + 1 if web.wrong_range else first
            self._answer(
                206, content[first : last + 1], {"Content-Range": f"bytes {shown}-{last}/{len(content)}"}
            )

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        web = self.web
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if web.is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if web.is_chunked:
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n")
        elif web.cut_after is not None:
            self.wfile.write(body[: web.cut_after])
            self.close_connection = True
        else:
            self.wfile.write(body)

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            pass  # The session under test may end it as it likes.

    def log_message(self, *args: Any) -> None:
        """Silence."""
