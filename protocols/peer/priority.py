"""Canonical peer priority: a number both ends of a connection compute alike, to choose whom to keep (BEP 40).

It is a CRC32-C over both addresses, lower one first, with the low bits of each masked so that moving about within one's
own network wins nothing.  For IPv6 one byte more than BEP 40 says is left unmasked when the addresses share a /40 or
longer prefix; libtorrent does so, and the number is of use only when both ends agree.
"""

from __future__ import annotations

from ipaddress import ip_address

from ..types import Address

__all__ = ["crc32c", "peer_priority"]

_POLYNOMIAL = 0x82F63B78
"""Castagnoli's, bits reversed."""
_MASKED = 0x55


def _table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """CRC32-C (Castagnoli) of `data`."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def peer_priority(first: Address, second: Address) -> int:
    """The priority of a connection between two addresses; their order does not matter.

    ValueError when one is not numeric or they are not of one family.
    """
    low, high = ip_address(first[0]).packed, ip_address(second[0]).packed
    if len(low) != len(high):
        raise ValueError(f"{first[0]} and {second[0]} are not of one family")
    if low == high:
        ports = sorted((first[1], second[1]))
        return crc32c(ports[0].to_bytes(2, "big") + ports[1].to_bytes(2, "big"))
    if low > high:
        low, high = high, low
    clear = _num_unmasked(low, high)
    return crc32c(_masked(low, clear) + _masked(high, clear))


def _num_unmasked(low: bytes, high: bytes) -> int:
    differs = next(index for index, pair in enumerate(zip(low, high, strict=True)) if pair[0] != pair[1])
    if len(low) == 4:
        # BEP 40: FF.FF.55.55, or FF.FF.FF.55 in the same /16, or FF.FF.FF.FF in the same /24.
        return max(differs + 1, 2)
    return max(differs + 2, 6)


def _masked(packed: bytes, clear: int) -> bytes:
    return packed[:clear] + bytes(byte & _MASKED for byte in packed[clear:])
