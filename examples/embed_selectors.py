"""The same session in a loop of your own: twenty lines around `selectors` are a host.

This is what every adapter does: the engine says which descriptors it wants watched and when to come back; the loop tells it
what became ready.  The functions have the shape pycurl's `CurlMulti` asks for.
"""

from __future__ import annotations

import os
import selectors
import tempfile
import time
from pathlib import Path
from typing import Any

from evtorrent import Multi, Session, load_torrent_buffer
from evtorrent.session import CreateTorrent, list_files, set_piece_hashes

SETTINGS = {"listen_interfaces": "127.0.0.1:0"}


class Loop:
    """A host: interest in, readiness out, one timer."""

    def __init__(self, multi: Multi) -> None:
        self.multi = multi
        self.selector = selectors.DefaultSelector()
        self.deadline: float | None = None
        multi.setopt(multi.M_SOCKETFUNCTION, self.on_socket)
        multi.setopt(multi.M_TIMERFUNCTION, self.on_timer)
        multi.socket_action(multi.SOCKET_TIMEOUT, 0)

    def on_socket(self, what: int, fd: int, multi: Multi, data: Any) -> None:
        """The engine's interest in a descriptor changed."""
        if fd in self.selector.get_map():
            self.selector.unregister(fd)
        if what != multi.POLL_REMOVE:
            self.selector.register(fd, what)  # POLL_IN and POLL_OUT are EVENT_READ and EVENT_WRITE

    def on_timer(self, timeout_ms: int) -> None:
        """The engine's one deadline changed."""
        self.deadline = None if timeout_ms < 0 else time.monotonic() + timeout_ms / 1000

    def turn(self) -> None:
        """Wait for something to happen, and tell the engine."""
        wait = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        for key, events in self.selector.select(wait):
            self.multi.socket_action(key.fd, events)  # CSELECT_IN and CSELECT_OUT likewise
        if self.deadline is not None and time.monotonic() >= self.deadline:
            self.deadline = None
            self.multi.socket_action(self.multi.SOCKET_TIMEOUT, 0)


def main(folder: Path) -> None:
    """Seed a file in one session and fetch it with another, both in the loop above."""
    original = folder / "seed" / "data.bin"
    original.parent.mkdir()
    original.write_bytes(os.urandom(8 << 20))
    torrent = CreateTorrent(list_files(original))
    set_piece_hashes(torrent, original.parent)
    metainfo = torrent.generate_buf()

    multi = Multi()
    loop = Loop(multi)
    seed, leech = Session(SETTINGS, multi=multi), Session(SETTINGS, multi=multi)
    params = load_torrent_buffer(metainfo)
    params.save_path = str(original.parent)
    seed.add_torrent(params)
    params = load_torrent_buffer(metainfo)
    params.save_path = str(folder / "download")
    handle = leech.add_torrent(params)
    handle.connect_peer(("127.0.0.1", seed.listen_port()))

    while not handle.status().is_seeding:
        loop.turn()
    same = (folder / "download" / "data.bin").read_bytes() == original.read_bytes()
    print(f"{handle.name()}: {handle.status().total_done:,} bytes, identical: {same}")

    leech.close()
    seed.close()
    while not (leech.is_closed and seed.is_closed):
        loop.turn()
    multi.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
