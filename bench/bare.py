"""The contender `bare`: what the same transfer costs in nothing but the system calls no client can do without.

One process reads and sends, the other receives, hashes and writes, both blocking, in calls as large as ours, with headers
between the blocks but nobody looking at them.  No picker, no protocol, no second thread.  Whatever a client needs beyond
this is its own doing; whatever a goal asks below it cannot be had on this machine.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
from pathlib import Path
from typing import Final

from .options import MIB
from .payload import DATA_NAME
from .roles import Order, Parent, Role
from .usage import cpu_seconds, peak_memory

BARE: Final = "bare"
BLOCK: Final = 16384
HEADER: Final = 13
PER_CALL: Final = 64
"""Blocks in one read and one send."""
SLAB: Final = PER_CALL * (HEADER + BLOCK)


def send_bare(order: Order, parent: Parent) -> None:
    """Role `send_bare`: whole slabs of the file, one connection."""
    slab = memoryview(bytearray(SLAB))
    gaps = [slab[at + HEADER : at + HEADER + BLOCK] for at in range(0, SLAB, HEADER + BLOCK)]
    file = os.open(Path(order["folder"]) / DATA_NAME, os.O_RDONLY)
    with socket.create_server(("127.0.0.1", 0)) as server:
        parent.say(port=server.getsockname()[1])
        connection, _ = server.accept()
    with connection:
        before = cpu_seconds()
        for offset in range(0, order["size"], PER_CALL * BLOCK):
            os.preadv(file, gaps, offset)
            connection.sendall(slab)
        parent.say(cpu=cpu_seconds() - before, memory=peak_memory())


def take_bare(order: Order, parent: Parent) -> None:
    """Role `take_bare`: fill a slab, hash and write as many bytes as blocks hold."""
    slab = memoryview(bytearray(SLAB))
    data = slab[: PER_CALL * BLOCK]
    file = os.open(Path(order["folder"]) / DATA_NAME, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    os.ftruncate(file, order["size"])
    parent.say()
    parent.wait()
    before, start = cpu_seconds(), time.monotonic()
    with socket.create_connection(("127.0.0.1", order["port"])) as connection:
        for offset in range(0, order["size"], len(data)):
            _fill(connection, slab)
            hashlib.sha1(data, usedforsecurity=False).digest()
            os.pwrite(file, data, offset)
    parent.say(start=start, end=time.monotonic(), cpu=cpu_seconds() - before, memory=peak_memory())


def _fill(connection: socket.socket, slab: memoryview) -> None:
    done = 0
    while done < len(slab):
        count = connection.recv_into(slab[done:])
        if not count:
            raise ConnectionError("the sender ended early")
        done += count


ROLES: Final[dict[str, Role]] = {
    "send_bare": send_bare,
    "take_bare": take_bare,
}


def whole_slabs(size: int) -> int:
    """Bytes of a payload that are moved: as many as fill whole slabs."""
    return max(MIB, size // (PER_CALL * BLOCK) * PER_CALL * BLOCK)
