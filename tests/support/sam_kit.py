"""Destinations for tests, and what an agreeable bridge answers."""

from __future__ import annotations

import random

from evtorrent.protocols.sam import Destination

HELLO = b"HELLO REPLY RESULT=OK VERSION=3.1\n"
KEY_CERTIFICATE = bytes((5, 0, 4, 0, 7, 0, 4))


def destination(seed: int) -> Destination:
    """The same for one seed."""
    return Destination(random.Random(seed).randbytes(384) + KEY_CERTIFICATE)


def private_keys(dest: Destination, seed: int = 0) -> str:
    """The destination with private keys behind it, in the Base64 of I2P."""
    longer = object.__new__(Destination)
    object.__setattr__(longer, "raw", dest.raw + random.Random(seed).randbytes(64))
    return str(longer)


def found(dest: Destination, name: str = "x") -> bytes:
    """The answer to a lookup."""
    return f"NAMING REPLY RESULT=OK NAME={name} VALUE={dest}\n".encode()
