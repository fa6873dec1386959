"""Messages by which peers exchange the info dictionary (BEP 9): a bencoded head, and behind it, perhaps, a piece."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ... import bencode
from ...errors import RemoteProtocolError
from ...types import Buffer

__all__ = [
    "MAX_MESSAGE_SIZE",
    "METADATA_PIECE_SIZE",
    "MetadataKind",
    "MetadataMessage",
    "num_metadata_pieces",
    "pack_data",
    "pack_reject",
    "pack_request",
    "parse_message",
]

METADATA_PIECE_SIZE = 16 * 1024
"""Bytes of a piece of metadata; the last one may be shorter."""
MAX_MESSAGE_SIZE = METADATA_PIECE_SIZE + 1024
"""Bytes of a message: a piece, and a head of three numbers with room to spare (as libtorrent)."""

_MAX_HEAD_ITEMS = 100
_MAX_HEAD_DEPTH = 10


class MetadataKind(IntEnum):
    """What a message is, "msg_type"."""

    REQUEST = 0
    DATA = 1
    REJECT = 2


_KINDS = {int(kind): kind for kind in MetadataKind}


@dataclass(frozen=True, slots=True)
class MetadataMessage:
    """One message, of a known kind."""

    kind: MetadataKind
    piece: int
    """Not negative; whether there is such a piece is for the receiver to know."""
    total_size: int | None = None
    """Bytes of all the metadata; said with data."""
    data: bytes = b""


def num_metadata_pieces(size: int) -> int:
    """Pieces of metadata of `size` bytes."""
    return -(-size // METADATA_PIECE_SIZE)


def pack_request(piece: int) -> bytes:
    """request"""
    return b"d8:msg_typei0e5:piecei%dee" % piece


def pack_data(piece: int, info_section: bytes) -> bytes:
    """data: the piece with this number of `info_section`."""
    start = piece * METADATA_PIECE_SIZE
    head = b"d8:msg_typei1e5:piecei%de10:total_sizei%dee" % (piece, len(info_section))
    return head + info_section[start : start + METADATA_PIECE_SIZE]


def pack_reject(piece: int) -> bytes:
    """reject"""
    return b"d8:msg_typei2e5:piecei%dee" % piece


def parse_message(payload: Buffer) -> MetadataMessage | None:
    """Parse a message; None when it is of a kind BEP 9 tells to ignore.

    RemoteProtocolError when it is too large, no message, or names no piece.
    """
    if len(payload) > MAX_MESSAGE_SIZE:
        raise RemoteProtocolError(f"metadata message of {len(payload)} bytes")
    head, used = bencode.decode_prefix(
        payload, max_depth=_MAX_HEAD_DEPTH, max_items=_MAX_HEAD_ITEMS, strict=False
    )
    if not isinstance(head, dict):
        raise RemoteProtocolError("metadata message is no dictionary")
    number, piece = bencode.find_int(head, b"msg_type"), bencode.find_int(head, b"piece")
    if number is None:
        raise RemoteProtocolError("metadata message without a type")
    kind = _KINDS.get(number)
    if kind is None:
        return None  # BEP 9: "In order to support future extensibility, an unrecognized message ID MUST be ignored."
    if piece is None or piece < 0:
        raise RemoteProtocolError(f"metadata message for piece {piece}")
    data = bytes(payload[used:]) if kind is MetadataKind.DATA else b""
    return MetadataMessage(kind, piece, bencode.find_int(head, b"total_size"), data)
