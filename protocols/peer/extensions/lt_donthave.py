"""lt_donthave (BEP 54): a peer no longer has a piece it had.  The payload is the piece's number, as of a have."""

from __future__ import annotations

from ...errors import RemoteProtocolError
from ...types import Buffer

__all__ = ["pack_dont_have", "parse_dont_have"]


def pack_dont_have(piece: int) -> bytes:
    """The payload of a message."""
    return piece.to_bytes(4, "big")


def parse_dont_have(payload: Buffer) -> int:
    """The piece; whether there is such a one is for the receiver to know.  RemoteProtocolError for a wrong length."""
    if len(payload) != 4:
        raise RemoteProtocolError(f"dont-have message of {len(payload)} bytes")
    return int.from_bytes(payload, "big")
