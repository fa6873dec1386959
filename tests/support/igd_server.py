"""A `FakeIgd` on a real socket of the loopback network."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from support.igd import FakeIgd


class IgdServer:
    """Use as a context manager; `igd.location` names it then."""

    def __init__(self, igd: FakeIgd) -> None:
        self.igd = igd
        handler = type("Handler", (_Handler,), {"igd": igd})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        igd.host, igd.port = "127.0.0.1", int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    igd: FakeIgd
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes | None) -> None:
        headers = {"SOAPAction": self.headers.get("SOAPAction", "")}
        status, answer = self.igd.answer(self.path, headers, body)
        self.send_response(status)
        self.send_header("Content-Type", 'text/xml; charset="utf-8"')
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
