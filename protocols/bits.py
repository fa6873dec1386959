"""Bit fields of pieces as the peer wire carries them (BEP 3): bit 0 is the high bit of byte 0.

Held as one Python integer whose bit `i` (value `1 << i`) is piece `i`: union, difference and "is there anything I
want" over 100,000 pieces are then single operations on 12 KiB, with no loop in Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .errors import RemoteProtocolError
from .types import Buffer

__all__ = ["Bitfield", "iter_bits"]

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Bitfield:
    """A fixed number of bits."""

    __slots__ = ("_bits", "size")

    def __init__(self, size: int, bits: int = 0) -> None:
        if size < 0:
            raise ValueError(f"a bit field cannot have {size} bits")
        if bits >> size:
            raise ValueError("bits beyond the size of the field")
        self.size = size
        self._bits = bits

    @classmethod
    def full(cls, size: int) -> Bitfield:
        """All bits set."""
        return cls(size, (1 << size) - 1)

    @classmethod
    def from_indices(cls, size: int, indices: Iterable[int]) -> Bitfield:
        """The bits in `indices` set.  IndexError when one is out of range."""
        field = cls(size)
        for index in indices:
            field.set(index)
        return field

    @classmethod
    def from_wire(cls, data: Buffer, size: int) -> Bitfield:
        """Parse a bitfield message.  RemoteProtocolError when length or spare bits are wrong (BEP 3)."""
        if len(data) != (size + 7) // 8:
            raise RemoteProtocolError(f"bitfield of {len(data)} bytes for {size} pieces")
        bits = int.from_bytes(bytes(data).translate(_REVERSED), "little")
        if bits >> size:
            raise RemoteProtocolError("bitfield has spare bits set")
        return cls(size, bits)

    def to_wire(self) -> bytes:
        """The bytes of a bitfield message."""
        return self._bits.to_bytes((self.size + 7) // 8, "little").translate(_REVERSED)

    @property
    def bits(self) -> int:
        """The field as an integer, bit `i` being piece `i`."""
        return self._bits

    @bits.setter
    def bits(self, value: int) -> None:
        if value >> self.size:
            raise ValueError("bits beyond the size of the field")
        self._bits = value

    def set(self, index: int) -> None:
        """Set one bit.  IndexError when out of range."""
        self._check(index)
        self._bits |= 1 << index

    def clear(self, index: int) -> None:
        """Clear one bit.  IndexError when out of range."""
        self._check(index)
        self._bits &= ~(1 << index)

    def set_all(self) -> None:
        """Set every bit."""
        self._bits = (1 << self.size) - 1

    def clear_all(self) -> None:
        """Clear every bit."""
        self._bits = 0

    def count(self) -> int:
        """How many bits are set."""
        return self._bits.bit_count()

    def all(self) -> bool:
        """Every bit is set (true of an empty field)."""
        return self._bits == (1 << self.size) - 1

    def any(self) -> bool:
        """At least one bit is set."""
        return self._bits != 0

    def indices(self) -> Iterator[int]:
        """The set bits in ascending order."""
        return iter_bits(self._bits)

    def copy(self) -> Bitfield:
        """An independent field of the same bits."""
        return Bitfield(self.size, self._bits)

    def __getitem__(self, index: int) -> bool:
        self._check(index)
        return bool(self._bits >> index & 1)

    def __len__(self) -> int:
        return self.size

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bitfield):
            return NotImplemented
        return self.size == other.size and self._bits == other._bits

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Bitfield({self.count()} of {self.size})"

    def _check(self, index: int) -> None:
        if not 0 <= index < self.size:
            raise IndexError(f"bit {index} of a field of {self.size}")


def iter_bits(bits: int) -> Iterator[int]:
    """The positions of the set bits of `bits`, ascending, in time linear in its length."""
    for position, byte in enumerate(bits.to_bytes((bits.bit_length() + 7) // 8, "little")):
        base = position * 8
        while byte:
            low = byte & -byte
            yield base + low.bit_length() - 1
            byte ^= low
