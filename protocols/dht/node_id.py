"""Node ids: 160 bits, their XOR distance, and ids tied to an address (BEP 42).

Ids are bytes on the wire and integers where they are compared; both forms are kept by whoever compares often.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_network
from random import Random
from typing import Final, NewType

from .hosts import pack_host

__all__ = [
    "ID_BITS",
    "NodeId",
    "distance",
    "generate_node_id",
    "id_near",
    "is_exempt",
    "random_node_id",
    "shared_bits",
    "verify_node_id",
]

NodeId = NewType("NodeId", bytes)
"""20 bytes: a node id, or the target of a lookup.  Made where the length was checked."""

ID_BITS: Final = 160

_V4_MASK: Final = bytes((0x03, 0x0F, 0x3F, 0xFF))
_V6_MASK: Final = bytes((0x01, 0x03, 0x07, 0x0F, 0x1F, 0x3F, 0x7F, 0xFF))
_EXEMPT_V4: Final = frozenset(
    {(10, None), (127, None), (192, 168), (169, 254), *((172, second) for second in range(16, 32))}  # BEP 42
)
"""First bytes, the second of which may not matter."""
_EXEMPT_V6: Final = tuple(
    ip_network(block)
    for block in ("::1/128", "fe80::/10", "fc00::/7")  # the same idea in IPv6
)


def distance(one: bytes, other: bytes) -> int:
    """How far apart two ids are."""
    return int.from_bytes(one, "big") ^ int.from_bytes(other, "big")


def shared_bits(one: bytes, other: bytes) -> int:
    """Leading bits two ids have in common."""
    return ID_BITS - distance(one, other).bit_length()


def random_node_id(rng: Random) -> NodeId:
    """Any id."""
    return NodeId(rng.randbytes(20))


def id_near(node_id: bytes, bits: int, rng: Random) -> NodeId:
    """An id that shares exactly the first `bits` bits with `node_id`; with 160, or more, `node_id` itself."""
    room = ID_BITS - bits
    if room <= 0:
        return NodeId(node_id)
    number = (
        int.from_bytes(node_id, "big")
        ^ (1 << (room - 1))
        ^ rng.getrandbits(room - 1 or 1) % (1 << (room - 1))
    )
    return NodeId(number.to_bytes(20, "big"))


def generate_node_id(host: str, rng: Random, *, r: int | None = None) -> NodeId:
    """An id that may be used from `host` (BEP 42).  `r` is the random last byte, for tests."""
    last = rng.getrandbits(8) if r is None else r
    crc = _prefix(host, last & 7)
    third = crc >> 8 & 0xF8 | rng.getrandbits(3)
    return NodeId(bytes((crc >> 24, crc >> 16 & 0xFF, third)) + rng.randbytes(16) + bytes((last,)))


def verify_node_id(node_id: bytes, host: str) -> bool:
    """`node_id` may be used from the numeric `host`: its first 21 bits are the ones BEP 42 asks for, or `host` is local."""
    if is_exempt(host):
        return True
    return (_prefix(host, node_id[19] & 7) ^ int.from_bytes(node_id[:4], "big")) & 0xFFFFF800 == 0


@lru_cache(maxsize=8192)
def is_exempt(host: str) -> bool:
    """A local address, from which any id is fine."""
    packed = pack_host(host)
    if len(packed) == 4:
        return (packed[0], None) in _EXEMPT_V4 or (packed[0], packed[1]) in _EXEMPT_V4
    address = IPv6Address(packed)
    return any(address in block for block in _EXEMPT_V6)


@lru_cache(maxsize=8192)
def _prefix(host: str, r: int) -> int:
    packed = pack_host(host)
    mask = _V4_MASK if len(packed) == 4 else _V6_MASK
    masked = bytearray(byte & bits for byte, bits in zip(packed, mask, strict=False))
    masked[0] |= r << 5
    return _crc32c(masked)


def _crc32c(data: bytes | bytearray) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _crc_entry(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)  # Castagnoli, bits reversed
    return value


_CRC_TABLE: Final = tuple(_crc_entry(byte) for byte in range(256))
