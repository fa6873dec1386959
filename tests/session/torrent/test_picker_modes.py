from __future__ import annotations

from collections import Counter
from random import Random

from evtorrent.protocols.bits import iter_bits
from evtorrent.session.torrent.picker_modes import PickMode, bits_from, highest_bits, lowest_bits, random_bit
from hypothesis import given
from hypothesis import strategies as st

sparse = st.sets(st.integers(0, 5000), max_size=12).map(lambda pieces: sum(1 << piece for piece in pieces))
fields = st.one_of(st.integers(0, 1 << 80), sparse)


@given(fields, st.integers(0, 20))
def test_lowest_bits(bits: int, count: int) -> None:
    assert lowest_bits(bits, count) == list(iter_bits(bits))[:count]


@given(fields, st.integers(0, 20))
def test_highest_bits(bits: int, count: int) -> None:
    assert highest_bits(bits, count) == list(iter_bits(bits))[::-1][:count]


def test_lowest_bits_of_a_full_window() -> None:
    assert lowest_bits((1 << 3000) - 1, 2000) == list(range(2000))


@given(fields, st.integers(0, 5100), st.integers(0, 20))
def test_bits_from_goes_round(bits: int, start: int, count: int) -> None:
    indices = list(iter_bits(bits))
    turned = [index for index in indices if index >= start] + [index for index in indices if index < start]
    assert bits_from(bits, start, count) == turned[:count]


@given(fields.filter(bool), st.integers(0, 100))
def test_random_bit_is_one_of_them(bits: int, seed: int) -> None:
    assert bits >> random_bit(bits, Random(seed)) & 1


def test_random_bit_is_fair() -> None:
    rng = Random(1)
    drawn = Counter(random_bit(1 << 3 | 1 << 4 | 1 << 900, rng) for _ in range(3000))
    assert set(drawn) == {3, 4, 900}
    assert min(drawn.values()) > 850


def test_modes_are_distinct_bits() -> None:
    modes = [PickMode.SEQUENTIAL, PickMode.END_GAME, PickMode.WHOLE_PIECES, PickMode.ON_PAROLE]
    assert sum(modes) == 15
    assert PickMode.SHARED == 0
