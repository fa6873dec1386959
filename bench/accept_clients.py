"""A client of the storm: `python -m bench.accept_clients SOURCE PORT`.

It keeps a few connections open at once, waits for the server to end the oldest, and opens another, until it is killed.  Each ends
by a reset, so that no port stays in TIME_WAIT.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
from collections import deque
from typing import Final

AT_ONCE: Final = 32
"""Connections in flight."""

_RESET: Final = struct.pack("ii", 1, 0)


def main() -> None:
    """Connect for ever after a line on the input."""
    source, port = sys.argv[1], int(sys.argv[2])
    if not os.read(0, 1):
        return
    in_flight: deque[socket.socket] = deque()
    while True:
        if len(in_flight) == AT_ONCE:
            _see_end(in_flight.popleft())
        in_flight.append(_connect(source, port))


def _connect(source: str, port: int) -> socket.socket:
    while True:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        sock.bind((source, 0))
        try:
            sock.connect(("127.0.0.1", port))
        except ConnectionRefusedError:
            # Seen once, with ports used over and over; a client that died of it would end the storm.
            sock.close()
        else:
            return sock


def _see_end(sock: socket.socket) -> None:
    with sock, contextlib.suppress(ConnectionResetError):
        sock.recv(1)


if __name__ == "__main__":
    main()
