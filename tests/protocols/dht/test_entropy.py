"""The platform's bytes as a `Random`."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from evtorrent.protocols.dht.entropy import PlatformRandom


def test_everything_comes_from_the_source() -> None:
    asked: list[int] = []
    source = Random(5)

    def read(count: int) -> bytes:
        asked.append(count)
        return source.randbytes(count)

    rng = PlatformRandom(read)
    assert len(rng.randbytes(7)) == 7
    assert 0 <= rng.random() < 1
    assert 0 <= rng.getrandbits(13) < 1 << 13
    assert len(set(rng.sample(range(100), 10))) == 10
    assert asked[:3] == [7, 7, 2]
    assert len(asked) > 3


@pytest.mark.parametrize("bits", [1, 7, 8, 9, 64, 160])
def test_bits_are_bounded_and_all_used(bits: int) -> None:
    assert PlatformRandom(lambda n: b"\xff" * n).getrandbits(bits) == (1 << bits) - 1


def test_it_has_no_state() -> None:
    zeros: Callable[[int], bytes] = bytes
    rng = PlatformRandom(zeros)
    rng.seed(5)
    assert rng.getrandbits(8) == 0
    with pytest.raises(NotImplementedError):
        rng.getstate()
    with pytest.raises(NotImplementedError):
        rng.setstate(())
