"""Bytes nobody should send: real messages with bytes changed, cut out, repeated and joined, and now and then noise."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

Feeder = Callable[[random.Random, Iterator[bytes]], int]
"""Feeds all inputs to a parser or machine, and gives how many it refused."""

QUICK = 10_000
"""Inputs of a test of every day."""
LONG = 1_000_000
"""Inputs of a soak."""


def mutated(samples: list[bytes], rng: random.Random) -> bytes:
    """A sample, after a few accidents."""
    if rng.random() < 0.02:
        return rng.randbytes(rng.randrange(100))
    data = bytearray(rng.choice(samples))
    for _ in range(rng.randrange(5)):
        kind, at = rng.randrange(6), rng.randrange(len(data) + 1)
        if kind == 0 and at < len(data):
            data[at] = rng.choice((0, 45, 48, 57, 58, 100, 101, 105, 108, 255, rng.randrange(256)))
        elif kind == 1:
            del data[at:]
        elif kind == 2:
            del data[at : at + rng.randrange(1, 9)]
        elif kind == 3:
            data[at:at] = data[: rng.randrange(40)]
        elif kind == 4:
            data[at:at] = rng.choice(
                (b"i", b"e", b"d", b"l", b"9999999999:", b"i-1e", b"0:", b"\r\n\r\n", b"\xff")
            )
        else:
            data += rng.choice(samples)[:200]
    return bytes(data)


def fuzz(samples: list[bytes], feed: Feeder, count: int, seed: int | None = None) -> None:
    """Feed `count` mutations of `samples`; without a seed other ones each time."""
    seed = random.SystemRandom().getrandbits(32) if seed is None else seed
    rng = random.Random(seed)
    try:
        num_refused = feed(rng, (mutated(samples, rng) for _ in range(count)))
    except BaseException as error:
        error.add_note(f"seed {seed}")
        raise
    assert 0 < num_refused < count, "some inputs are good and some are not, or this tests nothing"
