"""One host loop, two engines: written for pycurl's `CurlMulti`, it drives our `Multi` with nothing changed.

The constants are pycurl's, the functions have pycurl's signatures.  Only the constructor and the handle differ: an easy
handle is one transfer, an `HttpRequest` one exchange.  A whole BitTorrent session lives on the same loop, too.
"""

from __future__ import annotations

import io
import os
import selectors
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pycurl
from evtorrent import Multi, Session, load_torrent_buffer
from evtorrent.protocols.http import AddressGuard, FetchOptions, HttpRequest
from evtorrent.session import CreateTorrent, list_files, set_piece_hashes

BODY = os.urandom(700_000)

# ------------------------------------------------------------------- the host loop: nothing below knows which engine it is


class HostLoop:
    """Waits, and tells the engine; curl's canonical host in Python."""

    def __init__(self, multi: Any) -> None:
        self.multi = multi
        self.selector = selectors.DefaultSelector()
        self.deadline: float | None = None
        self.running = 0
        self.ended: list[tuple[Any, str]] = []
        multi.setopt(pycurl.M_SOCKETFUNCTION, self.on_socket)
        multi.setopt(pycurl.M_TIMERFUNCTION, self.on_timer)

    def on_socket(self, what: int, fd: int, multi: Any, data: Any) -> None:
        """The interest in a descriptor changed; `data` is what was assigned to it."""
        if what == pycurl.POLL_REMOVE:
            self.selector.unregister(fd)
        elif data is None:
            multi.assign(fd, "known")
            self.selector.register(fd, what)  # POLL_IN and POLL_OUT are EVENT_READ and EVENT_WRITE
        else:
            self.selector.modify(fd, what)

    def on_timer(self, timeout_ms: int) -> None:
        """The one deadline changed; 0 is as soon as possible, but not from in here."""
        self.deadline = None if timeout_ms < 0 else time.monotonic() + timeout_ms / 1000

    def turn(self) -> None:
        """Wait for the first thing that happens, and act on it."""
        wait = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        for key, events in self.selector.select(wait):
            self.act(key.fd, events)  # CSELECT_IN and CSELECT_OUT likewise
        if self.deadline is not None and time.monotonic() >= self.deadline:
            self.deadline = None
            self.act(pycurl.SOCKET_TIMEOUT, 0)

    def act(self, fd: int, events: int) -> None:
        """One action, and every message it left."""
        _, self.running = self.multi.socket_action(fd, events)
        queued = 1
        while queued:
            queued, succeeded, failed = self.multi.info_read()
            self.ended += [(handle, "done") for handle in succeeded]
            self.ended += [(handle, f"failed: {text}") for handle, _, text in failed]

    def run(self, *handles: Any) -> None:
        """Drive `handles` to their end."""
        for handle in handles:
            self.multi.add_handle(handle)
        while len(self.ended) < len(handles):
            self.turn()
        for handle, outcome in self.ended:
            print("  ", type(handle).__name__, outcome)
            self.multi.remove_handle(handle)

    def close(self) -> None:
        """The engine first: it withdraws its descriptors from here."""
        self.multi.close()
        self.selector.close()


# ---------------------------------------------------------------------------------------------- the two that are driven


def with_curl(url: str) -> bytes:
    """libcurl's engine, an easy handle."""
    received, easy = io.BytesIO(), pycurl.Curl()
    easy.setopt(pycurl.URL, url)
    easy.setopt(pycurl.WRITEDATA, received)
    loop = HostLoop(pycurl.CurlMulti())
    loop.run(easy)
    loop.close()
    easy.close()
    return received.getvalue()


def with_multi(url: str) -> bytes:
    """Our engine, our handle."""
    received = io.BytesIO()
    options = FetchOptions(guard=AddressGuard(loopback_path="/"))  # a server on this machine may be asked
    loop = HostLoop(Multi())
    loop.run(HttpRequest(url, options=options, on_body=received.write))
    loop.close()
    return received.getvalue()


def with_torrent(folder: Path) -> bytes:
    """Our engine, a seed and a downloader on it."""
    original = folder / "seed" / "data.bin"
    original.parent.mkdir()
    original.write_bytes(BODY)
    torrent = CreateTorrent(list_files(original))
    set_piece_hashes(torrent, original.parent)
    multi = Multi()
    loop = HostLoop(multi)
    sessions = [Session({"listen_interfaces": "127.0.0.1:0"}, multi=multi) for _ in range(2)]
    handles = []
    for session, path in zip(sessions, (original.parent, folder / "download"), strict=True):
        params = load_torrent_buffer(torrent.generate_buf())
        params.save_path = str(path)
        handles.append(session.add_torrent(params))
    handles[1].connect_peer(("127.0.0.1", sessions[0].listen_port()))
    while not handles[1].status().is_seeding:
        loop.turn()
    for session in sessions:
        session.close()
    while not all(session.is_closed for session in sessions):
        loop.turn()
    loop.close()
    return (folder / "download" / "data.bin").read_bytes()


class Answer(BaseHTTPRequestHandler):
    """The server both ask."""

    def do_GET(self) -> None:
        """The method's name is http.server's."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_request(self, *args: Any) -> None:
        """Nothing on the terminal."""


def main(folder: Path) -> None:
    """The same bytes three times."""
    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/"
    try:
        for name, fetch, source in (
            ("pycurl.CurlMulti", with_curl, url),
            ("Multi, HTTP", with_multi, url),
            ("Multi, BitTorrent", with_torrent, folder),
        ):
            print(name)
            body = fetch(source)
            print(f"   {len(body):,} bytes, identical: {body == BODY}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
