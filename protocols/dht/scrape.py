"""Counting a swarm with Bloom filters (BEP 33)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from hashlib import sha1
from typing import Final

__all__ = ["FILTER_SIZE", "BloomFilter"]

FILTER_SIZE: Final = 256
"""Bytes of a filter."""

_BITS: Final = FILTER_SIZE * 8


class BloomFilter:
    """Hosts, without their ports, and only roughly how many."""

    __slots__ = ("_bits",)

    def __init__(self, data: bytes = bytes(FILTER_SIZE)) -> None:
        """From the wire.  ValueError unless it has FILTER_SIZE bytes."""
        if len(data) != FILTER_SIZE:
            raise ValueError(f"a filter has {FILTER_SIZE} bytes, not {len(data)}")
        self._bits = int.from_bytes(data, "little")

    def insert(self, packed_host: bytes) -> None:
        """Add a host of 4 or 16 bytes."""
        self._bits |= _mask(packed_host)

    def update(self, packed_hosts: Iterable[bytes]) -> None:
        """Add several."""
        for host in packed_hosts:
            self.insert(host)

    def union(self, other: BloomFilter) -> None:
        """Add what `other` has."""
        self._bits |= other._bits

    def estimate(self) -> float:
        """About how many hosts were added; useless beyond some 6,000."""
        zeros = min(_BITS - 1, _BITS - self._bits.bit_count())
        if zeros == 0:
            zeros = 1  # full: as many as can be told
        return math.log(zeros / _BITS) / (2 * math.log(1 - 1 / _BITS))

    def __contains__(self, packed_host: bytes) -> bool:
        mask = _mask(packed_host)
        return self._bits & mask == mask

    def __bytes__(self) -> bytes:
        return self._bits.to_bytes(FILTER_SIZE, "little")


def _mask(packed_host: bytes) -> int:
    digest = sha1(packed_host, usedforsecurity=False).digest()
    first = (digest[0] | digest[1] << 8) % _BITS
    second = (digest[2] | digest[3] << 8) % _BITS
    return 1 << first | 1 << second
