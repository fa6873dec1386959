"""In which order pieces are taken: the modes a peer may be picked for, and the choice of pieces out of a bit field.

Rarest first is `Availability.rarest`; what is here decides among equals.  Bit `i` of every integer is piece `i`.
"""

from __future__ import annotations

from enum import IntFlag
from random import Random

__all__ = ["PickMode", "bits_from", "highest_bits", "lowest_bits", "random_bit"]

_WINDOW = 1024
_WINDOW_MASK = (1 << _WINDOW) - 1


class PickMode(IntFlag):
    """What is known of the peer that blocks are picked for, or wanted of it."""

    SHARED = 0
    """A slow peer: it joins others in pieces already begun before it begins one."""
    SEQUENTIAL = 1
    """Lowest piece first, for this peer only."""
    END_GAME = 2
    """Blocks already requested from others may be given when nothing else is left."""
    WHOLE_PIECES = 4
    """A fast peer: it gets pieces of its own, from block 0 on, and others keep out of them while they can."""
    ON_PAROLE = 8
    """A suspect of sending bad data: only pieces that come from nobody else, so that the next failure proves it."""


def lowest_bits(bits: int, count: int) -> list[int]:
    """The `count` lowest set bits of `bits`, ascending; fewer when there are fewer."""
    found: list[int] = []
    base = 0
    while bits:
        window = bits & _WINDOW_MASK
        if not window:
            gap = (bits ^ (bits - 1)).bit_length() - 1
            bits >>= gap
            base += gap
            continue
        while window:
            if len(found) == count:
                return found
            low = window & -window
            found.append(base + low.bit_length() - 1)
            window ^= low
        bits >>= _WINDOW
        base += _WINDOW
    return found


def highest_bits(bits: int, count: int) -> list[int]:
    """The `count` highest set bits of `bits`, descending; fewer when there are fewer.  Quicker than the lowest ones
    when few are set."""
    found: list[int] = []
    while bits and len(found) < count:
        top = bits.bit_length() - 1
        found.append(top)
        bits ^= 1 << top
    return found


def bits_from(bits: int, start: int, count: int) -> list[int]:
    """The `count` set bits that follow `start`, which is included, going on from the lowest after the highest."""
    found = [start + bit for bit in lowest_bits(bits >> start, count)]
    if len(found) < count:
        found += lowest_bits(bits & ((1 << start) - 1), count - len(found))
    return found


def random_bit(bits: int, rng: Random) -> int:
    """One of the set bits, each as likely as any other.  `bits` must not be zero."""
    rank = rng.randrange(bits.bit_count())
    base = 0
    width = bits.bit_length()
    while width > 1:
        half = width // 2
        low = bits & ((1 << half) - 1)
        below = low.bit_count()
        if rank < below:
            bits, width = low, half
        else:
            rank -= below
            bits >>= half
            base += half
            width -= half
    return base
