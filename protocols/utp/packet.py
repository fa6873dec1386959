"""uTP packets on the wire (BEP 29): a header of 20 bytes, a chain of extensions, a payload.

Parsing is total: RemoteProtocolError, or a packet.  Extensions that are not known are skipped, as the BEP asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from operator import itemgetter
from struct import Struct

from ..errors import RemoteProtocolError
from ..types import Buffer

__all__ = [
    "FIRST_BYTES",
    "HEADER",
    "HEADER_SIZE",
    "MAX_SACK_BYTES",
    "Packet",
    "PacketType",
    "cutter",
    "first_of_run",
    "pack_headers",
    "pack_packet",
    "parse_packet",
    "unwrap",
]

HEADER = Struct(">BBHIIIHH")
"""type and version, first extension, connection id, timestamp µs, timestamp difference µs, window, seq_nr, ack_nr."""
HEADER_SIZE = HEADER.size
MAX_SACK_BYTES = 128
"""Bytes of a selective ack that are sent or looked at: 1,024 packets behind the first hole."""

_VERSION = 1
_SEQ_NR_AT = 16
_BYTES = bytes(range(256)) * 2
_EXTENSION_SACK = 1


class PacketType(IntEnum):
    """ST_… of BEP 29."""

    DATA = 0
    FIN = 1
    STATE = 2
    RESET = 3
    SYN = 4


_PLAIN_DATA = bytes((PacketType.DATA << 4 | _VERSION,))

FIRST_BYTES = frozenset(kind << 4 | _VERSION for kind in PacketType)
"""What a uTP packet begins with; no datagram of the DHT or of a UDP tracker does."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet, its numbers as they are on the wire."""

    kind: PacketType
    connection_id: int
    timestamp: int
    """The sender's clock when it left, µs modulo 2³²."""
    timestamp_difference: int
    """How long our last packet was under way, by the two clocks, µs modulo 2³²; 0 when none was received."""
    window: int
    """Bytes the sender has room for."""
    seq_nr: int
    ack_nr: int
    selective_ack: bytes = b""
    """Bit i (least significant first) says that packet ack_nr + 2 + i has arrived."""
    payload: Buffer = b""


def pack_packet(packet: Packet) -> bytes:
    """Header, selective ack and payload."""
    sack = packet.selective_ack
    head = HEADER.pack(
        packet.kind << 4 | _VERSION,
        _EXTENSION_SACK if sack else 0,
        packet.connection_id,
        packet.timestamp,
        packet.timestamp_difference,
        packet.window,
        packet.seq_nr,
        packet.ack_nr,
    )
    if sack:
        head += bytes((0, len(sack))) + sack
    return head + packet.payload


@lru_cache(maxsize=256)
def cutter(start: int, end: int, step: int, count: int) -> Callable[[memoryview], tuple[memoryview, ...]]:
    """What cuts [start, end) and the same `step` bytes on, `count` times, at least twice, out of a view, in one call."""
    return itemgetter(*(slice(start + at, end + at) for at in range(0, step * count, step)))


def pack_headers(
    count: int,
    first: int,
    *,
    kind: PacketType,
    connection_id: int,
    timestamp: int,
    timestamp_difference: int,
    window: int,
    ack_nr: int,
) -> Sequence[memoryview]:
    """Headers of `count` packets, 256 at the most, that follow each other from number `first` on, and are alike otherwise."""
    one = HEADER.pack(
        kind << 4 | _VERSION,
        0,
        connection_id,
        timestamp,
        timestamp_difference,
        window,
        first & 0xFFFF,
        ack_nr,
    )
    if count == 1:
        return [memoryview(one)]
    # Byte by byte of all of them at once: a call for each would be most of what a train costs.
    headers = bytearray(one * count)
    headers[_SEQ_NR_AT::HEADER_SIZE], headers[_SEQ_NR_AT + 1 :: HEADER_SIZE] = _numbers(first, count)
    return cutter(0, HEADER_SIZE, HEADER_SIZE, count)(memoryview(headers))


def first_of_run(data: memoryview, segment: int) -> int | None:
    """The number of the first of the packets of `segment` bytes each, 256 at the most, if they are a run.

    A run are data packets without extensions to one connection, each with the number after that of the one before.
    """
    count = len(data) // segment
    if (
        bytes(data[::segment]) != _PLAIN_DATA * count
        or any(data[1::segment])
        or bytes(data[2::segment]) != bytes(data[2:3]) * count
        or bytes(data[3::segment]) != bytes(data[3:4]) * count
    ):
        return None
    first = data[_SEQ_NR_AT] << 8 | data[_SEQ_NR_AT + 1]
    found = bytes(data[_SEQ_NR_AT::segment]), bytes(data[_SEQ_NR_AT + 1 :: segment])
    return first if found == _numbers(first, count) else None


def parse_packet(data: Buffer) -> Packet:
    """The packet in a datagram; its payload is a view of `data`.  RemoteProtocolError says what cannot be."""
    size = len(data)
    if size < HEADER_SIZE:
        raise RemoteProtocolError(f"uTP packet of {size} bytes")
    first, extension, connection_id, stamp, difference, window, seq_nr, ack_nr = HEADER.unpack_from(data)
    if first & 15 != _VERSION or first >> 4 > PacketType.SYN:
        raise RemoteProtocolError(f"uTP packet of type and version {first:#04x}")
    position, sack = HEADER_SIZE, b""
    while extension:
        if position + 2 > size:
            raise RemoteProtocolError("uTP extension beyond the end of the packet")
        kind, extension, length = extension, data[position], data[position + 1]
        position += 2
        if position + length > size:
            raise RemoteProtocolError(f"uTP extension {kind} beyond the end of the packet")
        if kind == _EXTENSION_SACK:
            # BEP 29 has it come in whole 32 bits; libtorrent sends as many bytes as it needs, 6 or 18.
            if not length:
                raise RemoteProtocolError("uTP selective ack without bits")
            sack = bytes(data[position : position + min(length, MAX_SACK_BYTES)])
        position += length
    payload = memoryview(data)[position:]
    return Packet(
        PacketType(first >> 4), connection_id, stamp, difference, window, seq_nr, ack_nr, sack, payload
    )


def unwrap(wire: int, near: int) -> int:
    """The sequence number nearest to `near` that is `wire` modulo 2¹⁶."""
    return near + ((wire - near + 0x8000) & 0xFFFF) - 0x8000


def _numbers(first: int, count: int) -> tuple[bytes, bytes]:
    """The high and the low bytes of so many sequence numbers."""
    high, low = first >> 8 & 0xFF, first & 0xFF
    carried = max(0, low + count - 256)
    highs = bytes((high,)) * (count - carried) + _BYTES[high + 1 : high + 2] * carried
    return highs, _BYTES[low : low + count]
