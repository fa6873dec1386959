"""Messages of the peer wire and the events a `PeerConnection` makes of them (BEP 3, 5, 6, 10, 21, 52).

An event is a fact about the other side.  Blocks and requests come in batches, one event for all that arrived together,
because they are the data plane: see the README of this folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias

from ..metainfo.hash_request import HashRequest
from ..types import PeerId, PieceIndex, Sha1Hash

__all__ = [
    "AllowedFast",
    "Block",
    "BlocksReceived",
    "CancelReceived",
    "ChokeChanged",
    "Event",
    "ExtensionHandshake",
    "ExtensionMessage",
    "HandshakeReceived",
    "HashRejectReceived",
    "HashRequestReceived",
    "HashesReceived",
    "HaveReceived",
    "InterestChanged",
    "MessageId",
    "PiecesReceived",
    "PortReceived",
    "RejectReceived",
    "Request",
    "RequestsReceived",
    "SuggestReceived",
    "UnknownMessage",
]


class MessageId(IntEnum):
    """First byte of a message after its length."""

    CHOKE = 0
    UNCHOKE = 1
    INTERESTED = 2
    NOT_INTERESTED = 3
    HAVE = 4
    BITFIELD = 5
    REQUEST = 6
    PIECE = 7
    CANCEL = 8
    PORT = 9  # BEP 5
    SUGGEST = 13  # BEP 6
    HAVE_ALL = 14
    HAVE_NONE = 15
    REJECT = 16
    ALLOWED_FAST = 17
    EXTENDED = 20  # BEP 10
    HASH_REQUEST = 21  # BEP 52
    HASHES = 22
    HASH_REJECT = 23


class Request(NamedTuple):
    """Names a block: request, cancel and reject carry it."""

    piece: PieceIndex
    begin: int
    length: int


Block: TypeAlias = tuple[int, int, memoryview]
"""Piece, begin and payload of a block; the payload lies in the receive buffer and is valid only until the next read.

A plain tuple, and its numbers as they came: there is one for every 16 KiB.  Whoever ordered the block knows what fits.
"""


@dataclass(frozen=True, slots=True)
class HandshakeReceived:
    """The first 68 bytes are in and make sense."""

    info_hash: Sha1Hash
    peer_id: PeerId
    reserved: bytes
    """The 8 bytes in which capabilities are announced."""


@dataclass(frozen=True, slots=True)
class ChokeChanged:
    """The peer chokes us, or no longer does."""

    choked: bool


@dataclass(frozen=True, slots=True)
class InterestChanged:
    """The peer became interested in our pieces, or lost interest."""

    interested: bool


@dataclass(frozen=True, slots=True)
class HaveReceived:
    """The peer completed a piece."""

    piece: PieceIndex


@dataclass(frozen=True, slots=True)
class PiecesReceived:
    """What the peer had when it connected: bitfield, have all or have none.

    `bits` has piece i at bit i.  Before the number of pieces is known the connection keeps what the peer said; it is
    delivered, checked, by `PeerConnection.set_num_pieces`, with the haves that came meanwhile.
    """

    bits: int
    kind: MessageId = MessageId.BITFIELD
    """The message; HAVE_ALL and HAVE_NONE as well, where the number of pieces was known when it came."""


@dataclass(frozen=True, slots=True)
class RequestsReceived:
    """Blocks the peer wants, in its order.  Indices and lengths are checked."""

    requests: list[Request]


@dataclass(frozen=True, slots=True)
class BlocksReceived:
    """Blocks that arrived in one read.  Consume before the next one.

    Their indices are as the peer sent them: whether a block was asked for is the owner's to know.
    """

    blocks: list[Block]


@dataclass(frozen=True, slots=True)
class CancelReceived:
    """The peer no longer wants a block."""

    request: Request


@dataclass(frozen=True, slots=True)
class RejectReceived:
    """The peer will not send a block (BEP 6)."""

    request: Request


@dataclass(frozen=True, slots=True)
class SuggestReceived:
    """The peer would rather send this piece (BEP 6)."""

    piece: PieceIndex


@dataclass(frozen=True, slots=True)
class AllowedFast:
    """The peer will send this piece even while it chokes us (BEP 6)."""

    piece: PieceIndex


@dataclass(frozen=True, slots=True)
class HashRequestReceived:
    """The peer wants hashes of a file's tree (BEP 52).  There may be no such file or hashes."""

    request: HashRequest


@dataclass(frozen=True, slots=True)
class HashesReceived:
    """Hashes, as many as belong to the request (BEP 52); whether they were asked for, and are true, is the owner's to know."""

    request: HashRequest
    hashes: bytes


@dataclass(frozen=True, slots=True)
class HashRejectReceived:
    """The peer will not send hashes (BEP 52)."""

    request: HashRequest


@dataclass(frozen=True, slots=True)
class PortReceived:
    """The UDP port of the peer's DHT node (BEP 5)."""

    port: int


@dataclass(frozen=True, slots=True)
class ExtensionHandshake:
    """The extension handshake (BEP 10), decoded; may be repeated."""

    message: dict[bytes, Any]


@dataclass(frozen=True, slots=True)
class ExtensionMessage:
    """A message of an extension we announced."""

    name: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A message of a number that means nothing here.  Made only for owners that ask for it, see `PeerConnection`."""

    message_id: int
    payload: bytes


Event = (
    HandshakeReceived
    | ChokeChanged
    | InterestChanged
    | HaveReceived
    | PiecesReceived
    | RequestsReceived
    | BlocksReceived
    | CancelReceived
    | RejectReceived
    | SuggestReceived
    | AllowedFast
    | HashRequestReceived
    | HashesReceived
    | HashRejectReceived
    | PortReceived
    | ExtensionHandshake
    | ExtensionMessage
    | UnknownMessage
)
