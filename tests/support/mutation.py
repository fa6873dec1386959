"""Damage for fuzzing: good messages made bad in many ways, the same for one seed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

__all__ = ["mutate"]


def mutate(rng: Random, samples: Sequence[bytes], tokens: Sequence[bytes] = (b"\0", b"\xff")) -> bytes:
    """One of `samples`, damaged up to four times; once in a while as it is, or pure noise."""
    kind = rng.random()
    if kind < 0.05:
        return rng.choice(samples)
    if kind < 0.1:
        return rng.randbytes(rng.randrange(100))
    data = bytearray(rng.choice(samples))
    for _ in range(rng.randint(1, 4)):
        rng.choice(_WAYS)(rng, data, samples, tokens)
    return bytes(data)


def _flip(rng: Random, data: bytearray, samples: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.randrange(256)


def _cut(rng: Random, data: bytearray, samples: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    start = rng.randrange(len(data) + 1)
    del data[start : start + rng.choice((1, 2, 7, len(data)))]


def _repeat(rng: Random, data: bytearray, samples: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    start = rng.randrange(len(data) + 1)
    part = data[start : start + rng.choice((1, 4, 40))]
    data[start:start] = part * rng.choice((1, 2, 30))


def _insert(rng: Random, data: bytearray, samples: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    start = rng.randrange(len(data) + 1)
    data[start:start] = rng.choice(tokens)


def _replace(rng: Random, data: bytearray, samples: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    token = rng.choice(tokens)
    start = rng.randrange(len(data) + 1)
    data[start : start + len(token)] = token


def _splice(rng: Random, data: bytearray, samples: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    other = rng.choice(samples)
    data[rng.randrange(len(data) + 1) :] = other[rng.randrange(len(other) + 1) :]


_WAYS = (_flip, _flip, _cut, _repeat, _insert, _replace, _splice)
