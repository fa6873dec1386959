"""Packing messages of the peer wire (BEP 3, 5, 6, 10): length, id, fields, all big-endian.

Parsing is in `connection.py`, in place in the receive buffer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from ..types import BLOCK_SIZE, Buffer
from .messages import MessageId, Request

__all__ = [
    "BLOCK_HEADER",
    "BLOCK_HEADER_SIZE",
    "KEEP_ALIVE",
    "pack_bitfield",
    "pack_block_header",
    "pack_extended",
    "pack_have",
    "pack_index",
    "pack_message",
    "pack_port",
    "pack_request",
    "pack_requests",
    "pack_simple",
]

KEEP_ALIVE = bytes(4)
BLOCK_HEADER = struct.Struct(">IBII")
"""Length, id, piece, begin: what precedes a block's payload."""
BLOCK_HEADER_SIZE = BLOCK_HEADER.size

_REQUEST = struct.Struct(">IBIII")
_INDEX = struct.Struct(">IBI")
_SIMPLE = {kind: struct.pack(">IB", 1, kind) for kind in MessageId}


def pack_simple(kind: MessageId) -> bytes:
    """A message without fields: choke, unchoke, interested, not interested, have all, have none."""
    return _SIMPLE[kind]


def pack_index(kind: MessageId, piece: int) -> bytes:
    """A message that names a piece: have, suggest, allowed fast."""
    return _INDEX.pack(5, kind, piece)


def pack_have(piece: int) -> bytes:
    """have"""
    return _INDEX.pack(5, MessageId.HAVE, piece)


def pack_request(kind: MessageId, request: Request) -> bytes:
    """A message that names a block: request, cancel, reject."""
    return _REQUEST.pack(13, kind, *request)


def pack_requests(requests: Iterable[tuple[int, int, int]]) -> bytes:
    """Many requests as one run of bytes."""
    pack = _REQUEST.pack
    return b"".join([pack(13, 6, piece, begin, length) for piece, begin, length in requests])


def pack_block_header(piece: int, begin: int, length: int = BLOCK_SIZE) -> bytes:
    """The 13 bytes before a block of `length` bytes."""
    return BLOCK_HEADER.pack(9 + length, MessageId.PIECE, piece, begin)


def pack_bitfield(bits: Buffer) -> bytes:
    """bitfield; `bits` as `Bitfield.to_wire` gives them."""
    return struct.pack(">IB", 1 + len(bits), MessageId.BITFIELD) + bytes(bits)


def pack_port(port: int) -> bytes:
    """port (BEP 5)"""
    return struct.pack(">IBH", 3, MessageId.PORT, port)


def pack_message(message_id: int, payload: Buffer) -> bytes:
    """Any message."""
    return struct.pack(">IB", 1 + len(payload), message_id) + bytes(payload)


def pack_extended(extended_id: int, payload: Buffer) -> bytes:
    """A message of the extension protocol (BEP 10)."""
    return struct.pack(">IBB", 2 + len(payload), MessageId.EXTENDED, extended_id) + bytes(payload)
